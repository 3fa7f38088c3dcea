"""The course of one metric as a line to draw, and a year of it by days. Pure: storage finds the changes.

A value holds from the look that first saw it until the last look before the next change, so the line has a point at
both. Between that look and the change nobody knows: the line runs straight. Times are epoch seconds.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from osrsdiff.game.levels import MAX_LEVEL, level_for_xp, xp_for_level
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of

MOST_POINTS = 2_000


class Resolution(StrEnum):
    """How many of the changes are drawn: all of them, or the last of each hour, day or week. Weeks begin on Monday."""

    RAW = "raw"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    AUTO = "auto"
    """The finest of them that is sure to fit."""


Seen = tuple[int, int, int | None, int | None, int | None]
"""A change, as plain as it is read since thousands pass: at, value, rank, level, look before.

The level is None where it follows from xp. Where a change stands for several, the look is that before the first one.
"""


class Series(Struct, frozen=True):
    """Points in columns of equal length. `levels`: None outside skills. `next`: where it goes on, None at the end."""

    times: list[int]
    values: list[int]
    ranks: list[int | None]
    levels: list[int | None] | None
    next: int | None


def finest(most: int, changes: int, hours: int, days: int) -> Resolution:
    """The finest resolution of which at most `most` points are needed, two for each change that is drawn.

    `changes` of them there are, in so many `hours` and `days`.
    """
    for resolution, drawn in ((Resolution.RAW, changes), (Resolution.HOUR, hours), (Resolution.DAY, days)):
        if 2 * min(drawn, changes) + 2 <= most:
            return resolution
    return Resolution.WEEK


def drawn(
    metric: str, before: Seen | None, changes: Iterable[Seen], start: int, end: int, most: int = MOST_POINTS
) -> Series:
    """The line from `start` to `end`, both times of looks or between them, or its first `most` points.

    `before`: the value at the start, None where nothing was known. `changes`: those after the start, in order.
    `end`: until when the last value is known to hold.
    """
    times, states = _points(before, changes, start, end)
    shown = states[:most]
    return Series(
        times[:most],
        [state[1] for state in shown],
        [state[2] for state in shown],
        _levels(metric, shown),
        times[most - 1] if len(times) > most else None,
    )


def _points(before: Seen | None, changes: Iterable[Seen], start: int, end: int) -> tuple[list[int], list[Seen]]:
    """The times of all points, and the change that each shows the value of."""
    state, last = before, start
    times, states = ([], []) if state is None else ([start], [state])
    for change in changes:
        at, look_before = change[0], change[4]
        if state is not None and look_before is not None and look_before > last:
            times.append(look_before)
            states.append(state)
        times.append(at)
        states.append(change)
        state, last = change, at
    if state is not None and end > last:
        times.append(end)
        states.append(state)
    return times, states


def _levels(metric: str, states: Sequence[Seen]) -> list[int | None] | None:
    """The hiscores' own levels, else what the xp gives."""
    if kind_of(metric) is not MetricKind.SKILL:
        return None
    if metric == OVERALL:
        return [state[3] for state in states]
    found: list[int | None] = []
    level, least, above = 0, 0, 0
    for _, xp, _, known, _ in states:
        if not least <= xp < above:
            level = level_for_xp(xp)
            least, above = xp_for_level(level), _least_above(level)
        found.append(level if known is None else known)
    return found


def _least_above(level: int) -> int:
    """The least xp that is more than the level has."""
    return xp_for_level(level + 1) if level < MAX_LEVEL else 2**63
