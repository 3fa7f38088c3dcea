"""What a player gained between two times, from what is known at each. Pure: storage looks the states up.

A gain is the state at the end minus a baseline: the state at the start, or the first known value inside the window
where nothing was known before. An unranked start is never taken for zero. What a rollback took and comes back is no
gain: that counts from the highest value until the start.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct

from osrsdiff.game.levels import level_at
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of, may_fall, place_of
from osrsdiff.game.periods import Window


class Known(Struct, frozen=True):
    """A metric's value and since when it is known. `level`: None where it follows from xp, and outside skills."""

    at: datetime
    value: int
    rank: int | None
    level: int | None


class Bracket(Struct, frozen=True):
    """Between which two looks the values may have changed around a window's end.

    Equal where two looks saw the same around it. `latest`: None where no look has come after.
    """

    earliest: datetime
    latest: datetime | None


class Gain(Struct, frozen=True):
    """What one metric gained.

    `gained`: negative for a fall. `levels_gained`: None outside skills. `first_seen`: nothing was known before the
    window, so the gain counts from the first value inside it. `fell`: a fall in a metric that cannot fall. `regained`:
    what the end is above the start and is no gain, since it had been reached before.
    """

    metric: str
    start: Known
    end: Known
    gained: int
    levels_gained: int | None
    first_seen: bool
    fell: bool
    regained: int = 0


class PlayerGains(Struct, frozen=True):
    """A player's gains over a window. `start`, `end`: how sure each end is, None where no look is on that side.

    `ranks_today`: those of the metrics in `gains` at the last look, whenever the window ends: ranks also drift.
    `tables_since`: when ranks became those of another game mode's table.
    """

    window: Window
    start: Bracket | None
    end: Bracket | None
    gains: list[Gain]
    ranks_today: Mapping[str, int | None] = {}
    tables_since: Collection[datetime] = ()

    def climbed(self, before: tuple[datetime, int | None], after: tuple[datetime, int | None]) -> int | None:
        """Places climbed between two looks, each with the rank there; negative for places lost.

        None where unranked at either, and where they ranked on different tables.
        """
        (start, lower), (end, higher) = before, after
        if lower is None or higher is None or any(start < at <= end for at in self.tables_since):
            return None
        return lower - higher


def gains_between(
    at_start: Mapping[str, Known],
    first_inside: Mapping[str, Known],
    at_end: Mapping[str, Known],
    highest: Mapping[str, Known] = {},
) -> list[Gain]:
    """One gain for each metric known at the end, zeros included; overall, skills, bosses, activities, most moved first.

    Xp, kills and scores don't compare, so what moved most is first among its kind.
    `first_inside` is asked only for metrics that are not in `at_start`; `highest`: what stood highest until the start,
    of metrics that had fallen.
    """
    gains = []
    for metric, end in at_end.items():
        start = at_start.get(metric)
        peak = None if may_fall(metric) else highest.get(metric)
        gains.append(_gain(metric, start or first_inside.get(metric, end), end, peak, first_seen=start is None))
    return sorted(gains, key=_most_moved_first)


def _gain(metric: str, start: Known, end: Known, peak: Known | None, *, first_seen: bool) -> Gain:
    risen = end.value - start.value
    lost = peak.value - start.value if peak else 0
    regained = min(risen, lost) if risen > 0 and lost > 0 else 0
    base = peak if peak and regained else start
    levels = _levels_gained(metric, base, end)
    return Gain(
        metric=metric,
        start=start,
        end=end,
        gained=risen - regained,
        levels_gained=levels if levels is None or not regained else max(levels, 0),
        first_seen=first_seen,
        fell=risen < 0 and not may_fall(metric),
        regained=regained,
    )


def _levels_gained(metric: str, start: Known, end: Known) -> int | None:
    before = level_of(metric, start)
    after = before if end is start else level_of(metric, end)
    return None if before is None or after is None else after - before


def level_of(metric: str, known: Known) -> int | None:
    """The level at a known value; None outside skills."""
    return level_at(metric, known.value, known.level)


_KINDS = {kind: place for place, kind in enumerate(MetricKind)}


def _most_moved_first(gain: Gain) -> tuple[bool, int, int, tuple[int, str]]:
    return gain.metric != OVERALL, _KINDS[kind_of(gain.metric)], -abs(gain.gained), place_of(gain.metric)
