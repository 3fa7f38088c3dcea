"""Databases with players and looks in them, all of it put there by the real storage functions."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from osrsdiff.demo.world import World
from osrsdiff.game.reckoning import RULES
from osrsdiff.game.snapshots import difference
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage import history, migrate, players, reckoning
from osrsdiff.storage.engine import Connection, Database

_AT_ONCE = 100


def migrated(directory: Path) -> str:
    """The URL of a new SQLite database in `directory`."""
    directory.mkdir(exist_ok=True)
    url = f"sqlite:///{directory / 'osrsdiff.db'}"
    migrate.upgrade(url, directory)
    return url


async def add_players(db: Database, count: int, interval_minutes: int, now: datetime) -> dict[str, int]:
    """Adds "bench 0" and so on; their ids by name.

    They count as reckoned, so that nothing reckons their histories while something else is measured.
    """
    ids = {}
    async with db.writing() as connection:
        for name in (f"bench {number}" for number in range(count)):
            player = await players.add(
                connection, username=name, display_name=name, interval_minutes=interval_minutes, now=now
            )
            ids[name] = player.id
        await connection.run_all([reckoning.reckoned(player_id, RULES) for player_id in ids.values()])
    return ids


async def first_looks(db: Database, world: World, ids: Mapping[str, int], played: timedelta, at: datetime) -> None:
    """Stores, as seen at `at`, what the world says of each when it has been played that long."""
    waiting = iter(ids.items())
    while some := list(islice(waiting, _AT_ONCE)):
        async with db.writing() as connection:
            for name, player_id in some:
                await store(connection, world, name, player_id, played, at)


async def looks(db: Database, world: World, ids: Mapping[str, int], played: Iterable[timedelta], at: datetime) -> int:
    """Stores a look at every player for each of those times, each in a transaction; how many changed five metrics."""
    changed_five = 0
    for step, hours in enumerate(played):
        for name, player_id in ids.items():
            async with db.writing() as connection:
                changes = await store(connection, world, name, player_id, hours, at + step * timedelta(hours=1))
            changed_five += changes == 5
    return changed_five


async def store(
    connection: Connection, world: World, name: str, player_id: int, played: timedelta, at: datetime
) -> int:
    """Stores one look as a fetch does; how many metrics changed."""
    state = await history.load_state(connection, player_id)
    seen = parse(world.body(name, world.epoch + played) or b"")
    found = difference(state, seen.sheet, at)
    version = state.version if state else 0
    await history.store_look(connection, player_id, found, expected_version=version, new_metrics=seen.new_metrics)
    return len(found.changes)
