"""Factories for real `taskiq` processes: a queue whose one task notes that it ran. Its settings are environment."""

import asyncio
import os
import signal
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

from taskiq import Context, TaskiqDepends, TaskiqMessage, TaskiqMiddleware, TaskiqScheduler
from taskiq.cli.scheduler import run as loop

from osrsdiff import logs, redis_client
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.constants import FETCH_TASK
from osrsdiff.scheduling.source import PlayerScheduleSource

redis = redis_client.create(os.environ["TEST_REDIS_URL"])
PREFIX = os.environ["TEST_PREFIX"]


async def load_prefix() -> str:
    return PREFIX


async def run(player_id: int, context: Annotated[Context, TaskiqDepends()]) -> None:
    """Notes the task's id, and takes as many seconds as it is told to."""
    await redis.rpush(f"{PREFIX}ran", context.message.task_id)
    await asyncio.sleep(float(await redis.get(f"{PREFIX}takes_s") or 0))
    await redis.rpush(f"{PREFIX}finished", context.message.task_id)


async def count() -> None:
    """Counts that it ran."""
    await redis.incr(f"{PREFIX}count")


class Doom(TaskiqMiddleware):
    """Kills this process at the moment that a key names: before a message goes out, or as soon as it has."""

    async def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        await self._die(b"before")
        return message

    async def post_send(self, message: TaskiqMessage) -> None:  # noqa: ARG002
        await self._die(b"after")

    async def _die(self, moment: bytes) -> None:
        if await redis.get(f"{PREFIX}die") == moment:
            await redis.delete(f"{PREFIX}die")
            os.kill(os.getpid(), signal.SIGKILL)


def create_broker() -> StreamBroker:
    logs.setup("info", "text")
    broker = StreamBroker(redis, load_prefix, alive_s=1.2, block_s=0.5)
    broker.register_task(run, FETCH_TASK)
    broker.register_task(count, "count")
    return broker


def create_scheduler() -> TaskiqScheduler:
    return TaskiqScheduler(create_broker(), [PlayerScheduleSource(redis, load_prefix, max_queue=100_000, lease_s=5.0)])


def create_doomed_scheduler() -> TaskiqScheduler:
    scheduler = create_scheduler()
    scheduler.broker.add_middlewares(Doom())
    return scheduler


def create_scheduler_whose_clock_goes_back() -> TaskiqScheduler:
    """As soon as a file is there, TaskIQ's loop sees the time of an hour ago."""
    clock_went_back = Path(os.environ["TEST_CLOCK_WENT_BACK"])

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            now = super().now(tz)
            return now - timedelta(hours=1) if clock_went_back.exists() else now

    loop.datetime = Clock  # type: ignore[misc]
    scheduler = create_scheduler()
    [source] = scheduler.sources
    assert isinstance(source, PlayerScheduleSource)
    source.on_silence = lambda: signal.raise_signal(signal.SIGINT)
    return scheduler
