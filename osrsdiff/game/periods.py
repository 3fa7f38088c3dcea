"""Spans of time that gains are asked for: names, durations, and two given ends. `now` is always an argument."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from osrsdiff.errors import InvalidPeriod

ALL = "all"

PERIODS: Mapping[str, timedelta | None] = {
    "hour": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "day": timedelta(hours=24),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "year": timedelta(seconds=31_556_926),
    ALL: None,
}
"""Length by name, rolling: they end now. "all" begins with the first look."""

_LONGEST = timedelta(days=36_525)
_DURATION = re.compile(r"(?:([0-9]{1,6})w)?(?:([0-9]{1,6})d)?(?:([0-9]{1,7})h)?(?:([0-9]{1,8})m)?")


class Window(Struct, frozen=True):
    """From `start` to `end`, both aware UTC."""

    start: datetime
    end: datetime


def window_of(period: str, now: datetime, earliest: datetime | None) -> Window:
    """The window of a period's name or of a duration ("90m", "3d12h") that ends at `now`.

    "all" starts at `earliest`, and is empty where that is None. Raises InvalidPeriod.
    """
    wanted = period.strip().lower()
    if wanted == ALL:
        return Window(min(earliest or now, now), now)
    length = PERIODS.get(wanted) or _duration(wanted)
    if length is None:
        raise InvalidPeriod(
            f"{period[:40]!r} is not a period: give one of {', '.join(PERIODS)}, "
            "or a duration in weeks, days, hours and minutes such as 3d12h or 90m."
        )
    return Window(now - length, now)


def window_between(start: datetime, end: datetime) -> Window:
    """The window from one time to a later one.

    Raises InvalidPeriod where it is empty in whole seconds, which is how looks are stored, or a time has no zone.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidPeriod("A window's ends need a time zone: write them as 2026-01-31T12:00:00Z.")
    if start.replace(microsecond=0) >= end.replace(microsecond=0):
        raise InvalidPeriod(
            "A window must start before it ends, by a second or more: "
            f"{start.isoformat()} is not before {end.isoformat()}."
        )
    return Window(start.astimezone(UTC), end.astimezone(UTC))


def _duration(text: str) -> timedelta | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    weeks, days, hours, minutes = (int(part or 0) for part in match.groups())
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    return length if timedelta(0) < length <= _LONGEST else None
