"""When players passed thresholds, from one look or from a whole history, and how far the next ones are. Pure.

A threshold is reached at the first look at or past it, where what is measured was known and below at the look before.
What was there when the metric was first seen is reached, too, but nobody knows when: it has no date, and is told from
the sheet. Where a fall takes such a one away it is noted without a date, so that it stays reached and is not reached
once more. `reached` goes over one look, `rebuilt` over a history; both must come to the same.

Base and combat level are measured of Overall. The base level is the lowest level of the skills whose xp is known, once
that of all skills older than Sailing is; a skill that comes to be known may lower it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from msgspec import Struct

from osrsdiff.game.levels import COMBAT_SKILLS, combat_level, level_at
from osrsdiff.game.metrics import OVERALL, REQUIRED_SKILLS, MetricKind, kind_of
from osrsdiff.game.snapshots import Difference, Reading, Sheet
from osrsdiff.game.thresholds import Measure, Rule, thresholds

Levels = Mapping[str, int]
"""By skill, without Overall."""

_OF_BASE = REQUIRED_SKILLS - {OVERALL}


class Reached(Struct, frozen=True):
    """A threshold passed: `at` a look, `after` the look before it. `at` None: nobody knows when."""

    metric: str
    measure: Measure
    threshold: int
    at: datetime | None
    after: datetime | None

    @property
    def rule(self) -> Rule:
        """What was reached."""
        return Rule(self.metric, self.measure, self.threshold)


def reached(before: Sheet | None, found: Difference) -> list[Reached]:
    """The thresholds that a look passes, and without a date those that it falls below.

    `before`: the sheet that the look was compared with, None at a player's first look. What is reached stays so: where
    a threshold was noted before, what comes of it here is to be left out.
    """
    if before is None:
        return []
    at, after = found.looked_at, found.previous_look_at
    passed: list[Reached] = []
    moved: dict[str, int] = {}
    for change in found.changes:
        metric, old, new = change.metric, change.before, change.after
        if old is not None and old.value is not None and new.value is not None:
            passed += _passed(metric, Measure.VALUE, old.value, new.value, at, after)
        if kind_of(metric) is not MetricKind.SKILL:
            continue
        level_before, level_after = _level(metric, old), _level(metric, new)
        passed += _passed(metric, Measure.LEVEL, level_before, level_after, at, after)
        if level_after is not None and level_before != level_after and metric != OVERALL:
            moved[metric] = level_after
    if moved:
        levels = levels_of(before)
        passed += _of_several(levels, levels | moved, at, after)
    return passed


def rebuilt(
    looks: Iterable[tuple[datetime, datetime | None]],
    series: Mapping[str, Sequence[tuple[datetime, int, int | None]]],
) -> list[Reached]:
    """What a whole history comes to, each threshold once.

    `looks`: each snapshot's time and the look before it. `series`: each metric's changes, the oldest first: time,
    value, and the level where it doesn't follow from the xp.
    """
    look_before = dict(looks)
    found: dict[Rule, Reached] = {}
    for metric, known in series.items():
        for one in _of_one(metric, known, look_before):
            found.setdefault(one.rule, one)
    for one in _of_all_skills(series, look_before):
        found.setdefault(one.rule, one)
    return list(found.values())


def levels_of(sheet: Sheet) -> dict[str, int]:
    """The level of each skill whose xp is known, without Overall."""
    return {
        metric: level
        for metric, reading in sheet.items()
        if metric != OVERALL and kind_of(metric) is MetricKind.SKILL and (level := _level(metric, reading)) is not None
    }


def base_level(levels: Levels) -> int | None:
    """The lowest of the levels; None while one of a skill older than Sailing is not known."""
    return min(levels.values()) if levels.keys() >= _OF_BASE else None


def measured(sheet: Sheet) -> Iterator[tuple[str, Measure, int]]:
    """All that a sheet says of what has thresholds: metric, measure, value."""
    for metric, reading in sheet.items():
        if reading.value is not None:
            yield metric, Measure.VALUE, reading.value
        if kind_of(metric) is MetricKind.SKILL and (level := _level(metric, reading)) is not None:
            yield metric, Measure.LEVEL, level
    for measure, value in _composites(levels_of(sheet)).items():
        if value is not None:
            yield OVERALL, measure, value


def satisfied(sheet: Sheet) -> list[Rule]:
    """Every rule that the sheet fulfils."""
    return [
        Rule(metric, measure, threshold)
        for metric, measure, value in measured(sheet)
        for threshold in thresholds(metric, measure)
        if threshold <= value
    ]


def _passed(
    metric: str, measure: Measure, before: int | None, now: int | None, at: datetime, after: datetime | None
) -> list[Reached]:
    """The thresholds between two values: dated where it rose, not where it fell."""
    if before is None or now is None or before == now:
        return []
    steps = thresholds(metric, measure)
    low, high = bisect_right(steps, min(before, now)), bisect_right(steps, max(before, now))
    if low == high:
        return []
    dates = (at, after) if now > before else (None, None)
    return [Reached(metric, measure, threshold, *dates) for threshold in steps[low:high]]


def _composites(levels: Levels) -> dict[Measure, int | None]:
    return {
        Measure.BASE_LEVEL: base_level(levels),
        Measure.COMBAT_LEVEL: combat_level(levels) if levels.keys() >= COMBAT_SKILLS else None,
    }


def _of_several(before: Levels, now: Levels, at: datetime, after: datetime | None) -> list[Reached]:
    """What is measured of several skills together."""
    old, new = _composites(before), _composites(now)
    return [one for measure in old for one in _passed(OVERALL, measure, old[measure], new[measure], at, after)]


def _of_one(
    metric: str,
    known: Sequence[tuple[datetime, int, int | None]],
    look_before: Mapping[datetime, datetime | None],
) -> Iterator[Reached]:
    value_before, level_before = None, None
    for at, value, own_level in known:
        level = level_at(metric, value, own_level)
        yield from _passed(metric, Measure.VALUE, value_before, value, at, look_before[at])
        yield from _passed(metric, Measure.LEVEL, level_before, level, at, look_before[at])
        value_before, level_before = value, level


def _of_all_skills(
    series: Mapping[str, Sequence[tuple[datetime, int, int | None]]],
    look_before: Mapping[datetime, datetime | None],
) -> Iterator[Reached]:
    levels: dict[str, int] = {}
    for at, moved in groupby(sorted(_level_changes(series)), key=lambda change: change[0]):
        now = levels | {skill: level for _, skill, level in moved}
        yield from _of_several(levels, now, at, look_before[at])
        levels = now


def _level_changes(
    series: Mapping[str, Sequence[tuple[datetime, int, int | None]]],
) -> Iterator[tuple[datetime, str, int]]:
    for metric, known in series.items():
        if metric == OVERALL or kind_of(metric) is not MetricKind.SKILL:
            continue
        before = None
        for at, value, own_level in known:
            level = level_at(metric, value, own_level)
            if level is not None and level != before:
                yield at, metric, level
            before = level


def _level(metric: str, reading: Reading | None) -> int | None:
    if reading is None or reading.value is None:
        return None
    return level_at(metric, reading.value, reading.level)
