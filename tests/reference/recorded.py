"""Records: of each metric and period the largest gain of all windows, found by trying each."""

from typing import NamedTuple

from seen import RATINGS, Seen

PERIODS = {"day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "year": 31_556_926}


class Record(NamedTuple):
    """The largest gain of a period's length, between two looks."""

    gained: int
    start: int
    end: int


class Recorded(Seen):
    """One player's looks, and the records that they come to."""

    def records(self) -> dict[tuple[str, str], Record]:
        """By metric and period: the largest gain of all windows, the earliest where several are as large."""
        records = {
            (metric, period): self.record(metric, length)
            for metric in self.metrics()
            for period, length in PERIODS.items()
        }
        return {of: record for of, record in records.items() if record is not None}

    def record(self, metric: str, length: int) -> Record | None:
        """The same of one metric and one length."""
        best = Record(0, 0, 0)
        for end in self.changed(metric):
            window = self.window_gain(metric, end.at, length)
            if window.gained > best.gained:
                best = window
        return best if best.gained else None

    def window_gain(self, metric: str, end: int, length: int) -> Record:
        """What counts as gained in the window of this length that ends at a look.

        A snapshot counts where it lies in the window, and the look before it in the window stretched by a tenth.
        """
        first = next(snapshot for snapshot in self.snapshots() if snapshot.at > end - length)
        if first.before is not None and first.before >= end - length * 11 // 10:
            base_at, base = first.before, self.value(metric, first.at - 1)
        else:
            base_at, base = first.at, self.value(metric, first.at)
        if base is None:
            base_at, base = self.changed(metric)[0][:2]
        values = [known for known in self.changed(metric) if base_at < known.at <= end]
        if metric in RATINGS:
            last = self.value(metric, end)
            assert last is not None
            low, low_at = base, base_at
            for known in values:
                if known.value < low:
                    low, low_at = known.value, known.at
            return Record(last - low, low_at, end)
        highest = max((known.value for known in self.changed(metric) if known.at <= base_at), default=base)
        if base < highest:  # nobody knows when what is beyond it came, but after it was regained
            regained = next((known for known in values if known.value >= highest), None)
            if regained is None:
                return Record(0, base_at, end)
            base_at, highest = regained[:2]
        gained = max(0, max((known.value for known in values), default=highest) - highest)
        return Record(gained, base_at, end)
