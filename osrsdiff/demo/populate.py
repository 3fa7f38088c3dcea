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
from osrsdiff.demo.characters import Character, mode_at
from osrsdiff.demo.clan import CLAN
from osrsdiff.demo.history import looks
from osrsdiff.demo.world import World
from osrsdiff.game import usernames
from osrsdiff.game.events import Event, EventKind, mode_detail
from osrsdiff.game.modes import GameMode, ModeChange
from osrsdiff.game.snapshots import Difference, State, difference
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import events, history, jobs, modes
from osrsdiff.storage import players as table
from osrsdiff.storage.engine import Connection, Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.looks import store as store_look
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
        async with db.writing() as connection:
            player = await _add(connection, character, now - WEEKS)
            if player is not None and not character.names:
                stored += await _look_back(connection, world, character, player, now)
        if player is not None:
            if character.names:
                stored += await _look_back_in_doubt(db, world, character, player, now)
            await reckon_player(db, player.id, Reckoned(mended=True))
    async with db.writing() as connection:
        run_id = await jobs.start(connection, JOB, now)
        await jobs.end(connection, run_id, now, outcome="done", detail=f"{stored} looks")
    return stored


async def _add(connection: Connection, character: Character, at: datetime) -> Player | None:
    """The character's new player, None where it is tracked already."""
    username = usernames.canonical(character.name)
    if await table.by_username(connection, username) is not None:
        return None
    return await table.add(
        connection,
        username=username,
        display_name=character.name,
        interval_minutes=INTERVAL_MINUTES,
        now=at,
        game_mode=character.mode,
    )


async def _look_back(connection: Connection, world: World, character: Character, player: Player, now: datetime) -> int:
    """Stores the looks that led up to `now`, and what checks of the mode had found by then; how many looks."""
    mode, shown_at, count = character.mode, None, 0
    state: State | None = None

    def known(at: datetime) -> GameMode:
        return mode_at(character, _checked_before(at) - world.epoch)

    for at, sheet in looks(world, character, now - WEEKS, now, EVERY, known):
        found = known(at)
        if found is not mode:
            await _change_mode(connection, player.id, ModeChange(_checked_before(at), shown_at, mode, found))
            mode, state = found, await history.load_state(connection, player.id)
        look = difference(state, sheet, at)
        shown_at = look.previous_look_at if look.changes else shown_at
        state = await _store(connection, player.id, state, look, is_own_table=mode is not GameMode.REGULAR)
        count += 1
    return count


async def _store(
    connection: Connection, player_id: int, state: State | None, look: Difference, *, is_own_table: bool
) -> State:
    version = state.version if state else 0
    await history.store_look(connection, player_id, look, expected_version=version, is_own_table=is_own_table)
    taken_at = look.looked_at if look.changes or state is None else state.taken_at
    return State(version + 1, look.looked_at, taken_at, look.sheet)


async def _change_mode(connection: Connection, player_id: int, change: ModeChange) -> None:
    """What two looks at the tables come to that have found another mode."""
    loaded = await history.load_player(connection, player_id)
    if loaded is None:
        raise LookupError(player_id)
    told = Event(EventKind.MODE_CHANGE, change.at, change.after, detail=mode_detail(change.before, change.mode))
    await connection.run_all(
        [
            *modes.set_to(loaded[0], change.mode, at=change.at, after=change.after),
            *modes.changed(player_id, change),
            *events.steps(player_id, [told], {}),
        ]
    )


async def _look_back_in_doubt(db: Database, world: World, character: Character, player: Player, now: datetime) -> int:
    """Stores the looks under a name that has changed hands, each judged as a fetch's is; how many."""
    count = 0
    for at, sheet in looks(world, character, now - WEEKS, now, EVERY):
        async with db.reading() as connection:
            loaded = await history.load_player(connection, player.id)
        if loaded is not None:
            await store_look(db, *loaded, Observation(dict(sheet), ()), at)
            count += 1
    return count


def _checked_before(at: datetime) -> datetime:
    """When modes were last checked before that."""
    checked = at.replace(hour=2, minute=7, second=0, microsecond=0)
    return checked if checked < at else checked - timedelta(days=1)


async def _main(epoch: datetime) -> None:
    config = configuration.load()
    logs.setup(config.log.level, config.log.format)
    now = datetime.now(UTC)
    async with await Database.connect(config.database_url) as db:
        stored = await populate(db, World(epoch=epoch), CLAN, now)
    logs.get(__name__).info("clan populated", players=len(CLAN), looks=stored)


if __name__ == "__main__":
    anyio.run(_main, datetime.fromisoformat(sys.argv[1]))
