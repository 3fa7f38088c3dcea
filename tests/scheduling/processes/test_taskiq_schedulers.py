"""Real `taskiq scheduler` processes, killed and paused at the worst moments: each fire is sent once, and in time."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.manager import PlayerScheduleManager

ARGUMENTS = ("--update-interval=1",)
SCHEDULER = ("scheduler", "taskiq_app:create_scheduler", *ARGUMENTS)
DOOMED = ("scheduler", "taskiq_app:create_doomed_scheduler", *ARGUMENTS)
CLOCK_GOES_BACK = ("scheduler", "taskiq_app:create_scheduler_whose_clock_goes_back", *ARGUMENTS)

Start = Callable[..., Any]
Eventually = Callable[..., Awaitable[None]]


async def alive(redis: Redis, key: str, count: int) -> bool:
    return bool(await redis.zcard(key) == count)


async def test_two_schedulers_send_each_due_schedule_once_with_its_beat_and_labels(
    start: Start,
    redis: Redis,
    keys: Keys,
    manager: PlayerScheduleManager,
    make_broker: Callable[..., StreamBroker],
    eventually: Eventually,
) -> None:
    start(*SCHEDULER)
    start(*SCHEDULER)
    await eventually(lambda: alive(redis, keys.schedulers, 2), "both schedulers are alive")
    fire = int(time.time()) + 3
    players = range(1, 201)
    await manager.schedule_players(dict.fromkeys(players, 1_440), first_fires=dict.fromkeys(players, fire))

    async def are_all_sent() -> bool:
        fires = await manager.next_fires(players)
        return all(at.timestamp() > fire for at in fires.values()) and not await redis.hlen(keys.claims)

    await eventually(are_all_sent, "everything due is sent")
    sent = [make_broker().formatter.loads(fields[b"data"]) for _, fields in await redis.xrange(keys.queue)]
    assert sorted(message.task_id for message in sent) == sorted(f"player_fetch_{n}:{fire}" for n in players)
    assert {(message.labels["schedule_id"], message.labels["interval_minutes"]) for message in sent} == {
        (f"player_fetch_{player}", "1440") for player in players
    }


async def test_what_a_killed_scheduler_had_claimed_is_sent_by_the_next_one(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, eventually: Eventually
) -> None:
    scheduler = start(*SCHEDULER)
    await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
    fire = int(time.time()) + 3
    await manager.schedule_players({1: 1_440}, first_fires={1: fire})
    await eventually(lambda: redis.hexists(keys.claims, "player_fetch_1"), "the fire is claimed")
    scheduler.kill_all()
    assert await redis.xlen(keys.queue) == 0
    start(*SCHEDULER)
    await eventually(lambda: redis.xlen(keys.queue), "the lease ends and the fire is sent")
    assert time.time() < fire + 10
    [[_, fields]] = await redis.xrange(keys.queue)
    assert f"player_fetch_1:{fire}".encode() in fields[b"data"]


async def test_a_scheduler_stops_on_sigint_at_once_and_gives_its_claims_back(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, eventually: Eventually
) -> None:
    scheduler = start(*SCHEDULER)
    await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
    fire = int(time.time()) + 3
    await manager.schedule_players({1: 1_440}, first_fires={1: fire})
    await eventually(lambda: redis.hexists(keys.claims, "player_fetch_1"), "the fire is claimed")
    scheduler.send_signal(signal.SIGINT)
    assert scheduler.wait(5) == 0
    assert await redis.zscore(keys.due, "player_fetch_1") == fire
    assert not await redis.exists(keys.claims, keys.leases, keys.schedulers)


async def sent(redis: Redis, keys: Keys) -> list[tuple[str, float]]:
    """The ids of all tasks in the queue, each with the epoch second at which it got there."""
    entries = await redis.xrange(keys.queue)
    return [(json.loads(fields[b"data"])["task_id"], int(id_.split(b"-")[0]) / 1_000) for id_, fields in entries]


def once_each(players: Iterable[int], fires: dict[int, int]) -> list[str]:
    return sorted(f"player_fetch_{player}:{fires[player]}" for player in players)


async def test_a_scheduler_started_twice_in_one_minute_sends_nothing_twice(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, eventually: Eventually
) -> None:
    fires: dict[int, int] = {}
    for player, stop in ((1, signal.SIGINT), (2, signal.SIGKILL), (3, signal.SIGKILL)):
        scheduler = start(*SCHEDULER)
        fires[player] = int(time.time())
        await manager.schedule_players({player: 1_440}, first_fires={player: fires[player]})

        async def is_sent(count: int = player) -> bool:
            return await redis.xlen(keys.queue) >= count

        await eventually(is_sent, "it is sent")
        scheduler.send_signal(stop)
        scheduler.wait(10)
    assert sorted(task_id for task_id, _ in await sent(redis, keys)) == once_each(fires, fires)


async def test_schedulers_killed_again_and_again_lose_nothing_and_repeat_nothing(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, eventually: Eventually
) -> None:
    running = [start(*SCHEDULER), start(*SCHEDULER)]
    await eventually(lambda: alive(redis, keys.schedulers, 2), "both schedulers are alive")
    begin = int(time.time()) + 4
    fires = {player: begin + player % 12 for player in range(1, 361)}
    await manager.schedule_players(dict.fromkeys(fires, 1_440), first_fires=dict(fires))
    dice = random.Random(1)
    while time.time() < begin + 12:
        await redis.delete(keys.schedulers)
        await eventually(lambda: alive(redis, keys.schedulers, 2), "both are alive")
        await asyncio.sleep(dice.uniform(0, 1))
        running.pop(dice.randrange(2)).kill_all()
        killed_at = time.time()
        running.append(start(*SCHEDULER))

        async def is_taken_over(until: float = killed_at + 5) -> bool:
            return not await redis.zcount(keys.leases, "-inf", until)

        await eventually(is_taken_over, "what the dead one had claimed is sent or another's")

    async def are_all_sent() -> bool:
        return await redis.xlen(keys.queue) >= 360

    await eventually(are_all_sent, "everything is sent")
    arrived = await sent(redis, keys)
    assert sorted(task_id for task_id, _ in arrived) == once_each(fires, fires)
    assert max(at - int(task_id.rpartition(":")[2]) for task_id, at in arrived) < 10


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_one_killed_in_the_middle_of_sending_loses_nothing_and_repeats_nothing(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, eventually: Eventually, moment: str
) -> None:
    await redis.set(f"{keys.prefix}die", moment)
    doomed = start(*DOOMED)
    await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
    fires = dict.fromkeys(range(1, 21), int(time.time()) + 3)
    await manager.schedule_players(dict.fromkeys(fires, 1_440), first_fires=dict(fires))
    assert await asyncio.to_thread(doomed.wait, 20) == -signal.SIGKILL
    start(*SCHEDULER)

    async def are_all_sent() -> bool:
        return await redis.xlen(keys.queue) >= 20

    await eventually(are_all_sent, "everything is sent")
    await eventually(lambda: is_nothing_claimed(redis, keys), "every claim is over")
    assert sorted(task_id for task_id, _ in await sent(redis, keys)) == once_each(fires, fires)


async def is_nothing_claimed(redis: Redis, keys: Keys) -> bool:
    return not await redis.exists(keys.claims, keys.leases)


async def test_one_that_was_paused_past_its_leases_sends_nothing_that_another_one_sent(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, eventually: Eventually
) -> None:
    paused = start(*SCHEDULER)
    await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
    [name] = await redis.zrange(keys.schedulers, 0, -1)
    fires = dict.fromkeys(range(1, 51), int(time.time()) + 3)
    await manager.schedule_players(dict.fromkeys(fires, 1_440), first_fires=dict(fires))
    await eventually(lambda: redis.hexists(keys.claims, "player_fetch_1"), "the fires are claimed")
    paused.send_signal(signal.SIGSTOP)
    start(*SCHEDULER)

    async def are_all_sent() -> bool:
        return await redis.xlen(keys.queue) >= 50

    await eventually(are_all_sent, "the other one sends them when the leases end")
    paused.send_signal(signal.SIGCONT)
    woken_at = time.time()

    async def is_awake() -> bool:
        return (await redis.zscore(keys.schedulers, name) or 0) > woken_at + 2

    await eventually(is_awake, "it goes on")
    assert sorted(task_id for task_id, _ in await sent(redis, keys)) == once_each(fires, fires)


async def test_one_whose_hosts_clock_was_set_back_ends_to_be_started_again(
    start: Start, redis: Redis, keys: Keys, tmp_path: Path, eventually: Eventually
) -> None:
    scheduler = start(*CLOCK_GOES_BACK)
    await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
    (tmp_path / "clock_went_back").touch()
    assert await asyncio.to_thread(scheduler.wait, 30) == 0
    assert await redis.zcard(keys.schedulers) == 0
    assert "clock went back" in (tmp_path / "taskiq.log").read_text()
