"""Fetches that one worker process stores, beside the same loop that only fetches and parses, and what each costs.

    python tests/bench/fetch.py [--players 1500] [--concurrency 8] [--seconds 5]

Everything real: `osrsdiff run` with its own Redis and SQLite, one worker process, the simulated hiscores as a process
beside them, the request budget opened. Each look finds five metrics changed. Two runs:

    at once     all players' fetches wait in the queue while the worker is held; then it is let go
    scheduled   all players fall due once a minute through the scheduler, as in a living instance

Processor time counts the supervisor and everything below it: API, worker, scheduler, Redis.
"""

import argparse
import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import harness
import msgspec
import seeded
from harness import Cost, Instance

from osrsdiff import config as configuration
from osrsdiff.demo.world import World
from osrsdiff.scheduling.constants import FETCH_TASK
from osrsdiff.storage.engine import Database
from osrsdiff.tracking.instance import open_instance

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
PLAYED = timedelta(days=3)
LONGEST_S = 120.0


class Setup(NamedTuple):
    """What both runs need."""

    players: int
    concurrency: int
    seconds: float


class Reference(NamedTuple):
    """The loop that only fetches and parses: fetches a second, and processor time of each."""

    rate: float
    cpu_ms: float


class Measured(NamedTuple):
    """`stored` snapshots in `seconds`; `cpu_ms` per stored fetch by process name."""

    stored: int
    seconds: float
    cpu_ms: dict[str, float]


@contextmanager
def living(scratch: Path, url: str, setup: Setup, interval_minutes: int) -> Iterator[Instance]:
    """An instance whose players have been looked at once, an hour ago."""
    database = seeded.migrated(scratch / "data")
    asyncio.run(_seed(database, setup.players, interval_minutes))
    settings = {
        "hiscores.base_url": url,
        "hiscores.requests_per_second": 100_000,
        "hiscores.burst": 100_000,
        "worker.processes": 1,
        "worker.concurrency": setup.concurrency,
    }
    with harness.instance(scratch / "data", settings) as running:
        yield running


async def _seed(database: str, players: int, interval_minutes: int) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    async with await Database.connect(database) as db:
        ids = await seeded.add_players(db, players, interval_minutes, an_hour_ago)
        await seeded.first_looks(db, World(epoch=EPOCH), ids, PLAYED, an_hour_ago)


def at_once(setup: Setup) -> tuple[Reference, Measured]:
    """The reference loop, and what the worker makes of a full queue."""
    with (
        harness.directory() as scratch,
        harness.simulation(epoch=EPOCH, at=EPOCH + PLAYED) as url,
        living(scratch, url, setup, interval_minutes=43_200) as running,
    ):
        before = _reference(url, setup)
        measured = _emptied(running, url, setup)
        after = _reference(url, setup)
        return Reference((before.rate + after.rate) / 2, (before.cpu_ms + after.cpu_ms) / 2), measured


def _reference(url: str, setup: Setup) -> Reference:
    """Measured before and after, so that a machine that becomes busier meanwhile spoils no ratio."""
    script = str(Path(__file__).with_name("reference.py"))
    numbers = [str(setup.players), str(setup.concurrency), str(setup.seconds / 4)]
    done = subprocess.run([sys.executable, "-P", script, url, *numbers], capture_output=True, text=True, check=True)
    rate, cpu_ms = map(float, done.stdout.split())
    return Reference(rate, cpu_ms)


def _emptied(running: Instance, url: str, setup: Setup) -> Measured:
    """Fills the queue again and again, an hour of the world between, and adds up how it is emptied."""
    stored, seconds = 0, 0.0
    used: dict[str, float] = {}
    while seconds < setup.seconds:
        advance(url, timedelta(hours=1))
        held = [cost.pid for cost in running.costs() if cost.name == "worker"]
        with _stopped(held):
            asyncio.run(_enqueue_all(running.data_dir))
            first, before = _snapshots(running), running.costs()
        started = time.monotonic()
        _wait_for(running, first + setup.players)
        seconds += time.monotonic() - started
        _add_used(used, before, running.costs())
        stored += setup.players
    return Measured(stored, seconds, _per_fetch_ms(used, stored))


def scheduled(setup: Setup) -> Measured:
    """What fetches cost when they fall due through the scheduler, evenly over each minute."""
    at = EPOCH + PLAYED
    with (
        harness.directory() as scratch,
        harness.simulation(epoch=EPOCH, at=at, speed=60) as url,
        living(scratch, url, setup, interval_minutes=1) as running,
    ):
        _wait_for(running, _snapshots(running) + setup.players // 60)
        first, before, started = _snapshots(running), running.costs(), time.monotonic()
        time.sleep(setup.seconds)
        stored, seconds = _snapshots(running) - first, time.monotonic() - started
        used: dict[str, float] = {}
        _add_used(used, before, running.costs())
        return Measured(stored, seconds, _per_fetch_ms(used, stored))


async def _enqueue_all(data_dir: Path) -> None:
    """Asks for a look at every player, as `osrsdiff player fetch` does."""
    async with open_instance(configuration.load(data_dir=data_dir, environment={})) as instance:
        with closing(sqlite3.connect(data_dir / "osrsdiff.db")) as connection:
            ids = [number for (number,) in connection.execute("SELECT id FROM players")]
        await asyncio.gather(*(instance.broker.send(FETCH_TASK, number) for number in ids))


@contextmanager
def _stopped(pids: Sequence[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def advance(url: str, by: timedelta) -> None:
    """Lets the simulated hiscores go on."""
    body = msgspec.json.encode({"advance_s": by.total_seconds()})
    urllib.request.urlopen(f"{url}/_control/clock", data=body).close()


def _snapshots(running: Instance) -> int:
    with closing(sqlite3.connect(running.data_dir / "osrsdiff.db")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM snapshots").fetchone()
        return int(count)


def _wait_for(running: Instance, stored: int) -> None:
    end = time.monotonic() + LONGEST_S
    while _snapshots(running) < stored:
        if time.monotonic() > end:
            raise SystemExit(f"only {_snapshots(running)} of {stored} snapshots after {LONGEST_S:.0f} s")
        time.sleep(0.02)


def _add_used(used: dict[str, float], before: Sequence[Cost], after: Sequence[Cost]) -> None:
    """Adds the processor seconds between two looks at the processes, by their names."""
    for costs, sign in ((after, 1), (before, -1)):
        for cost in costs:
            used[cost.name] = used.get(cost.name, 0.0) + sign * cost.cpu_s


def _per_fetch_ms(used: dict[str, float], stored: int) -> dict[str, float]:
    return {name: 1000 * cpu_s / max(1, stored) for name, cpu_s in used.items()}


def rows(reference: Reference, full: Measured, due: Measured) -> Iterator[tuple[str, str]]:
    """The table."""
    rate = full.stored / full.seconds
    yield "only fetched and parsed", f"{reference.rate:,.0f} /s"
    yield "stored by one worker process", f"{rate:,.0f} /s"
    yield "ratio", f"{rate / reference.rate:.2f}"
    yield "CPU per fetch, only fetched and parsed", f"{reference.cpu_ms:.2f} ms"
    for title, measured in (("at once", full), (f"scheduled, {due.stored / due.seconds:.0f} /s", due)):
        yield f"CPU per stored fetch, {title}", f"{sum(measured.cpu_ms.values()):.2f} ms"
        for name, cpu_ms in measured.cpu_ms.items():
            yield f"  {name}", f"{cpu_ms:.2f} ms"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=1500)
    parser.add_argument("--concurrency", type=int, default=8, help="fetches under way in the worker")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each run is measured")
    given = parser.parse_args()
    setup = Setup(given.players, given.concurrency, given.seconds)
    reference, full = at_once(setup)
    harness.show("One worker process, SQLite", list(rows(reference, full, scheduled(setup))))


if __name__ == "__main__":
    main()
