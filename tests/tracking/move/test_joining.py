"""What old history changes in the history that comes after it."""

from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.game.snapshots import Reading, State, Unranked
from osrsdiff.tracking.move.joining import FirstKnown, joined

OLD = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = OLD + timedelta(days=1)
NEWEST = OLD + timedelta(days=2)


def ranked(value: int) -> Reading:
    return Reading(value, 5, None, None)


@pytest.mark.parametrize(
    ("metric", "before", "first", "unchanged", "falls"),
    [
        ("zulrah", ranked(7), 7, True, False),
        ("zulrah", ranked(7), 9, False, False),
        ("zulrah", ranked(7), 5, False, True),
        ("lms_rank", ranked(700), 650, False, False),
        ("zulrah", Reading(None, None, None, Unranked.HIDDEN), 5, False, False),
        ("zulrah", None, 5, False, False),
        ("zulrah", Reading(7, None, None, Unranked.HIDDEN), 7, True, False),
    ],
)
def test_the_first_value_here_is_compared_with_the_last_one_there(
    metric: str, before: Reading | None, first: int, unchanged: bool, falls: bool
) -> None:
    old = State(1, OLD, OLD, {} if before is None else {metric: before})
    newest = State(2, NEWEST, FIRST, {metric: ranked(first)})
    join = joined(old, newest, {metric: FirstKnown(FIRST, first)})
    assert join.unchanged == ([(metric, FIRST)] if unchanged else [])
    assert join.falls == ({FIRST} if falls else set())
    assert join.sheet == {metric: ranked(first)}


@pytest.mark.parametrize(("level", "unchanged"), [(2100, True), (2101, False)])
def test_a_total_level_that_moved_without_xp_stays_a_change(level: int, unchanged: bool) -> None:
    old = State(1, OLD, OLD, {"overall": Reading(900_000, 10, 2100, None)})
    newest = State(2, NEWEST, FIRST, {"overall": Reading(900_000, 10, level, None)})
    join = joined(old, newest, {"overall": FirstKnown(FIRST, 900_000, level)})
    assert bool(join.unchanged) is unchanged
    assert not join.falls


def test_what_only_the_old_history_knows_is_carried_forward() -> None:
    old = State(
        1, OLD, OLD, {"zulrah": ranked(7), "obor": ranked(3), "yama": Reading(None, None, None, Unranked.HIDDEN)}
    )
    newest = State(1, NEWEST, NEWEST, {"zulrah": Reading(None, None, None, Unranked.HIDDEN), "yama": ranked(1)})
    join = joined(old, newest, {"yama": FirstKnown(NEWEST, 1)})
    assert join.sheet == {
        "obor": Reading(3, None, None, Unranked.HIDDEN),
        "zulrah": Reading(7, None, None, Unranked.HIDDEN),
        "yama": ranked(1),
    }
