"""Fills an empty demo instance with the clan and the weeks of looks that a tracker would have had of it.

Goes through the real difference, storage and reckoning; only the clock is the simulation's. Run as
`python -m osrsdiff.demo.populate EPOCH`, in a process whose memory is not kept.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import anyio

from osrsdiff import config as configuration
from osrsdiff import logs
from osrsdiff.demo.clan import CLAN, Character
from osrsdiff.demo.history import looks
from osrsdiff.demo.world import World
from osrsdiff.game import usernames
from osrsdiff.game.snapshots import Sheet, State, difference
from osrsdiff.storage import history, jobs
from osrsdiff.storage import players as table
from osrsdiff.storage.engine import Connection, Database
from osrsdiff.tracking.reckoning import Reckoned, reckon_player

WEEKS = timedelta(days=28)
EVERY = timedelta(hours=6)
INTERVAL_MINUTES = 1
JOB = "populate_demo"


async def populate(db: Database, world: World, clan: Sequence[Character], now: datetime) -> int:
    """Adds the clan with its history up to `now`, where that was not done before; how many looks were stored."""
    async with db.reading() as connection:
        if await jobs.last_ended(connection, JOB) is not None:
            return 0
    stored = 0
    for character in clan:
        found = list(looks(world, character, now - WEEKS, now, EVERY))
        async with db.writing() as connection:
            username = usernames.canonical(character.name)
            if await table.by_username(connection, username) is not None:
                continue
            player = await table.add(
                connection,
                username=username,
                display_name=character.name,
                interval_minutes=INTERVAL_MINUTES,
                now=now - WEEKS,
                game_mode=character.mode,
            )
            state: State | None = None
            for at, sheet in found:
                state = await _store(connection, player.id, state, sheet, at)
            stored += len(found)
        await reckon_player(db, player.id, Reckoned(mended=True))
    async with db.writing() as connection:
        run_id = await jobs.start(connection, JOB, now)
        await jobs.end(connection, run_id, now, outcome="done", detail=f"{stored} looks")
    return stored


async def _store(connection: Connection, player_id: int, state: State | None, sheet: Sheet, at: datetime) -> State:
    found = difference(state, sheet, at)
    version = state.version if state else 0
    await history.store_look(connection, player_id, found, expected_version=version, new_metrics=())
    taken_at = found.looked_at if found.changes or state is None else state.taken_at
    return State(version + 1, found.looked_at, taken_at, found.sheet)


async def _main(epoch: datetime) -> None:
    config = configuration.load()
    logs.setup(config.log.level, config.log.format)
    now = datetime.now(UTC)
    async with await Database.connect(config.database_url) as db:
        stored = await populate(db, World(epoch=epoch), CLAN, now)
    logs.get(__name__).info("clan populated", players=len(CLAN), looks=stored)


if __name__ == "__main__":
    anyio.run(_main, datetime.fromisoformat(sys.argv[1]))
