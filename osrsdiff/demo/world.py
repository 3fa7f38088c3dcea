"""The simulated game: who stands on which table at which moment, as the official hiscores would say it.

A pure function of seed, epoch, name, table and time. Keeps memos, no state; no clock, no network.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from osrsdiff.demo import fortunes, ranks
from osrsdiff.demo.clan import BENCH_KINDS, CLAN, Character, bench_character
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
_BENCH_NAME = re.compile(r"bench (\d{1,6})")


class World:
    """Everybody who plays. `epoch` (aware UTC): when the clan's stories begin; before it nobody gains."""

    def __init__(
        self, seed: int = DEFAULT_SEED, clan: Sequence[Character] = CLAN, epoch: datetime = DEFAULT_EPOCH
    ) -> None:
        self.seed = seed
        self.clan = tuple(clan)
        self.epoch = epoch
        everybody = (*clan, *map(bench_character, range(BENCH_KINDS)))
        self._characters = {canonical(character.name): character for character in everybody}
        self._tail = lru_cache(maxsize=1024)(self._make_tail)

    def character(self, name: str) -> Character | None:
        """Who plays under this name, in any spelling; "bench <number>" always plays. Raises InvalidUsername."""
        username = canonical(name)
        if bench := _BENCH_NAME.fullmatch(username):
            username = f"bench {int(bench[1]) % BENCH_KINDS}"
        return self._characters.get(username)

    def page(self, name: str, at: datetime, table: GameMode = GameMode.REGULAR) -> Page | None:
        """What the table says of `name` (echoed as given) at that time; None where it is not on it.

        Raises InvalidUsername.
        """
        character = self.character(name)
        if character is None or not self._stands_on(character, table, at):
            return None
        return self._page(name, character, self._tick(at), table)

    def body(self, name: str, at: datetime, table: GameMode = GameMode.REGULAR) -> bytes | None:
        """`page` as it goes over the wire. Cheap for the same character at the same tick."""
        character = self.character(name)
        if character is None or not self._stands_on(character, table, at):
            return None
        tail = self._tail(canonical(character.name), self._tick(at), table)
        return b'{"name":' + msgspec.json.encode(name) + tail

    def _make_tail(self, username: str, tick: int, table: GameMode) -> bytes:
        """The body after the name, which alone differs between those who ask for one character."""
        body = msgspec.json.encode(self._page("", self._characters[username], tick, table))
        return body.removeprefix(b'{"name":""')

    def _tick(self, at: datetime) -> int:
        return int((at - self.epoch).total_seconds() // TICK_S)

    def _stands_on(self, character: Character, table: GameMode, at: datetime) -> bool:
        return table in _TABLES[character.mode] and at - self.epoch >= character.appears_after

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
