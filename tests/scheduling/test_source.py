"""What is handed over, when, to whom, and what becomes of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from taskiq import ScheduledTask
from taskiq.exceptions import ScheduledTaskCancelledError
from taskiq_redis import ListRedisScheduleSource

from osrsdiff import redis_client
from osrsdiff.errors import RedisOfAnotherDatabase, RedisUnreachable
from osrsdiff.scheduling.keys import Keys, LoadPrefix
from osrsdiff.scheduling.source import PlayerScheduleSource

MakeSource = Callable[..., PlayerScheduleSource]
MakeSchedule = Callable[..., ScheduledTask]
Eventually = Callable[[Callable[[], Awaitable[bool]], str], Awaitable[None]]

QUICK = {"lookahead_s": 0.05, "lease_s": 0.2}


async def put(source: PlayerScheduleSource, schedules: Sequence[ScheduledTask], at: float | Sequence[float]) -> None:
    """Adds schedules whose first fire is at `at`, or one by one at each of it."""
    fires = [at] * len(schedules) if isinstance(at, float | int) else at
    first = {schedule.schedule_id: fire for schedule, fire in zip(schedules, fires, strict=True)}
    await source.add_schedules(schedules, first_fires=first)


async def send(source: PlayerScheduleSource, task: ScheduledTask) -> bool:
    """What TaskIQ does with a task whose time has come; whether it was sent."""
    try:
        await source.pre_send(task)
    except ScheduledTaskCancelledError:
        return False
    await source.post_send(task)
    return True


async def fire_of(source: PlayerScheduleSource, schedule: ScheduledTask) -> float | None:
    return (await source.next_fires([schedule.schedule_id]))[0]


def ids(tasks: Sequence[ScheduledTask]) -> list[str]:
    return [task.schedule_id for task in tasks]


def test_it_is_a_list_redis_schedule_source_that_connects_to_nothing_when_made() -> None:
    async def load_prefix() -> str:
        raise AssertionError("nobody asked for it")

    source = PlayerScheduleSource(redis_client.create("redis://127.0.0.1:1/0"), load_prefix)
    assert isinstance(source, ListRedisScheduleSource)


async def test_what_is_due_is_handed_over_once_as_a_task_for_its_beat(
    source: PlayerScheduleSource, schedule: MakeSchedule
) -> None:
    beat = int(time.time()) // 3_600 * 3_600
    await put(source, [schedule(7)], beat)
    [task] = await source.get_schedules()
    assert (task.schedule_id, task.task_id) == ("player_fetch_7", f"player_fetch_7:{beat}")
    assert (task.cron, task.args, task.labels["player_id"]) == (None, [7], "7")
    assert task.time is not None
    assert task.time.timestamp() == beat


async def test_what_is_not_due_yet_is_not_handed_over(source: PlayerScheduleSource, schedule: MakeSchedule) -> None:
    await put(source, [schedule(1), schedule(2)], [time.time() + 3, time.time() + 60])
    assert ids(await source.get_schedules()) == ["player_fetch_1"]


async def test_a_claim_stays_handed_over_until_it_is_sent(source: PlayerScheduleSource, schedule: MakeSchedule) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    assert await source.get_schedules() == [task]
    assert await send(source, task)
    assert await source.get_schedules() == []


async def test_after_it_was_sent_the_next_beat_comes(source: PlayerScheduleSource, schedule: MakeSchedule) -> None:
    now = time.time()
    await put(source, [schedule(1, minutes=45)], now - 5_000)
    [task] = await source.get_schedules()
    await send(source, task)
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert now < fire <= now + 2_700
    assert fire % 2_700 == 0


async def test_what_fell_due_many_times_while_nobody_looked_fires_once_for_its_newest_beat(
    source: PlayerScheduleSource, schedule: MakeSchedule
) -> None:
    now = int(time.time())
    await put(source, [schedule(1)], now // 3_600 * 3_600 - 5 * 3_600)
    [task] = await source.get_schedules()
    assert task.task_id == f"player_fetch_1:{now // 3_600 * 3_600}"
    await send(source, task)
    assert await source.get_schedules() == []


async def test_two_schedulers_send_each_fire_once(make_source: MakeSource, schedule: MakeSchedule) -> None:
    one, other = make_source(), make_source()
    await put(one, [schedule(player) for player in range(1, 501)], time.time())
    first, second = await asyncio.gather(one.get_schedules(), other.get_schedules())
    assert sorted([*ids(first), *ids(second)]) == sorted(f"player_fetch_{player}" for player in range(1, 501))
    sent = await asyncio.gather(*(send(one, task) for task in first), *(send(other, task) for task in second))
    assert all(sent)
    assert await one.get_schedules() == await other.get_schedules() == []


async def test_what_a_dead_scheduler_claimed_comes_again_with_the_same_beat_when_its_lease_ends(
    make_source: MakeSource, schedule: MakeSchedule, eventually: Eventually
) -> None:
    dead, living = make_source(**QUICK), make_source(**QUICK)
    await put(dead, [schedule(1)], time.time() - 7)
    [task] = await dead.get_schedules()
    assert await living.get_schedules() == []
    found: list[ScheduledTask] = []

    async def is_claimed() -> bool:
        found[:] = await living.get_schedules()
        return bool(found)

    await eventually(is_claimed, "the lease ends")
    assert found[0].task_id == task.task_id
    assert not await send(dead, task)
    assert await send(living, found[0])


async def test_a_failed_send_comes_again_when_its_lease_ends(
    make_source: MakeSource, schedule: MakeSchedule, eventually: Eventually
) -> None:
    source = make_source(**QUICK)
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    await source.pre_send(task)
    assert await source.get_schedules() == []

    async def is_back() -> bool:
        return bool(await source.get_schedules())

    await eventually(is_back, "the lease ends")


async def test_an_id_that_taskiq_still_remembers_is_held_back_for_one_refresh(
    source: PlayerScheduleSource, schedule: MakeSchedule
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    await send(source, task)
    await put(source, [schedule(1, minutes=5)], time.time())
    assert await source.get_schedules() == []
    assert ids(await source.get_schedules()) == ["player_fetch_1"]


@pytest.mark.parametrize("change", ["delete", "change", "move", "flush"])
async def test_what_is_changed_between_claim_and_send_is_not_sent(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, change: str
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    match change:
        case "delete":
            await source.delete_schedule("player_fetch_1")
        case "change":
            await source.add_schedule(schedule(1, minutes=30))
        case "move":
            await source.postpone("player_fetch_1", time.time() + 100)
        case "flush":
            await redis.flushall()
    before = await fire_of(source, schedule(1))
    assert not await send(source, task)
    assert await fire_of(source, schedule(1)) == before


async def test_a_change_while_a_fire_is_being_sent_wins_over_the_next_beat(
    source: PlayerScheduleSource, schedule: MakeSchedule
) -> None:
    await put(source, [schedule(1), schedule(2)], time.time())
    one, two = await source.get_schedules()
    await source.pre_send(one)
    await source.pre_send(two)
    await source.delete_schedule("player_fetch_1")
    await source.postpone("player_fetch_2", 4e9)
    await source.post_send(one)
    await source.post_send(two)
    assert await source.next_fires(["player_fetch_1", "player_fetch_2"]) == [None, 4e9]


async def test_the_longest_overdue_come_first_and_no_more_than_the_queue_has_places(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    source = make_source(max_queue=5)
    now = time.time()
    await put(source, [schedule(player) for player in range(1, 11)], [now - player for player in range(1, 11)])
    await redis.xadd(keys.queue, {"data": "something else"})
    tasks = await source.get_schedules()
    assert ids(tasks) == [f"player_fetch_{player}" for player in (10, 9, 8, 7)]
    for task in tasks:
        await source.pre_send(task)
        await redis.xadd(keys.queue, {"data": "sent"})
        await source.post_send(task)
    assert await source.get_schedules() == []
    await redis.xtrim(keys.queue, 3, approximate=False)
    assert ids(await source.get_schedules()) == ["player_fetch_6", "player_fetch_5"]


async def test_an_overfull_plan_serves_everybody_in_turn(make_source: MakeSource, schedule: MakeSchedule) -> None:
    source = make_source(max_queue=7)
    everybody = [schedule(player, minutes=1) for player in range(50)]
    await put(source, everybody, time.time() - 30)
    served: list[str] = []
    for _ in range(8):
        for task in await source.get_schedules():
            assert await send(source, task)
            served.append(task.schedule_id)
    assert len(set(served[:50])) == 50  # who falls due again meanwhile comes after those who still wait


async def test_stale_claims_come_back_even_when_the_queue_is_full(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, eventually: Eventually
) -> None:
    dead, living = make_source(**QUICK), make_source(**QUICK, max_queue=0)
    await put(dead, [schedule(1), schedule(2)], time.time())
    assert len(await dead.get_schedules()) == 2

    async def are_taken_over() -> bool:
        return len(await living.get_schedules()) == 2

    await eventually(are_taken_over, "the leases end")


async def test_admission_may_change_from_one_refresh_to_the_next(
    make_source: MakeSource, schedule: MakeSchedule
) -> None:
    places = iter([0, 1, 3])

    async def admission() -> int:
        return next(places)

    source = make_source(admission=admission)
    await put(source, [schedule(player) for player in range(5)], time.time())
    assert [len(await source.get_schedules()) for _ in range(3)] == [0, 1, 3]


async def test_a_backlog_is_spread_over_the_catch_up_time_and_what_falls_due_now_is_not(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    source = make_source(catch_up_s=100)
    now = time.time()
    await put(source, [schedule(player) for player in range(1_000)], [now - 3_600 + player for player in range(1_000)])
    await put(source, [schedule(2_000)], now + 2)
    await redis.hset(keys.pace, mapping={"at": now - 3_600, "since": 0, "rate": 0, "spare": 0})
    first = await source.get_schedules()
    assert ids(first) == [*(f"player_fetch_{player}" for player in range(10)), "player_fetch_2000"]
    # a second later ten more, as if the clock had moved
    await redis.hset(keys.pace, mapping={"at": now - 1, "spare": 0})
    assert len(await source.get_schedules()) in (20, 21, 22)


async def test_shutdown_gives_back_what_was_not_sent(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    source, other = make_source(), make_source()
    fire = int(time.time()) - 2
    await put(source, [schedule(1), schedule(2)], float(fire))
    one, _ = await source.get_schedules()
    await source.pre_send(one)
    stopping = asyncio.create_task(source.shutdown())
    await asyncio.sleep(0)
    await source.post_send(one)
    await stopping
    assert await redis.zscore(keys.due, "player_fetch_2") == fire
    assert await redis.hlen(keys.claims) == await redis.zcard(keys.leases) == await redis.zcard(keys.schedulers) == 0
    assert ids(await other.get_schedules()) == ["player_fetch_2"]


async def test_an_unchanged_schedule_keeps_its_next_fire_and_a_changed_one_does_not(
    source: PlayerScheduleSource, schedule: MakeSchedule
) -> None:
    await put(source, [schedule(1)], 4e9)
    assert await source.add_schedules([schedule(1)]) == 0
    assert await fire_of(source, schedule(1)) == 4e9
    assert await source.add_schedules([schedule(1, minutes=30)]) == 1
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert time.time() < fire <= time.time() + 1_800


async def test_a_schedule_that_lost_its_next_fire_gets_one_again(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    await source.add_schedule(schedule(1))
    await redis.delete(keys.due)
    assert (await source.compare([schedule(1)])).missing == ["player_fetch_1"]
    assert await source.add_schedules([schedule(1)]) == 1
    assert await fire_of(source, schedule(1)) is not None


async def test_a_next_fire_without_a_schedule_is_forgotten(
    source: PlayerScheduleSource, redis: Redis, keys: Keys
) -> None:
    await redis.zadd(keys.due, {"player_fetch_1": 1.0})
    assert await source.get_schedules() == []
    assert await redis.zcard(keys.due) == 0


async def test_an_unreadable_schedule_is_removed_and_the_others_go_on(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    await put(source, [schedule(1), schedule(2)], time.time())
    await redis.hset(keys.schedules, "player_fetch_1", b"\x80\x04pickled")
    assert ids(await source.get_schedules()) == ["player_fetch_2"]
    assert await source.next_fires(["player_fetch_1"]) == [None]


async def test_a_moved_fire_comes_then_and_the_beat_after_it_stays(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys
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
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    beat = int(time.time()) // 86_400 * 86_400
    await source.add_schedule(schedule(1, minutes=1_440))
    await source.postpone("player_fetch_1", time.time() + 60, beat=beat)
    await redis.zadd(keys.due, {"player_fetch_1": time.time()})
    [task] = await source.get_schedules()
    assert task.task_id == f"player_fetch_1:{beat}"
    await send(source, task)
    assert not await redis.exists(keys.moved)


async def test_what_is_not_scheduled_is_not_moved(source: PlayerScheduleSource, redis: Redis, keys: Keys) -> None:
    assert await source.postpone("player_fetch_1", time.time() + 60, beat=1) is None
    assert await redis.keys(f"{keys.prefix}*") == []


async def test_deleting_leaves_nothing(
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys
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


async def test_next_fires_survive_a_new_scheduler(make_source: MakeSource, schedule: MakeSchedule) -> None:
    first = make_source()
    await put(first, [schedule(1), schedule(2)], [time.time(), time.time() + 500.0])
    [task] = await first.get_schedules()
    await send(first, task)
    await first.shutdown()
    assert await make_source().get_schedules() == []


async def test_other_schedules_than_players_work_too(source: PlayerScheduleSource, schedule: MakeSchedule) -> None:
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
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    async def fingerprint() -> str:
        return "ours"

    source = make_source(load_fingerprint=fingerprint)
    await put(source, [schedule(1)], time.time())
    await redis.set(keys.marker, "theirs")
    assert await source.get_schedules() == []
    assert await redis.hlen(keys.claims) == 0


async def test_an_outage_keeps_what_is_held_and_sends_nothing(
    make_source: MakeSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    source = make_source()
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()

    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        assert await source.get_schedules() == [task]
        assert not await send(source, task)
        with pytest.raises(RedisUnreachable):
            await source.add_schedule(schedule(2))


async def test_a_next_beat_that_could_not_be_written_is_written_when_redis_is_back(
    source: PlayerScheduleSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    await source.pre_send(task)

    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        await source.post_send(task)
    assert await source.get_schedules() == []
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert fire % 3_600 == 0
    assert fire > time.time()


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
    source: PlayerScheduleSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    await put(source, [schedule(1)], now)
    monkeypatch.setattr("osrsdiff.scheduling.claims.time.time", lambda: now - 120)
    [task] = await source.get_schedules()
    assert task.time is not None
    assert task.time.timestamp() == pytest.approx(now - 120, abs=2)


def test_pickled_sources_are_not_taken_over(load_prefix: LoadPrefix) -> None:
    source = PlayerScheduleSource(redis_client.create("redis://127.0.0.1:1/0"), load_prefix)
    with pytest.raises(ValueError, match="never unpickled"):
        source.with_migrate_from(ListRedisScheduleSource("redis://127.0.0.1:1/0"))
