"""The largest gains of histories that are short enough to work them out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.game.records import PERIOD_CODES, RecordPeriod, rebuilt

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

Seen = list[tuple[float, int | None]]
"""Looks: at which hour, and the value; None while hidden."""
Best = tuple[int, float, float]
"""How much, from which hour, until which."""

DAY, WEEK, MONTH, YEAR = RecordPeriod


def records_of(seen: Seen, metric: str = "zulrah") -> dict[RecordPeriod, Best]:
    """The records of a player of whom nothing but one metric ever changes."""
    snapshots: list[tuple[datetime, datetime | None]] = []
    known: list[tuple[datetime, int]] = []
    previous = None
    for hour, value in seen:
        at = START + hour * HOUR
        is_change = value is not None and (not known or known[-1][1] != value)
        if is_change or previous is None:
            snapshots.append((at, previous))
        if is_change and value is not None:
            known.append((at, value))
        previous = at
    return {
        record.period: (record.gained, (record.start - START) / HOUR, (record.end - START) / HOUR)
        for record in rebuilt(snapshots, {metric: known})
    }


def test_a_gain_of_minutes_is_the_best_of_every_period() -> None:
    assert records_of([(0, 10), (0.5, 15)]) == dict.fromkeys(RecordPeriod, (5, 0, 0.5))


@pytest.mark.parametrize("seen", [[], [(0, 10)], [(0, 10), (1, 10)], [(0, None), (1, 10)], [(0, 10), (1, 7)]])
def test_without_a_gain_there_is_no_record(seen: Seen) -> None:
    assert records_of(seen) == {}


def test_ten_days_without_a_look_make_no_best_day_nor_week() -> None:
    assert records_of([(0, 10), (240, 100)]) == {MONTH: (90, 0, 240), YEAR: (90, 0, 240)}


def test_a_look_that_saw_the_same_shortly_before_makes_one() -> None:
    found = records_of([(0, 10), (230, 10), (240, 100)])
    assert (found[DAY], found[WEEK]) == ((90, 230, 240), (90, 230, 240))


@pytest.mark.parametrize(("hour", "is_one"), [(24, True), (26, True), (26.4, True), (26.5, False), (30, False)])
def test_a_window_is_stretched_by_a_tenth_and_no_more(hour: float, is_one: bool) -> None:
    assert (DAY in records_of([(0, 10), (hour, 20)])) is is_one


def test_what_came_between_the_look_before_the_window_and_the_first_inside_counts() -> None:
    assert records_of([(0, 10), (12, 20), (25, 30)])[DAY] == (20, 0, 25)


def test_where_that_look_is_too_old_the_window_counts_from_its_first_snapshot() -> None:
    assert records_of([(0, 10), (12, 20), (30, 35)])[DAY] == (15, 12, 30)


def test_a_window_may_lie_anywhere() -> None:
    seen: Seen = [(0, 0), (20, 1), (40, 6), (50, 12), (63, 20), (90, 21), (95, 22)]
    assert records_of(seen)[DAY] == (14, 40, 63)


def test_of_equal_gains_the_first_one_is_the_record() -> None:
    seen: Seen = [(0, 10), (1, 15), (100, 15), (101, 20)]
    assert records_of(seen)[DAY] == (5, 0, 1)
    assert records_of(seen)[WEEK] == (10, 0, 101)


def test_what_is_first_seen_is_no_gain_and_is_counted_from() -> None:
    assert records_of([(0, None), (5, 50), (6, 53)]) == dict.fromkeys(RecordPeriod, (3, 5, 6))


def test_a_value_that_was_hidden_meanwhile_is_carried_forward() -> None:
    assert records_of([(0, 10), (5, None), (6, 13)]) == dict.fromkeys(RecordPeriod, (3, 0, 6))


def test_regaining_what_a_fall_took_is_no_gain() -> None:
    assert records_of([(0, 100), (1, 90), (2, 100)]) == {}
    assert records_of([(0, 100), (1, 90), (2, 100), (3, 103)]) == dict.fromkeys(RecordPeriod, (3, 0, 3))


def test_a_window_that_begins_after_a_fall_counts_from_when_all_is_regained() -> None:
    """Whoever was seen in between: what was gained beyond may have come before the window."""
    seen: Seen = [(0, 100), (1, 50), (199, 50), (200, 60), (201, 110)]
    assert records_of(seen) == dict.fromkeys((MONTH, YEAR), (10, 0, 201))
    assert records_of([*seen, (202, 113), (203, 80), (204, 113), (205, 114)])[DAY] == (4, 201, 205)


def test_a_rating_gains_from_its_lowest_value_in_the_window() -> None:
    assert records_of([(0, 500), (1, 450), (2, 700)], "lms_rank") == dict.fromkeys(RecordPeriod, (250, 1, 2))


def test_a_rating_gains_from_the_baseline_where_that_is_as_low() -> None:
    assert records_of([(0, 450), (1, 500), (2, 450), (3, 600)], "lms_rank")[DAY] == (150, 0, 3)


def test_the_low_of_a_rating_that_lies_before_the_window_is_forgotten() -> None:
    seen: Seen = [(0, 100), (10, 500), (60, 500), (61, 520)]
    assert records_of(seen, "lms_rank")[DAY] == (400, 0, 10)
    assert records_of([(0, 500), (1, 100), (30, 100), (31, 500)], "lms_rank")[DAY] == (400, 30, 31)


def test_a_year_is_a_little_longer_than_365_days() -> None:
    daily: Seen = [(24 * day, day) for day in range(400)]
    found = records_of(daily)
    assert found[YEAR] == (366, 0, 24 * 366)
    assert (found[DAY], found[WEEK], found[MONTH]) == ((1, 0, 24), (7, 0, 7 * 24), (31, 0, 31 * 24))


def test_periods_keep_the_numbers_that_they_are_stored_as() -> None:
    assert PERIOD_CODES == {DAY: 1, WEEK: 2, MONTH: 3, YEAR: 4}
