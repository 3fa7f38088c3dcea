from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrsdiff.game.gains import Bracket, Known, PlayerGains, gains_between
from osrsdiff.game.periods import Window
from osrsdiff.game.rates import HourOfWeek, Streak, Target, busiest, days_measured, projections, rates, streaks

NOW = datetime(2026, 3, 8, tzinfo=UTC)
WEEK = Window(NOW - timedelta(days=7), NOW)


def known(days_ago: float, value: int, level: int | None = None) -> Known:
    return Known(NOW - timedelta(days=days_ago), value, 1, level)


def test_a_pace_is_what_moved_by_the_days_it_took() -> None:
    start = {"overall": known(9, 100), "attack": known(9, 100), "magic": known(9, 50), "zulrah": known(9, 9)}
    end = {"overall": known(1, 800), "attack": known(1, 800), "magic": known(9, 50), "zulrah": known(1, 2)}
    found = rates(gains_between(start, {}, end), 7)
    assert [(rate.metric, rate.gained, rate.per_day) for rate in found] == [("overall", 700, 100), ("attack", 700, 100)]


@pytest.mark.parametrize(
    ("start", "first_look", "days"),
    [
        (Bracket(WEEK.start, WEEK.start), 30, 6.0),  # the last look was a day ago
        (Bracket(WEEK.start - timedelta(days=2), WEEK.start), 30, 8.0),  # what the look before the window saw counts
        (None, 3, 2.0),
        (None, 1.1, 1.0),
    ],
)
def test_days_count_from_the_look_that_gains_count_from(start: Bracket | None, first_look: float, days: float) -> None:
    gains = gains_between({}, {"attack": known(first_look, 1)}, {"attack": known(1, 2)})
    found = PlayerGains(WEEK, start, None, gains)
    assert days_measured(found, NOW - timedelta(days=1)) == pytest.approx(days)


def test_a_skill_leads_to_its_next_level_to_99_and_to_200m() -> None:
    gains = gains_between({"attack": known(7, 0)}, {}, {"attack": known(0, 700), "overall": known(0, 5)})
    [way] = projections(gains, 7, NOW)
    assert (way.level, way.per_day) == (level := 7, 100)
    assert level == 7
    assert way.next_level == Target(801, 101, 1.01, NOW + timedelta(days=1.01))
    assert way.level_99 is not None
    assert way.level_99.left == 13_034_431 - 700
    assert way.xp_200m is not None
    assert way.xp_200m.days == pytest.approx((200_000_000 - 700) / 100)


def test_what_does_not_move_has_no_date_and_what_is_reached_no_target() -> None:
    values = {"attack": known(7, 13_034_431), "magic": known(7, 200_000_000)}
    attack, magic = projections(gains_between(values, {}, values), 7, NOW)
    assert (attack.next_level, attack.level_99) == (None, None)
    assert attack.xp_200m == Target(200_000_000, 186_965_569, None, None)
    assert magic.xp_200m is None


def test_a_day_past_the_last_year_has_no_date() -> None:
    [way] = projections(gains_between({"attack": known(7, 0)}, {}, {"attack": known(0, 1)}), 100_000, NOW)
    assert way.xp_200m is not None
    assert way.xp_200m.days is not None
    assert way.xp_200m.at is None


@given(st.sets(st.integers(20_000, 20_040)), st.integers(20_000, 20_045))
def test_streaks_are_the_runs_of_days(active: set[int], today: int) -> None:
    active = {day for day in active if day <= today}
    runs = [(first, last) for first in active for last in active if set(range(first, last + 1)) <= active]
    current, longest = streaks(sorted(active), today)
    assert longest.days == max((last - first + 1 for first, last in runs), default=0)
    assert current.days == max((last - first + 1 for first, last in runs if last in (today, today - 1)), default=0)


def test_a_streak_has_its_days() -> None:
    assert streaks([0, 1, 2, 9], 9) == (
        Streak(1, date(1970, 1, 10), date(1970, 1, 10)),
        Streak(3, date(1970, 1, 1), date(1970, 1, 3)),
    )
    assert streaks([], 9) == (Streak(), Streak())


def test_the_busiest_hour_is_the_first_with_the_most() -> None:
    assert busiest([0] * 168) is None
    assert busiest([0] * 30 + [5, 9, 9] + [0] * 135) == HourOfWeek(1, 7, 9)
