"""What a character has reached at a moment: xp by skill, score by activity. Pure, and true whatever is shown of it."""

from datetime import timedelta
from functools import lru_cache

from osrsdiff.demo.characters import Character
from osrsdiff.demo.rhythm import dice, effort
from osrsdiff.game.levels import MAX_XP, xp_for_level
from osrsdiff.game.metrics import KNOWN, MetricKind

_TIERS = tuple(f"Clue Scrolls ({tier})" for tier in ("beginner", "easy", "medium", "hard", "elite", "master"))
_ALL_TIERS = "Clue Scrolls (all)"
_LEAST_HITPOINTS_XP = 1154
_HARD = frozenset({
    "Chambers of Xeric: Challenge Mode", "Nex", "Phosani's Nightmare", "Sol Heredit", "The Corrupted Gauntlet",
    "Theatre of Blood", "Theatre of Blood: Hard Mode", "Tombs of Amascut: Expert Mode", "TzKal-Zuk", "TzTok-Jad",
})  # fmt: skip
_NOT_TO_BE_TRIED = frozenset(metric.name for metric in KNOWN if metric.kind is MetricKind.ACTIVITY) - frozenset(_TIERS)
_SWINGS_A_WEEK = 40


def xp(seed: int, character: Character, skill: str, since_epoch: timedelta) -> int:
    """Xp in one skill other than Overall."""
    start = _starting_xp(seed, character.name, skill, character.levels)
    start = character.xp.get(skill, start)
    weekly = character.trains.get(skill, 0)
    return min(MAX_XP, start + _grown(seed, character, skill, weekly, since_epoch))


def score(seed: int, character: Character, activity: str, since_epoch: timedelta) -> int:
    """Kills, clues or rating; 0 for what was never done, 2500 where the arena starts."""
    if activity == _ALL_TIERS:
        return sum(score(seed, character, tier, since_epoch) for tier in _TIERS)
    if activity in character.swings:
        return _swinging(seed, character, activity, since_epoch)
    if activity in character.kills:
        start, weekly = character.kills[activity]
        return start + _grown(seed, character, activity, weekly, since_epoch)
    return _tried(seed, character.name, activity, character.dabbles)


def _grown(seed: int, character: Character, what: str, weekly: int, since_epoch: timedelta) -> int:
    if weekly == 0:
        return 0
    done = _effort(seed, character, what, since_epoch)
    for at, lost in character.rolled_back.items():
        if at <= since_epoch:
            done -= _effort(seed, character, what, at) - _effort(seed, character, what, at - lost)
    return int(weekly * done)


def _effort(seed: int, character: Character, what: str, since_epoch: timedelta) -> float:
    since_start = since_epoch - character.appears_after
    return effort(seed, character.name, what, character.rhythm, since_start.total_seconds())


def _swinging(seed: int, character: Character, activity: str, since_epoch: timedelta) -> int:
    middle, reach = character.swings[activity]
    games = _grown(seed, character, activity, _SWINGS_A_WEEK, since_epoch)
    return middle + int(reach * (2 * dice(seed, character.name, activity, "game", games) - 1))


@lru_cache(maxsize=1 << 14)
def _starting_xp(seed: int, who: str, skill: str, levels: tuple[int, int]) -> int:
    lowest, highest = levels
    level = lowest + int((highest - lowest + 1) * dice(seed, who, skill, "level"))
    least, next_level = xp_for_level(level), xp_for_level(level + 1)
    grown = least + int((next_level - least) * dice(seed, who, skill, "into level"))
    return max(grown, _LEAST_HITPOINTS_XP) if skill == "Hitpoints" else grown


@lru_cache(maxsize=1 << 14)
def _tried(seed: int, who: str, activity: str, dabbles: float) -> int:
    """A score from long ago, 1 to 600, in that share of the bosses and clues; the hardest are for the eager."""
    if activity in _NOT_TO_BE_TRIED or (activity in _HARD and dabbles < 0.5):
        return 0
    if dice(seed, who, activity, "tried") >= dabbles:
        return 0
    return int(600 ** dice(seed, who, activity, "score"))
