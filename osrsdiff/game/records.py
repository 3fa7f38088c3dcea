"""The largest gain of a metric in any window of a period's length. Pure: storage looks up what windows count from.

A window ends at a look that changed the metric. It counts from the last look before its first snapshot where that look
lies inside it, or before it by at most a tenth of the period: the change was then seen to come inside. Else it counts
from that first snapshot: nobody knows how much of what it found is older than the window.

What fell although it can't counts by its high-water mark, so that regaining it is no gain. Where it stands lower when
the window begins, that counts from when it stands as high again: the looks in between may have shown somebody else, or
what an old cache had, so what is beyond the mark may have come before the window. A rating, which may fall, gains from
its lowest value inside the window. `rebuilt` goes over a whole history, `beaten` over one look; both must come to the
same.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from msgspec import Struct

from osrsdiff.game.metrics import may_fall
from osrsdiff.game.periods import PERIODS
from osrsdiff.game.snapshots import Difference


class RecordPeriod(StrEnum):
    """How long a window is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    @property
    def length(self) -> timedelta:
        """The window's length."""
        return _LENGTHS[self]

    @property
    def stretched(self) -> timedelta:
        """How long before its end a window may begin all the same, in whole seconds."""
        return _STRETCHED[self]


_LENGTHS = {period: length for period in RecordPeriod if (length := PERIODS[period]) is not None}
_STRETCHED = {period: timedelta(seconds=int(length.total_seconds()) * 11 // 10) for period, length in _LENGTHS.items()}

PERIOD_CODES: Mapping[RecordPeriod, int] = {period: code for code, period in enumerate(RecordPeriod, start=1)}
"""How periods are stored."""


class Record(Struct, frozen=True):
    """The largest gain of a metric in any window of a period. It lies between the looks `start` and `end`."""

    metric: str
    period: RecordPeriod
    gained: int
    start: datetime
    end: datetime


class Candidate(Struct, frozen=True, gc=False):
    """What a metric's gain counts from in the window that ends at a look, and the record that stands.

    `baseline`: the value, the high-water mark or the lowest value to count from; `start_s`: when it was last or, as the
    lowest, first seen. `peak`: the high-water mark before the look, 0 where nothing ever fell. `standing`: the gain of
    the record, 0 where there is none, and `standing_end_s` its end. Times are epoch seconds: most of them nobody needs.
    """

    metric: str
    period: RecordPeriod
    start_s: int
    baseline: int
    peak: int
    standing: int
    standing_end_s: int


class Beaten(Struct, frozen=True):
    """A new record. `standing`: the gain that it beat, 0 where there was none.

    `begins_anew`: another gain has beaten the standing one, and not the same one by going on.
    """

    record: Record
    standing: int
    begins_anew: bool


def gainers(found: Difference) -> list[str]:
    """The metrics that gained something at a look: no other can set a record there."""
    return [change.metric for change in found.changes if change.gained > 0]


def beaten(found: Difference, candidates: Iterable[Candidate]) -> list[Beaten]:
    """The records that a look sets; their times are whole seconds, as looks are stored."""
    at = found.looked_at.replace(microsecond=0)
    values = {change.metric: change.after.value or 0 for change in found.changes}
    return [
        Beaten(
            Record(one.metric, one.period, gained, datetime.fromtimestamp(one.start_s, UTC), at),
            one.standing,
            begins_anew=one.standing > 0 and one.standing_end_s <= one.start_s,
        )
        for one in candidates
        if (gained := max(values[one.metric], one.peak) - one.baseline) > one.standing
    ]


def rebuilt(
    looks: Sequence[tuple[datetime, datetime | None]], series: Mapping[str, Sequence[tuple[datetime, int]]]
) -> list[Record]:
    """The records of a whole history, in the order of `series`.

    `looks`: each snapshot's time and the look before it; `series`: each metric's changes, times and values. Both from
    the oldest on, their times in whole seconds.
    """
    return [
        record
        for metric, known in series.items()
        for period in RecordPeriod
        if (record := _largest(metric, period, looks, known)) is not None
    ]


class _From(Struct, frozen=True):
    """What a window counts from: the state at `until`, seen at the look `at`."""

    at: datetime
    until: datetime


_SECOND = timedelta(seconds=1)


def _largest(
    metric: str,
    period: RecordPeriod,
    looks: Sequence[tuple[datetime, datetime | None]],
    known: Sequence[tuple[datetime, int]],
) -> Record | None:
    gains = _rating_gains if may_fall(metric) else _gains
    best = max(gains(period, looks, known), key=_gained, default=None)  # the first of equal ones
    return Record(metric, period, *best) if best is not None and best[0] > 0 else None


_Gain = tuple[int, datetime, datetime]
"""How much, from when, until when."""


def _gained(gain: _Gain) -> int:
    return gain[0]


def _gains(
    period: RecordPeriod, looks: Sequence[tuple[datetime, datetime | None]], known: Sequence[tuple[datetime, int]]
) -> Iterator[_Gain]:
    """The gain of the window that ends at each change, by high-water marks."""
    peaks = list(accumulate((value for _, value in known), max))
    regained = _regained(known, peaks)
    for last, (first, start) in enumerate(_baselines(period, looks, known)):
        if first < regained[first] <= last:
            first = regained[first]
            start = known[first][0]
        yield peaks[last] - peaks[first], start, known[last][0]


def _regained(known: Sequence[tuple[datetime, int]], peaks: Sequence[int]) -> list[int]:
    """For each change, from which one on the metric stands as high as ever: itself, but in a dip; past the last one
    where the dip does not end."""
    found, nearest = [0] * len(known), len(known)
    for place in reversed(range(len(known))):
        nearest = place if known[place][1] >= peaks[place] else nearest
        found[place] = nearest
    return found


def _rating_gains(
    period: RecordPeriod, looks: Sequence[tuple[datetime, datetime | None]], known: Sequence[tuple[datetime, int]]
) -> Iterator[_Gain]:
    """The same of what may fall: from the lowest value in the window."""
    lows: deque[int] = deque()  # where later values only grow: the first is the lowest
    for last, (first, start) in enumerate(_baselines(period, looks, known)):
        at, value = known[last]
        while lows and known[lows[-1]][1] > value:
            lows.pop()
        lows.append(last)
        while lows[0] < first:
            lows.popleft()
        low = lows[0]
        yield value - known[low][1], start if low == first else known[low][0], at


def _baselines(
    period: RecordPeriod, looks: Sequence[tuple[datetime, datetime | None]], known: Sequence[tuple[datetime, int]]
) -> Iterator[tuple[int, datetime]]:
    """For the window that ends at each change: which change it counts from, and since when."""
    first = -1
    for begin in _begins(period, looks, [at for at, _ in known]):
        while first + 1 < len(known) and known[first + 1][0] <= begin.until:
            first += 1
        yield (first, begin.at) if first >= 0 else (0, known[0][0])


def _begins(
    period: RecordPeriod, looks: Sequence[tuple[datetime, datetime | None]], ends: Iterable[datetime]
) -> Iterator[_From]:
    """What the window that ends at each of `ends` counts from; never less than for the one before."""
    place = 0
    for end in ends:
        while looks[place][0] <= end - period.length:
            place += 1
        taken_at, previous = looks[place]
        if previous is not None and previous >= end - period.stretched:
            yield _From(previous, taken_at - _SECOND)
        else:
            yield _From(taken_at, taken_at)
