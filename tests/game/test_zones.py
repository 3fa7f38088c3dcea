from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrsdiff.errors import InvalidTime, InvalidZone
from osrsdiff.game.zones import Clock, read_moment, start_of, zone_named

BERLIN, CAIRO = ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Cairo")
ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu"]
NOT_THE_SAME_EVERYWHERE = ["localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/Europe/Berlin"]


@pytest.mark.parametrize(
    "name", ["Mars", "", "../etc/passwd", "America", "Europe/" + "x" * 500, "\0", *NOT_THE_SAME_EVERYWHERE]
)
def test_an_unknown_zone_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(InvalidZone, match="Europe/Berlin"):
        zone_named(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01T12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01T12:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("2026-07-01T12:00+05:00", datetime(2026, 7, 1, 7, tzinfo=UTC)),
    ],
)
def test_what_has_no_offset_is_on_the_zones_clock(text: str, expected: datetime) -> None:
    assert read_moment(text, BERLIN) == expected


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "0001-01-01", "9" * 99])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidTime):
        read_moment(text, BERLIN)


def test_a_day_whose_midnight_is_skipped_begins_after_the_gap() -> None:
    assert start_of(date(2026, 4, 24), CAIRO) == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert start_of(date(2026, 4, 24), CAIRO).astimezone(CAIRO).hour == 1


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 5, 1), 24)])
def test_a_day_is_as_long_as_the_clock_makes_it(day: date, hours: int) -> None:
    assert start_of(day + timedelta(days=1), BERLIN) - start_of(day, BERLIN) == timedelta(hours=hours)


TIMES = st.integers(
    int(datetime(2009, 12, 1, tzinfo=UTC).timestamp()), int(datetime(2028, 2, 1, tzinfo=UTC).timestamp())
)


@given(st.sampled_from(ZONES), TIMES, st.integers(1, 800 * 86_400), st.lists(st.integers(0, 10**9), max_size=5))
def test_the_clock_shows_what_the_zone_says(name: str, start: int, length: int, some: list[int]) -> None:
    zone, end = ZoneInfo(name), start + length
    clock = Clock(zone, start, end)
    spans = clock.spans()
    for at in {start + 1, end, *(start + 1 + each % length for each in some), *(since for since, _, _ in spans)}:
        ahead = datetime.fromtimestamp(at, zone).utcoffset()
        assert ahead is not None
        assert clock.local(at) - at == ahead.total_seconds()
        assert [offset for since, until, offset in spans if since <= at < until] == [ahead.total_seconds()]
    assert (spans[0][0], spans[-1][1]) == (start + 1, end + 1)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
