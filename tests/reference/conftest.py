"""Plays the histories of the reference into a database as fetches do."""

import itertools
from collections.abc import Awaitable, Callable, Sequence

import pytest
from model import History
from seen import Sheet
from strategies import NEW_BOSS, moment

from osrsdiff.game.metrics import Metric
from osrsdiff.game.modes import GameMode
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import history as storage
from osrsdiff.storage import players
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking import looks

Add = Callable[..., Awaitable[Player]]
See = Callable[..., Awaitable[None]]

_numbers = itertools.count()


@pytest.fixture
def add(db: Database) -> Add:
    """A new player."""

    async def add_player(mode: GameMode = GameMode.REGULAR) -> Player:
        name = f"player {next(_numbers)}"
        async with db.writing() as conn:
            return await players.add(
                conn, username=name, display_name=name, interval_minutes=60, now=moment(0), game_mode=mode
            )

    return add_player


@pytest.fixture
def see(db: Database, monkeypatch: pytest.MonkeyPatch) -> See:
    """Stores one look, as a fetch does; nobody is flagged, however much the random sheets fall."""
    monkeypatch.setattr(looks, "may_collapse", lambda _: False)

    async def store(
        player: Player, sheet: Sheet, clock: float, new_metrics: Sequence[Metric] = (), *, reckons: bool = True
    ) -> None:
        async with db.reading() as conn:
            state = await storage.load_state(conn, player.id)
        seen = Observation(sheet, tuple(new_metrics))
        await looks.store(db, player, state, seen, moment(clock), reckons=reckons)

    return store


@pytest.fixture
def played(add: Add, see: See) -> Callable[..., Awaitable[Player]]:
    """Stores the looks of a history, one after the other, as those of a new player; the first ones `unreckoned`."""

    async def play(history: History, mode: GameMode = GameMode.REGULAR, unreckoned: int = 0) -> Player:
        player = await add(mode)
        for number, look in enumerate(history.looks):
            await see(player, look.sheet, look.clock, [NEW_BOSS], reckons=number >= unreckoned)
        return player

    return play
