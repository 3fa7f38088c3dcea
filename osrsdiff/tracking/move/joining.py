"""What old history changes in the history that comes after it, so that both read as one that was always watched. Pure.

The first look here did not know what was before, and so has everything as new. With the old history before it, its
values that were known already are no changes, and those that are lower are falls.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from osrsdiff.game.metrics import may_fall
from osrsdiff.game.snapshots import Sheet, State, difference, is_other_total


class FirstKnown(Struct, frozen=True):
    """A metric's first value here, and when it was seen. `level`: where it doesn't follow from the xp."""

    at: datetime
    value: int
    level: int | None = None


class Join(Struct, frozen=True):
    """What has to change here. `unchanged`: changes, by metric and time, that are none. `falls`: times of falls.

    `sheet`: what is known now, with what only the old history knows carried forward.
    """

    unchanged: list[tuple[str, datetime]]
    falls: set[datetime]
    sheet: Sheet


def joined(old: State, newest: State, first_known: Mapping[str, FirstKnown]) -> Join:
    """How `old`, the end of the old history, leads over to what is here: `newest`, and the first value by metric."""
    unchanged: list[tuple[str, datetime]] = []
    falls: set[datetime] = set()
    for metric, first in first_known.items():
        before = old.sheet.get(metric)
        if before is None or before.value is None:
            continue
        if first.value == before.value and not is_other_total(metric, before.level, first.level):
            unchanged.append((metric, first.at))
        elif first.value < before.value and not may_fall(metric):
            falls.add(first.at)
    return Join(unchanged, falls, difference(old, newest.sheet, newest.looked_at).sheet)
