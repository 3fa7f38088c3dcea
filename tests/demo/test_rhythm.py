"""Effort over time: never lost, at the player's own hours, the same for the same seed."""

from itertools import pairwise

import pytest

from osrsdiff.demo.rhythm import ALWAYS, HOUR_S, NEVER, WEEK_S, Rhythm, dice, effort

EVENINGS = Rhythm(days=0.7, starts=18, hours=4)
HARDLY_EVER = Rhythm(days=0.0, starts=9, hours=3)


def test_dice_are_the_same_for_the_same_arguments_and_differ_for_others() -> None:
    assert dice(1, "a", 2) == dice(1, "a", 2)
    assert len({dice(1, "a", 2), dice(2, "a", 2), dice(1, "b", 2), dice(1, "a", 3), dice(1, "a2")}) == 5


def test_dice_are_spread_over_the_whole_range() -> None:
    throws = [dice(7, number) for number in range(2000)]
    assert min(throws) >= 0
    assert max(throws) < 1
    assert sum(throws) / len(throws) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("rhythm", [EVENINGS, HARDLY_EVER, ALWAYS, NEVER])
def test_effort_is_never_lost(rhythm: Rhythm) -> None:
    efforts = [effort(1, "somebody", "Fishing", rhythm, s) for s in range(-HOUR_S, 4 * WEEK_S, 617)]
    assert efforts == sorted(efforts)


@pytest.mark.parametrize("rhythm", [EVENINGS, HARDLY_EVER, ALWAYS])
def test_a_usual_week_is_one(rhythm: Rhythm) -> None:
    assert effort(1, "somebody", "Fishing", rhythm, 50 * WEEK_S) == pytest.approx(50, abs=0.5)


def test_weeks_differ() -> None:
    ends = [effort(1, "somebody", "Fishing", EVENINGS, week * WEEK_S) for week in range(20)]
    weeks = [after - before for before, after in pairwise(ends)]
    assert 0.2 <= min(weeks) < 0.8
    assert 1.2 < max(weeks) <= 1.8


def test_nothing_is_gained_outside_the_hours_of_play() -> None:
    for day in range(28):
        night, afternoon = (effort(1, "x", "Magic", EVENINGS, (24 * day + h) * HOUR_S) for h in (0, 17))
        assert night == afternoon


def test_nobody_gains_before_the_epoch() -> None:
    assert effort(1, "x", "Magic", ALWAYS, -1) == 0


def test_two_things_are_not_trained_in_step() -> None:
    hours = range(0, 2 * WEEK_S, HOUR_S)
    assert [effort(1, "x", "Magic", EVENINGS, s) for s in hours] != [
        effort(1, "x", "Ranged", EVENINGS, s) for s in hours
    ]
