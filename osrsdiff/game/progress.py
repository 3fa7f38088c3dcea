"""How far a player's next achievements are. Pure.

Percent count from nothing, not from the threshold before: 199m of 200m xp is 99.5 %. A skill's level counts by the xp
that it takes, the base level by that of all skills together, so that 98 is not nearly 99.
"""

from bisect import bisect_right
from collections.abc import Iterable

from msgspec import Struct

from osrsdiff.game.achievements import measured
from osrsdiff.game.levels import xp_for_level
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of
from osrsdiff.game.snapshots import Sheet
from osrsdiff.game.thresholds import Measure, Rule, thresholds

_PER_MILLE = 1000
_NOT_YET = 999


class Progress(Struct, frozen=True):
    """What comes next of one measure: the rule, the value now, and how much of it is done, to a tenth of a percent."""

    rule: Rule
    value: int
    percent: float


def next_ones(sheet: Sheet) -> list[Progress]:
    """The next threshold of each measure that is known, the nearest first; none where the highest is reached."""
    ahead = []
    for metric, measure, value in measured(sheet):
        steps = thresholds(metric, measure)
        place = bisect_right(steps, value)
        if place < len(steps):
            rule = Rule(metric, measure, steps[place])
            ahead.append(Progress(rule, value, _percent(sheet, rule, value)))
    return sorted(ahead, key=lambda one: -one.percent)


def _percent(sheet: Sheet, rule: Rule, value: int) -> float:
    if rule.measure is Measure.BASE_LEVEL:
        skills = [
            reading.value
            for metric, reading in sheet.items()
            if reading.value is not None and metric != OVERALL and kind_of(metric) is MetricKind.SKILL
        ]
        done, needed = _xp_towards(rule.threshold, skills), xp_for_level(rule.threshold) * len(skills)
    elif rule.measure is Measure.LEVEL and rule.metric != OVERALL:
        done, needed = _xp_towards(rule.threshold, [sheet[rule.metric].value or 0]), xp_for_level(rule.threshold)
    else:
        done, needed = value, rule.threshold
    # the hiscores' own level may be behind the xp
    return min(_PER_MILLE * max(0, done) // needed, _NOT_YET) / 10


def _xp_towards(level: int, xp: Iterable[int]) -> int:
    """How much of these skills' xp counts towards that level in each."""
    most = xp_for_level(level)
    return sum(min(one, most) for one in xp)
