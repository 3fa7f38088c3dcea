"""Experience and levels: the game's own formulas, and nothing else."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of

MAX_LEVEL = 99
MAX_VIRTUAL_LEVEL = 126
MAX_XP = 200_000_000

_LOWEST_HITPOINTS = 10
_HITPOINTS = "hitpoints"

# xp(L) = ⌊¼ · Σ l=1…L−1 ⌊l + 300 · 2^(l/7)⌋⌋; index 0 is level 1
_XP = tuple(
    points // 4
    for points in accumulate((int(level + 300 * 2 ** (level / 7)) for level in range(1, MAX_VIRTUAL_LEVEL)), initial=0)
)


def xp_for_level(level: int) -> int:
    """The least xp of a level from 1 to 126. Raises ValueError outside."""
    if not 1 <= level <= MAX_VIRTUAL_LEVEL:
        raise ValueError(f"there is no level {level}")
    return _XP[level - 1]


def level_for_xp(xp: int, cap: int = MAX_LEVEL) -> int:
    """The level that this much xp of one skill gives; the hiscores stop at 99, virtual levels at 126."""
    return max(1, min(bisect_right(_XP, xp), cap))


def level_at(metric: str, value: int, own: int | None) -> int | None:
    """The level of a known value: the hiscores' `own`, else what the xp gives.

    None outside skills, and where the hiscores have not said the total level: nothing else gives it.
    """
    if own is not None or metric == OVERALL or kind_of(metric) is not MetricKind.SKILL:
        return own
    return level_for_xp(value)


COMBAT_SKILLS = frozenset({"attack", "strength", "defence", "hitpoints", "prayer", "ranged", "magic"})
"""Those that the combat level follows from."""


def combat_level(levels: Mapping[str, int]) -> int:
    """Combat level of levels by skill key; a skill that is not there counts 1, Hitpoints at least 10."""
    attack, strength, defence, prayer, ranged, magic = (
        levels.get(skill, 1) for skill in ("attack", "strength", "defence", "prayer", "ranged", "magic")
    )
    base = defence + max(levels.get(_HITPOINTS, 1), _LOWEST_HITPOINTS) + prayer // 2
    best = max(attack + strength, ranged * 3 // 2, magic * 3 // 2)
    # ⌊base / 4 + 0.325 · best⌋ in whole numbers
    return (10 * base + 13 * best) // 40


def total_level(levels: Mapping[str, int], reported: int | None = None) -> int:
    """The larger of the hiscores' own total and the sum of levels by skill key, Hitpoints at least 10.

    The sum passes what the hiscores report where they hide skills, and the other way round.
    """
    counted = {skill: level for skill, level in levels.items() if skill != OVERALL}
    counted[_HITPOINTS] = max(counted.get(_HITPOINTS, 1), _LOWEST_HITPOINTS)
    return max(reported or 0, sum(counted.values()))
