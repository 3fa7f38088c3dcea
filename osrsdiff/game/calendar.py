"""A year of one metric by days: what was gained on each, and where nobody can tell. Pure; days are those of a zone.

A gain belongs to the day of the look that saw it. Where the look before was on an earlier day it may have come on that
day, or on one in between: then the day is uncertain, and the days between, on which nobody looked, are unknown.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from msgspec import Struct

from osrsdiff.game.series import Seen
from osrsdiff.game.zones import DAY_S, Clock

_FIRST = date(1970, 1, 1)


class Year(Struct, frozen=True):
    """`gained`: by day from the 1st of January on, negative for a fall, None where nothing is known.

    `uncertain`: the days to which a gain is put that may have come on an earlier one.
    """

    gained: list[int | None]
    uncertain: list[date]


def length_of(year: int) -> int:
    """How many days the year has."""
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


def by_day(
    year: int, clock: Clock, before: int | None, first: int | None, changes: Iterable[Seen], holds_until: int | None
) -> Year:
    """The year, from the last change of each day with the look before the day's first one.

    `before`: the value at the year's start, None where nothing was known; then the first value, `first`, is no gain.
    `holds_until`: until when the last value is known to hold.
    """
    offset = (date(year, 1, 1) - _FIRST).days
    gained: list[int | None] = [None] * length_of(year)
    uncertain = []

    def day_of(at: int) -> int:
        return clock.local(at) // DAY_S - offset

    def nothing(after: int, until: int) -> None:
        for quiet in range(after + 1, min(until + 1, len(gained))):
            gained[quiet] = 0

    value, last = before, -1
    for at, seen, _, _, look_before in changes:
        day = day_of(at)
        if value is not None and look_before is not None:
            nothing(last, min(day_of(look_before), day - 1))
            if day_of(look_before) < day:
                uncertain.append(date(year, 1, 1) + timedelta(days=day))
        start = first if value is None else value
        gained[day] = seen - (seen if start is None else start)
        value, last = seen, day
    if value is not None and holds_until is not None:
        nothing(last, day_of(holds_until))
    return Year(gained, uncertain)
