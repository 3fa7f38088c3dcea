"""What is stored: written, changed, moved, removed, and what of it nobody can read."""

import time
from collections.abc import Awaitable, Callable, Sequence

import pytest
from redis.asyncio import Redis
from taskiq import ScheduledTask

from osrsdiff.scheduling.drafts import draft_of
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.source import PlayerScheduleSource

MakeSource = Callable[..., PlayerScheduleSource]
MakeSchedule = Callable[..., ScheduledTask]
Send = Callable[[PlayerScheduleSource, ScheduledTask], Awaitable[bool]]
Put = Callable[..., Awaitable[None]]


async def fire_of(source: PlayerScheduleSource, schedule: ScheduledTask) -> float | None:
    return (await source.next_fires([schedule.schedule_id]))[0]


def ids(tasks: Sequence[ScheduledTask]) -> list[str]:
    return [task.schedule_id for task in tasks]


async def test_an_unchanged_schedule_keeps_its_next_fire_and_a_changed_one_does_not(
    source: PlayerScheduleSource, schedule: MakeSchedule, put: Put
) -> None:
    tomorrow = float(int(time.time()) + 86_400)
    await put(source, [schedule(1)], tomorrow)
    assert await source.add_schedules([schedule(1)]) == 0
    assert await fire_of(source, schedule(1)) == tomorrow
    assert await source.add_schedules([schedule(1, minutes=30)]) == 1
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert time.time() < fire <= time.time() + 1_800


async def test_a_schedule_that_lost_its_next_fire_gets_one_again(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    await source.add_schedule(schedule(1))
    await redis.delete(keys.due)
    assert (await source.compare([draft_of(schedule(1))])).missing == ["player_fetch_1"]
    assert await source.add_schedules([schedule(1)]) == 1
    assert await fire_of(source, schedule(1)) is not None


async def test_a_next_fire_without_a_schedule_is_forgotten(
    source: PlayerScheduleSource, redis: Redis, keys: Keys
) -> None:
    await redis.zadd(keys.due, {"player_fetch_1": 1.0})
    assert await source.get_schedules() == []
    assert await redis.zcard(keys.due) == 0


@pytest.mark.parametrize("stored", [b"\x80\x04pickled", b"", "of no interval", "of too long an interval"])
async def test_an_unreadable_schedule_is_removed_and_the_others_go_on(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys, stored: bytes | str, put: Put
) -> None:
    await put(source, [schedule(1), schedule(2)], time.time())
    if isinstance(stored, str):
        minutes = {"of no interval": "0", "of too long an interval": "99999999"}[stored]
        wrong = schedule(1, labels={"interval_minutes": minutes, "phase_s": "0"})
        stored = wrong.model_dump_json(exclude_none=True).encode()
    await redis.hset(keys.schedules, "player_fetch_1", stored)
    assert ids(await source.get_schedules()) == ["player_fetch_2"]
    assert await source.next_fires(["player_fetch_1"]) == [None]


async def test_a_moved_fire_comes_then_and_the_beat_after_it_stays(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send
) -> None:
    await source.add_schedule(schedule(1, minutes=30))
    now = time.time()
    moved_to = await source.postpone("player_fetch_1", now + 1)
    assert moved_to == pytest.approx(now + 10, abs=1)
    await redis.zadd(keys.due, {"player_fetch_1": now})
    [task] = await source.get_schedules()
    assert task.task_id == f"player_fetch_1:{int(now)}"
    await send(source, task)
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert fire % 1_800 == 0


async def test_a_moved_fire_keeps_the_beat_that_it_belongs_to(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send
) -> None:
    beat = int(time.time()) // 86_400 * 86_400
    await source.add_schedule(schedule(1, minutes=1_440))
    await source.postpone("player_fetch_1", time.time() + 60, beat=beat, retry=2)
    await redis.zadd(keys.due, {"player_fetch_1": time.time()})
    [task] = await source.get_schedules()
    assert task.task_id == f"player_fetch_1:{beat}"
    assert task.labels == {**schedule(1, minutes=1_440).labels, "retry": "2"}
    await send(source, task)
    assert not await redis.exists(keys.moved)


async def test_what_is_not_scheduled_is_not_moved(source: PlayerScheduleSource, redis: Redis, keys: Keys) -> None:
    assert await source.postpone("player_fetch_1", time.time() + 60, beat=1) is None
    assert await redis.keys(f"{keys.prefix}*") == []


async def test_deleting_leaves_nothing(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys, put: Put
) -> None:
    await put(source, [schedule(player) for player in range(2_500)], time.time())
    await source.postpone("player_fetch_3", 4e9, beat=1)
    await source.get_schedules()
    assert await source.delete_schedules([f"player_fetch_{player}" for player in range(3_000)]) == 2_500
    assert set(await redis.keys(f"{keys.prefix}*")) == {keys.schedulers.encode(), keys.pace.encode()}


async def test_all_ids_come_in_pages(source: PlayerScheduleSource, schedule: MakeSchedule) -> None:
    await source.add_schedules([schedule(player) for player in range(2_500)])
    pages = [page async for page in source.iterate_ids(500)]
    assert len(pages) > 2
    assert {schedule_id for page in pages for schedule_id in page} == {f"player_fetch_{n}" for n in range(2_500)}


async def test_next_fires_survive_a_new_scheduler(
    make_source: MakeSource, schedule: MakeSchedule, send: Send, put: Put
) -> None:
    first = make_source()
    await put(first, [schedule(1), schedule(2)], [time.time(), time.time() + 500.0])
    [task] = await first.get_schedules()
    await send(first, task)
    await first.shutdown()
    assert await make_source().get_schedules() == []


async def test_other_schedules_than_players_work_too(
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send
) -> None:
    cron = schedule(1, labels={}, cron="0 0 29 2 *")
    once = schedule(2, labels={}, cron=None, time="2026-01-01T00:00:00")
    every = schedule(3, labels={}, cron=None, interval=90)
    await source.add_schedules([cron, once, every])
    [task] = await source.get_schedules()
    assert task.schedule_id == "player_fetch_2"
    await send(source, task)
    assert await source.get_schedule("player_fetch_2") is None
    leap_day, gone, soon = await source.next_fires(["player_fetch_1", "player_fetch_2", "player_fetch_3"])
    assert leap_day is not None
    assert time.gmtime(leap_day)[1:3] == (2, 29)
    assert gone is None
    assert soon == pytest.approx(time.time() + 90, abs=2)
