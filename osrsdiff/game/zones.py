"""Time zones by their IANA names: which moment a date or a clock time means, when days begin. Pure.

A day is as long as the zone's clock makes it: 23 or 25 hours where it is put forward or back.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from osrsdiff.errors import InvalidTime, InvalidZone

DAY_S = 86_400

_EARLIEST, _LATEST = 1970, 2100
"""Years in which clock changes are looked for: nobody has looked at a player outside of them."""
_LATEST_S = int(datetime(_LATEST, 1, 1, tzinfo=UTC).timestamp())


def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name such as Europe/Berlin. Raises InvalidZone."""
    wanted = name.strip()
    if wanted not in _known():
        raise InvalidZone(name)
    try:
        return ZoneInfo(wanted)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidZone(name) from error


@cache
def _known() -> set[str]:
    """The names that mean the same everywhere."""
    return available_timezones() - {"localtime", "posixrules", "Factory"}


def read_moment(text: str, zone: tzinfo) -> datetime:
    """A date or a date and time in ISO 8601, on the zone's clock where it has no offset; a date alone is its midnight.

    Raises InvalidTime.
    """
    try:
        time = datetime.fromisoformat(text.strip())
        return (time.replace(tzinfo=zone) if time.tzinfo is None else time).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidTime(text) from error


def start_of(day: date, zone: tzinfo) -> datetime:
    """When the day begins, in UTC: at midnight, or where the clock skips that, right after the gap."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


class Clock:
    """How far a zone's clock is ahead of UTC, for many times at once. Times are epoch seconds."""

    def __init__(self, zone: tzinfo, start: int, end: int) -> None:
        """For times after `start` up to and with `end`."""
        found = list(_offsets(zone, start, end))
        self._since = [since for since, _ in found]
        self._offsets = [offset for _, offset in found]
        self._start, self._end = start, end

    def local(self, at: int) -> int:
        """What the zone's clock shows at `at`, as seconds since it showed the start of 1970."""
        return at + self._offsets[max(bisect_right(self._since, at) - 1, 0)]

    def spans(self) -> list[tuple[int, int, int]]:
        """From when, until before when, and by how much the clock is ahead; together the whole time."""
        starts = [self._start + 1, *self._since[1:]]
        ends = [*self._since[1:], self._end + 1]
        return list(zip(starts, ends, self._offsets, strict=True))


def _offsets(zone: tzinfo, start: int, end: int) -> Iterator[tuple[int, int]]:
    """From when on the clock is ahead by how much; the first one holds at `start` already."""
    first, last = (min(max(_year(at), _EARLIEST), _LATEST) for at in (start + 1, end))
    found = [one for year in range(first, last + 1) for one in _offsets_of_year(zone, year)]
    before = [one for one in found if one[0] <= start + 1]
    current = before[-1] if before else found[0]
    yield current
    for since, offset in found:
        if start + 1 < since <= end and offset != current[1]:
            current = (since, offset)
            yield current


def _year(at: int) -> int:
    return datetime.fromtimestamp(min(max(at, 0), _LATEST_S), UTC).year


@lru_cache(maxsize=1024)
def _offsets_of_year(zone: tzinfo, year: int) -> tuple[tuple[int, int], ...]:
    """From when on in a year (UTC) the clock is ahead by how much; the first one is that of its start."""
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found = [(int(start.timestamp()), _ahead(zone, start))]
    day = timedelta(days=1)
    while start < end:
        if (offset := _ahead(zone, start + day)) != found[-1][1]:
            found.append((_changed_at(zone, start, found[-1][1]), offset))
        start += day
    return tuple(found)


def _changed_at(zone: tzinfo, day: datetime, before: int) -> int:
    """The second of the day from which on the clock is no longer ahead by `before`."""
    low, high = 0, DAY_S
    while high - low > 1:
        middle = (low + high) // 2
        if _ahead(zone, day + timedelta(seconds=middle)) == before:
            low = middle
        else:
            high = middle
    return int(day.timestamp()) + high


def _ahead(zone: tzinfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
