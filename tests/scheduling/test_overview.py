"""How schedules and processes are seen to stand, by Redis' clock."""

import time
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.manager import PlayerScheduleManager
from osrsdiff.scheduling.overview import Overview, overview
from osrsdiff.scheduling.source import PlayerScheduleSource


@pytest.mark.parametrize("ahead_s", [0, -600, 600])
async def test_whatever_the_hosts_clock_says_what_is_due_and_who_lives_is_seen(
    manager: PlayerScheduleManager,
    source: PlayerScheduleSource,
    make_broker: Callable[..., StreamBroker],
    redis: Redis,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
    ahead_s: float,
) -> None:
    now = time.time()
    fires = {1: now - 5, 2: now - 4, 3: now + 40, 4: now + 3_000}
    await make_broker(worker=True).startup()
    await redis.zadd(keys.workers, {"dead": now - 60})
    await redis.zadd(keys.schedulers, {"alive": now - 1, "dead": now - 60})
    await make_broker().send("some_task")
    await manager.schedule_players(dict.fromkeys(fires, 43_200), first_fires=fires)
    monkeypatch.setattr("time.time", lambda: now + ahead_s)
    assert await overview(redis, keys.prefix) == Overview(4, 1, 2, 1, 1, 1)


async def test_an_empty_redis_has_nothing(redis: Redis, keys: Keys) -> None:
    assert await overview(redis, keys.prefix) == Overview(0, 0, 0, 0, 0, 0)


async def test_an_absent_redis_is_said_to_be_so(redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    monkeypatch.setattr(redis, "execute_command", away)
    with pytest.raises(RedisUnreachable, match="gone"):
        await overview(redis, keys.prefix)
