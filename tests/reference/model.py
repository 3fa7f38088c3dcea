"""The slow and obvious reference: a player's history as a plain list of full sheets, asked by walking over all of it.

Written from the rules alone; nothing here comes from the program but the shape of a reading. Times are whole epoch
seconds. Every look is kept, also those that changed nothing.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from osrsdiff.game.snapshots import Reading

Sheet = dict[str, Reading]

RATINGS = {"lms_rank", "pvp_arena_rank"}
PERIODS = {"day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "year": 31_556_926}
COMBAT = ("attack", "strength", "defence", "hitpoints", "prayer", "ranged", "magic")


OLD_SKILLS = {
    *COMBAT, "cooking", "woodcutting", "fletching", "fishing", "firemaking", "crafting", "smithing", "mining",
    "herblore", "agility", "thieving", "slayer", "farming", "runecraft", "hunter", "construction",
}  # fmt: skip


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


class Record(NamedTuple):
    """The largest gain of a period's length, between two looks."""

    gained: int
    start: int
    end: int


class Reached(NamedTuple):
    """Between which looks a threshold was passed; None where nobody knows."""

    at: int | None
    after: int | None


class Event(NamedTuple):
    """What happened between two looks."""

    kind: str
    at: int
    after: int | None
    metric: str | None = None
    value: int | None = None
    before: int | None = None
    detail: str | None = None


class Snapshot(NamedTuple):
    """A look that changed something, and when the look before it was."""

    at: int
    before: int | None


class History:
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
        value = seen[-1].sheet[metric].value
        first = seen[-1]
        for look in reversed(seen):
            if look.sheet[metric].value != value:
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
        """Each value that is another than the one before, the first one too."""
        if metric not in self._worked_out:
            changes: list[Known] = []
            for look in self.shown(metric):
                now = self._known(metric, look)
                if not changes or changes[-1].value != now.value:
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
            gained = last.value - base.value
            levels = None
            if metric in self.skills and last.level is not None and base.level is not None:
                levels = last.level - base.level
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
        if all(self.value(metric, earlier[-1]) == self.value(metric, later[0]) for metric in self.metrics()):
            return (at, at)
        return (earlier[-1], later[0])

    # Records

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
        gained = max(0, max((known.value for known in values), default=highest) - highest)
        return Record(gained, base_at, end)

    # Thresholds

    def measured(self, metric: str, measure: str, at: int) -> int | None:
        """A measure at a time; None while anything that it needs is unknown."""
        if measure == "value":
            return self.value(metric, at)
        if measure == "level":
            return self.level(metric, at)
        levels = {skill: self.level(skill, at) for skill in self.skills - {"overall"}}
        known = {skill: level for skill, level in levels.items() if level is not None}
        if measure == "combat_level":
            return combat(known) if known.keys() >= set(COMBAT) else None
        return min(known.values()) if known.keys() >= OLD_SKILLS else None

    def level(self, metric: str, at: int) -> int | None:
        """A skill's level at a time."""
        known = self.known(metric, at)
        return None if known is None or metric not in self.skills else known.level

    def achievements(self, rules: Iterable[tuple[str, str, int]]) -> dict[tuple[str, str, int], Reached]:
        """Of rules (metric, measure, threshold) those that are noted as reached."""
        values: dict[tuple[str, str], list[int | None]] = {}
        found = {}
        for metric, measure, threshold in rules:
            if (metric, measure) not in values:
                values[metric, measure] = [self.measured(metric, measure, look.at) for look in self.looks]
            reached = self._crossing(values[metric, measure], threshold)
            if reached is not None:
                found[metric, measure, threshold] = reached
        return found

    def _crossing(self, values: list[int | None], threshold: int) -> Reached | None:
        """When a measure first reached a threshold; None where it never did, or was there at first and is still."""
        known = [(number, value) for number, value in enumerate(values) if value is not None]
        if not known:
            return None
        if known[0][1] >= threshold:
            has_fallen = any(value < threshold for _, value in known)
            return Reached(None, None) if has_fallen else None
        for number, value in known:
            if value >= threshold:
                return Reached(self.looks[number].at, self.looks[number - 1].at)
        return None

    # Events

    def events(self, rules: Iterable[tuple[str, str, int]]) -> list[Event]:
        """What happened, in no order."""
        return [
            Event("first_seen", self.looks[0].at, None),
            *self._level_ups(),
            *(
                Event("achievement", reached.at, reached.after, metric, threshold, None, measure)
                for (metric, measure, threshold), reached in self.achievements(rules).items()
                if reached.at is not None
            ),
            *self._beaten_records(),
        ]

    def _level_ups(self) -> Iterator[Event]:
        for metric in self.skills - {"overall"}:
            for look_before, look in pairwise(self.looks):
                before, now = self.level(metric, look_before.at), self.level(metric, look.at)
                if before is not None and now is not None and now > before:
                    yield Event("level_up", look.at, look_before.at, metric, now, before)

    def _beaten_records(self) -> Iterator[Event]:
        """Of each metric and period the looks at which a gain other than the largest so far became the largest."""
        for metric in self.metrics():
            for period, length in PERIODS.items():
                standing = Record(0, 0, 0)
                for end in self.changed(metric):
                    window = self.window_gain(metric, end.at, length)
                    if window.gained <= standing.gained:
                        continue
                    if standing.gained and window.start >= standing.end:
                        yield Event("record", end.at, window.start, metric, window.gained, standing.gained, period)
                    standing = window


def combat(levels: dict[str, int]) -> int:
    """The combat level, in ten-thousandths so that nothing is rounded twice."""
    base = 2500 * (levels["defence"] + max(levels["hitpoints"], 10) + levels["prayer"] // 2)
    melee = levels["attack"] + levels["strength"]
    best = max(melee, 3 * levels["ranged"] // 2, 3 * levels["magic"] // 2)
    return (base + 3250 * best) // 10_000


def level_of_xp(xp: int) -> int:
    """The level, by adding up the game's own sum until it passes."""
    level, points = 1, 0
    while level < 99:
        points += int(level + 300 * 2 ** (level / 7))
        if points // 4 > xp:
            break
        level += 1
    return level


def _short(reading: Reading) -> str:
    level = "" if reading.level is None else f" level {reading.level}"
    return f"{'-' if reading.value is None else reading.value}{level}{' unranked' if reading.rank is None else ''}"
