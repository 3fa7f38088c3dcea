"""A Redis that comes and goes: under real `taskiq` processes, and in the middle of writing."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.manager import PlayerScheduleManager
from osrsdiff.scheduling.source import PlayerScheduleSource

SCHEDULER = ("scheduler", "taskiq_app:create_scheduler", "--update-interval=1")
WORKER = ("worker", "taskiq_app:create_broker", "--workers=1", "--max-async-tasks=4", "--wait-tasks-timeout=1")

Start = Callable[..., Any]
Eventually = Callable[..., Awaitable[None]]


async def alive(redis: Redis, key: str, count: int) -> bool:
    return bool(await redis.zcard(key) == count)


async def is_claimed_by_nobody_and_due_later(source: PlayerScheduleSource, redis: Redis, keys: Keys) -> bool:
    [fire] = await source.next_fires(["player_fetch_1"])
    return fire is not None and fire > time.time() + 5 and not await redis.hlen(keys.claims)


async def test_both_outlive_a_redis_that_comes_late_goes_and_comes_back(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, server: Any, eventually: Eventually
) -> None:
    server.stop()
    processes = [start(*SCHEDULER), start(*WORKER)]
    await asyncio.sleep(1.5)  # they start into nothing
    server.start()
    for _ in range(2):
        await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
        await eventually(lambda: alive(redis, keys.workers, 1), "the worker is alive")
        before = int(await redis.llen(f"{keys.prefix}finished"))
        await manager.schedule_players({1: 1_440 + before}, first_fires={1: time.time()})

        async def has_run(before: int = before) -> bool:
            return int(await redis.llen(f"{keys.prefix}finished")) > before

        await eventually(has_run, "a fire is sent and run")
        await eventually(lambda: is_claimed_by_nobody_and_due_later(manager._source, redis, keys), "it is settled")
        server.stop()
        await asyncio.sleep(1.5)  # an outage in the middle of work
        server.start()
    await eventually(lambda: redis.ping(), "Redis answers")
    assert [process.poll() for process in processes] == [None, None]
    assert await redis.llen(f"{keys.prefix}ran") == 2


async def test_next_fires_survive_a_redis_that_is_killed(
    redis: Redis, keys: Keys, manager: PlayerScheduleManager, server: Any, eventually: Eventually
) -> None:
    intervals = {player: 1 + player % 1_440 for player in range(1, 2_001)}
    await manager.schedule_players(intervals)
    await manager.retry_player(7, time.time() + 5_000, beat=1, retry=1)
    before = await manager.next_fires(intervals)
    server.stop(signal.SIGKILL)
    server.start()
    await eventually(redis.ping, "Redis answers")
    assert await manager.next_fires(intervals) == before
    assert await redis.hget(keys.moved, "player_fetch_7") == b"1/1"
    assert (await manager.check_players(intervals)) == (await manager.check_players({}))
