"""What somebody has to look at before more is made of a player: a sheet that collapses, a mode that can't be. Pure.

What falls although it can't is marked, and that is all, until it is too much for one account. It has one of four
reasons, and only the last of them makes a collapse:

- A rollback, or an answer out of an old cache: the account as it was some hours ago. Nothing stands below what was
  known a day (`ROLLED_BACK`) before the last look then; the longest rollbacks took less than half of one back.
- A season that ends: league points, Bounty Hunter and the like begin anew. They are activities and count for nothing
  here: a skill or a boss never begins anew. Ratings may fall.
- A correction: one skill, or one boss, a little lower.
- Another account under the name.

So a look collapses where skills or bosses stand below what was known a day before and either a tenth of all xp is gone
(a newcomer under the name), or five of them stand lower (an account of the same size, some of it higher and some
lower), or the others rose by more than there was time for (a larger account): 2,000,000 xp an hour, which is beyond the
fastest training, with six hours more for a session whose end the hiscores had not seen.

Of a player who is known for less than a day nobody can tell where a rollback leads to. There, what is gone must also
pass what some hours of training give, 5,000,000 xp: a small account that changes hands on its first day goes unnoticed,
so that no new player is flagged for a rollback.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of
from osrsdiff.game.snapshots import Change, Difference, Reading, Sheet, Unranked

ROLLED_BACK = timedelta(days=1)
"""No rollback goes back further from the last look."""

_SHARE = 10
"""The part of all xp, one in so many, that is gone where a newcomer has the name."""
_SEVERAL = 5
_MOST_XP_AN_HOUR = 2_000_000
_UNSEEN_HOURS = 6
_MOST_XP_ROLLED_BACK = 5_000_000
_SAME = 3
"""The part of what is known, one in so many, that an account which came back has not touched meanwhile."""
_HITPOINTS_AT_FIRST = 1_154


class Why(StrEnum):
    """Why somebody has to look at a player."""

    COLLAPSE = "collapse"
    """The sheet fell as that of one account doesn't."""
    IMPOSSIBLE_MODE = "impossible_mode"
    """The game mode became one that the account can't have come to."""


class Resolution(StrEnum):
    """How a review ended."""

    ACCEPTED = "accepted"
    """It is the same player."""
    SPLIT = "split"
    """It was somebody else from then on, who is another player now."""
    DISCARDED = "discarded"
    """The looks from then on were thrown away."""
    RECOVERED = "recovered"
    """The sheet came back by itself."""


class _Fell(Struct, frozen=True):
    """What a look took away. `by`: after minus before, negated. `below`: how far below what a rollback leads to."""

    metric: str
    by: int
    below: int


def may_collapse(found: Difference) -> bool:
    """Whether `collapse` needs to know what was known a day before: only then, since it seldom is."""
    return any(change.fell and _counts(change.metric) for change in found.changes)


def collapse(found: Difference, earlier: Sheet | None = None) -> str | None:
    """Why the look can't be of the same account, in words; None where it can.

    `earlier`: what was known `ROLLED_BACK` before the look that it was compared with; None where nothing was.
    """
    fell = [_fell(change, earlier) for change in found.changes if change.fell and _counts(change.metric)]
    if not any(one.below for one in fell):
        return None
    known = _known_before(found)
    gone, total = _gone(fell, found), max(_skills_of(known), known.get(OVERALL, 0))
    lower = sum(one.below > 0 for one in fell if one.metric != OVERALL)
    is_other = gone * _SHARE >= total > 0 or lower >= _SEVERAL
    if earlier is None:
        is_other = is_other and gone > _MOST_XP_ROLLED_BACK
    if is_other or (lower and _rose(found) > _most_xp(found)):
        return _words(fell, found, total)
    return None


def has_recovered(before: Sheet, now: Sheet) -> bool:
    """Whether a sheet that collapsed is back: at least what it was `before`, and still the same account.

    Each skill and boss stands where it stood or higher, and a third of them exactly there: who takes a name over and
    outgrows the one before has none of them.
    """
    pairs = [
        (reading.value, now[metric].value)
        for metric, reading in before.items()
        if _tells(metric, reading) and metric in now and now[metric].unranked is not Unranked.HIDDEN
    ]
    known = [(old, new) for old, new in pairs if old is not None and new is not None]
    same = sum(old == new for old, new in known)
    return same > 0 and same * _SAME >= len(known) and all(new >= old for old, new in known)


def _counts(metric: str) -> bool:
    return kind_of(metric) is not MetricKind.ACTIVITY


def _tells(metric: str, reading: Reading) -> bool:
    """Whether a value tells accounts apart: not where it is what everybody begins with."""
    is_first = not reading.value or (metric == "hitpoints" and reading.value == _HITPOINTS_AT_FIRST)
    return _counts(metric) and metric != OVERALL and not is_first


def _fell(change: Change, earlier: Sheet | None) -> _Fell:
    before, after = _before(change), change.after.value or 0
    reading = None if earlier is None else earlier.get(change.metric)
    floor = before if earlier is None else min(before, (reading.value if reading else None) or 0)
    return _Fell(change.metric, before - after, max(0, floor - after))


def _before(change: Change) -> int:
    """What was known of the metric before the look, 0 where nothing was."""
    return (change.before.value if change.before else None) or 0


def _known_before(found: Difference) -> Mapping[str, int]:
    known = {metric: reading.value or 0 for metric, reading in found.sheet.items()}
    return known | {change.metric: _before(change) for change in found.changes}


def _skills_of(known: Mapping[str, int]) -> int:
    return sum(value for metric, value in known.items() if _is_single_skill(metric))


def _gone(fell: Iterable[_Fell], found: Difference) -> int:
    """How much xp is gone below what a rollback leads to: by the skills; by Overall only where it hides all of them.

    Where it hides some, Overall may count these or not.
    """
    below = {one.metric: one.below for one in fell}
    skills = [reading for metric, reading in found.sheet.items() if _is_single_skill(metric)]
    is_bare = all(reading.unranked is Unranked.HIDDEN for reading in skills)
    return max(_skills_of(below), below.get(OVERALL, 0) if is_bare else 0)


def _rose(found: Difference) -> int:
    """How much xp more the skills have, by Overall where some of them were not known before."""
    rose = {change.metric: change.gained for change in found.changes if change.gained > 0}
    return max(_skills_of(rose), rose.get(OVERALL, 0))


def _most_xp(found: Difference) -> float:
    """What one account may gain between the two looks."""
    since = found.looked_at - (found.previous_look_at or found.looked_at)
    return _MOST_XP_AN_HOUR * (_UNSEEN_HOURS + since / timedelta(hours=1))


def _is_single_skill(metric: str) -> bool:
    return metric != OVERALL and kind_of(metric) is MetricKind.SKILL


def _words(fell: Iterable[_Fell], found: Difference, total: int) -> str:
    """18 skills fell, by 45,678,901 of 60,000,000 xp; 12 bosses fell; 3 skills rose, by 1,000,000 xp"""
    skills = [one.by for one in fell if _is_single_skill(one.metric)]
    overall = [one.by for one in fell if one.metric == OVERALL]
    bosses = sum(kind_of(one.metric) is MetricKind.BOSS for one in fell)
    rose = [change.gained for change in found.changes if change.gained > 0 and _is_single_skill(change.metric)]
    parts = []
    if skills:
        parts.append(f"{_counted(len(skills), 'skill')} fell, by {sum(skills):,} of {total:,} xp")
    elif overall:
        parts.append(f"Overall fell, by {overall[0]:,} of {total:,} xp")
    if bosses:
        parts.append(f"{_counted(bosses, 'boss', 'bosses')} fell")
    if rose:
        parts.append(f"{_counted(len(rose), 'skill')} rose, by {sum(rose):,} xp")
    return "; ".join(parts)


def _counted(count: int, noun: str, nouns: str | None = None) -> str:
    return f"{count} {noun if count == 1 else nouns or noun + 's'}"
