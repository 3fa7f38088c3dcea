"""What happened to a player, each thing once: its kinds, how a look comes to them, and how they read. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from osrsdiff.game.achievements import Reached
from osrsdiff.game.levels import level_at, level_for_xp
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of, name_of
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import Record, RecordPeriod
from osrsdiff.game.snapshots import Difference, Reading
from osrsdiff.game.thresholds import Measure, Rule, counted_in


class EventKind(StrEnum):
    """What kinds of things happen. What `value`, `before` and `detail` of an event say stands beside each."""

    FIRST_SEEN = "first_seen"
    """The first look that gave data."""
    LEVEL_UP = "level_up"
    """`value`: the new level of a skill, `before`: the old one."""
    ACHIEVEMENT = "achievement"
    """`value`: the threshold, `detail`: the measure."""
    RECORD = "record"
    """`value`: the gain, `before`: the record that it beat, `detail`: the period."""
    NOT_FOUND = "not_found"
    """The hiscores have not listed the player for days; `after` is the last look that gave data."""
    MODE_CHANGE = "mode_change"
    """`detail`: the game modes before and after, as `mode_detail` writes them."""
    NAME_CHANGE = "name_change"
    """`detail`: the names before and after, as `name_detail` writes them."""
    FLAGGED = "flagged"
    """`detail`: why."""


KIND_CODES: Mapping[EventKind, int] = {kind: code for code, kind in enumerate(EventKind, start=1)}
"""How kinds are stored; new ones come last."""


class Event(Struct, frozen=True):
    """Something that happened between the looks `after` and `at`; `after` None: nobody knows since when."""

    kind: EventKind
    at: datetime
    after: datetime | None
    metric: str | None = None
    value: int | None = None
    before: int | None = None
    detail: str | None = None


_NO_PEAKS: Mapping[str, int] = {}


def first_seen(found: Difference) -> list[Event]:
    """That the player was seen, at the first look."""
    return [Event(EventKind.FIRST_SEEN, found.looked_at, None)] if found.is_first_look else []


def level_ups(found: Difference, peaks: Mapping[str, int] = _NO_PEAKS) -> list[Event]:
    """An event for each skill whose level rose; none for one that was not known before, nor for Overall.

    `peaks`: the most xp that skills ever had, as far as they have fallen; a level that is regained is no event.
    """
    ups = []
    for change in found.changes:
        if change.first_seen or change.metric == OVERALL or kind_of(change.metric) is not MetricKind.SKILL:
            continue
        before, level = _level(change.metric, change.before), _level(change.metric, change.after)
        if before is not None and level is not None and level > (before := max(before, _peak(change.metric, peaks))):
            at, after = found.looked_at, found.previous_look_at
            ups.append(Event(EventKind.LEVEL_UP, at, after, change.metric, level, before))
    return ups


def of_achievement(reached: Reached) -> Event:
    """The event of a threshold passed at a known time. Raises ValueError for one without."""
    if reached.at is None:
        raise ValueError(f"nobody knows when {reached.rule.name} was reached")
    return Event(
        EventKind.ACHIEVEMENT,
        reached.at,
        reached.after,
        reached.metric,
        reached.threshold,
        detail=reached.measure.value,
    )


def of_record(record: Record, before: int) -> Event:
    """The event of a record that beats a gain of `before`."""
    return Event(
        EventKind.RECORD, record.end, record.start, record.metric, record.gained, before, detail=record.period.value
    )


def not_found(at: datetime, last_look_at: datetime | None) -> Event:
    """That the player counts as not found from `at` on."""
    return Event(EventKind.NOT_FOUND, at, last_look_at)


def title(event: Event) -> str:
    """What happened, in a few words, without whom and when: 99 Attack, level 78 in Slayer, from 77."""
    match event.kind:
        case EventKind.FIRST_SEEN:
            return "first seen"
        case EventKind.LEVEL_UP:
            return f"level {event.value} in {_name(event)}, from {event.before}"
        case EventKind.ACHIEVEMENT:
            return Rule(event.metric or "", Measure(event.detail or ""), event.value or 0).name
        case EventKind.RECORD:
            gain = event.value or 0
            return f"best {event.detail}: {gain:,} {counted_in(event.metric or '', gain)}, {event.before or 0:,} before"
        case EventKind.NOT_FOUND:
            return "not found on the hiscores"
        case EventKind.MODE_CHANGE:
            return mode_title(event.detail or "")
        case EventKind.NAME_CHANGE:
            return name_title(event.detail or "")
        case EventKind.FLAGGED:
            return f"flagged for review: {event.detail}"


def is_told(event: Event) -> bool:
    """Whether the event has all that its title says; one that comes from elsewhere may lack some."""
    has_values = None not in (event.metric, event.value, event.before)
    match event.kind:
        case EventKind.FIRST_SEEN | EventKind.NOT_FOUND:
            return True
        case EventKind.LEVEL_UP:
            return has_values
        case EventKind.ACHIEVEMENT:
            return None not in (event.metric, event.value) and event.detail in _MEASURES
        case EventKind.RECORD:
            return has_values and event.detail in _PERIODS
        case EventKind.MODE_CHANGE:
            before, _, mode = (event.detail or "").partition(_BETWEEN_MODES)
            return before in _MODES and mode in _MODES
        case EventKind.NAME_CHANGE | EventKind.FLAGGED:
            return bool(event.detail)


_MEASURES, _PERIODS, _MODES = (frozenset(kinds) for kinds in (Measure, RecordPeriod, GameMode))
_BETWEEN_MODES = " to "
_BETWEEN_NAMES = " -> "  # "to" may be a word of a name


def mode_detail(before: GameMode, mode: GameMode) -> str:
    """What an event of a change of mode has as its detail: hardcore_ironman to ironman."""
    return f"{before}{_BETWEEN_MODES}{mode}"


def mode_title(detail: str) -> str:
    """What such a detail says: hardcore died, now an ironman."""
    before, _, mode = detail.partition(_BETWEEN_MODES)
    if (before, mode) == (GameMode.HARDCORE, GameMode.IRONMAN):
        return "hardcore died, now an ironman"
    now = "an ironman" if mode == GameMode.IRONMAN else mode.replace("_", " ")
    return f"left {before.replace('_', ' ')}, now {now}"


def name_detail(before: str, name: str) -> str:
    """What an event of a change of name has as its detail: Pebble Wick -> Cobble Wick, as they are spelled."""
    return f"{before}{_BETWEEN_NAMES}{name}"


def name_title(detail: str) -> str:
    """What such a detail says: Pebble Wick is now called Cobble Wick. One from elsewhere may have the new name only."""
    before, _, name = detail.rpartition(_BETWEEN_NAMES)
    return f"{before} is now called {name}" if before else f"now called {name}"


def when(event: Event) -> str:
    """Between which looks it happened, in UTC: between 10:00 and 16:00 UTC on 2026-01-31."""
    at, after = event.at.astimezone(UTC), event.after and event.after.astimezone(UTC)
    if event.kind is EventKind.NOT_FOUND:
        seen = f", last seen {after:{_MINUTE}} UTC" if after else ""
        return f"{at:{_MINUTE}} UTC{seen}"
    if after is None:
        return f"{at:{_MINUTE}} UTC"
    if after.date() == at.date():
        return f"between {after:%H:%M} and {at:%H:%M} UTC on {at:%Y-%m-%d}"
    return f"between {after:{_MINUTE}} and {at:{_MINUTE}} UTC"


_MINUTE = "%Y-%m-%d %H:%M"


def _name(event: Event) -> str:
    return name_of(event.metric or "")


def _peak(metric: str, peaks: Mapping[str, int]) -> int:
    return level_for_xp(peaks.get(metric, 0))


def _level(metric: str, reading: Reading | None) -> int | None:
    if reading is None or reading.value is None:
        return None
    return level_at(metric, reading.value, reading.level)
