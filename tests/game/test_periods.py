from datetime import UTC, datetime, timedelta, timezone

import pytest

from osrsdiff.errors import InvalidPeriod
from osrsdiff.game.periods import PERIODS, Window, window_between, window_of

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
EARLIEST = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "length"),
    [
        ("hour", timedelta(hours=1)),
        ("6h", timedelta(hours=6)),
        ("day", timedelta(days=1)),
        (" Week ", timedelta(days=7)),
        ("month", timedelta(days=31)),
        ("year", timedelta(seconds=31_556_926)),
        ("90m", timedelta(minutes=90)),
        ("3d12h", timedelta(days=3, hours=12)),
        ("2w1d", timedelta(days=15)),
    ],
)
def test_a_period_ends_now(period: str, length: timedelta) -> None:
    assert window_of(period, NOW, EARLIEST) == Window(NOW - length, NOW)


def test_all_starts_with_the_first_look() -> None:
    assert window_of("all", NOW, EARLIEST) == Window(EARLIEST, NOW)
    assert window_of("all", NOW, None) == Window(NOW, NOW)
    assert window_of("all", NOW, NOW + timedelta(hours=1)) == Window(NOW, NOW)


@pytest.mark.parametrize(
    "period", ["", "0h", "0m", "fortnight", "12h3d", "3d 12h", "-1d", "1.5h", "h", "999999w", "٣d"]
)
def test_what_is_no_period_is_refused_with_the_choices(period: str) -> None:
    with pytest.raises(InvalidPeriod) as refused:
        window_of(period, NOW, EARLIEST)
    assert all(name in str(refused.value) for name in PERIODS)


def test_a_window_between_two_times_is_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    window = window_between(datetime(2026, 1, 1, 2, tzinfo=east), datetime(2026, 1, 2, 2, tzinfo=east))
    assert window == Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert window.start.tzinfo is UTC


WITHOUT_ZONE = EARLIEST.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW, NOW),
        (NOW, EARLIEST),
        (NOW.replace(microsecond=100_000), NOW.replace(microsecond=900_000)),
        (WITHOUT_ZONE, NOW),
        (EARLIEST, NOW.replace(tzinfo=None)),
    ],
)
def test_an_empty_window_or_one_without_zone_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidPeriod):
        window_between(start, end)
