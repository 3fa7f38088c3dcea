"""Asks the tables about one player until they tell the game mode, by as few requests as can show it.

What was seen already is used: of an ironman main is asked alone where it knows nothing more than the own row did.
"""

from collections.abc import Awaitable, Callable, Mapping

from osrsdiff.errors import NotRanked
from osrsdiff.game.modes import GameMode, compared, detect, has_its_rows, totals
from osrsdiff.game.snapshots import Sheet, State
from osrsdiff.storage.players import Player
from osrsdiff.tracking.asking import Answer, ask
from osrsdiff.tracking.fetcher import Fetcher

MOST_REQUESTS = 5
"""So many a check may take: main and the own table, then the three others, the own one again after ironman."""

Take = Callable[[], Awaitable[None]]
"""Waits for a place in the request budget. Raises Deferred."""


class Tables:
    """The tables, asked for one player. `answers`: the newest of each; None where the player is not on it."""

    def __init__(self, fetcher: Fetcher, player: Player, state: State | None, take: Take) -> None:
        self._fetcher = fetcher
        self._player = player
        self._state = state
        self._take = take
        self.answers: dict[GameMode, Answer | None] = {}
        self.requests = 0
        self.began_at = fetcher.clock()

    async def ask(self, table: GameMode) -> Sheet | None:
        """What the table shows now; None where the player is not on it. Raises FetchError where it says nothing."""
        await self._take()
        if not self.requests:
            self.began_at = self._fetcher.clock()
        self.requests += 1
        self.answers.pop(table, None)
        try:
            self.answers[table] = await ask(self._fetcher, self._player, table, self._state)
        except NotRanked:
            self.answers[table] = None
        return self.sheet(table)

    def sheet(self, table: GameMode) -> Sheet | None:
        """What the table has shown."""
        answer = self.answers.get(table)
        return answer.observation.sheet if answer else None

    def of(self, mode: GameMode) -> Answer:
        """The answer of the table that the mode goes by. Raises KeyError where the player is not on it."""
        answer = self.answers[mode]
        if answer is None:
            raise KeyError(mode)
        return answer

    def tell_of(self) -> GameMode | None:
        """The mode that the answers so far tell of."""
        return detect(self._compared())

    def have_rows_of(self, mode: GameMode) -> bool:
        """Whether the player is on each table that was asked and on which one of `mode` always is."""
        return has_its_rows(mode, self._compared())

    def _compared(self) -> Mapping[GameMode, int | None]:
        return compared({table: self.sheet(table) for table in self.answers})


async def find_mode(tables: Tables, player: Player, state: State | None) -> GameMode | None:
    """The mode that the tables tell of, None where they tell of none. Raises FetchError where one gave no answer.

    They tell of none while one has forgotten a player whose mode was shown before, since rows that are left stay.
    """
    main = await tables.ask(GameMode.REGULAR)
    is_unquestioned = player.mode_checked_at is not None and player.mode_pending_at is None
    if main is not None and is_unquestioned and player.game_mode is not GameMode.REGULAR:
        if state is not None and _keeps_up(state.sheet, main):
            return player.game_mode
        if _keeps_up(await tables.ask(player.game_mode), main):
            return player.game_mode
    found = await _by_all(tables)
    if player.mode_checked_at is not None and not tables.have_rows_of(player.game_mode):
        return None
    return found


def _keeps_up(own: Sheet | None, main: Sheet) -> bool:
    if own is None:
        return False
    xp, of_main = totals([own, main])
    return xp >= of_main > 0


async def _by_all(tables: Tables) -> GameMode | None:
    """What all tables say that can decide, main having been asked; each after those that it is compared with."""
    if GameMode.IRONMAN not in tables.answers:
        await tables.ask(GameMode.IRONMAN)
    if tables.sheet(GameMode.IRONMAN) is not None:
        for kind in (GameMode.HARDCORE, GameMode.ULTIMATE):
            await tables.ask(kind)
            if tables.tell_of() is kind:
                break
    return tables.tell_of()
