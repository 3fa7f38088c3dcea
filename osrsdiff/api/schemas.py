"""The JSON that goes in and out. These types validate, and the OpenAPI document is made from them.

Times are ISO 8601 in UTC. A field that has no value is null, never left out, but where its description says so.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from osrsdiff.errors import Outcome
from osrsdiff.game.intervals import MAX_INTERVAL, MIN_INTERVAL
from osrsdiff.game.modes import GameMode

Time = Annotated[datetime, Meta(tz=True, examples=["2026-01-31T12:00:00Z"])]
Username = Annotated[
    str,
    Meta(
        description="1 to 12 letters, digits, spaces, hyphens, underscores; case and the last three make no odds.",
        examples=["Lynx Titan"],
    ),
]
Interval = Annotated[
    int,
    Meta(
        ge=MIN_INTERVAL,
        le=MAX_INTERVAL,
        description="Minutes between two scheduled fetches; whole ones.",
        examples=[60],
    ),
]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """What comes in: nothing but the fields named."""


class AddPlayer(Request, frozen=True):
    """A player to track."""

    username: Username
    fetch_interval_minutes: Interval | UnsetType = UNSET


class ChangePlayer(Request, frozen=True):
    """What to change; at least one of the two."""

    is_active: Annotated[bool, Meta(description="False pauses, true resumes.", examples=[False])] | UnsetType = UNSET
    fetch_interval_minutes: Interval | UnsetType = UNSET


class PlayersQuery(Request, frozen=True):
    """Which page of the players."""

    limit: Annotated[int, Meta(ge=1, le=500, description="How many at most.")] = 50
    after: Annotated[str, Meta(description="The `next` of the page before.")] | UnsetType = UNSET
    is_active: Annotated[bool, Meta(description="Only active ones, or only paused ones.")] | UnsetType = UNSET
    mode: Annotated[GameMode, Meta(description="Only players of this game mode.")] | UnsetType = UNSET


LONGEST_TIME = 40
"""Characters of a date and time, its offset and then some."""
_LONGEST_PERIOD = 40
_LONGEST_ZONE = 40
"""The longest IANA name has 32."""

Zone = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=_LONGEST_ZONE,
        description="The time zone of days and of times without an offset, by its IANA name; UTC where it is left out.",
        examples=["Europe/Berlin"],
    ),
]


class SpanQuery(Request, frozen=True):
    """Which span: `period`, or `from` and `to`."""

    period: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=_LONGEST_PERIOD,
                description="A span that ends now: hour, 6h, day, week, month, year, all, or a duration such as 3d12h.",
                examples=["week"],
            ),
        ]
        | UnsetType
    ) = UNSET
    start: (
        Annotated[
            str,
            Meta(
                max_length=LONGEST_TIME,
                description="ISO 8601 date or time; a date is its midnight in the zone `tz`.",
                examples=["2026-01-01"],
            ),
        ]
        | UnsetType
    ) = field(name="from", default=UNSET)
    to: (
        Annotated[str, Meta(max_length=LONGEST_TIME, description="As `from`; now where only `from` is given.")]
        | UnsetType
    ) = UNSET
    tz: Zone | UnsetType = UNSET


class Player(Struct, frozen=True):
    """A tracked player."""

    id: Annotated[int, Meta(examples=[1])]
    username: Annotated[str, Meta(description="Canonical: lower case, single spaces.", examples=["lynx titan"])]
    display_name: Annotated[str, Meta(description="As it was added.", examples=["Lynx Titan"])]
    game_mode: Annotated[GameMode, Meta(examples=["regular"])]
    is_active: Annotated[bool, Meta(description="False while paused.", examples=[True])]
    fetch_interval_minutes: Interval
    schedule_id: Annotated[str | None, Meta(description="Null while not scheduled.", examples=["player_fetch_1"])]
    created_at: Time
    last_attempt_at: Annotated[Time | None, Meta(description="When the hiscores were last asked.")]
    last_look_at: Annotated[Time | None, Meta(description="When they last answered with data.")]
    last_changed_at: Annotated[Time | None, Meta(description="When that data last was another than before.")]
    last_outcome: Outcome | None
    failures: Annotated[int, Meta(description="Failed fetches in a row.", examples=[0])]
    missing_since: Annotated[
        Time | None, Meta(description="Since when the hiscores have not listed the player; null where they do.")
    ]
    mode_since: Annotated[
        Time | None,
        Meta(description="Since when ranks are those of the table of `game_mode`; null where they always were."),
    ]
    mode_checked_at: Annotated[
        Time | None, Meta(description="When the game mode was last shown to be right; null before that.")
    ]
    flagged_at: Annotated[
        Time | None,
        Meta(
            description="The look at which the player was flagged for review: a collapse of its values, say. What was "
            "seen since then sets no records. Null while there is nothing to review."
        ),
    ]


class FetchQueued(Struct, frozen=True):
    """A fetch that waits for a worker."""

    task_id: Annotated[str, Meta(examples=["2f6d0c9e8a4b4f6b9d3e5a7c1b0d8e42"])]


class PlayerSaved(Player, frozen=True):
    """A tracked player after a change."""

    scheduled: Annotated[
        bool,
        Meta(
            description="Whether the change is in effect; false while Redis is away, then it follows by itself.",
            examples=[True],
        ),
    ]
    message: Annotated[str, Meta(examples=["Saved."])]


class PlayerAdded(PlayerSaved, frozen=True):
    """A player that is tracked from now on."""

    fetch: Annotated[FetchQueued | None, Meta(description="The first fetch; null where none could be queued.")]


class FetchAccepted(FetchQueued, frozen=True):
    """A fetch that waits for a worker, and what to expect of it."""

    joined: Annotated[
        bool, Meta(description="Whether it is one that somebody asked for before and that waits yet.", examples=[False])
    ]
    expected_at: Annotated[
        Time | None,
        Meta(description="About when, going by the queue and the request budget; null where nobody can tell."),
    ]
    message: Annotated[str, Meta(examples=["Queued."])]


class PlayerPage(Struct, frozen=True):
    """Some players, by username."""

    items: list[Player]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]


class PlayerName(Struct, frozen=True):
    """Which player."""

    id: Annotated[int, Meta(examples=[1])]
    username: Annotated[str, Meta(examples=["lynx titan"])]
    display_name: Annotated[str, Meta(examples=["Lynx Titan"])]
    game_mode: Annotated[GameMode, Meta(examples=["regular"])]


IsReckoned = Annotated[
    bool,
    Meta(
        description="False while some may be missing or change yet: for a few minutes where older history has come in "
        "or this program's rules are new, and as long as the player is flagged for review.",
        examples=[True],
    ),
]


class Health(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Struct, frozen=True):
    """Whether this instance does its work, and how each part is."""

    status: Literal["ready", "not ready"]
    parts: Annotated[dict[str, str], Meta(examples=[{"database": "ok", "redis": "ok"}])]
