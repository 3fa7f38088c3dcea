"""What records, achievements and events add to a fetch: the same fetches with them and without, in one process.

    python tests/bench/reckoning.py [--players 100] [--looks 200] [--rounds 10] [--database sqlite postgresql]

Each player has been looked at hourly, five metrics changed each time. Then, hour by hour of the simulated hiscores, all
are fetched again, in turns with and without; request, parser, difference and storing included. CPU is that of this
process, its database threads too, and not that of a Postgres. Of all rounds the median and the best are shown, so that
a machine that is busy now and then spoils no ratio.
"""

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import fetch
import harness
import seeded
import uvloop

from osrsdiff import config as configuration
from osrsdiff.demo.world import World
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage import history, migrate
from osrsdiff.storage.engine import Database
from osrsdiff.tracking import looks
from osrsdiff.tracking.fetch import Fetcher, fetch_player, open_fetcher
from osrsdiff.tracking.instance import open_instance

GOAL = 1.5
EPOCH = fetch.EPOCH
_AT_ONCE = 8
_HOUR = timedelta(hours=1)


class Setup(NamedTuple):
    """How much is measured."""

    players: int
    looks: int
    rounds: int


class Measured(NamedTuple):
    """Processor milliseconds of one fetch, with all that comes of it and without, and the wall's: of each round."""

    cpu_ms: dict[bool, list[float]]
    wall_ms: dict[bool, list[float]]


async def measure(data_dir: Path, database: str, url: str, setup: Setup) -> Measured:
    """What a fetch costs."""
    settings = {
        "OSRSDIFF_DATABASE__URL": database,
        "OSRSDIFF_HISCORES__BASE_URL": url,
        "OSRSDIFF_HISCORES__REQUESTS_PER_SECOND": "100000",
        "OSRSDIFF_HISCORES__BURST": "100000",
    }
    async with open_instance(configuration.load(data_dir=data_dir, environment=settings)) as instance:
        ids = await _seed(instance.db, setup)
        found = Measured({True: [], False: []}, {True: [], False: []})
        async with open_fetcher(instance) as fetcher:
            await _fetch_all(fetcher, ids)
            for turn in range(2 * setup.rounds):
                fetch.advance(url, _HOUR)
                reckons = turn % 4 in (0, 3)  # neither way is always the first
                gc.collect()
                before = time.process_time(), time.perf_counter()
                await _fetch_all(replace(fetcher, reckons=reckons), ids)
                found.cpu_ms[reckons].append(1000 * (time.process_time() - before[0]) / len(ids))
                found.wall_ms[reckons].append(1000 * (time.perf_counter() - before[1]) / len(ids))
    return found


async def _seed(db: Database, setup: Setup) -> Sequence[int]:
    """Players whose last look was an hour ago, with all records and achievements that came of their looks."""
    world, now = World(epoch=EPOCH), datetime.now(UTC)
    ids = await seeded.add_players(db, setup.players, 60, now - setup.looks * _HOUR)
    for hour in range(setup.looks):
        for name, player_id in ids.items():
            async with db.reading() as connection:
                loaded = await history.load_player(connection, player_id)
            assert loaded is not None
            seen = parse(world.body(name, EPOCH + hour * _HOUR) or b"")
            await looks.store(db, *loaded, seen, now - (setup.looks - hour) * _HOUR)
    return list(ids.values())


async def _fetch_all(fetcher: Fetcher, ids: Sequence[int]) -> None:
    waiting = iter(ids)

    async def some() -> None:
        for player_id in waiting:
            report = await fetch_player(fetcher, player_id)
            if report is None or not report.changed:
                raise SystemExit(f"a fetch that changed nothing: {report}")

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


def show(database: str, found: Measured) -> None:
    """The table."""
    columns = [(times, of) for times in found for of in (statistics.median, min)]
    rows = [
        [title, *(f"{of(times[reckons]):.2f}" for times, of in columns)]
        for title, reckons in (("alone", False), ("with records, achievements, events", True))
    ]
    rows.append(["ratio", *(f"{of(times[True]) / of(times[False]):.2f}" for times, of in columns)])
    rows.append(["goal of the ratio", *(f"≤ {GOAL}" for _ in columns)])
    head = [database, "CPU ms, median", "best", "wall ms, median", "best"]
    harness.show_table("One fetch that changes five metrics", head, rows)


def run(database: str, setup: Setup) -> None:
    """Measures on a database of this kind."""
    with (
        harness.directory() as scratch,
        harness.simulation(epoch=EPOCH, at=EPOCH + setup.looks * _HOUR) as url,
        harness.database(database, scratch) as database_url,
        harness.redis_server(scratch / "data"),
    ):
        migrate.upgrade(database_url, scratch / "data")
        show(database, uvloop.run(measure(scratch / "data", database_url, url, setup)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", nargs="+", choices=harness.DATABASES, default=list(harness.DATABASES))
    parser.add_argument("--players", type=int, default=100)
    parser.add_argument("--looks", type=int, default=200, help="hourly looks at each player before")
    parser.add_argument("--rounds", type=int, default=10, help="how often all are fetched, each way")
    given = parser.parse_args()
    for database in given.database:
        run(database, Setup(given.players, given.looks, given.rounds))


if __name__ == "__main__":
    main()
