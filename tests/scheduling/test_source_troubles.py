"""Whose Redis it is, Redis away or emptied, clocks that differ."""

import time
from collections.abc import Awaitable, Callable, Coroutine

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from taskiq import ScheduledTask, TaskiqScheduler
from taskiq.exceptions import SendTaskError

from osrsdiff.errors import RedisOfAnotherDatabase, RedisUnreachable
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keys, LoadPrefix
from osrsdiff.scheduling.source import PlayerScheduleSource

MakeSource = Callable[..., PlayerScheduleSource]
MakeSchedule = Callable[..., ScheduledTask]
Eventually = Callable[[Callable[[], Awaitable[bool]], str], Coroutine[None, None, None]]
Send = Callable[[PlayerScheduleSource, ScheduledTask], Awaitable[bool]]
Put = Callable[..., Awaitable[None]]


async def fire_of(source: PlayerScheduleSource, schedule: ScheduledTask) -> float | None:
    return (await source.next_fires([schedule.schedule_id]))[0]


async def calls(redis: Redis) -> dict[str, int]:
    """How often each command ran, those of scripts too, since the statistics were reset."""
    stats = await redis.info("commandstats")
    return {name: row["calls"] for name, row in stats.items() if "info" not in name and "config" not in name}


async def test_a_rebuild_is_asked_for_until_somebody_has_marked_redis_as_complete(
    make_source: MakeSource, redis: Redis, keys: Keys, eventually: Eventually
) -> None:
    asked: list[int] = []

    async def fingerprint() -> str:
        return "ours"

    async def on_lost() -> None:
        asked.append(1)
        if len(asked) == 1:
            raise RedisUnreachable("not yet")
        await source.mark()

    source = make_source(load_fingerprint=fingerprint, on_lost=on_lost)
    await source.startup()

    async def is_marked() -> bool:
        await source.get_schedules()
        return bool(await redis.get(keys.marker) == b"ours")

    await eventually(is_marked, "the second try succeeds")
    await source.get_schedules()
    assert len(asked) == 2
    await redis.flushall()
    await eventually(is_marked, "the loss is noticed")
    assert len(asked) == 3


async def test_another_databases_redis_is_refused_at_the_start(
    make_source: MakeSource, redis: Redis, keys: Keys
) -> None:
    async def fingerprint() -> str:
        return "ours"

    await redis.set(keys.marker, "theirs")
    for start in (make_source(load_fingerprint=fingerprint).startup, make_source(load_fingerprint=fingerprint).attach):
        with pytest.raises(RedisOfAnotherDatabase, match="another copy of this database"):
            await start()


async def test_nothing_is_handed_over_from_another_databases_redis(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, put: Put
) -> None:
    async def fingerprint() -> str:
        return "ours"

    source = make_source(load_fingerprint=fingerprint)
    await put(source, [schedule(1)], time.time())
    await redis.set(keys.marker, "theirs")
    assert await source.get_schedules() == []
    assert await redis.hlen(keys.claims) == 0


async def test_an_outage_keeps_what_is_held_and_sends_nothing(
    make_source: MakeSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, redis: Redis, send: Send, put: Put
) -> None:
    source = make_source()
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()

    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        assert await source.get_schedules() == [task]
        with pytest.raises(SendTaskError):
            await send(source, task)
        with pytest.raises(RedisUnreachable):
            await source.add_schedule(schedule(2))


async def test_a_redis_that_is_absent_at_the_start_is_waited_for(
    load_prefix: LoadPrefix, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    calls: list[object] = []
    answer = redis.execute_command

    async def away_twice(*command: object, **options: object) -> object:
        calls.append(command)
        if len(calls) <= 2:
            raise RedisAway("not there yet")
        return await answer(*command, **options)

    monkeypatch.setattr(redis, "execute_command", away_twice)
    source = PlayerScheduleSource(redis, load_prefix)
    await source.attach()
    await source.startup()
    assert len(calls) == 3


async def test_fires_come_in_time_where_the_clocks_differ(
    source: PlayerScheduleSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, put: Put
) -> None:
    now = time.time()
    await put(source, [schedule(1)], now)
    monkeypatch.setattr("osrsdiff.scheduling.claims.time.time", lambda: now - 120)
    [task] = await source.get_schedules()
    assert task.time is not None
    assert task.time.timestamp() == pytest.approx(now - 120, abs=2)


@pytest.mark.parametrize("ahead_s", [-600, 600])
async def test_a_host_whose_clock_is_wrong_schedules_and_moves_by_redis_clock(
    source: PlayerScheduleSource,
    schedule: MakeSchedule,
    monkeypatch: pytest.MonkeyPatch,
    send: Send,
    ahead_s: float,
    put: Put,
) -> None:
    right, minutes = time.time, 5
    monkeypatch.setattr("time.time", lambda: right() + ahead_s)
    await source.add_schedule(schedule(1, minutes))
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert right() - 1 < fire <= right() + 60 * minutes
    moved_to = await source.postpone("player_fetch_1", time.time() + 100)
    assert moved_to == pytest.approx(right() + 100, abs=5)
    await put(source, [schedule(2, minutes)], right())
    [task] = await source.get_schedules()
    assert task.time is not None
    assert task.time.timestamp() == pytest.approx(time.time(), abs=5)
    assert await send(source, task)
    fire = await fire_of(source, schedule(2))
    assert fire is not None
    assert right() - 1 < fire <= right() + 60 * minutes


async def test_a_hosts_clock_that_jumps_while_a_fire_is_claimed_moves_no_beat(
    source: PlayerScheduleSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, send: Send, put: Put
) -> None:
    right = time.time
    await put(source, [schedule(1, minutes=5)], right())
    [task] = await source.get_schedules()
    monkeypatch.setattr("time.time", lambda: right() + 3_600)
    assert await send(source, task)
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert right() - 1 < fire <= right() + 300


async def test_two_instances_on_one_redis_leave_each_others_keys_alone(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send, put: Put
) -> None:
    async def load_other_prefix() -> str:
        return "osrsdiff:other:"

    async def theirs() -> dict[bytes, bytes]:
        found = await redis.keys("osrsdiff:other:*")
        return {key: await redis.dump(key) for key in sorted(found)}

    other = PlayerScheduleSource(redis, load_other_prefix)
    broker = StreamBroker(redis, load_other_prefix)
    await put(other, [schedule(1), schedule(2)], time.time())
    [task, _] = await other.get_schedules()
    await TaskiqScheduler(broker, [other]).on_ready(other, task)
    before = await theirs()
    assert len(before) >= 6
    await put(source, [schedule(1), schedule(2)], time.time())
    for task in await source.get_schedules():
        assert await send(source, task)
    await source.postpone("player_fetch_1", time.time() + 60, beat=1)
    await source.delete_schedules(["player_fetch_1", "player_fetch_2"])
    await source.shutdown()
    assert await theirs() == before
    assert not await redis.exists(keys.schedules, keys.due, keys.claims, keys.moved)
    await other.shutdown()
