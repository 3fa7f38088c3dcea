"""What dead processes and lost schedules leave behind: found, removed, and nothing else touched."""

import time
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from taskiq import ScheduledTask

from osrsdiff.scheduling import sweep
from osrsdiff.scheduling.broker import GROUP
from osrsdiff.scheduling.constants import ALIVE_S
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.source import PlayerScheduleSource

Eventually = Callable[[Callable[[], Awaitable[bool]], str], Awaitable[None]]

LONG_AGO = ALIVE_S + 60


async def stale(redis: Redis, prefix: str, *, remove: bool) -> set[str]:
    return {id_ async for _, ids in sweep.stale_entries(redis, prefix, remove=remove) for id_ in ids}


async def test_entries_without_a_schedule_are_found_and_removed(
    redis: Redis, prefix: str, keys: Keys, source: PlayerScheduleSource, schedule: Callable[..., ScheduledTask]
) -> None:
    await source.add_schedule(schedule(1))
    await redis.zadd(keys.due, {"in due": 10.0})
    await redis.zadd(keys.leases, {"in leases": 10.0})
    await redis.hset(keys.claims, "in claims", "10.0")
    await redis.hset(keys.moved, mapping={"in moved": "10", "player_fetch_1": "10"})
    expected = {"in due", "in leases", "in claims", "in moved"}
    assert await stale(redis, prefix, remove=False) == expected
    assert await stale(redis, prefix, remove=True) == expected
    assert await stale(redis, prefix, remove=True) == set()
    assert await source.next_fires(["player_fetch_1"]) != [None]
    assert await redis.hkeys(keys.moved) == [b"player_fetch_1"]


async def test_every_entry_of_many_is_looked_at(redis: Redis, prefix: str, keys: Keys) -> None:
    await redis.zadd(keys.due, {f"s{number}": 1.0 for number in range(5_000)})
    assert len(await stale(redis, prefix, remove=False)) == 5_000
    assert len(await stale(redis, prefix, remove=True)) == 5_000
    assert await redis.zcard(keys.due) == 0


async def test_schedulers_that_are_gone_are_forgotten(redis: Redis, prefix: str, keys: Keys) -> None:
    now = time.time()
    await redis.zadd(keys.schedulers, {"alive": now, "gone": now - LONG_AGO})
    assert await sweep.dead_schedulers(redis, prefix, remove=False) == ["gone"]
    assert await redis.zcard(keys.schedulers) == 2
    assert await sweep.dead_schedulers(redis, prefix, remove=True) == ["gone"]
    assert await redis.zrange(keys.schedulers, 0, -1) == [b"alive"]


async def test_workers_that_are_gone_are_forgotten_but_not_their_messages(
    redis: Redis, prefix: str, keys: Keys, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    now = time.time()
    monkeypatch.setattr(sweep, "ALIVE_S", 0.05)
    await redis.xgroup_create(keys.queue, GROUP, id="0", mkstream=True)
    await redis.zadd(keys.workers, {"alive": now + 60, "gone": now - LONG_AGO, "busy and gone": now - LONG_AGO})
    await redis.xadd(keys.queue, {"data": "x"})
    await redis.xreadgroup(GROUP, "busy and gone", {keys.queue: ">"}, count=1)
    await redis.xgroup_createconsumer(keys.queue, GROUP, "idle")

    async def idle_is_dead() -> bool:
        return set(await sweep.dead_workers(redis, prefix, remove=False)) == {"gone", "idle"}

    await eventually(idle_is_dead, "an idle consumer counts as gone")
    assert set(await sweep.dead_workers(redis, prefix, remove=True)) == {"gone", "idle"}
    assert set(await redis.zrange(keys.workers, 0, -1)) == {b"alive", b"busy and gone"}
    assert (await redis.xpending(keys.queue, GROUP))["pending"] == 1
    assert [one["name"] for one in await redis.xinfo_consumers(keys.queue, GROUP)] == [b"busy and gone"]


async def test_a_worker_that_has_only_just_read_is_no_dead_one(redis: Redis, prefix: str, keys: Keys) -> None:
    """Its first sign of life may come after its first read."""
    await redis.xgroup_create(keys.queue, GROUP, id="0", mkstream=True)
    await redis.xgroup_createconsumer(keys.queue, GROUP, "new")
    assert await sweep.dead_workers(redis, prefix, remove=True) == []
    assert len(await redis.xinfo_consumers(keys.queue, GROUP)) == 1
