"""How much is handed over at once: as the queue has places, and no faster than a backlog is caught up with."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence

import pytest
from redis.asyncio import Redis
from taskiq import ScheduledTask, TaskiqScheduler

from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.source import PlayerScheduleSource

MakeSource = Callable[..., PlayerScheduleSource]
MakeBroker = Callable[..., StreamBroker]
MakeSchedule = Callable[..., ScheduledTask]
Eventually = Callable[[Callable[[], Awaitable[bool]], str], Coroutine[None, None, None]]
Send = Callable[[PlayerScheduleSource, ScheduledTask], Awaitable[bool]]
QUICK = {"lookahead_s": 0.05, "lease_s": 0.5}
Put = Callable[..., Awaitable[None]]


def ids(tasks: Sequence[ScheduledTask]) -> list[str]:
    return [task.schedule_id for task in tasks]


async def calls(redis: Redis) -> dict[str, int]:
    """How often each command ran, those of scripts too, since the statistics were reset."""
    stats = await redis.info("commandstats")
    return {name: row["calls"] for name, row in stats.items() if "info" not in name and "config" not in name}


async def test_the_longest_overdue_come_first_and_no_more_than_the_queue_has_places(
    make_source: MakeSource, make_broker: MakeBroker, schedule: MakeSchedule, redis: Redis, keys: Keys, put: Put
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
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, eventually: Eventually, put: Put
) -> None:
    dead, living = make_source(**QUICK), make_source(**QUICK, max_queue=0)
    await put(dead, [schedule(1), schedule(2)], time.time())
    assert len(await dead.get_schedules()) == 2

    async def are_taken_over() -> bool:
        return len(await living.get_schedules()) == 2

    await eventually(are_taken_over, "the leases end")


async def test_admission_may_change_from_one_refresh_to_the_next(
    make_source: MakeSource, schedule: MakeSchedule, put: Put
) -> None:
    places = iter([0, 1, 3])

    async def admission() -> int:
        return next(places)

    source = make_source(admission=admission)
    await put(source, [schedule(player) for player in range(5)], time.time())
    assert [len(await source.get_schedules()) for _ in range(3)] == [0, 1, 3]


@pytest.mark.parametrize(("away_s", "a_second"), [(3_600, 10), (50, 20)])
async def test_a_backlog_is_spread_over_the_catch_up_time_or_a_shorter_absence_and_what_falls_due_now_is_not(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, away_s: int, a_second: int, put: Put
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


async def test_what_waits_costs_nothing(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, send: Send, put: Put
) -> None:
    source = make_source()
    spent: list[dict[str, int]] = []
    for waiting in (10, 2_000):
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
    # two players a second fall due, one in five is served
    source, simulated = make_source(max_queue=8, catch_up_s=0), Simulated(redis, keys)
    served = Counter[str]()
    scheduler = TaskiqScheduler(make_broker(), [source])
    spread = [schedule(n, 1, labels={"interval_minutes": "1", "phase_s": str(n % 60)}) for n in range(120)]
    await source.add_schedules(spread)
    await simulated.passes(60)
    for minute in range(30):
        for _ in range(4):
            await asyncio.gather(*(scheduler.on_ready(source, task) for task in await source.get_schedules()))
            queue = await redis.xrange(keys.queue)
            assert len(queue) <= 8
            for id_, fields in queue[:6]:
                served[json.loads(fields[b"data"])["task_id"].partition(":")[0]] += 1
                await redis.xdel(keys.queue, id_)
        await simulated.passes(60)
        if minute >= 5:
            assert len(served) == 120
            assert max(served.values()) - min(served.values()) <= 2  # of six
    assert served.total() == 30 * 4 * 6


@pytest.mark.parametrize(("places", "most"), [(1_000, 5), (3, 3)])
async def test_after_an_hour_of_downtime_each_overdue_fire_is_sent_once_the_longest_overdue_first_and_no_faster(
    make_source: MakeSource,
    schedule: MakeSchedule,
    redis: Redis,
    keys: Keys,
    send: Send,
    places: int,
    most: int,
    put: Put,
) -> None:
    source, simulated = make_source(max_queue=places, catch_up_s=60), Simulated(redis, keys)
    now = time.time()
    labels = {"interval_minutes": "1440", "phase_s": str((int(now) + 43_200) % 86_400)}
    await put(source, [schedule(n, labels=labels) for n in range(240)], [now - 3_600 + 15 * n for n in range(240)])
    await redis.hset(keys.pace, mapping={"at": now - 3_600, "since": 0, "rate": 0, "spare": 0})
    sent: list[str] = []
    for _ in range(1 + 240 // most + 20):
        tasks = await source.get_schedules()
        assert len(tasks) <= most
        for task in tasks:
            assert await send(source, task)
        sent += ids(tasks)
        await simulated.passes(1)
    assert sent == [f"player_fetch_{n}" for n in range(240)]


async def test_leases_that_redis_clock_has_left_far_ahead_are_taken_over(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, put: Put
) -> None:
    dead, living = make_source(), make_source()
    await put(dead, [schedule(1)], time.time())
    assert ids(await dead.get_schedules()) == ["player_fetch_1"]
    await Simulated(redis, keys).passes(-3_600)  # the clock went back by an hour
    assert ids(await living.get_schedules()) == ["player_fetch_1"]


async def test_a_catching_up_that_redis_clock_has_left_far_ahead_slows_nothing_down(
    make_source: MakeSource, schedule: MakeSchedule, redis: Redis, keys: Keys, put: Put
) -> None:
    source, now = make_source(), time.time()
    await put(source, [schedule(player) for player in range(50)], now)
    await redis.hset(keys.pace, mapping={"at": now + 3_600, "since": now + 3_500, "rate": 1, "spare": 0})
    assert len(await source.get_schedules()) == 50
