"""A clock that stands still, small sheets, and looks stored the way a fetch stores them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.snapshots import Reading, Unranked, difference
from osrsdiff.storage import history, players
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player

StoreLook = Callable[[Player, dict[str, Reading], datetime], Awaitable[bool]]
AddPlayer = Callable[..., Awaitable[Player]]


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.fixture
def skill() -> Callable[..., Reading]:
    """A ranked skill of so much xp, with the level that follows from it."""

    def make(xp: int, rank: int | None = 1000, level: int | None = None) -> Reading:
        return Reading(xp, rank, level or level_for_xp(xp), None if rank else Unranked.BELOW_CUTOFF)

    return make


@pytest.fixture
def kills() -> Callable[..., Reading]:
    """A boss killed so often, ranked."""

    def make(count: int, rank: int = 500) -> Reading:
        return Reading(count, rank, None, None)

    return make


@pytest.fixture
def add_player(db: Database, now: datetime) -> AddPlayer:
    async def add(name: str = "lynx titan", interval_minutes: int = 60) -> Player:
        async with db.writing() as conn:
            return await players.add(
                conn, username=name, display_name=name.title(), interval_minutes=interval_minutes, now=now
            )

    return add


@pytest.fixture
def store(db: Database) -> StoreLook:
    """Loads the state, makes the difference, stores it; what a fetch does between its request and its report."""

    async def store_look(player: Player, sheet: dict[str, Reading], at: datetime) -> bool:
        async with db.reading() as conn:
            state = await history.load_state(conn, player.id)
        found = difference(state, sheet, at)
        async with db.writing() as conn:
            return await history.store_look(conn, player.id, found, expected_version=state.version if state else 0)

    return store_look
