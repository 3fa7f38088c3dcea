"""How fast the API reads a large data set, beside the same server answering cached bytes.

    python tests/bench/reads.py [--database sqlite postgresql] [--players 10000] [--hourly 100] [--days 365]
                                [--seconds 4] [--connections 16] [--cold 200]

`osrsdiff api` over a database of `dataset.py`, pinned to one core; the client, and the Postgres that is started for
this, have another. Cached bytes are the API's answer to the same read, headers and all, kept in memory by a process of
their own on the API's core (`cached.py`). Two tables for each database:

    kept  16 connections ask for the same answers again and again; reads and cached bytes take turns, so that a
          machine that becomes busier spoils no ratio. CPU is that of the API process for one request; its share of
          cached bytes is the fairer one where other programs run too
    cold  one connection asks for what nobody has asked for before: nothing of ours is kept, each answer is made

A goal stands beside what it is for; "-" where there is none.
"""

import argparse
import asyncio
import os
import socket
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import dataset
import harness
import kinds
import load
import msgspec
from cached import Answer
from dataset import Size
from kinds import Read
from load import Load

from osrsdiff.storage import migrate

ROUNDS = 4
_READY_WITHIN_S = 30.0
_KEPT_HEADERS = [
    "Cache-Control",
    "Content-Security-Policy",
    "Content-Type",
    "Cross-Origin-Resource-Policy",
    "ETag",
    "Referrer-Policy",
    "Server",
    "X-Content-Type-Options",
    "X-Request-Id",
]


class Setup(NamedTuple):
    """How much is measured."""

    size: Size
    seconds: float
    connections: int
    cold: int


class Measured(NamedTuple):
    """What a kind of read took. `cpu_s`: of the process that answered."""

    load: Load
    cpu_s: float

    @property
    def cpu_us(self) -> float:
        """For one request."""
        return 1e6 * self.cpu_s / len(self.load.waits_s)


class Server(NamedTuple):
    """A server under measurement."""

    pid: int
    port: int

    def asked(self, paths: Sequence[str], *, connections: int, seconds: float) -> Measured:
        """What it made of so many connections."""
        before = harness.cpu_s(harness.tree(self.pid))
        found = load.put(self.port, paths, connections=connections, seconds=seconds)
        return Measured(found, harness.cpu_s(harness.tree(self.pid)) - before)

    def asked_once(self, paths: Sequence[str]) -> Measured:
        """What it made of each path, one after the other."""
        before = harness.cpu_s(harness.tree(self.pid))
        found = load.each(self.port, paths)
        return Measured(found, harness.cpu_s(harness.tree(self.pid)) - before)


class Compared(NamedTuple):
    """A read, and cached bytes of the same length."""

    read: Measured
    cached: Measured


class Found(NamedTuple):
    """What a kind of read came to. `cold`: None where there was too little to ask."""

    read: Read
    kept: Compared
    cold: Measured | None


def measure(url: str, scratch: Path, setup: Setup) -> list[Found]:
    """Every kind of read that there is."""
    with _api(url, scratch) as api:
        offered = [read for read in kinds.reads(setup.size, setup.cold) if _is_offered(api, read)]
        cold = [api.asked_once(read.cold) if len(read.cold) > 1 else None for read in offered]
        kept: dict[int, Compared] = {}
        with _cached(api, scratch, offered) as cached:
            for _, (number, read) in product(range(ROUNDS), enumerate(offered)):
                api.asked_once(read.kept)  # spans that end now are made anew each minute
                asked = partial(Server.asked, connections=setup.connections, seconds=setup.seconds / ROUNDS)
                found = Compared(asked(api, read.kept), asked(cached, [f"/{number}"]))
                before = kept.get(number)
                kept[number] = Compared(*map(_together, before, found)) if before else found
    return [Found(read, kept[number], cold[number]) for number, read in enumerate(offered)]


def _together(one: Measured, other: Measured) -> Measured:
    both = Load(one.load.seconds + other.load.seconds, one.load.waits_s + other.load.waits_s)
    return Measured(both, one.cpu_s + other.cpu_s)


@contextmanager
def _api(url: str, scratch: Path) -> Iterator[Server]:
    """`osrsdiff api` alone, on its core."""
    port = _free_port()
    variables = {"OSRSDIFF_DATABASE__URL": url, "OSRSDIFF_API__PORT": str(port)}
    arguments = "osrsdiff", "--data-dir", str(scratch / "data"), "api"
    with _on_its_core(*arguments, log_path=scratch / "api.log", variables=variables) as pid:
        harness.wait_for(lambda: _answers(port, "/api/v1/players?limit=1"), "the API answers", _READY_WITHIN_S)
        yield Server(pid, port)


@contextmanager
def _cached(api: Server, scratch: Path, reads: Sequence[Read]) -> Iterator[Server]:
    """The server that answers to /0, /1 and so on as the API answers to these reads."""
    answers = [_answer(api, read.kept[0], f"/{number}") for number, read in enumerate(reads)]
    (scratch / "answers").write_bytes(msgspec.json.encode(answers))
    port, variables = _free_port(), {"PYTHONPATH": str(Path(__file__).parent)}
    arguments = "cached", str(port), str(scratch / "answers")
    with _on_its_core(*arguments, log_path=scratch / "cached.log", variables=variables) as pid:
        harness.wait_for(lambda: _answers(port, "/0"), "cached bytes are served", _READY_WITHIN_S)
        yield Server(pid, port)


def _answer(api: Server, asked: str, path: str) -> Answer:
    """What the API answers to `asked`, to be sent for `path`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{api.port}{asked}") as answer:
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS}
        return Answer(path, headers, answer.read().decode())


@contextmanager
def _on_its_core(*arguments: str, log_path: Path, variables: Mapping[str, str]) -> Iterator[int]:
    """A process on the first core; this one, and what it starts later, on the last."""
    cores = sorted(_CORES)
    os.sched_setaffinity(0, cores[:1])
    with ExitStack() as stack:
        try:
            pid = stack.enter_context(harness.tied_process(*arguments, log_path=log_path, variables=variables))
        finally:
            os.sched_setaffinity(0, cores[-1:])
        yield pid


_CORES = os.sched_getaffinity(0)


def _is_offered(api: Server, read: Read) -> bool:
    """Whether there is such a read; asks so that statements are compiled, and for what is not asked once later."""
    return _answers(api.port, read.kept[0])


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def show(database: str, found: Sequence[Found], setup: Setup) -> None:
    """Both tables."""
    rows = [
        [
            read.title,
            f"{one.load.per_s:,.0f}",
            f"{one.load.wait_ms(50):.2f}",
            f"{one.load.wait_ms(99):.2f}",
            f"{one.cpu_us:,.0f}",
            f"{cached.load.per_s:,.0f}",
            f"{one.load.per_s / cached.load.per_s:.2f}",
            f"{cached.cpu_us:,.0f}",
            f"{cached.cpu_us / one.cpu_us:.2f}",
            f"≥ {goal:.2f}" if (goal := read.least_of_cached.get(database)) else "-",
        ]
        for read, (one, cached), _ in found
    ]
    head = [
        f"{database}, kept",
        "/s",
        "p50 ms",
        "p99 ms",
        "CPU us",
        "cached /s",
        "ratio",
        "CPU us",
        "ratio",
        "goal of ratio",
    ]
    harness.show_table(f"Kept: {setup.connections} connections ask for the same again and again, one core", head, rows)
    rows = [
        [
            read.title,
            f"{len(one.load.waits_s):,}",
            *(f"{one.load.wait_ms(percent):.2f}" for percent in (50, 90, 99)),
            f"{one.cpu_us / 1000:.2f}",
            "-" if read.most_ms is None else f"≤ {read.most_ms:.0f} ms",
        ]
        for read, _, one in found
        if one is not None
    ]
    head = [f"{database}, cold", "answers", "p50 ms", "p90 ms", "p99 ms", "CPU ms", "goal of p50"]
    harness.show_table("Cold: one connection, each answer made anew", head, rows)


def run(database: str, setup: Setup) -> None:
    """Fills a database of this kind and measures."""
    os.sched_setaffinity(0, sorted(_CORES)[-1:])
    with (
        harness.directory() as scratch,
        harness.database(database, scratch) as url,
        harness.redis_server(scratch / "data"),
    ):
        migrate.upgrade(url, scratch / "data")
        asyncio.run(dataset.fill(url, setup.size))
        show(database, measure(url, scratch, setup), setup)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", nargs="+", choices=harness.DATABASES, default=list(harness.DATABASES))
    parser.add_argument("--players", type=int, default=10_000)
    parser.add_argument("--hourly", type=int, default=100, help="so many of them are looked at hourly, the rest daily")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each kind of read is asked for")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--cold", type=int, default=200, help="how many answers of each kind are made anew")
    given = parser.parse_args()
    setup = Setup(Size(given.players, given.hourly, given.days), given.seconds, given.connections, given.cold)
    for database in given.database:
        run(database, setup)


if __name__ == "__main__":
    main()
