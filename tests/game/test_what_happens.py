"""Events: what a look comes to, and how they read."""

from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import (
    KIND_CODES,
    Event,
    EventKind,
    first_seen,
    level_ups,
    mode_detail,
    name_detail,
    not_found,
    of_achievement,
    of_record,
    title,
    when,
)
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import Record, RecordPeriod
from osrsdiff.game.snapshots import Reading, Sheet, State, Unranked, difference
from osrsdiff.game.thresholds import Measure

NOW = datetime(2026, 2, 1, 16, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=6)
HIDDEN = Reading(None, None, 1, Unranked.HIDDEN)


def xp(value: int, level: int | None = None) -> Reading:
    return Reading(value, 100, level, None)


def ups(before: Sheet, now: Sheet) -> list[Event]:
    return level_ups(difference(State(1, BEFORE, BEFORE, before), now, NOW))


def test_kinds_are_stored_by_numbers_that_stay() -> None:
    assert list(KIND_CODES.values()) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert KIND_CODES[EventKind.FLAGGED] == 8


@pytest.mark.parametrize(
    ("before", "now", "levels"),
    [
        ({"attack": xp(101_332)}, {"attack": xp(101_333)}, [("attack", 50, 49)]),
        ({"attack": xp(0)}, {"attack": xp(13_034_431)}, [("attack", 99, 1)]),
        ({"attack": xp(100)}, {"attack": xp(101)}, []),
        ({"attack": xp(101_333)}, {"attack": xp(100)}, []),
        ({"attack": HIDDEN}, {"attack": xp(101_333)}, []),
        ({}, {"sailing": xp(101_333)}, []),
        ({"overall": xp(1_000, 32)}, {"overall": xp(2_000, 33)}, []),
        ({"attack": xp(1_000, 10)}, {"attack": xp(2_000, 12)}, [("attack", 12, 10)]),
        ({"zulrah": xp(100)}, {"zulrah": xp(101_333)}, []),
    ],
)
def test_a_level_up_is_a_known_skill_that_rose(before: Sheet, now: Sheet, levels: list[tuple[str, int, int]]) -> None:
    assert ups(before, now) == [
        Event(EventKind.LEVEL_UP, NOW, BEFORE, metric, level, old) for metric, level, old in levels
    ]


def test_a_player_is_first_seen_once() -> None:
    first = difference(None, {"attack": xp(1)}, NOW)
    assert first_seen(first) == [Event(EventKind.FIRST_SEEN, NOW, None)]
    assert first_seen(difference(State(1, BEFORE, BEFORE, first.sheet), {"attack": xp(1)}, NOW)) == []


def test_what_has_no_date_is_no_event() -> None:
    with pytest.raises(ValueError, match="500 Zulrah kills"):
        of_achievement(Reached("zulrah", Measure.VALUE, 500, None, None))


@pytest.mark.parametrize(
    ("event", "read"),
    [
        (Event(EventKind.FIRST_SEEN, NOW, None), "first seen, 2026-02-01 16:00 UTC"),
        (
            Event(EventKind.LEVEL_UP, NOW, BEFORE, "slayer", 78, 77),
            "level 78 in Slayer, from 77, between 10:00 and 16:00 UTC on 2026-02-01",
        ),
        (
            of_achievement(Reached("zulrah", Measure.VALUE, 500, NOW, NOW - timedelta(days=1))),
            "500 Zulrah kills, between 2026-01-31 16:00 and 2026-02-01 16:00 UTC",
        ),
        (
            of_record(Record("zulrah", RecordPeriod.DAY, 1_234, BEFORE, NOW), 900),
            "best day: 1,234 Zulrah kills, 900 before, between 10:00 and 16:00 UTC on 2026-02-01",
        ),
        (
            of_record(Record("attack", RecordPeriod.WEEK, 5_000, BEFORE, NOW), 400),
            "best week: 5,000 Attack xp, 400 before, between 10:00 and 16:00 UTC on 2026-02-01",
        ),
        (not_found(NOW, BEFORE), "not found on the hiscores, 2026-02-01 16:00 UTC, last seen 2026-02-01 10:00 UTC"),
        (not_found(NOW, None), "not found on the hiscores, 2026-02-01 16:00 UTC"),
    ],
)
def test_an_event_says_what_happened_when_and_how_sure_that_is(event: Event, read: str) -> None:
    assert f"{title(event)}, {when(event)}" == read


@pytest.mark.parametrize(
    ("kind", "detail", "read"),
    [
        (EventKind.MODE_CHANGE, "hardcore_ironman to ironman", "hardcore died, now an ironman"),
        (EventKind.MODE_CHANGE, "ironman to regular", "left ironman, now regular"),
        (EventKind.MODE_CHANGE, "hardcore_ironman to regular", "left hardcore ironman, now regular"),
        (EventKind.MODE_CHANGE, "ultimate_ironman to ironman", "left ultimate ironman, now an ironman"),
        (EventKind.MODE_CHANGE, mode_detail(GameMode.IRONMAN, GameMode.REGULAR), "left ironman, now regular"),
        (EventKind.NAME_CHANGE, name_detail("Go to Bed", "Lynx"), "Go to Bed is now called Lynx"),
        (EventKind.NAME_CHANGE, "Lynx", "now called Lynx"),
        (EventKind.FLAGGED, "a fall", "flagged for review: a fall"),
    ],
)
def test_an_event_without_a_metric_says_its_detail(kind: EventKind, detail: str, read: str) -> None:
    assert title(Event(kind, NOW, BEFORE, detail=detail)) == read
