"""What OSRS Diff left in Redis is found and removed, and nothing else."""

import pickle
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from taskiq import ScheduledTask
from taskiq.serializers import JSONSerializer
from taskiq_redis import ListRedisScheduleSource, RedisScheduleSource, RedisStreamBroker

from osrsdiff.errors import RedisRefused, SetupError, Unreachable
from osrsdiff.redis_client import create
from osrsdiff.scheduling import leftovers
from osrsdiff.scheduling.leftovers import Kind, check_is_idle, find_leftovers

OWN = "osrsdiff:0123456789ab:"


def task(schedule_id: str, **when: Any) -> ScheduledTask:
    return ScheduledTask(
        task_name="fetch",
        labels={"schedule_type": "player_fetch"},
        args=[7],
        kwargs={},
        schedule_id=schedule_id,
        **when,
    )


async def add_own(redis: Redis) -> set[bytes]:
    """An instance of the new layout, and keys of strangers."""
    await redis.hset(f"{OWN}schedules", "player_fetch_1", "{}")
    await redis.zadd(f"{OWN}due", {"player_fetch_1": 1})
    await redis.set(f"{OWN}scheduler:lock:x", "1")
    await redis.set(f"{OWN}fixed:reconcile:1", "1")
    await redis.set("osrsdiff:schedulers", "1")
    await redis.set("scheduled", "1")
    await redis.set("taskiq:other", "1")
    return set(await redis.keys())


@pytest.mark.parametrize("serializer", [None, JSONSerializer()])
async def test_what_stock_parts_left_goes_and_an_instance_stays(
    redis: Redis, redis_url: str, serializer: JSONSerializer | None
) -> None:
    own = await add_own(redis)
    await redis.set("osrsdiff:scheduler:lock:fetch_all", "x", ex=300)
    await redis.set("osrsdiff:scheduler:last_run:fetch_all", "2026-01-01T00:00:00")
    listed = ListRedisScheduleSource(redis_url, serializer=serializer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        stock = RedisScheduleSource(redis_url, serializer=serializer)
    for number in range(30):
        await listed.add_schedule(task(f"player_fetch_{number}", cron="*/30 * * * *"))
        await stock.add_schedule(task(f"old-{number}", cron="*/30 * * * *"))
    await listed.add_schedule(task("once", time=datetime(2026, 1, 1, tzinfo=UTC)))
    await listed.add_schedule(task("often", interval=60))
    broker = RedisStreamBroker(redis_url)
    await broker.startup()

    found = await find_leftovers(redis)
    assert found.counts == {Kind.LOCK: 1, Kind.LAST_RUN: 1, Kind.ENTRY: 62, Kind.INDEX: 3, Kind.QUEUE: 1}
    assert not found.removed
    assert len(await redis.keys()) == len(own) + 68
    removed = await find_leftovers(redis, remove=True)
    assert removed.removed
    assert removed.counts == found.counts
    assert set(await redis.keys()) == own
    assert (await find_leftovers(redis)).counts == {}
    await broker.shutdown()
    await stock.shutdown()
    await listed._connection_pool.disconnect()


class Trap:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


async def test_a_pickled_entry_is_dropped_unread(redis: Redis, tmp_path: Path) -> None:
    trap = pickle.dumps({"task_name": Trap(tmp_path / "sprung")})
    await redis.set("schedule:data:trap", trap)
    await redis.set("schedule:trap", trap)
    found = await find_leftovers(redis, remove=True)
    assert found.counts == {Kind.ENTRY: 2}
    assert await redis.keys() == []
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "make",
    [
        lambda redis: redis.set("schedule:opening-hours", "9 to 5"),
        lambda redis: redis.set("schedule:pickled", pickle.dumps({"opens": 9})),
        lambda redis: redis.set("schedule:theirs", '{"cron": "* * * * *"}'),
        lambda redis: redis.hset("schedule:cron", "a", "b"),
        lambda redis: redis.rpush("schedule:queue", "a"),
        lambda redis: redis.set("taskiq", "no stream"),
        lambda redis: redis.hset("osrsdiff:scheduler:lock:x", "a", "b"),
    ],
)
async def test_what_is_only_named_so_stays_and_is_told(redis: Redis, make: Any) -> None:
    await make(redis)
    [key] = await redis.keys()
    found = await find_leftovers(redis, remove=True)
    assert (found.counts, found.unrecognised, found.unrecognised_count) == ({}, [key.decode()], 1)
    assert await redis.keys() == [key]


async def test_a_large_redis_is_read_in_batches(redis: Redis) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        for number in range(5_000):
            pipeline.set(f"other:{number}", "1")
            pipeline.set(f"osrsdiff:scheduler:last_run:{number}", "1")
        await pipeline.execute()
    await redis.config_resetstat()
    found = await find_leftovers(redis, remove=True)
    assert found.counts == {Kind.LAST_RUN: 5_000}
    assert await redis.dbsize() == 5_000
    calls = await redis.info("commandstats")
    assert "cmdstat_keys" not in calls
    assert calls["cmdstat_scan"]["calls"] >= 5


async def test_keys_that_are_no_text_are_left(redis: Redis) -> None:
    await redis.set(b"\xff\xfe", "1")
    await redis.set(b"osrsdiff:scheduler:lock:\xff", "1")
    found = await find_leftovers(redis, remove=True)
    assert found.counts == {Kind.LOCK: 1}
    assert await redis.keys() == [b"\xff\xfe"]


async def test_a_redis_that_is_away_is_told() -> None:
    async with create("redis://127.0.0.1:1") as away:
        with pytest.raises(Unreachable, match="The old install's Redis does not answer"):
            await find_leftovers(away)


@pytest.mark.parametrize("missing", ["scan", "type", "getrange", "unlink"])
async def test_a_missing_right_is_told_as_such(redis: Redis, redis_url: str, missing: str) -> None:
    await redis.set("schedule:one", pickle.dumps({"task_name": "fetch"}))
    await redis.execute_command("ACL", "SETUSER", "guest", "on", ">word", "~*", "+@all", f"-{missing}")
    try:
        async with create(redis_url.replace("unix://", "unix://guest:word@")) as guest:
            with pytest.raises(RedisRefused, match="The old install's Redis does not let this user do that"):
                await find_leftovers(guest, remove=True)
    finally:
        await redis.execute_command("ACL", "DELUSER", "guest")


async def test_a_refused_login_names_the_old_redis(redis: Redis, redis_url: str) -> None:
    async with create(redis_url.replace("unix://", "unix://nobody:word@")) as stranger:
        with pytest.raises(RedisRefused, match="The old install's Redis refuses the user or password"):
            await find_leftovers(stranger)


async def test_a_lock_that_is_held_is_a_sign_of_life(redis: Redis) -> None:
    await redis.set("osrsdiff:scheduler:lock:batch", "1")  # left by a program that set no limit
    await redis.set("schedule:one", "1")
    await check_is_idle(redis)
    await redis.set("osrsdiff:scheduler:lock:batch", "1", ex=300)
    with pytest.raises(SetupError, match="still at work: osrsdiff:scheduler:lock:batch in its Redis is in use"):
        await check_is_idle(redis)


async def test_a_worker_that_asks_for_tasks_is_a_sign_of_life(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    await redis.xgroup_create("taskiq", "taskiq", mkstream=True)
    await check_is_idle(redis)
    await redis.xreadgroup("taskiq", "worker", {"taskiq": ">"})
    with pytest.raises(SetupError, match="taskiq in its Redis is in use"):
        await check_is_idle(redis)
    monkeypatch.setattr(leftovers, "ALIVE_S", 0)
    await check_is_idle(redis)


async def test_an_instance_at_work_is_no_sign_of_life(redis: Redis) -> None:
    await redis.set(f"{OWN}scheduler:lock:x", "1", ex=300)
    await redis.xgroup_create(f"{OWN}queue", "workers", mkstream=True)
    await redis.xreadgroup("workers", "worker", {f"{OWN}queue": ">"})
    await check_is_idle(redis)
