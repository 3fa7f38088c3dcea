"""Beats are exact for every interval; the cron contains them, and equals them where five fields can."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pycron
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrsdiff.errors import InvalidInterval
from osrsdiff.scheduling.cron import beat_at_or_before, interval_to_cron, next_beat, phase_s

INTERVALS = st.integers(1, 43_200)
PLAYERS = st.integers(1, 10_000_000)
TIMES = st.integers(946_684_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC))
EXACT = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1_440, 10_080]

BOUNDARIES = [
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2025, 3, 1, tzinfo=UTC),
    datetime(2025, 5, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2100, 3, 1, tzinfo=UTC),
]


def beats(after: datetime, interval: int, phase: int, count: int) -> list[datetime]:
    found = [next_beat(after.timestamp(), interval, phase)]
    while len(found) < count:
        found.append(next_beat(found[-1], interval, phase))
    return [datetime.fromtimestamp(beat, UTC) for beat in found]


@given(INTERVALS, PLAYERS, TIMES)
def test_consecutive_beats_are_exactly_the_interval_apart(interval: int, player: int, at: datetime) -> None:
    found = beats(at, interval, phase_s(player, interval), 5)
    assert all(later - earlier == timedelta(minutes=interval) for earlier, later in pairwise(found))


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
@given(interval=INTERVALS, player=PLAYERS)
def test_the_interval_stays_exact_over_month_and_year_ends(boundary: datetime, interval: int, player: int) -> None:
    phase = phase_s(player, interval)
    first, second, third = beats(boundary - timedelta(minutes=interval), interval, phase, 3)
    assert second - first == third - second == timedelta(minutes=interval)
    assert first <= boundary < third


@given(INTERVALS, PLAYERS, TIMES)
def test_every_beat_matches_the_cron(interval: int, player: int, at: datetime) -> None:
    phase = phase_s(player, interval)
    cron = interval_to_cron(interval, phase)
    assert all(pycron.is_now(cron, beat) for beat in beats(at, interval, phase, 20))


def test_of_every_interval_the_beats_are_exact_and_in_the_cron_over_each_boundary() -> None:
    for interval in range(1, 43_201):
        phase, boundary = phase_s(7 * interval, interval), BOUNDARIES[interval % len(BOUNDARIES)]
        first, second, third = beats(boundary - timedelta(minutes=interval), interval, phase, 3)
        assert second - first == third - second == timedelta(minutes=interval), interval
        assert first <= boundary < third, interval
        cron = interval_to_cron(interval, phase)
        assert pycron.is_now(cron, first), interval
        assert pycron.is_now(cron, third), interval


@pytest.mark.parametrize("interval", EXACT)
@given(player=PLAYERS)
def test_the_cron_matches_nothing_but_the_beats_where_it_can(interval: int, player: int) -> None:
    phase = phase_s(player, interval)
    cron = interval_to_cron(interval, phase)
    beat = beats(datetime(2026, 12, 31, 12, tzinfo=UTC), interval, phase, 1)[0]
    # around a beat, and wherever the hour, the day or the week begins anew
    for offset in {*range(1, min(interval, 75)), *(n for n in (60, 120, 1_440, 2_880) if n % interval)}:
        assert not pycron.is_now(cron, beat + timedelta(minutes=offset))


@pytest.mark.parametrize(
    ("interval", "phase", "cron"),
    [
        (1, 59, "* * * * *"),
        (5, 0, "*/5 * * * *"),
        (5, 130, "2-59/5 * * * *"),
        (45, 0, "*/15 * * * *"),
        (60, 754, "12 * * * *"),
        (90, 3_600, "*/30 * * * *"),
        (100, 0, "*/20 * * * *"),
        (420, 60 * 61, "1 * * * *"),
        (480, 60 * 125, "5 2-23/8 * * *"),
        (720, 0, "0 */12 * * *"),
        (1_440, 60 * 60 * 5, "0 5 * * *"),
        (2_880, 60 * (1_440 + 61), "1 1 * * *"),
        (10_080, 0, "0 0 * * 4"),
        (10_080, 3 * 86_400, "0 0 * * 0"),
        (20_160, 9 * 86_400 + 60, "1 0 * * 6"),
        (43_200, 0, "0 0 * * *"),
    ],
)
def test_crons_read_as_a_person_would_write_them(interval: int, phase: int, cron: str) -> None:
    assert interval_to_cron(interval, phase) == cron


@pytest.mark.parametrize("interval", [0, -1, 43_201, 10**9, 45.5, True, "60", None])
def test_other_intervals_are_refused_with_the_range(interval: int) -> None:
    with pytest.raises(InvalidInterval, match="from 1 to 43200"):
        interval_to_cron(interval)
    with pytest.raises(InvalidInterval):
        next_beat(0, interval, 0)


@given(INTERVALS, PLAYERS, st.floats(0, 4e9))
def test_a_beat_lies_on_either_side_of_any_time(interval: int, player: int, at: float) -> None:
    phase = phase_s(player, interval)
    before, after = beat_at_or_before(at, interval, phase), next_beat(at, interval, phase)
    assert before <= at < after
    assert (before - phase) % (60 * interval) == 0


@given(INTERVALS, PLAYERS)
def test_a_phase_lies_within_its_interval_and_is_the_golden_one(interval: int, player: int) -> None:
    phase = phase_s(player, interval)
    assert 0 <= phase < 60 * interval
    assert phase == pytest.approx(player * 0.6180339887 % 1 * 60 * interval, abs=1.1)


@given(st.integers(0, 1_000_000))
def test_of_twenty_players_on_an_hour_no_two_share_a_minute(first: int) -> None:
    assert len({phase_s(player, 60) // 60 for player in range(first, first + 20)}) == 20


@pytest.mark.parametrize("interval", [60, 240, 1_440, 10_080])
@pytest.mark.parametrize("first", [1, 123_456])
def test_ten_thousand_players_are_spread_over_minutes_and_seconds(first: int, interval: int) -> None:
    phases = [phase_s(player, interval) for player in range(first, first + 10_000)]
    minutes, seconds = Counter(p // 60 % 60 for p in phases), Counter(p % 60 for p in phases)
    assert max(minutes.values()) <= 1.3 * 10_000 / 60
    assert max(seconds.values()) <= 2 * 10_000 / 60


def test_a_thousand_players_every_minute_share_no_second_unduly() -> None:
    assert max(Counter(phase_s(player, 1) for player in range(1, 1_001)).values()) <= 2 * 1_000 / 60


@pytest.mark.parametrize("players", [20, 1_000, 10_000])
@pytest.mark.parametrize("interval", [45, 60, 90, 420, 43_200])
def test_phases_are_flat_over_the_whole_interval(interval: int, players: int) -> None:
    slots = [phase_s(player, interval) * 20 // (60 * interval) for player in range(1, players + 1)]
    assert max(Counter(slots).values()) <= 1.3 * players / 20 + 1
