"""Records and achievements of history that was moved: reckoned later, and the same as if it had been watched here."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from osrsdiff.game.achievements import Reached
from osrsdiff.game.records import Record
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage import achievements, history, records
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import players
from osrsdiff.tracking import looks
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player
from osrsdiff.tracking.reckoning import reckon_pending

MadeUp = Callable[..., list[tuple[datetime, bytes]]]
AddTracked = Callable[..., Awaitable[Player]]


async def watched(db: Database, player: Player, seen: list[tuple[datetime, bytes]]) -> None:
    """Stores looks as fetches do, with what they come to."""
    for at, body in seen:
        async with db.reading() as conn:
            state = await history.load_state(conn, player.id)
        await looks.store(db, player.id, state, parse(body), at)


async def progress_of(db: Database, player: Player) -> tuple[set[Record], set[Reached]]:
    async with db.reading() as conn:
        return set(await records.of_player(conn, player.id)), set(await achievements.of_player(conn, player.id))


async def pending(instance: Instance) -> list[str]:
    async with instance.db.reading() as conn:
        found = await conn.all(select(players.c.username).where(players.c.reckoned_by.is_(None)))
    return sorted(name for (name,) in found)


async def test_moved_history_is_reckoned_as_if_it_had_been_watched(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, add_tracked: AddTracked
) -> None:
    await old_install.make()
    before, since = made_up(1, 80)[:50], made_up(1, 80)[50:]
    await old_install.fill("Known Here", before)
    await old_install.fill("New Here", before)
    known = await add_tracked(instance.db, "Known Here", since[0][0])
    await watched(instance.db, known, since)
    assert await pending(instance) == []
    await move()
    assert await pending(instance) == ["known here", "new here"]
    await reckon_pending(instance)
    assert await pending(instance) == []
    async with await Database.connect(other_db) as db:
        for name, seen in (("Known Here", [*before, *since]), ("New Here", before)):
            twin = await add_tracked(db, name, seen[0][0])
            await watched(db, twin, seen)
            expected = await progress_of(db, twin)
            assert all(expected)
            assert await progress_of(instance.db, await get_player(instance, name)) == expected
