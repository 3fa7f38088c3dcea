"""What is handed over, when, to whom, and what becomes of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from taskiq import InMemoryBroker, ScheduledTask, TaskiqMessage, TaskiqMiddleware, TaskiqScheduler
from taskiq.exceptions import SendTaskError
from taskiq_redis import ListRedisScheduleSource

from osrsdiff import redis_client
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keys, LoadPrefix
from osrsdiff.scheduling.source import PlayerScheduleSource

MakeSource = Callable[..., PlayerScheduleSource]
MakeBroker = Callable[..., StreamBroker]
MakeSchedule = Callable[..., ScheduledTask]
Eventually = Callable[[Callable[[], Awaitable[bool]], str], Coroutine[None, None, None]]
Send = Callable[[PlayerScheduleSource, ScheduledTask], Awaitable[bool]]
QUICK = {"lookahead_s": 0.05, "lease_s": 0.5}
Put = Callable[..., Awaitable[None]]


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
    source: PlayerScheduleSource, schedule: MakeSchedule, put: Put
) -> None:
    beat = int(time.time()) // 3_600 * 3_600
    await put(source, [schedule(7)], beat)
    [task] = await source.get_schedules()
    assert (task.schedule_id, task.task_id) == ("player_fetch_7", f"player_fetch_7:{beat}")
    assert (task.cron, task.args, task.labels["player_id"]) == (None, [7], "7")
    assert task.time is not None
    assert task.time.timestamp() == beat


async def test_what_is_not_due_yet_is_not_handed_over(
    source: PlayerScheduleSource, schedule: MakeSchedule, put: Put
) -> None:
    await put(source, [schedule(1), schedule(2)], [time.time() + 3, time.time() + 60])
    assert ids(await source.get_schedules()) == ["player_fetch_1"]


async def test_a_claim_stays_handed_over_until_it_is_sent(
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send, put: Put
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    assert await source.get_schedules() == [task]
    assert await send(source, task)
    assert await source.get_schedules() == []


async def test_after_it_was_sent_the_next_beat_comes(
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send, put: Put
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
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send, put: Put
) -> None:
    now = int(time.time())
    await put(source, [schedule(1)], now // 3_600 * 3_600 - 5 * 3_600)
    [task] = await source.get_schedules()
    assert task.task_id == f"player_fetch_1:{now // 3_600 * 3_600}"
    await send(source, task)
    assert await source.get_schedules() == []


async def test_two_schedulers_send_each_fire_once(
    make_source: MakeSource, make_broker: MakeBroker, schedule: MakeSchedule, redis: Redis, keys: Keys, put: Put
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
    make_source: MakeSource, schedule: MakeSchedule, eventually: Eventually, send: Send, put: Put
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
    put: Put,
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
    source: PlayerScheduleSource, schedule: MakeSchedule, send: Send, put: Put
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
    put: Put,
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
    put: Put,
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
    source: PlayerScheduleSource, schedule: MakeSchedule, put: Put
) -> None:
    await put(source, [schedule(1)], time.time())
    [task] = await source.get_schedules()
    broker = InMemoryBroker()
    broker.register_task(schedule, "fetch")
    with pytest.raises(RuntimeError, match="StreamBroker"):
        await TaskiqScheduler(broker, [source]).on_ready(source, task)
    await broker.shutdown()


async def test_shutdown_gives_back_what_was_not_sent(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send, put: Put
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


def test_pickled_sources_are_not_taken_over(load_prefix: LoadPrefix) -> None:
    source = PlayerScheduleSource(redis_client.create("redis://127.0.0.1:1/0"), load_prefix)
    with pytest.raises(ValueError, match="never unpickled"):
        source.with_migrate_from(ListRedisScheduleSource("redis://127.0.0.1:1/0"))


async def test_a_claim_that_arrives_while_stopping_is_given_back_too(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch, put: Put
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
