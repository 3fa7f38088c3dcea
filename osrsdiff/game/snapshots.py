"""What a look at the hiscores says, what is remembered of it, and what changed between two. Pure.

A sheet is one look: a reading for each metric, by metric key. A `State` is what is known of a player after its last
look. `difference` compares the two; it is the only place that decides what a change is.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from osrsdiff.game.metrics import OVERALL, SKILLS, may_fall


class Unranked(StrEnum):
    """Why a reading has no rank."""

    HIDDEN = "hidden"
    """Nothing is known: xp or score -1."""
    ZERO = "zero"
    """Known to be nothing: never trained, no kill."""
    BELOW_CUTOFF = "below_cutoff"
    """A real value outside the ranked part of the table."""


class Reading(Struct, frozen=True, array_like=True, gc=False):
    """One metric at one look.

    `value`: xp, kills or score, None where hidden (in a state: where it was never seen). `rank`: from 1, None where
    unranked. `level`: as the hiscores say, skills only. `unranked`: None where ranked.
    """

    value: int | None
    rank: int | None
    level: int | None
    unranked: Unranked | None


Sheet = Mapping[str, Reading]


class State(Struct, frozen=True):
    """What is known of a player after its last look.

    `version` grows by one with each stored look. `looked_at`: when the hiscores last gave data. `taken_at`: when that
    data last changed, the newest snapshot's time. `sheet`: values carried forward where a metric has become hidden or
    has left the answer.
    """

    version: int
    looked_at: datetime
    taken_at: datetime
    sheet: Sheet


class Change(Struct, frozen=True):
    """A metric whose value is another than at the look before, or a total level that moved although the xp did not."""

    metric: str
    before: Reading | None
    after: Reading

    @property
    def first_seen(self) -> bool:
        """Whether nothing was known before: such a change is no gain."""
        return self.before is None or self.before.value is None

    @property
    def gained(self) -> int:
        """After minus before; 0 where first seen, negative for a fall."""
        if self.before is None or self.before.value is None or self.after.value is None:
            return 0
        return self.after.value - self.before.value

    @property
    def fell(self) -> bool:
        """A fall in a metric that cannot fall: a rollback, a new owner of the name, or a stale cache."""
        return self.gained < 0 and not may_fall(self.metric)


class Difference(Struct, frozen=True):
    """What a look adds to what was known.

    `previous_look_at`: None at a player's first look. `looked_at` is after every earlier look even where the clock went
    back. `changes`: empty where only ranks drifted. `sheet`: the newest full sheet, hidden values carried forward.
    """

    previous_look_at: datetime | None
    looked_at: datetime
    changes: tuple[Change, ...]
    sheet: Sheet

    @property
    def is_first_look(self) -> bool:
        """Whether the player had never been seen."""
        return self.previous_look_at is None


def difference(previous: State | None, observed: Sheet, now: datetime) -> Difference:
    """What `observed`, seen at `now` (aware UTC), changes in what was known. Rank drift is no change."""
    known: Sheet = previous.sheet if previous else {}
    changes = []
    sheet = {metric: _carried_forward(before, _ABSENT) for metric, before in known.items() if metric not in observed}
    for metric, reading in observed.items():
        before = known.get(metric)
        if reading.value is None:
            sheet[metric] = reading if before is None else _carried_forward(before, reading)
        else:
            sheet[metric] = reading
            if before is None or before.value != reading.value or is_other_total(metric, before.level, reading.level):
                changes.append(Change(metric, before, reading))
    looked_at = now if previous is None else max(now, previous.looked_at + timedelta(seconds=1))
    return Difference(previous.looked_at if previous else None, looked_at, tuple(changes), sheet)


def is_other_total(metric: str, before: int | None, level: int | None) -> bool:
    """Whether it is the total level that moved: it follows from no xp, and a new skill adds to everybody's."""
    return metric == OVERALL and before is not None and level is not None and before != level


def missing_skills(previous: State | None, observed: Sheet) -> list[str]:
    """Skills that the last state had and this look lacks: such an answer is malformed, not a change.

    Only skills that the game is known to have: a state that came from elsewhere may name others, which never return.
    """
    if previous is None:
        return []
    return [metric for metric in previous.sheet if metric in SKILLS and metric not in observed]


_ABSENT = Reading(None, None, None, Unranked.HIDDEN)


def _carried_forward(before: Reading, hidden: Reading) -> Reading:
    return hidden if before.value is None else Reading(before.value, None, before.level, Unranked.HIDDEN)
