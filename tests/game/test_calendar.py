from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from osrsdiff.game.calendar import Year, by_day, length_of
from osrsdiff.game.series import Seen
from osrsdiff.game.zones import Clock

BERLIN = ZoneInfo("Europe/Berlin")
CLOCK = Clock(BERLIN, 0, int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()))


def at(month: int, day: int, hour: int = 12, minute: int = 0, *, year: int = 2026) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=BERLIN).timestamp())


def seen(time: int, value: int, look_before: int | None) -> Seen:
    return time, value, None, None, look_before


def year(before: int | None, *changes: Seen, holds_until: int, first: int | None = None) -> Year:
    return by_day(2026, CLOCK, before, first, changes, holds_until)


@pytest.mark.parametrize(("number", "days"), [(2024, 366), (2026, 365), (2000, 366), (2100, 365)])
def test_a_leap_year_has_a_day_more(number: int, days: int) -> None:
    assert length_of(number) == days


def test_a_gain_belongs_to_the_day_of_the_look_that_saw_it() -> None:
    found = year(100, seen(at(1, 2), 150, at(1, 2, 1)), seen(at(1, 3), 175, at(1, 3, 0, 5)), holds_until=at(1, 3, 23))
    assert found.gained[:4] == [0, 50, 25, None]
    assert found.uncertain == []


def test_a_gain_over_several_days_is_uncertain_and_the_days_between_are_unknown() -> None:
    found = year(100, seen(at(1, 5), 150, at(1, 2)), holds_until=at(1, 6))
    assert found.gained[:7] == [0, 0, None, None, 50, 0, None]
    assert found.uncertain == [date(2026, 1, 5)]


def test_over_midnight_the_day_is_uncertain() -> None:
    found = year(100, seen(at(1, 1, 0, 30), 101, at(12, 31, 23, 30, year=2025)), holds_until=at(1, 1, 1))
    assert (found.gained[:2], found.uncertain) == ([1, None], [date(2026, 1, 1)])


def test_the_first_value_is_no_gain_and_nothing_is_known_before() -> None:
    found = year(None, seen(at(1, 3, 20), 150, None), holds_until=at(1, 4), first=140)
    assert found.gained[:5] == [None, None, 10, 0, None]
    assert found.uncertain == []


def test_a_fall_is_negative() -> None:
    assert year(100, seen(at(1, 1), 40, at(1, 1, 1)), holds_until=at(1, 1)).gained[0] == -60


def test_nothing_known_is_nothing_told() -> None:
    assert set(by_day(2026, CLOCK, None, None, [], None).gained) == {None}


def test_days_are_those_of_the_clock_also_when_it_is_put_back() -> None:
    late = at(10, 25, 23, 59)
    found = year(0, seen(late, 7, at(10, 25, 0, 1)), holds_until=late)
    day = (date(2026, 10, 25) - date(2026, 1, 1)).days
    assert (found.gained[day], found.gained[day + 1], found.uncertain) == (7, None, [])
