"""Which rank a value has among the simulated game's players, and how it drifts while others play. Pure."""

from functools import lru_cache

from osrsdiff.demo.rhythm import dice
from osrsdiff.game.modes import GameMode

UNRANKED = -1
LAST_RANK = 2_000_000
"""The official tables rank no further."""
DRIFT_PER_HOUR = 4e-5
"""Part of a rank that is lost in an hour to those who play."""

_SHARE_OF_PLAYERS = {
    GameMode.REGULAR: 1.0,
    GameMode.IRONMAN: 0.2,
    GameMode.HARDCORE: 0.05,
    GameMode.ULTIMATE: 0.01,
}


def skill_rank(seed: int, name: str, xp: int, table: GameMode, hours: float) -> int:
    """Rank of that xp, -1 outside the ranked part. `hours` since the epoch."""
    if xp <= 0:
        return UNRANKED
    pivot = 20_000_000 if name == "Overall" else 1_270_000
    rank = _drifted(_crowd(seed, name) * _SHARE_OF_PLAYERS[table] * 1_200_000 * (pivot / xp) ** 1.5, hours)
    return rank if rank <= LAST_RANK else UNRANKED


def activity_rank(seed: int, name: str, score: int, table: GameMode, hours: float) -> int:
    """Rank of that score, -1 below the activity's own cut-off."""
    cutoff = activity_cutoff(seed, name)
    if score < cutoff:
        return UNRANKED
    return _drifted(_crowd(seed, name) * _SHARE_OF_PLAYERS[table] * 400_000 * (cutoff / score) ** 1.2, hours)


@lru_cache(maxsize=1024)
def activity_cutoff(seed: int, name: str) -> int:
    """The lowest score that is ranked."""
    if name == "PvP Arena - Rank":
        return 2501
    return (1, 5, 10, 50)[int(4 * dice(seed, name, "cutoff"))]


@lru_cache(maxsize=1024)
def _crowd(seed: int, name: str) -> float:
    return 0.15 + 0.85 * dice(seed, name, "crowd")


def _drifted(rank: float, hours: float) -> int:
    return 1 + int(rank * (1 + DRIFT_PER_HOUR * max(0.0, hours)))
