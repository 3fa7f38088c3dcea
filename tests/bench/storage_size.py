"""Bytes that one more snapshot takes, indexes and all, when five metrics have changed.

    python tests/bench/storage_size.py [--players 100] [--looks 100] [--server postgresql://…]

Stores looks at made-up players through the real storage functions, one transaction each, players taking turns by the
hour. SQLite: the file's growth after a checkpoint, no VACUUM. Postgres, where a server is given: the growth of all
tables with their indexes, after a CHECKPOINT and no VACUUM, in a database of its own that is dropped at the end.
"""

import argparse
import asyncio
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg  # type: ignore[import-untyped]
import harness
import seeded

from osrsdiff.demo.world import World
from osrsdiff.storage import migrate
from osrsdiff.storage.engine import Database

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
_PAGES = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC"
_TABLES = """
    SELECT relname, pg_relation_size(oid) FROM pg_class
    WHERE relkind IN ('r', 'i', 't') AND relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace)
    ORDER BY 2 DESC
"""
Sizes = dict[str, int]


async def measured(url: str, sizes: Callable[[], Awaitable[Sizes]], players: int, looks: int) -> harness.Rows:
    """The table for one database."""
    world = World(epoch=EPOCH)
    async with await Database.connect(url) as db:
        ids = await seeded.add_players(db, players, 60, EPOCH)
        await seeded.first_looks(db, world, ids, timedelta(), EPOCH)
        before = await sizes()
        started = time.monotonic()
        played = (timedelta(hours=hour) for hour in range(1, looks + 1))
        changed_five = await seeded.looks(db, world, ids, played, EPOCH + timedelta(hours=1))
        seconds = time.monotonic() - started
        after = await sizes()
    stored = players * looks
    if changed_five != stored:
        raise SystemExit(f"{stored - changed_five} of {stored} looks did not change five metrics")
    return _rows(before, after, stored, seconds)


def _rows(before: Sizes, after: Sizes, stored: int, seconds: float) -> harness.Rows:
    grown = {name: (size - before.get(name, 0)) / stored for name, size in after.items()}
    rows = [("bytes per snapshot", f"{sum(grown.values()):.1f}")]
    rows += [(f"  {name}", f"{grew:.1f}") for name, grew in grown.items() if abs(grew) >= 0.05]
    return [*rows, ("stored", f"{stored:,}"), ("stored per second", f"{stored / seconds:,.0f}")]


def _sqlite_sizes(path: Path) -> Sizes:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found: Sizes = dict(connection.execute(_PAGES).fetchall())
    return found | {"(free)": path.stat().st_size - sum(found.values())}


async def on_sqlite(players: int, looks: int) -> harness.Rows:
    """SQLite in a directory of its own."""
    with harness.directory() as scratch:
        url = await asyncio.to_thread(seeded.migrated, scratch / "data")
        path = scratch / "data" / "osrsdiff.db"
        return await measured(url, lambda: asyncio.to_thread(_sqlite_sizes, path), players, looks)


async def on_postgres(server: str, players: int, looks: int) -> harness.Rows:
    """Postgres, in a database of its own on that server."""
    async with _database(server) as url:
        with harness.directory() as scratch:
            await asyncio.to_thread(migrate.upgrade, url, scratch)
        connection = await asyncpg.connect(url)

        async def sizes() -> Sizes:
            await connection.execute("CHECKPOINT")
            return {row[0]: row[1] for row in await connection.fetch(_TABLES)}

        try:
            return await measured(url, sizes, players, looks)
        finally:
            await connection.close()


@asynccontextmanager
async def _database(server: str) -> AsyncIterator[str]:
    name = f"bench_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=100)
    parser.add_argument("--looks", type=int, default=100, help="stored looks of each player after its first")
    parser.add_argument("--server", help="URL of a Postgres server that may be given a new database")
    given = parser.parse_args()
    harness.show("SQLite, five changed metrics a look", await on_sqlite(given.players, given.looks))
    if given.server:
        rows = await on_postgres(given.server, given.players, given.looks)
        harness.show("Postgres, five changed metrics a look", rows)


if __name__ == "__main__":
    asyncio.run(main())
