"""What is handed over, when, to whom, and what becomes of it."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from taskiq import InMemoryBroker, ScheduledTask, TaskiqMessage, TaskiqMiddleware, TaskiqScheduler
from taskiq.exceptions import SendTaskError
from taskiq_redis import ListRedisScheduleSource

from osrsdiff import redis_client
from osrsdiff.errors import RedisOfAnotherDatabase, RedisUnreachable
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keys, LoadPrefix
from osrsdiff.scheduling.source import PlayerScheduleSource

MakeSource = Callable[..., PlayerScheduleSource]
MakeBroker = Callable[..., StreamBroker]
MakeSchedule = Callable[..., ScheduledTask]
Eventually = Callable[[Callable[[], Awaitable[bool]], str], Coroutine[None, None, None]]

Send = Callable[[PlayerScheduleSource, ScheduledTask], Awaitable[bool]]

QUICK = {"lookahead_s": 0.05, "lease_s": 0.5}


async def put(source: PlayerScheduleSource, schedules: Sequence[ScheduledTask], at: float | Sequence[float]) -> None:
    """Adds schedules whose first fire is at `at`, or one by one at each of it."""
    fires = [at] * len(schedules) if isinstance(at, float | int) else at
    first = {schedule.schedule_id: fire for schedule, fire in zip(schedules, fires, strict=True)}
    await source.add_schedules(schedules, first_fires=first)


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


async def test_a_claim_stays_handed_over_until_it_is_sent(
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    assert await source.get_schedules() == [task]
    assert await send(source, task)
    assert await source.get_schedules() == []


async def test_after_it_was_sent_the_next_beat_comes(
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send
) -> None:
    now = time.time()
    await put(source, [schedule(1, minutes=45)], now - 5_000)
    [task] = await source.get_schedules()
    await send(source, task)
    fire = await fire_of(source, schedule(1))
    assert fire is not None
    assert now < fire <= now + 2_700
    assert fire % 2_700 == 0


async def test_what_fell_due_many_times_while_nobody_looked_fires_once_for_its_newest_beat(
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send
) -> None:
    now = int(time.time())
    await put(source, [schedule(1)], now // 3_600 * 3_600 - 5 * 3_600)
    [task] = await source.get_schedules()
    assert task.task_id == f"player_fetch_1:{now // 3_600 * 3_600}"
    await send(source, task)
    assert await source.get_schedules() == []


async def test_two_schedulers_send_each_fire_once(
    make_source: MakeSource, make_broker: MakeBroker, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    one, other = make_source(), make_source()
    await put(one, [schedule(player) for player in range(1, 501)], time.time())
    first, second = await asyncio.gather(one.get_schedules(), other.get_schedules())
    assert sorted([*ids(first), *ids(second)]) == sorted(f"player_fetch_{player}" for player in range(1, 501))
    broker, scheduler = make_broker(), TaskiqScheduler(make_broker(), [one, other])
    sendings = [(one, task) for task in first] + [(other, task) for task in second]
    await asyncio.gather(*(scheduler.on_ready(source, task) for source, task in sendings))
    sent = [broker.formatter.loads(fields[b"data"]).task_id for _, fields in await redis.xrange(keys.queue)]
    assert sorted(sent) == sorted(str(task.task_id) for task in [*first, *second])
    assert await one.get_schedules() == await other.get_schedules() == []


async def test_what_a_dead_scheduler_claimed_comes_again_with_the_same_beat_when_its_lease_ends(
    make_source: MakeSource, schedule: MakeSchedule, eventually: Eventually, send: Send
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
    make_source: MakeSource,
    make_broker: MakeBroker,
    schedule: MakeSchedule,
    eventually: Eventually,
    redis: Redis,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = make_source(**QUICK)
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()

    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        with pytest.raises(SendTaskError):
            await TaskiqScheduler(make_broker(), [source]).on_ready(source, task)
    assert await redis.xlen(keys.queue) == 0
    assert await source.get_schedules() == []

    async def is_back() -> bool:
        return [again.task_id for again in await source.get_schedules()] == [task.task_id]

    await eventually(is_back, "the lease ends")


async def test_an_id_that_taskiq_still_remembers_is_held_back_for_one_refresh(
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    await send(source, task)
    await put(source, [schedule(1, minutes=5)], time.time())
    assert await source.get_schedules() == []
    assert ids(await source.get_schedules()) == ["player_fetch_1"]


class Meanwhile(TaskiqMiddleware):
    """Does something after the source has let a task through and before the broker sends it."""

    def __init__(self, act: Callable[[], Awaitable[object]]) -> None:
        self._act = act

    async def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        await self._act()
        return message


@pytest.mark.parametrize("moment", ["before", "while it is sent"])
@pytest.mark.parametrize("change", ["delete", "change", "move", "flush"])
async def test_what_is_changed_between_claim_and_send_is_not_sent(
    source: PlayerScheduleSource,
    make_broker: MakeBroker,
    schedule: MakeSchedule,
    redis: Redis,
    keys: Keys,
    change: str,
    moment: str,
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    fires: list[float | None] = []

    async def act() -> None:
        match change:
            case "delete":
                await source.delete_schedule("player_fetch_1")
            case "change":
                await source.add_schedule(schedule(1, minutes=30))
            case "move":
                await source.postpone("player_fetch_1", time.time() + 100)
            case "flush":
                await redis.flushall()
        fires.append(await fire_of(source, schedule(1)))

    broker = make_broker()
    if moment == "before":
        await act()
    else:
        broker.add_middlewares(Meanwhile(act))
    await TaskiqScheduler(broker, [source]).on_ready(source, task)
    assert await redis.xlen(keys.queue) == 0
    assert [await fire_of(source, schedule(1))] == fires


async def test_a_scheduler_that_slept_past_its_lease_sends_nothing_that_another_one_sent(
    make_source: MakeSource,
    make_broker: MakeBroker,
    schedule: MakeSchedule,
    redis: Redis,
    keys: Keys,
    eventually: Eventually,
    send: Send,
) -> None:
    asleep, awake = make_source(**QUICK), make_source(**QUICK)
    await put(asleep, [schedule(1)], time.time())
    [task] = await asleep.get_schedules()

    async def is_sent() -> bool:
        return any([await send(awake, again) for again in await awake.get_schedules()])

    async def sleep_while_another_sends() -> None:
        await asyncio.create_task(eventually(is_sent, "the other one takes over"))

    broker = make_broker()
    broker.add_middlewares(Meanwhile(sleep_while_another_sends))
    await TaskiqScheduler(broker, [asleep]).on_ready(asleep, task)
    assert await redis.xlen(keys.queue) == 0  # what the other one sent was taken out


async def test_a_broker_that_knows_nothing_of_claims_is_refused(
    source: PlayerScheduleSource, schedule: MakeSchedule
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    broker = InMemoryBroker()
    broker.register_task(schedule, "fetch")
    with pytest.raises(RuntimeError, match="StreamBroker"):
        await TaskiqScheduler(broker, [source]).on_ready(source, task)
    await broker.shutdown()


async def test_the_longest_overdue_come_first_and_no_more_than_the_queue_has_places(
    make_source: MakeSource, make_broker: MakeBroker, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    source = make_source(max_queue=5)
    now = time.time()
    await put(source, [schedule(player) for player in range(1, 11)], [now - player for player in range(1, 11)])
    await redis.xadd(keys.queue, {"data": "something else"})
    tasks = await source.get_schedules()
    assert ids(tasks) == [f"player_fetch_{player}" for player in (10, 9, 8, 7)]
    scheduler = TaskiqScheduler(make_broker(), [source])
    await asyncio.gather(*(scheduler.on_ready(source, task) for task in tasks))
    assert await source.get_schedules() == []
    await redis.xtrim(keys.queue, 3, approximate=False)
    assert ids(await source.get_schedules()) == ["player_fetch_6", "player_fetch_5"]


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


@pytest.mark.parametrize(("away_s", "a_second"), [(3_600, 10), (50, 20)])
async def test_a_backlog_is_spread_over_the_catch_up_time_or_a_shorter_absence_and_what_falls_due_now_is_not(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, away_s: int, a_second: int
) -> None:
    source = make_source(catch_up_s=100)
    now = time.time()
    await put(source, [schedule(player) for player in range(1_000)], [now - 3_600 + player for player in range(1_000)])
    await put(source, [schedule(2_000)], now + 2)
    await redis.hset(keys.pace, mapping={"at": now - away_s, "since": 0, "rate": 0, "spare": 0})
    first = await source.get_schedules()
    assert ids(first)[-1] == "player_fetch_2000"
    assert ids(first)[:-1] == [f"player_fetch_{player}" for player in range(len(first) - 1)]
    assert a_second - 1 <= len(first) - 1 <= a_second
    # a second later as many more, as if the clock had moved
    await redis.hset(keys.pace, mapping={"at": now - 1, "spare": 0})
    assert 2 * a_second - 2 <= len(await source.get_schedules()) <= 2 * a_second + 2


async def test_shutdown_gives_back_what_was_not_sent(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send
) -> None:
    source, other = make_source(), make_source()
    fire = int(time.time()) - 2
    await put(source, [schedule(1), schedule(2)], float(fire))
    one, two = await source.get_schedules()
    assert await send(source, one)
    await source.shutdown()
    assert not await send(source, two)
    assert await redis.zscore(keys.due, "player_fetch_2") == fire
    assert await redis.hlen(keys.claims) == await redis.zcard(keys.leases) == await redis.zcard(keys.schedulers) == 0
    assert ids(await other.get_schedules()) == ["player_fetch_2"]


async def test_an_unchanged_schedule_keeps_its_next_fire_and_a_changed_one_does_not(
    source: PlayerScheduleSource, schedule: MakeSchedule
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
    assert (await source.compare([schedule(1)])).missing == ["player_fetch_1"]
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
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys, stored: bytes | str
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


async def test_next_fires_survive_a_new_scheduler(make_source: MakeSource, schedule: MakeSchedule, send: Send) -> None:
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
    make_source: MakeSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, redis: Redis, send: Send
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


async def calls(redis: Redis) -> dict[str, int]:
    """How often each command ran, those of scripts too, since the statistics were reset."""
    stats = await redis.info("commandstats")
    return {name: row["calls"] for name, row in stats.items() if "info" not in name and "config" not in name}


async def test_what_waits_costs_nothing(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send
) -> None:
    source = make_source()
    spent: list[dict[str, int]] = []
    for waiting in (10, 20_000):
        await source.add_schedules(schedule(player, minutes=1_440) for player in range(100, 100 + waiting))
        await redis.zadd(keys.due, {f"player_fetch_{player}": 4e9 for player in range(100, 100 + waiting)})
        await put(source, [schedule(player, minutes=len(spent) + 7) for player in range(5)], time.time())
        await source.get_schedules()  # what ends here is the last round's
        [await send(source, task) for task in await source.get_schedules()]
        await put(source, [schedule(player, minutes=len(spent) + 5) for player in range(5)], time.time())
        await redis.config_resetstat()
        for task in await source.get_schedules():
            assert await send(source, task)
        await source.get_schedules()
        spent.append(await calls(redis))
    assert spent[0] == spent[1]


async def test_a_claim_that_arrives_while_stopping_is_given_back_too(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source()
    await source.startup()
    await put(source, [schedule(1)], 1_000.0)
    answer, has_claimed, may_go_on = redis.execute_command, asyncio.Event(), asyncio.Event()

    async def slow(*command: object, **options: object) -> object:
        reply = await answer(*command, **options)
        if not has_claimed.is_set() and await is_claimed():
            has_claimed.set()
            await may_go_on.wait()
        return reply

    async def is_claimed() -> bool:
        return bool(await answer("HEXISTS", keys.claims, "player_fetch_1"))

    monkeypatch.setattr(redis, "execute_command", slow)
    refreshing = asyncio.create_task(source.get_schedules())
    await has_claimed.wait()
    stopping = asyncio.create_task(source.shutdown())
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(refreshing, stopping)
    assert await redis.zscore(keys.due, "player_fetch_1") == 1_000.0
    assert not await redis.exists(keys.claims, keys.leases)


class Simulated:
    """A Redis whose schedules are moved into the past instead of waiting."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._keys = [keys.due, keys.leases, keys.pace]
        self._shift = redis.register_script(
            """
            for place = 1, 2 do
              local rows = redis.call('ZRANGE', KEYS[place], 0, -1, 'WITHSCORES')
              for i = 1, #rows, 2 do redis.call('ZINCRBY', KEYS[place], -ARGV[1], rows[i]) end
            end
            for _, field in ipairs({'at', 'since'}) do
              local value = redis.call('HGET', KEYS[3], field)
              if value then redis.call('HSET', KEYS[3], field, string.format('%.6f', value - ARGV[1])) end
            end
            """
        )

    async def passes(self, seconds: float) -> None:
        """As if so many seconds had gone by."""
        await self._shift(keys=self._keys, args=[seconds])


async def test_an_overfull_plan_keeps_the_queue_bounded_and_serves_everybody_in_turn(
    make_source: MakeSource, make_broker: MakeBroker, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    # ten players a second fall due, two are served
    source, simulated = make_source(max_queue=40, catch_up_s=0), Simulated(redis, keys)
    served = Counter[str]()
    scheduler = TaskiqScheduler(make_broker(), [source])
    spread = [schedule(n, 1, labels={"interval_minutes": "1", "phase_s": str(n % 60)}) for n in range(600)]
    await source.add_schedules(spread)
    await simulated.passes(60)
    for minute in range(60):
        for _ in range(4):
            await asyncio.gather(*(scheduler.on_ready(source, task) for task in await source.get_schedules()))
            queue = await redis.xrange(keys.queue)
            assert len(queue) <= 40
            for id_, fields in queue[:30]:
                served[json.loads(fields[b"data"])["task_id"].partition(":")[0]] += 1
                await redis.xdel(keys.queue, id_)
        await simulated.passes(60)
        if minute >= 5:
            assert len(served) == 600
            assert max(served.values()) - min(served.values()) <= 2  # of twelve
    assert served.total() == 60 * 4 * 30


@pytest.mark.parametrize(("places", "most"), [(1_000, 11), (4, 4)])
async def test_after_an_hour_of_downtime_each_overdue_fire_is_sent_once_the_longest_overdue_first_and_no_faster(
    make_source: MakeSource,
    schedule: MakeSchedule,
    redis: Redis,
    keys: Keys,
    send: Send,
    places: int,
    most: int,
) -> None:
    source, simulated = make_source(max_queue=places, catch_up_s=60), Simulated(redis, keys)
    now = time.time()
    labels = {"interval_minutes": "1440", "phase_s": str((int(now) + 43_200) % 86_400)}
    await put(source, [schedule(n, labels=labels) for n in range(600)], [now - 3_600 + 6 * n for n in range(600)])
    await redis.hset(keys.pace, mapping={"at": now - 3_600, "since": 0, "rate": 0, "spare": 0})
    sent: list[str] = []
    for _ in range(1 + 600 // most + 8):
        tasks = await source.get_schedules()
        assert len(tasks) <= most
        for task in tasks:
            assert await send(source, task)
        sent += ids(tasks)
        await simulated.passes(1)
    assert sent == [f"player_fetch_{n}" for n in range(600)]


async def test_leases_that_redis_clock_has_left_far_ahead_are_taken_over(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    dead, living = make_source(), make_source()
    await put(dead, [schedule(1)], time.time())
    assert ids(await dead.get_schedules()) == ["player_fetch_1"]
    await Simulated(redis, keys).passes(-3_600)  # the clock went back by an hour
    assert ids(await living.get_schedules()) == ["player_fetch_1"]


async def test_a_catching_up_that_redis_clock_has_left_far_ahead_slows_nothing_down(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys
) -> None:
    source, now = make_source(), time.time()
    await put(source, [schedule(player) for player in range(50)], now)
    await redis.hset(keys.pace, mapping={"at": now + 3_600, "since": now + 3_500, "rate": 1, "spare": 0})
    assert len(await source.get_schedules()) == 50


@pytest.mark.parametrize("ahead_s", [-600, 600])
async def test_a_host_whose_clock_is_wrong_schedules_and_moves_by_redis_clock(
    source: PlayerScheduleSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, send: Send, ahead_s: float
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
    source: PlayerScheduleSource, schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, send: Send
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
    source: PlayerScheduleSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send
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
