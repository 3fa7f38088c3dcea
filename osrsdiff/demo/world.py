"""The simulated game: who stands on which table at which moment, as the official hiscores would say it.

A pure function of seed, epoch, name, table and time. Keeps memos, no state; no clock, no network.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import msgspec

from osrsdiff.demo import fortunes, ranks
from osrsdiff.demo.characters import Character
from osrsdiff.demo.clan import EVERYBODY
from osrsdiff.demo.crowd import crowd_character
from osrsdiff.demo.pages import ActivityRow, Page, SkillRow
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.metrics import KNOWN, MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.usernames import canonical

DEFAULT_SEED = 1
DEFAULT_EPOCH = datetime(2025, 12, 1, tzinfo=UTC)
TICK_S = 15
"""The tables move this often; between two ticks every answer is the same."""

SKILLS = tuple(metric.name for metric in KNOWN if metric.kind is MetricKind.SKILL)
ACTIVITIES = tuple(metric.name for metric in KNOWN if metric.kind is not MetricKind.SKILL)

_TABLES = {
    GameMode.REGULAR: (GameMode.REGULAR,),
    GameMode.IRONMAN: (GameMode.REGULAR, GameMode.IRONMAN),
    GameMode.HARDCORE: (GameMode.REGULAR, GameMode.IRONMAN, GameMode.HARDCORE),
    GameMode.ULTIMATE: (GameMode.REGULAR, GameMode.IRONMAN, GameMode.ULTIMATE),
}
_ARENA, _ARENA_START = "PvP Arena - Rank", 2500
_ZERO_EVEN_WHEN_STALE = frozenset({"Brutus", "Mad Angel", "Maggot King"})
"""Newer than the change of November 2025, since when a zero is shown as one to those who have logged in."""
_ALWAYS_SO = timedelta.min


class _Tenure(NamedTuple):
    """From when until when, counted from the epoch, a name is whose."""

    start: timedelta
    end: timedelta
    holder: Character


class World:
    """Everybody who plays. `epoch` (aware UTC): when the clan's stories begin; before it nobody gains."""

    def __init__(
        self, seed: int = DEFAULT_SEED, clan: Sequence[Character] = EVERYBODY, epoch: datetime = DEFAULT_EPOCH
    ) -> None:
        self.seed = seed
        self.clan = tuple(clan)
        self.epoch = epoch
        self._tenures = _tenures(clan)
        self._tail = lru_cache(maxsize=1024)(self._make_tail)

    def character(self, name: str, at: datetime) -> Character | None:
        """Who has this name at that time, in any spelling; the crowd's always play. Raises InvalidUsername."""
        username = canonical(name)
        since_epoch = at - self.epoch
        tenures = self._tenures.get(username, ())
        holder = next((one.holder for one in tenures if one.start <= since_epoch < one.end), None)
        return holder or crowd_character(username)

    def page(self, name: str, at: datetime, table: GameMode = GameMode.REGULAR) -> Page | None:
        """What the table says of `name` (echoed as given) at that time; None where it is not on it.

        Raises InvalidUsername.
        """
        character = self.character(name, at)
        if character is None or not self._stands_on(character, table, at):
            return None
        return self._page(name, character, self._tick(at), table)

    def body(self, name: str, at: datetime, table: GameMode = GameMode.REGULAR) -> bytes | None:
        """`page` as it goes over the wire. Cheap for the same character at the same tick."""
        character = self.character(name, at)
        if character is None or not self._stands_on(character, table, at):
            return None
        tail = self._tail(character, self._tick(at), table)
        return b'{"name":' + msgspec.json.encode(name) + tail

    def _make_tail(self, character: Character, tick: int, table: GameMode) -> bytes:
        """The body after the name, which alone differs between those who ask for one character."""
        body = msgspec.json.encode(self._page("", character, tick, table))
        return body.removeprefix(b'{"name":""')

    def _tick(self, at: datetime) -> int:
        return int((at - self.epoch).total_seconds() // TICK_S)

    def _stands_on(self, character: Character, table: GameMode, at: datetime) -> bool:
        stands = table in _TABLES[character.mode] and table not in character.absent
        return stands and at - self.epoch >= character.appears_after

    def _page(self, name: str, character: Character, tick: int, table: GameMode) -> Page:
        now = timedelta(seconds=tick * TICK_S)
        reached = min(now, character.frozen.get(table, now))
        hours = now / timedelta(hours=1)
        return Page(
            name,
            self._skills(character, table, reached, hours),
            self._activities(character, table, reached, hours),
        )

    def _skills(self, character: Character, table: GameMode, reached: timedelta, hours: float) -> tuple[SkillRow, ...]:
        xp = {skill: fortunes.xp(self.seed, character, skill, reached) for skill in SKILLS[1:]}
        levels = {skill: level_for_xp(gained) for skill, gained in xp.items()}
        xp[SKILLS[0]], levels[SKILLS[0]] = sum(xp.values()), sum(levels.values())
        rows = []
        for place, skill in enumerate(SKILLS):
            if skill in character.hidden:
                rows.append(SkillRow(place, skill, ranks.UNRANKED, 1, -1))
                continue
            rank = ranks.skill_rank(self.seed, skill, xp[skill], table, hours)
            rank = ranks.UNRANKED if skill in character.outranked else rank
            rows.append(SkillRow(place, skill, rank, levels[skill], xp[skill]))
        return tuple(rows)

    def _activities(
        self, character: Character, table: GameMode, reached: timedelta, hours: float
    ) -> tuple[ActivityRow, ...]:
        rows = []
        for place, activity in enumerate(ACTIVITIES):
            score = fortunes.score(self.seed, character, activity, reached)
            rank = ranks.activity_rank(self.seed, activity, score, table, hours)
            if score == 0 or activity in character.outranked:
                rank = ranks.UNRANKED
            rows.append(ActivityRow(place, activity, rank, self._shown(character, activity, score)))
        return tuple(rows)

    def _shown(self, character: Character, activity: str, score: int) -> int:
        """The score, or what the tables show where there is none: zero, unknown, or the arena's start."""
        if score:
            return score
        if character.stale:
            return 0 if activity in _ZERO_EVEN_WHEN_STALE else -1
        return _ARENA_START if activity == _ARENA else 0


def _tenures(everybody: Iterable[Character]) -> dict[str, tuple[_Tenure, ...]]:
    """Who has which name when, by canonical name."""
    found: dict[str, tuple[_Tenure, ...]] = {}
    for character in everybody:
        names = [(_ALWAYS_SO, character.name), *sorted(character.names.items()), (timedelta.max, "")]
        for (start, name), (end, _) in pairwise(names):
            username = canonical(name)
            found[username] = (*found.get(username, ()), _Tenure(start, end, character))
    return found
