"""The items that a file of exported players is made of, whatever its format. Pure.

They come in one order: the header, the metrics, the groups, then each player by username, followed by what belongs to
it: its looks by time, mode changes, name changes, reviews, achievements, records, events, memberships. So whoever reads
needs one pass, and never more in hand than one player has besides its looks.

Names identify: players by username, groups and metrics by key. No ids, no schedules, no tokens. Times are aware UTC to
the second, written as ISO 8601 with Z in every format. What is None is left out in JSON, empty in CSV, NULL in SQLite.

Of two players who became one only `joined_at` is told, not what the one who is no more was: that is ids. Where the file
has come to, such a change is taken back by splitting at `joined_at`: the later part is a new player, who is paused.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from osrsdiff.errors import Outcome
from osrsdiff.game.events import EventKind
from osrsdiff.game.groups import LONGEST_DESCRIPTION, LONGEST_KEY, LONGEST_NAME, LONGEST_ROLE
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import RecordPeriod
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.game.snapshots import Unranked
from osrsdiff.game.thresholds import Measure

FORMAT = 1
"""Raised when a file can no longer be read by who knows the last one."""

Time = Annotated[datetime, Meta(tz=True)]
Username = Annotated[
    str, Meta(pattern=r"^(?=[^~]{1,12}(~|\Z))[a-z0-9]+( [a-z0-9]+)*(~[1-9][0-9]{0,8})?\Z", max_length=22)
]
"""Canonical; with ~ and a number where the name was given up to another player."""
DisplayName = Annotated[str, Meta(min_length=1, max_length=40)]
MetricKey = Annotated[str, Meta(min_length=1, max_length=200)]
GroupKey = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=LONGEST_KEY)]
Text = Annotated[str, Meta(max_length=1_000)]
Whole = Annotated[int, Meta(ge=-(2**40), le=2**40)]
"""A value or the difference of two. So far beyond what the game has that there is room to add and to multiply."""
Value = Annotated[int, Meta(ge=0, le=2**40)]
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Counter = Annotated[int, Meta(ge=0, le=2**30)]
"""What is counted on here."""
Rank = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Level = Annotated[int, Meta(ge=0, le=2**15 - 1)]
Minutes = Annotated[int, Meta(ge=1, le=43_200)]


class _Line(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="type"):
    """What all items have in common; `type` says which one it is."""


class Header(_Line, frozen=True, tag="header"):
    """What the file is. `format`: of the items. `players`: how many were to be written when the export began."""

    format: Small
    made_by: Text
    exported_at: Time
    players: Small


class Metric(_Line, frozen=True, tag="metric"):
    """Something that the hiscores count, as the exporting instance knows it. `name`: the hiscores' spelling."""

    key: MetricKey
    name: Text
    kind: MetricKind
    first_seen_at: Time


class Group(_Line, frozen=True, tag="group"):
    """A group that exported players are in, or any where everybody is exported."""

    key: GroupKey
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    description: Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)]
    created_at: Time


class Reading(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A line of a player's newest sheet. `value`: None where it was never seen. `level`: as the hiscores say."""

    metric: MetricKey
    value: Value | None = None
    rank: Rank | None = None
    level: Level | None = None
    unranked: Unranked | None = None


class State(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is known of a player after its last look, with the ranks of that look.

    `version`: how often it was replaced. `looked_at`: when the hiscores last gave data. `taken_at`: the newest look
    that changed something. `sheet`: each metric once, in the order in which they were seen.
    """

    version: Counter
    looked_at: Time
    taken_at: Time
    sheet: tuple[Reading, ...]


class Player(_Line, frozen=True, tag="player"):
    """A player, as tracked. `state`: None where there never was data.

    `reckoned_by`: by which rules records and achievements were reckoned, None: not yet. The rest is as it is in the
    database: see `storage.tables.players`.
    """

    username: Username
    display_name: DisplayName
    game_mode: GameMode
    is_active: bool
    fetch_interval_minutes: Minutes
    created_at: Time
    last_attempt_at: Time | None = None
    last_look_at: Time | None = None
    last_changed_at: Time | None = None
    last_outcome: Outcome | None = None
    failures: Counter = 0
    missing_since: Time | None = None
    reckoned_by: Small | None = None
    mode_since: Time | None = None
    mode_checked_at: Time | None = None
    mode_pending: GameMode | None = None
    mode_pending_at: Time | None = None
    flagged_at: Time | None = None
    fell_at: Time | None = None
    state: State | None = None


class Change(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A metric that a look changed. `level`: only where it doesn't follow from xp. `unranked`: None where ranked."""

    metric: MetricKey
    value: Value
    rank: Rank | None = None
    level: Level | None = None
    unranked: Unranked | None = None


class Look(_Line, frozen=True, tag="look"):
    """A look that changed something. `previous_look_at`: None at a player's first. `changes`: by metric's key.

    `has_fall`: something fell that can't fall. `is_partial`: it came from elsewhere, and says nothing of metrics that
    it did not change.
    """

    player: Username
    taken_at: Time
    previous_look_at: Time | None = None
    has_fall: bool = False
    is_partial: bool = False
    changes: tuple[Change, ...] = ()


class ModeChange(_Line, frozen=True, tag="mode_change"):
    """The game mode that a player had from `at` on; it changed between `after_at` (None: unknown) and `at`."""

    player: Username
    at: Time
    before: GameMode
    mode: GameMode
    after_at: Time | None = None


class NameChange(_Line, frozen=True, tag="name_change"):
    """A name that the player was given. `before_display`: the old one as it was spelled, None where it was so.

    `joined_at`: from then on the history is that of who was tracked under the new one.
    """

    player: Username
    at: Time
    before: Username
    after: Username
    before_display: DisplayName | None = None
    forced: bool = False
    joined_at: Time | None = None
    undone_at: Time | None = None


class Review(_Line, frozen=True, tag="review"):
    """What somebody had, or has, to look at. `resolution`: None while nobody has decided."""

    player: Username
    flagged_at: Time
    why: Why
    detail: Text
    after_at: Time | None = None
    resolved_at: Time | None = None
    resolution: Resolution | None = None


class Achievement(_Line, frozen=True, tag="achievement"):
    """A threshold that the player has passed. `reached_at`: None where nobody knows when."""

    player: Username
    metric: MetricKey
    measure: Measure
    threshold: Value
    reached_at: Time | None = None
    after_at: Time | None = None


class Record(_Line, frozen=True, tag="record"):
    """The largest gain of a metric in any window of a period, between two looks."""

    player: Username
    metric: MetricKey
    period: RecordPeriod
    gained: Whole
    start_at: Time
    end_at: Time


class Event(_Line, frozen=True, tag="event"):
    """What happened between the looks `after_at` (None: unknown) and `at`; `game.events` says what the rest means."""

    player: Username
    at: Time
    kind: EventKind
    after_at: Time | None = None
    metric: MetricKey | None = None
    value: Whole | None = None
    before: Whole | None = None
    detail: Text | None = None


class Member(_Line, frozen=True, tag="member"):
    """That the player is in a group, one of those that the file names."""

    player: Username
    group: GroupKey
    role: Annotated[str, Meta(min_length=1, max_length=LONGEST_ROLE)]
    joined_at: Time


Item = (
    Header | Metric | Group | Player | Look | ModeChange | NameChange | Review | Achievement | Record | Event | Member
)
"""One line of a file."""


class BadRow(Struct, frozen=True):
    """What should be an item, or part of one, and is none; the others can be used all the same."""

    reason: str


Place = int | str
"""Where in a file an item stands: a line of JSON Lines, or a table of the others with the row."""
