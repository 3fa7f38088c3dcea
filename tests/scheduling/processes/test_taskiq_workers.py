"""Real `taskiq worker` processes, killed, paused and stopped in the middle of work: every task is done."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from osrsdiff.scheduling.broker import GROUP, StreamBroker
from osrsdiff.scheduling.keys import Keys

WORKER = ("worker", "taskiq_app:create_broker", "--workers=1", "--max-async-tasks=4", "--wait-tasks-timeout=1")
FETCH = "fetch_player_hiscores"

Start = Callable[..., Any]
Eventually = Callable[..., Awaitable[None]]


async def alive(redis: Redis, key: str, count: int) -> bool:
    return bool(await redis.zcard(key) == count)


async def test_a_killed_workers_task_is_run_again_by_another_on_a_quiet_queue(
    start: Start, redis: Redis, keys: Keys, make_broker: Callable[..., StreamBroker], eventually: Eventually
) -> None:
    await redis.set(f"{keys.prefix}takes_s", 3600)
    worker = start(*WORKER)
    task_id = await make_broker().send("fetch_player_hiscores", 1)
    await eventually(lambda: redis.llen(f"{keys.prefix}ran"), "the task runs")
    worker.kill_all()
    await redis.set(f"{keys.prefix}takes_s", 0)
    start(*WORKER)
    await eventually(lambda: redis.llen(f"{keys.prefix}finished"), "the task is run again")
    assert await redis.lrange(f"{keys.prefix}ran", 0, -1) == 2 * [task_id.encode()]

    async def is_cleared_up() -> bool:
        consumers = await redis.xinfo_consumers(keys.queue, GROUP)
        return len(consumers) == 1 and await redis.xlen(keys.queue) == 0

    await eventually(is_cleared_up, "the dead worker is retired and the queue empty")


@pytest.mark.parametrize(("takes_s", "number"), [(0.5, signal.SIGTERM), (3600, signal.SIGTERM), (3600, signal.SIGINT)])
async def test_a_worker_stops_at_once_with_its_tasks_finished_or_given_back(
    start: Start,
    redis: Redis,
    keys: Keys,
    make_broker: Callable[..., StreamBroker],
    eventually: Eventually,
    takes_s: float,
    number: int,
) -> None:
    await redis.set(f"{keys.prefix}takes_s", takes_s)
    worker = start(*WORKER)
    broker = make_broker()
    await asyncio.gather(*(broker.send(FETCH, player) for player in range(10)))
    await eventually(lambda: have_run(redis, keys, 4), "as many tasks run as may")
    worker.send_signal(number)
    assert await asyncio.to_thread(worker.wait, 5) is not None
    finished = await redis.llen(f"{keys.prefix}finished")
    assert finished >= 4 if takes_s < 1 else finished == 0
    assert await redis.xlen(keys.queue) == 10 - finished
    assert await redis.xinfo_consumers(keys.queue, GROUP) == []
    assert (await redis.xpending(keys.queue, GROUP))["pending"] == 0


async def have_run(redis: Redis, keys: Keys, count: int) -> bool:
    return int(await redis.llen(f"{keys.prefix}ran")) >= count


@pytest.mark.parametrize(("trouble", "number"), [("stopped", signal.SIGTERM), ("paused", signal.SIGINT)])
async def test_a_worker_stops_at_once_while_redis_is_away_and_its_tasks_are_run_again(
    start: Start,
    redis: Redis,
    keys: Keys,
    server: Any,
    make_broker: Callable[..., StreamBroker],
    eventually: Eventually,
    number: int,
    trouble: str,
) -> None:
    await redis.set(f"{keys.prefix}takes_s", 3600)
    worker = start(*WORKER)
    broker = make_broker()
    ids = await asyncio.gather(*(broker.send(FETCH, player) for player in range(6)))
    await eventually(lambda: have_run(redis, keys, 4), "as many tasks run as may")
    server.stop() if trouble == "stopped" else server.pause()
    worker.send_signal(number)
    assert await asyncio.to_thread(worker.wait, 5) is not None
    server.stop()
    server.start()
    await eventually(lambda: redis.set(f"{keys.prefix}takes_s", 0), "Redis is back")
    start(*WORKER)
    await eventually(lambda: is_empty(redis, keys), "everything is done")
    assert set(await redis.lrange(f"{keys.prefix}finished", 0, -1)) == {task_id.encode() for task_id in ids}


async def is_empty(redis: Redis, keys: Keys) -> bool:
    return not await redis.xlen(keys.queue)


async def test_after_many_tasks_the_queue_holds_none(
    start: Start, redis: Redis, keys: Keys, make_broker: Callable[..., StreamBroker], eventually: Eventually
) -> None:
    start(*WORKER, "--max-async-tasks=64")
    broker = make_broker()
    for _ in range(5):
        await asyncio.gather(*(broker.send("count") for _ in range(1_000)))
    await eventually(lambda: is_empty(redis, keys), "everything is done", timeout_s=60)
    assert await redis.get(f"{keys.prefix}count") == b"5000"
    assert (await redis.xpending(keys.queue, GROUP))["pending"] == 0
    assert await redis.memory_usage(keys.queue) < 20_000


async def test_of_workers_killed_again_and_again_every_task_is_done(
    start: Start, redis: Redis, keys: Keys, make_broker: Callable[..., StreamBroker], eventually: Eventually
) -> None:
    await redis.set(f"{keys.prefix}takes_s", 0.4)
    running = [start(*WORKER), start(*WORKER)]
    broker = make_broker()
    ids = await asyncio.gather(*(broker.send(FETCH, player) for player in range(60)))
    dice = random.Random(1)
    for kills in range(1, 5):
        await eventually(lambda kills=kills: have_run(redis, keys, 10 * kills), "tasks run")
        await asyncio.sleep(dice.uniform(0, 0.4))
        running.pop(dice.randrange(2)).kill_all()
        running.append(start(*WORKER))
    await eventually(lambda: is_empty(redis, keys), "everything is done", timeout_s=40)
    assert set(await redis.lrange(f"{keys.prefix}finished", 0, -1)) == {task_id.encode() for task_id in ids}

    async def are_the_dead_retired() -> bool:
        names = {info["name"] for info in await redis.xinfo_consumers(keys.queue, GROUP)}
        return len(names) == 2 and names == set(await redis.zrange(keys.workers, 0, -1))

    await eventually(are_the_dead_retired, "the dead are retired")


async def test_a_worker_that_was_paused_acknowledges_nothing_that_another_one_has(
    start: Start, redis: Redis, keys: Keys, make_broker: Callable[..., StreamBroker], eventually: Eventually
) -> None:
    await redis.set(f"{keys.prefix}takes_s", 2)
    paused = start(*WORKER)
    await make_broker().send(FETCH, 1)
    await eventually(lambda: have_run(redis, keys, 1), "the task runs")
    paused.signal_all(signal.SIGSTOP)
    await redis.set(f"{keys.prefix}takes_s", 3600)
    start(*WORKER)
    await eventually(lambda: have_run(redis, keys, 2), "the other one takes it over")
    [taken_over] = await redis.xpending_range(keys.queue, GROUP, "-", "+", 10)
    paused.signal_all(signal.SIGCONT)
    await eventually(lambda: redis.llen(f"{keys.prefix}finished"), "the first one finishes all the same")
    await redis.set(f"{keys.prefix}takes_s", 0)
    await make_broker().send(FETCH, 2)  # whoever runs this has acknowledged what it did before
    await eventually(lambda: has_finished(redis, keys, 2), "work goes on")

    async def one_is_left() -> bool:
        return len(await redis.xpending_range(keys.queue, GROUP, "-", "+", 10)) == 1

    await eventually(one_is_left, "what was done is acknowledged")
    [still] = await redis.xpending_range(keys.queue, GROUP, "-", "+", 10)
    assert (still["message_id"], still["consumer"]) == (taken_over["message_id"], taken_over["consumer"])


async def has_finished(redis: Redis, keys: Keys, count: int) -> bool:
    return int(await redis.llen(f"{keys.prefix}finished")) >= count
