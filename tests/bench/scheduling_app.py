"""Factories for the `taskiq` processes of the scheduling benchmarks: the product's parts, and the stock ones.

What they need is in the environment: OSRSDIFF_DATA_DIR for the product's scheduler, else BENCH_REDIS_URL; BENCH_TALLIES
is a directory in which each worker process counts the tasks it has done, in a file of its own.
"""

import asyncio
import mmap
import os
import struct
from pathlib import Path

from taskiq import AsyncBroker, TaskiqScheduler
from taskiq.formatters.json_formatter import JSONFormatter
from taskiq_redis import ListRedisScheduleSource, RedisStreamBroker

from osrsdiff import redis_client
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.results import ResultStore

PREFIX = "osrsdiff:bench:"
NOTHING, SLEEPING = "nothing", "sleeping"
SLEEP_S = 0.05
_COUNT = struct.Struct("=Q")
_WITHOUT_BOUND = 10**9


class Tally:
    """How many tasks this process has done, where another one can read it."""

    def __init__(self, directory: Path) -> None:
        path = directory / str(os.getpid())
        path.write_bytes(_COUNT.pack(0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _COUNT.size)
        self._count = 0

    def add(self) -> None:
        """One more."""
        self._count += 1
        _COUNT.pack_into(self._memory, 0, self._count)


def done(directory: Path) -> list[int]:
    """How many tasks each process has done so far."""
    return [_COUNT.unpack(path.read_bytes())[0] for path in directory.iterdir() if path.stat().st_size == _COUNT.size]


def create_scheduler() -> TaskiqScheduler:
    """The product's, with admission opened: as many messages may wait as fall due."""
    from osrsdiff import worker  # noqa: PLC0415 - heavy, and the other processes have nothing of it

    scheduler = worker.create_scheduler()
    scheduler.sources[0].admission = _opened  # type: ignore[attr-defined]
    return scheduler


def create_stock_scheduler() -> TaskiqScheduler:
    """TaskIQ's own, on what the library has for Redis."""
    return TaskiqScheduler(create_stock_broker(), [ListRedisScheduleSource(os.environ["BENCH_REDIS_URL"])])


def create_broker() -> AsyncBroker:
    """The product's broker without results."""
    return _with_tasks(_ours())


def create_broker_with_results() -> AsyncBroker:
    """The product's broker, which keeps what tasks return."""
    broker = _ours()
    return _with_tasks(broker.with_result_backend(ResultStore(broker._redis, load_prefix)))


def create_stock_broker() -> AsyncBroker:
    """The library's broker without results."""
    return _with_tasks(RedisStreamBroker(os.environ["BENCH_REDIS_URL"], consumer_id="0"))


async def load_prefix() -> str:
    """What the keys of the brokers start with."""
    return PREFIX


def _ours() -> StreamBroker:
    redis = redis_client.create(os.environ["BENCH_REDIS_URL"])
    return StreamBroker(redis, load_prefix, concurrency=int(os.environ.get("BENCH_CONCURRENCY", "8")))


def _with_tasks(broker: AsyncBroker) -> AsyncBroker:
    broker.formatter = JSONFormatter()  # the product's; the library's own default is slower
    directory = os.environ.get("BENCH_TALLIES")
    tally = Tally(Path(directory)) if directory else None

    async def nothing(player_id: int) -> None:
        if tally:
            tally.add()

    async def sleeping(player_id: int) -> None:
        await asyncio.sleep(SLEEP_S)
        if tally:
            tally.add()

    broker.register_task(nothing, NOTHING)
    broker.register_task(sleeping, SLEEPING)
    return broker


async def _opened() -> int:
    return _WITHOUT_BOUND
