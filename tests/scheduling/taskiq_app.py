"""Factories for real `taskiq` processes: a queue whose one task notes that it ran. Its settings are environment."""

import asyncio
import os
from typing import Annotated

from taskiq import Context, TaskiqDepends, TaskiqScheduler

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


def create_broker() -> StreamBroker:
    logs.setup("info", "text")
    broker = StreamBroker(redis, load_prefix, alive_s=1.2, block_s=0.5)
    broker.register_task(run, FETCH_TASK)
    return broker


def create_scheduler() -> TaskiqScheduler:
    return TaskiqScheduler(create_broker(), [PlayerScheduleSource(redis, load_prefix, max_queue=100_000)])
