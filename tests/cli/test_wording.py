"""How numbers, spans and moments read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import tzset

import pytest

from osrsdiff.cli import wording
from osrsdiff.errors import Outcome

NOW = datetime(2026, 11, 21, 19, 48, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


@pytest.mark.parametrize(
    ("seconds", "reads"),
    [
        (0, "now"),
        (0.4, "now"),
        (-45, "45 s ago"),
        (-60, "1 min ago"),
        (-3599, "59 min ago"),
        (-3600, "1 h ago"),
        (-47 * 3600, "47 h ago"),
        (-48 * 3600, "2 days ago"),
        (12 * 60, "in 12 min"),
    ],
)
def test_a_moment_is_told_in_its_largest_fitting_unit(seconds: float, reads: str) -> None:
    assert wording.ago(NOW + timedelta(seconds=seconds), NOW) == reads


@pytest.mark.parametrize(
    ("at", "reads"),
    [
        (datetime(2026, 11, 21, 7, 5, tzinfo=UTC), "07:05"),
        (datetime(2026, 11, 14, 19, 48, tzinfo=UTC), "14 Nov 19:48"),
        (datetime(2025, 11, 14, 19, 48, tzinfo=UTC), "2025-11-14 19:48"),
    ],
)
def test_a_time_leaves_out_what_is_the_same_as_now(at: datetime, reads: str) -> None:
    assert wording.local(at, NOW) == reads


def test_a_time_is_that_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    tzset()
    assert wording.local(NOW, NOW) == "01:18"


def test_two_times_of_one_day_name_it_once() -> None:
    earlier = datetime(2026, 11, 14, 10, tzinfo=UTC)
    assert wording.both(earlier, earlier + timedelta(hours=6), NOW) == "14 Nov 10:00 and 16:00"
    assert wording.both(earlier, earlier + timedelta(days=1), NOW) == "14 Nov 10:00 and 15 Nov 10:00"


@pytest.mark.parametrize(
    ("minutes", "reads"),
    [
        (1, "1 min"),
        (45, "45 min"),
        (60, "1 h"),
        (90, "1 h 30 min"),
        (1440, "1 day"),
        (2 * 1440 + 61, "2 days 1 h 1 min"),
    ],
)
def test_an_interval_is_told_exactly(minutes: int, reads: str) -> None:
    assert wording.every(minutes) == reads


def test_numbers_have_separators_and_gains_a_sign() -> None:
    assert wording.number(1234567) == "1,234,567"
    assert wording.number(None) == "-"
    assert [wording.signed(n) for n in (1234, 0, -5)] == ["+1,234", "0", "-5"]


@pytest.mark.parametrize(
    ("seconds", "reads"), [(720, "in 12 min"), (0, "now"), (-0.5, "now"), (-1, "1 s late"), (-7200, "2 h late")]
)
def test_a_fetch_that_should_have_been_is_late(seconds: float, reads: str) -> None:
    assert wording.fire(NOW + timedelta(seconds=seconds), NOW) == reads


@pytest.mark.parametrize(
    ("at", "reads"),
    [
        (datetime(2026, 11, 21, 7, 5, tzinfo=UTC), "07:05"),
        (datetime(2026, 11, 14, 19, 48, tzinfo=UTC), "14 Nov"),
        (datetime(2025, 11, 14, 19, 48, tzinfo=UTC), "2025-11-14"),
    ],
)
def test_a_day_is_as_short_as_it_stays_clear(at: datetime, reads: str) -> None:
    assert wording.day(at, NOW) == reads


@pytest.mark.parametrize(("per_second", "reads"), [(0, "0.00"), (0.004, "<0.01"), (0.005, "0.01"), (12.345, "12.35")])
def test_a_small_rate_does_not_read_as_none(per_second: float, reads: str) -> None:
    assert wording.rate(per_second) == reads


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_has_words(outcome: Outcome) -> None:
    assert wording.outcome(outcome)
