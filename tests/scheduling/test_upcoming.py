"""Pages of the schedules that fire next: in order, each once, claimed ones at the fire that they are claimed for."""

import time
from typing import Any

import pytest
from redis.asyncio import Redis

from osrsdiff.errors import RedisUnreachable
from osrsdiff.redis_client import create
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.upcoming import Fire, upcoming


async def read(redis: Redis, prefix: str, until: float, limit: int) -> list[Fire]:
    """All pages, one after the other."""
    found: list[Fire] = []
    while page := await upcoming(redis, prefix, after=found[-1] if found else None, until=until, limit=limit):
        assert len(page) <= limit
        found += page
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_come_in_the_order_of_fires(redis: Redis, prefix: str, keys: Keys, limit: int) -> None:
    due = {"d": 30.0, "a": 10.0, "c": 20.5, "b": 20.5, "e": 20.5, "later": 31.0, "f": 30.0}
    await redis.zadd(keys.due, due)
    expected = sorted(Fire(at, id_) for id_, at in due.items() if at <= 30.0)
    assert await read(redis, prefix, 30.0, limit) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("lease_ends", [100.0, 25.0])
async def test_a_claimed_one_stands_where_it_fell_due_and_nowhere_else(
    redis: Redis, prefix: str, keys: Keys, limit: int, lease_ends: float
) -> None:
    await redis.zadd(keys.due, {"a": 10.0, "claimed first": lease_ends, "b": 20.0, "claimed": lease_ends, "c": 30.0})
    await redis.hset(keys.claims, mapping={"claimed first": "5.000000", "claimed": "20.000000"})
    found = await read(redis, prefix, 50.0, limit)
    assert found == [
        Fire(5.0, "claimed first"),
        Fire(10.0, "a"),
        Fire(20.0, "b"),
        Fire(20.0, "claimed"),
        Fire(30.0, "c"),
    ]


async def test_a_page_goes_on_where_the_one_before_ended_though_that_one_fired_since(
    redis: Redis, prefix: str, keys: Keys
) -> None:
    await redis.zadd(keys.due, dict.fromkeys("abcdef", 10.0))
    first = await upcoming(redis, prefix, after=None, until=20.0, limit=3)
    await redis.zadd(keys.due, {"c": 4000.0, "a": 4000.0})
    assert [fire.schedule_id for fire in first] == ["a", "b", "c"]
    second = await upcoming(redis, prefix, after=first[-1], until=20.0, limit=3)
    assert [fire.schedule_id for fire in second] == ["d", "e", "f"]


async def test_many_at_the_same_second_come_each_once(redis: Redis, prefix: str, keys: Keys) -> None:
    at = float(int(time.time()))
    await redis.zadd(keys.due, {f"s{number:05}": at for number in range(5_000)})
    found = await read(redis, prefix, at, 500)
    assert [fire.schedule_id for fire in found] == [f"s{number:05}" for number in range(5_000)]


async def test_more_at_one_time_than_a_page_holds_come_each_once_though_they_fire_meanwhile(
    redis: Redis, prefix: str, keys: Keys
) -> None:
    waiting = [f"s{number:04}" for number in range(1_000)]
    await redis.zadd(keys.due, dict.fromkeys(waiting, 10.0))
    found: list[Fire] = []
    while page := await upcoming(redis, prefix, after=found[-1] if found else None, until=20.0, limit=7):
        found += page
        await redis.zadd(keys.due, {fire.schedule_id: 4000.0 for fire in page})
    assert [fire.schedule_id for fire in found] == waiting


@pytest.mark.parametrize("claimed", [True, False])
async def test_who_stays_is_not_skipped_while_others_move_before_each_command_of_a_page(
    redis: Redis, redis_url: str, prefix: str, keys: Keys, monkeypatch: pytest.MonkeyPatch, claimed: bool
) -> None:
    await redis.zadd(keys.due, {f"s{number}": 10.0 + number for number in range(9)})
    first = await upcoming(redis, prefix, after=None, until=20.0, limit=3)
    moving = list(first)
    connection_class = redis.connection_pool.connection_class
    send = connection_class.send_packed_command

    async def send_late(connection: Any, *given: Any, **options: Any) -> None:
        if moving:
            gone = moving.pop()
            with monkeypatch.context() as undisturbed:
                undisturbed.setattr(connection_class, "send_packed_command", send)
                async with create(redis_url) as other:
                    await other.zadd(keys.due, {gone.schedule_id: 4000.0})
                    if claimed:
                        await other.hset(keys.claims, gone.schedule_id, str(gone.at))
        await send(connection, *given, **options)

    monkeypatch.setattr(connection_class, "send_packed_command", send_late)
    second = await upcoming(redis, prefix, after=first[-1], until=20.0, limit=3)
    assert [fire.schedule_id for fire in second] == ["s3", "s4", "s5"]
    assert len(moving) < len(first)


async def test_an_absent_redis_is_said(prefix: str) -> None:
    async with create("unix:///nonexistent/redis.sock") as absent:
        with pytest.raises(RedisUnreachable):
            await upcoming(absent, prefix, after=None, until=1.0, limit=1)
