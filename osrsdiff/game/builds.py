"""Which self-imposed limits an account keeps to, going by its sheet alone. Pure.

A build is claimed only where the sheet proves it: a hidden value could be anything, so it proves nothing.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from osrsdiff.game.levels import COMBAT_SKILLS, combat_level, level_for_xp
from osrsdiff.game.metrics import OVERALL, REQUIRED_SKILLS, MetricKind, kind_of
from osrsdiff.game.snapshots import Sheet, Unranked


class Build(StrEnum):
    """A limit that players set themselves. An account may keep to several."""

    LEVEL_3 = "level_3"
    """Combat level 3, as at the start."""
    DEFENCE_1 = "1_defence"
    """Defence level 1."""
    HITPOINTS_10 = "10_hitpoints"
    """Hitpoints level 10, as at the start."""
    FREE_TO_PLAY = "free_to_play"
    """Nothing that takes a membership."""


_Xp = Mapping[str, int]

_LOWEST_COMBAT = 3
_LOWEST_HITPOINTS = 10

_FREE_SKILLS = frozenset(
    {*COMBAT_SKILLS, "cooking", "woodcutting", "fishing", "firemaking", "crafting", "smithing", "mining", "runecraft"}
)
# `clue_scrolls_all` counts beginner ones too, and the collection log what free-to-play bosses drop.
_FREE = frozenset(
    {"obor", "bryophyta", "brutus", "clue_scrolls_all", "clue_scrolls_beginner", "lms_rank", "collections_logged"}
)
_RATINGS_AT_FIRST = {"pvp_arena_rank": 2_500}
"""What everybody has who never took part."""


def builds_of(sheet: Sheet) -> list[Build]:
    """The builds that the sheet proves; none of one that is no whole answer of the hiscores."""
    if not sheet.keys() >= REQUIRED_SKILLS:
        return []
    xp = _known_xp(sheet)
    return [build for build, holds in _RULES.items() if holds(sheet, xp)]


def _is_level_3(_: Sheet, xp: _Xp) -> bool:
    known = {skill: level_for_xp(xp[skill]) for skill in COMBAT_SKILLS if skill in xp}
    return len(known) == len(COMBAT_SKILLS) and combat_level(known) == _LOWEST_COMBAT


def _is_1_defence(_: Sheet, xp: _Xp) -> bool:
    return "defence" in xp and level_for_xp(xp["defence"]) == 1


def _is_10_hitpoints(_: Sheet, xp: _Xp) -> bool:
    return "hitpoints" in xp and level_for_xp(xp["hitpoints"]) <= _LOWEST_HITPOINTS


def _is_free_to_play(sheet: Sheet, xp: _Xp) -> bool:
    return all(
        xp.get(metric) == 0 if kind_of(metric) is MetricKind.SKILL else _is_untouched(metric, sheet)
        for metric in sheet
        if metric != OVERALL and metric not in _FREE_SKILLS and metric not in _FREE
    )


def _is_untouched(metric: str, sheet: Sheet) -> bool:
    """Whether nothing was done of what takes a membership.

    A score that is known to be 0 becomes hidden only where the hiscores list it no longer: that proves enough.
    """
    value = sheet[metric].value
    return value == 0 or (value is not None and value == _RATINGS_AT_FIRST.get(metric))


def _known_xp(sheet: Sheet) -> dict[str, int]:
    """The xp of each skill that is not hidden; where those make up Overall, the hidden ones have none."""
    skills = [key for key in sheet if kind_of(key) is MetricKind.SKILL and key != OVERALL]
    now = {key: sheet[key].value for key in (*skills, OVERALL) if sheet[key].unranked is not Unranked.HIDDEN}
    overall = now.pop(OVERALL, None)
    known = {key: value for key, value in now.items() if value is not None}
    if overall is not None and sum(known.values()) == overall:
        return dict.fromkeys(skills, 0) | known
    return known


_RULES: Mapping[Build, Callable[[Sheet, _Xp], bool]] = {
    Build.LEVEL_3: _is_level_3,
    Build.DEFENCE_1: _is_1_defence,
    Build.HITPOINTS_10: _is_10_hitpoints,
    Build.FREE_TO_PLAY: _is_free_to_play,
}
