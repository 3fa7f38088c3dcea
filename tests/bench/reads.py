"""How fast the API reads, beside the same server answering cached bytes, over one connection.

    python tests/bench/reads.py [--players 20] [--looks 336] [--requests 2000]

A real `osrsdiff run` on SQLite whose players were looked at hourly, five metrics changed each time. One client asks,
one request after the other, for what is cached and for what is read in turn, so that a machine that becomes busier
spoils no ratio. Processor time is that of the API process.
"""

import argparse
import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import harness
import seeded
from harness import Instance

from osrsdiff.demo.world import World
from osrsdiff.storage.engine import Database

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
ROUNDS = 4
CACHED = "/healthz"
READS = {
    "player": "/api/v1/players/{}",
    "stats": "/api/v1/players/{}/stats",
    "gains of a week": "/api/v1/players/{}/gains?period=week",
}


class Measured(NamedTuple):
    """`requests` answered in `seconds`, `cpu_s` of the API process spent on them."""

    requests: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0


async def seed(data_dir: Path, players: int, looks: int) -> list[str]:
    """Players with hourly looks up to now; their names."""
    first = datetime.now(UTC) - timedelta(hours=looks)
    async with await Database.connect(seeded.migrated(data_dir)) as db:
        ids = await seeded.add_players(db, players, 43_200, first)
        await seeded.first_looks(db, World(epoch=EPOCH), ids, timedelta(), first)
        played = (timedelta(hours=hour) for hour in range(1, looks + 1))
        await seeded.looks(db, World(epoch=EPOCH), ids, played, first + timedelta(hours=1))
    return list(ids)


def asked(running: Instance, port: int, paths: list[str], requests: int, so_far: Measured) -> Measured:
    """What so many requests took, added to what was measured before."""
    before, started = _api_cpu_s(running), time.monotonic()
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        for path in islice(cycle(paths), requests):
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path}: {answer.status} {body.decode()[:200]}")
    seconds, cpu_s = time.monotonic() - started, _api_cpu_s(running) - before
    return Measured(so_far.requests + requests, so_far.seconds + seconds, so_far.cpu_s + cpu_s)


def _api_cpu_s(running: Instance) -> float:
    return sum(cost.cpu_s for cost in running.costs() if cost.name == "api")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def measure(players: int, looks: int, requests: int) -> dict[str, Measured]:
    """Each kind of read by its title, the cached bytes by their path."""
    port = _free_port()
    with harness.directory() as scratch:
        names = [name.replace(" ", "%20") for name in asyncio.run(seed(scratch / "data", players, looks))]
        paths = {title: [path.format(name) for name in names] for title, path in READS.items()}
        with harness.instance(scratch / "data", {"api.port": port}) as running:
            found = dict.fromkeys([CACHED, *READS], Measured())
            for _ in range(ROUNDS):
                for title, so_far in found.items():
                    given = paths.get(title, [CACHED])
                    found[title] = asked(running, port, given, requests // ROUNDS, so_far)
    return found


def rows(found: dict[str, Measured]) -> Iterator[tuple[str, str]]:
    """The table."""
    cached = found[CACHED]
    for title, measured in found.items():
        rate, ratio = measured.requests / measured.seconds, measured.cpu_s / cached.cpu_s
        cpu_ms = 1000 * measured.cpu_s / measured.requests
        yield title, f"{rate:,.0f} /s   {cpu_ms:.2f} ms CPU   {1 / ratio:.2f} of cached bytes"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=20)
    parser.add_argument("--looks", type=int, default=336, help="hourly looks at each player")
    parser.add_argument("--requests", type=int, default=2000, help="of each kind")
    given = parser.parse_args()
    harness.show("One connection, SQLite", list(rows(measure(given.players, given.looks, given.requests))))


if __name__ == "__main__":
    main()
