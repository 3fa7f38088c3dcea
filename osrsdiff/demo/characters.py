"""What a character of the simulated game is: its habits, and what happens to it. Values only: `world` moves them."""

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from osrsdiff.demo.rhythm import Rhythm
from osrsdiff.game.modes import GameMode

DAILY = Rhythm(days=0.95, starts=8, hours=14)
EVENINGS = Rhythm(days=0.7, starts=18, hours=4)
WEEKENDS = Rhythm(days=0.3, starts=13, hours=6)
SELDOM = Rhythm(days=0.05, starts=20, hours=2)

COMBAT = ("Attack", "Defence", "Strength", "Ranged", "Prayer", "Magic")
NO_COMBAT = dict.fromkeys(COMBAT, 0) | {"Hitpoints": 1154, "Slayer": 0}
"""Xp of those who never fought."""


class Character(Struct, frozen=True, kw_only=True, eq=False):
    """One player and its habits. Skills and activities go by the hiscores' own names, times count from the epoch.

    `name`: the first one, which no other character begins with.

    `levels`: lowest and highest that its skills have at the epoch; `xp`: exact where that won't do, 0 for never
    trained. `trains`: xp in a usual week. `kills`: score at the epoch, and in a usual week. `dabbles`: share of the
    other bosses and clues with an old score. `swings`: a score that goes up and down, around which value and how far.
    `names`: what it is called from each of these times on, `name` until the first. `appears_after`: before, it is on no
    table. `absent`: tables that it should be on and is not. `frozen`: tables whose row stops moving at that time.
    `rolled_back`: at these times the game loses what it did in so long a time before. `hidden`: never shown.
    `outranked`: shown, but without a rank. `stale`: has not logged in since zeros are shown as zeros.
    """

    name: str
    story: str
    rhythm: Rhythm
    levels: tuple[int, int]
    mode: GameMode = GameMode.REGULAR
    xp: Mapping[str, int] = {}
    trains: Mapping[str, int] = {}
    kills: Mapping[str, tuple[int, int]] = {}
    dabbles: float = 0.0
    swings: Mapping[str, tuple[int, int]] = {}
    names: Mapping[timedelta, str] = {}
    appears_after: timedelta = timedelta()
    absent: frozenset[GameMode] = frozenset()
    frozen: Mapping[GameMode, timedelta] = {}
    rolled_back: Mapping[timedelta, timedelta] = {}
    hidden: frozenset[str] = frozenset()
    outranked: frozenset[str] = frozenset()
    stale: bool = False


def mode_at(character: Character, since_epoch: timedelta) -> GameMode:
    """How the character plays at that time: a row that stays behind is that of a mode that was left."""
    left = {table for table, at in character.frozen.items() if at <= since_epoch}
    if GameMode.IRONMAN in left:
        return GameMode.REGULAR
    return GameMode.IRONMAN if character.mode in left else character.mode
