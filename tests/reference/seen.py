"""What was seen: a player's history as a plain list of full sheets, asked by walking over all of it.

Written from the rules alone, as all of the reference; nothing here comes from the program but the shape of a reading.
Times are whole epoch seconds. Every look is kept, also those that changed nothing.
"""

from typing import NamedTuple

from osrsdiff.game.snapshots import Reading

Sheet = dict[str, Reading]

RATINGS = {"lms_rank", "pvp_arena_rank"}


class Look(NamedTuple):
    """What was shown at one time. `clock`: what the clock said, which may have gone back."""

    at: int
    sheet: Sheet
    clock: float


class Known(NamedTuple):
    """A value, when it was first seen without another since, and what was shown then."""

    at: int
    value: int
    rank: int | None
    level: int | None


class Gain(NamedTuple):
    """What one metric gained over a window."""

    start: Known
    end: Known
    gained: int
    levels_gained: int | None
    first_seen: bool
    fell: bool


class Snapshot(NamedTuple):
    """A look that changed something, and when the look before it was."""

    at: int
    before: int | None


class Seen:
    """One player's looks. `skills`: which metrics have levels."""

    def __init__(self, skills: set[str]) -> None:
        self.looks: list[Look] = []
        self.skills = skills
        self._worked_out: dict[str, list[Known]] = {}

    def see(self, clock: float, sheet: Sheet) -> None:
        """Adds a look; one whose clock is not past the last look counts as a second after it."""
        at = int(clock)
        if self.looks:
            at = max(at, self.looks[-1].at + 1)
        self.looks.append(Look(at, sheet, clock))
        self._worked_out.clear()

    def __repr__(self) -> str:
        shown = [(look.at, look.clock, {key: _short(one) for key, one in look.sheet.items()}) for look in self.looks]
        return "History of\n" + "\n".join(f"  {at} (clock {clock:.0f}): {sheet}" for at, clock, sheet in shown)

    def metrics(self) -> set[str]:
        """What any look has named."""
        return {metric for look in self.looks for metric in look.sheet}

    # What is known

    def shown(self, metric: str) -> list[Look]:
        """The looks that showed a value of the metric."""
        return [look for look in self.looks if metric in look.sheet and look.sheet[metric].value is not None]

    def known(self, metric: str, at: int) -> Known | None:
        """The value at a time; None where nothing was known yet."""
        seen = [look for look in self.shown(metric) if look.at <= at]
        if not seen:
            return None
        newest = seen[-1].sheet[metric]
        first = seen[-1]
        for look in reversed(seen):
            if not _same(metric, look.sheet[metric], newest):
                break
            first = look
        return self._known(metric, first)

    def first_known(self, metric: str, after: int, until: int) -> Known | None:
        """The first value shown after one time, up to another."""
        for look in self.shown(metric):
            if after < look.at <= until:
                return self._known(metric, look)
        return None

    def value(self, metric: str, at: int) -> int | None:
        """The bare value at a time."""
        known = self.known(metric, at)
        return None if known is None else known.value

    def changed(self, metric: str) -> list[Known]:
        """Each value that is another than the one before, the first one too; of overall also each other level."""
        if metric not in self._worked_out:
            changes: list[Known] = []
            for look in self.shown(metric):
                now = self._known(metric, look)
                if not changes or not _same(metric, changes[-1], now):
                    changes.append(now)
            self._worked_out[metric] = changes
        return self._worked_out[metric]

    def snapshots(self) -> list[Snapshot]:
        """The first look, and those that changed something."""
        changed = {known.at for metric in self.metrics() for known in self.changed(metric)}
        found = []
        for number, look in enumerate(self.looks):
            before = self.looks[number - 1].at if number else None
            if before is None or look.at in changed:
                found.append(Snapshot(look.at, before))
        return found

    def _known(self, metric: str, look: Look) -> Known:
        reading = look.sheet[metric]
        assert reading.value is not None
        return Known(look.at, reading.value, reading.rank, reading.level)

    # Gains

    def gains(self, start: int, end: int) -> dict[str, Gain]:
        """What each metric that is known at the end gained since the start."""
        found = {}
        for metric in self.metrics():
            last = self.known(metric, end)
            if last is None:
                continue
            before = self.known(metric, start)
            base = before or self.first_known(metric, start, end)
            assert base is not None
            gained, since = last.value - base.value, base
            if gained > 0 and metric not in RATINGS:
                # what had been reached before is only regained
                since = max([base, *(known for known in self.changed(metric) if known.at <= start)], key=_by_value)
                gained = max(last.value - since.value, 0)
            levels = None
            if metric in self.skills and last.level is not None and since.level is not None:
                levels = last.level - since.level if since is base else max(last.level - since.level, 0)
            found[metric] = Gain(base, last, gained, levels, before is None, gained < 0 and metric not in RATINGS)
        return found

    def bracket(self, at: int) -> tuple[int, int | None] | None:
        """Between which two looks a value may have changed around a time; None before the first look."""
        earlier = [look.at for look in self.looks if look.at <= at]
        later = [look.at for look in self.looks if look.at > at]
        if not earlier:
            return None
        if at == earlier[-1]:
            return (at, at)
        if not later:
            return (earlier[-1], None)
        if all(self.known(metric, earlier[-1]) == self.known(metric, later[0]) for metric in self.metrics()):
            return (at, at)
        return (earlier[-1], later[0])


def _by_value(known: Known) -> tuple[int, int]:
    return known.value, known.at


def _same(metric: str, one: Reading | Known, other: Reading | Known) -> bool:
    """Whether two looks show the same of a metric; the total level also moves where no xp does."""
    return one.value == other.value and (metric != "overall" or one.level == other.level)


def _short(reading: Reading) -> str:
    level = "" if reading.level is None else f" level {reading.level}"
    return f"{'-' if reading.value is None else reading.value}{level}{' unranked' if reading.rank is None else ''}"
