"""Characters without number, for measuring: each name plays a kind of which there are few enough to be kept."""

import re
from collections.abc import Iterator
from functools import lru_cache

from osrsdiff.demo.characters import DAILY, EVENINGS, SELDOM, WEEKENDS, Character
from osrsdiff.demo.rhythm import ALWAYS, NEVER, Rhythm
from osrsdiff.game.modes import GameMode

BENCH_KINDS = 256
"""So many different characters stand behind all the names of `bench_character`."""
IRON_KINDS = 1_000
"""The same of `iron_character`."""

_BENCH_SKILLS = ("Woodcutting", "Fishing", "Mining", "Cooking", "Crafting", "Smithing", "Farming", "Thieving")
_BENCH_BOSSES = ("Zulrah", "Vorkath", "Kraken", "Cerberus", "Araxxor", "Nex", "Yama", "Hespori")
_IRON_RHYTHMS: tuple[Rhythm, ...] = (DAILY, EVENINGS, WEEKENDS, SELDOM, NEVER)
_HARDCORE_OF_20, _ULTIMATE_OF_20 = 4, 1

_NAME = re.compile(r"(bench|iron) (\d{1,6})")


def crowd_character(username: str) -> Character | None:
    """Who plays as "bench <number>" or "iron <number>", canonical; None for any other name."""
    found = _NAME.fullmatch(username)
    if found is None:
        return None
    number = int(found[2])
    return _bench(number % BENCH_KINDS) if found[1] == "bench" else _iron(number % IRON_KINDS)


def bench_character(number: int) -> Character:
    """Who plays as "bench <number>": five metrics grow without a pause, Overall, three skills and a boss."""
    return _bench(number % BENCH_KINDS)


def iron_character(number: int) -> Character:
    """Who plays as "iron <number>": an ironman, one in five a hardcore and one in twenty an ultimate.

    Equal parts play daily, in the evenings, at weekends, seldom and never.
    """
    return _iron(number % IRON_KINDS)


@lru_cache(maxsize=BENCH_KINDS)
def _bench(kind: int) -> Character:
    boss = _BENCH_BOSSES[kind // len(_BENCH_SKILLS) % len(_BENCH_BOSSES)]
    return Character(
        name=f"bench {kind}",
        story="for measuring",
        rhythm=ALWAYS,
        levels=(70, 92),
        trains=dict.fromkeys(_skills(kind), 8_400_000),
        kills=dict.fromkeys(_BENCH_BOSSES, (500, 0)) | {boss: (500, 5_040)},
    )


@lru_cache(maxsize=IRON_KINDS)
def _iron(kind: int) -> Character:
    rhythm = _IRON_RHYTHMS[kind % len(_IRON_RHYTHMS)]
    return Character(
        name=f"iron {kind}",
        story="for measuring",
        mode=_mode(kind // len(_IRON_RHYTHMS) % 20),
        rhythm=rhythm,
        levels=(50, 85),
        trains=dict.fromkeys(_skills(kind), 200_000),
        kills={_BENCH_BOSSES[kind % len(_BENCH_BOSSES)]: (80, 20)},
    )


def _mode(place: int) -> GameMode:
    """Of which kind an ironman is, by its place among twenty."""
    if place < _ULTIMATE_OF_20:
        return GameMode.ULTIMATE
    return GameMode.HARDCORE if place < _ULTIMATE_OF_20 + _HARDCORE_OF_20 else GameMode.IRONMAN


def _skills(kind: int) -> Iterator[str]:
    """Three skills, others for each of eight kinds."""
    return (_BENCH_SKILLS[(kind + step) % len(_BENCH_SKILLS)] for step in range(3))
