"""The slow and obvious reference: all that a player's history comes to, by walking over all of it."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from recorded import PERIODS, Record, Recorded
from seen import RATINGS

COMBAT = ("attack", "strength", "defence", "hitpoints", "prayer", "ranged", "magic")
OLD_SKILLS = {
    *COMBAT, "cooking", "woodcutting", "fletching", "fishing", "firemaking", "crafting", "smithing", "mining",
    "herblore", "agility", "thieving", "slayer", "farming", "runecraft", "hunter", "construction",
}  # fmt: skip


class Reached(NamedTuple):
    """Between which looks a threshold was passed; None where nobody knows."""

    at: int | None
    after: int | None


class BoardGain(NamedTuple):
    """What counts as gained on a leaderboard, and from where on."""

    gained: int
    base: int


class Event(NamedTuple):
    """What happened between two looks."""

    kind: str
    at: int
    after: int | None
    metric: str | None = None
    value: int | None = None
    before: int | None = None
    detail: str | None = None


class History(Recorded):
    """One player's looks, the thresholds that they pass, and what happened."""

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

    # Leaderboards

    def gain_of_a_board(self, metric: str, start: int, end: int) -> BoardGain | None:
        """What counts on a leaderboard: what has been gained above all that was ever known until the start."""
        gain = self.gains(start, end).get(metric)
        if gain is None:
            return None
        base = gain.start.value
        if metric not in RATINGS:
            base = max([base, *(known.value for known in self.changed(metric) if known.at <= start)])
        return BoardGain(gain.end.value - base, base)

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
