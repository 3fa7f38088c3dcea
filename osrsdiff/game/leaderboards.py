"""Leaderboards: what players are ordered by, and from where on a relative gain counts. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from osrsdiff.game.levels import xp_for_level
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of

PARTS = 1_000_000
"""What a gain in relation to the start is counted in: whole millionths, so that they order the same everywhere."""

LEAST_LEVEL = 30
LEAST_SCORE = 50
_SKILLS = 24


class By(StrEnum):
    """What puts one player before another: the current value, the gain over a window, or that gain in percent."""

    VALUE = "value"
    GAINED = "gained"
    IMPROVED = "improved"


def least_start(metric: str) -> int:
    """The value from which on a gain in percent counts: below it the first hours of play would beat everybody.

    In a skill the xp of level 30, in Overall that in each of 24 skills, else a score of 50.
    """
    if kind_of(metric) is not MetricKind.SKILL:
        return LEAST_SCORE
    xp = xp_for_level(LEAST_LEVEL)
    return _SKILLS * xp if metric == OVERALL else xp


def places(scores: Sequence[object], *, before: int, last: object, last_place: int) -> list[int]:
    """The place of each of `scores`, which are in order: equal ones share one, and the next is as far down as it is.

    `before`: how many come before these; `last` and `last_place`: the score and the place of the one just before.
    """
    given = []
    for number, score in enumerate(scores, before + 1):
        if number == 1 or score != last:
            last, last_place = score, number
        given.append(last_place)
    return given
