"""Jobs by the clock: each fire is sent once, however many schedulers run, and late where it was missed."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from taskiq import ScheduledTask
from taskiq.exceptions import ScheduledTaskCancelledError

from osrsdiff.errors import DatabaseUnreachable
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.fixed import FixedJobSource
from osrsdiff.scheduling.keys import Keys, LoadPrefix

NIGHT = datetime(2024, 5, 1, 2, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CRONS = {"nightly": "0 2 * * *", "often": "*/10 * * * *"}


class Clock(datetime):
    """A clock that tests set."""

    current = NIGHT

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
        return cls.current


class LastRuns:
    """What the database knows: when each job last ran."""

    def __init__(self) -> None:
        self.runs = dict.fromkeys(CRONS, NIGHT - DAY)
        self.asked = 0
        self.is_away = False

    async def __call__(self) -> dict[str, datetime]:
        self.asked += 1
        if self.is_away:
            raise DatabaseUnreachable("not now")
        return self.runs


Make = Callable[[], FixedJobSource]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr("osrsdiff.scheduling.fixed.datetime", Clock)
    Clock.current = NIGHT
    return Clock


@pytest.fixture
def last_runs() -> LastRuns:
    return LastRuns()


@pytest.fixture
async def start(
    make_broker: Callable[..., StreamBroker], redis: Redis, load_prefix: LoadPrefix, last_runs: LastRuns, clock: object
) -> Make:
    """Makes the source of a scheduler of its own: `nightly` at 02:00 is caught up with, `often` is not."""

    async def job() -> None: ...

    def make() -> FixedJobSource:
        broker = make_broker()
        for name, cron in CRONS.items():
            broker.register_task(job, name, schedule=[{"cron": cron, "schedule_id": name}])
        return FixedJobSource(broker, redis, load_prefix, last_runs, never_late={"often"})

    return make


async def started(source: FixedJobSource) -> FixedJobSource:
    await source.startup()
    return source


def by_cron(source: FixedJobSource, job: str = "nightly") -> ScheduledTask:
    return source.schedules[job]


async def missed(source: FixedJobSource, job: str = "") -> list[ScheduledTask]:
    """What the source hands over beside the crons in two refreshes, in one of which it may not hand over anything."""
    tasks = [*await source.get_schedules(), *await source.get_schedules()]
    return [task for task in tasks if task.cron is None and task.task_name.startswith(job)]


async def is_let_through(source: FixedJobSource, task: ScheduledTask) -> bool:
    try:
        await source.pre_send(task)
    except ScheduledTaskCancelledError:
        return False
    return True


async def is_sent(source: FixedJobSource, task: ScheduledTask) -> bool:
    if await is_let_through(source, task):
        await source.post_send(task)
        return True
    return False


@contextmanager
def redis_away(redis: Redis, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        yield


async def test_a_job_has_its_fixed_id_and_cron(start: Make) -> None:
    source = await started(start())
    tasks = {task.schedule_id: (task.task_name, task.cron) for task in await source.get_schedules()}
    assert tasks == {"nightly": ("nightly", "0 2 * * *"), "often": ("often", "*/10 * * * *")}


async def test_of_two_schedulers_one_sends_it_and_the_next_night_is_another(
    start: Make, clock: type[Clock], redis: Redis, keys: Keys
) -> None:
    one, other = await started(start()), await started(start())
    task = by_cron(one)
    assert [await is_sent(source, task) for source in (one, other, one)] == [True, False, False]
    await redis.delete(keys.asked("nightly"))  # a worker has begun with it
    clock.current = NIGHT + DAY
    assert [await is_sent(source, task) for source in (other, one)] == [True, False]


async def test_a_run_that_nobody_has_begun_is_not_sent_a_second_time(
    start: Make, clock: type[Clock], redis: Redis, keys: Keys
) -> None:
    source = await started(start())
    assert await is_sent(source, by_cron(source, "often"))
    for minutes in (10, 20, 30):
        clock.current = NIGHT + timedelta(minutes=minutes)
        assert not await is_sent(source, by_cron(source, "often"))
    assert 0 < await redis.ttl(keys.asked("often")) <= 3_600
    await redis.delete(keys.asked("often"))
    assert await is_sent(source, by_cron(source, "often"))


async def test_a_run_that_began_before_its_sender_was_told_leaves_no_place_behind(
    start: Make, clock: type[Clock], redis: Redis, keys: Keys
) -> None:
    source = await started(start())
    task = by_cron(source, "often")
    assert await is_let_through(source, task)
    await redis.delete(keys.asked("often"))  # the message is out, and a worker has begun with it
    await source.post_send(task)
    assert not await redis.exists(keys.asked("often"))
    clock.current = NIGHT + timedelta(minutes=10)
    assert await is_sent(source, by_cron(source, "often"))


async def test_while_one_scheduler_sends_a_job_no_other_does(start: Make) -> None:
    one, other = await started(start()), await started(start())
    task = by_cron(one)
    assert [await is_let_through(source, task) for source in (one, other)] == [True, False]


async def test_one_that_is_sent_just_after_its_minute_still_counts_for_it(start: Make, clock: type[Clock]) -> None:
    one, other = await started(start()), await started(start())
    assert await is_sent(one, by_cron(one))
    clock.current = NIGHT + timedelta(minutes=1)
    assert not await is_sent(other, by_cron(other))


async def test_what_was_sent_is_not_missed_by_anybody(start: Make, clock: type[Clock]) -> None:
    one, other = await started(start()), await started(start())
    assert await is_sent(one, by_cron(one))
    clock.current = NIGHT + timedelta(hours=5)
    assert [await missed(source) for source in (one, other, await started(start()))] == [[], [], []]


async def test_nothing_is_missed_before_taskiq_has_had_its_turn(start: Make, clock: type[Clock]) -> None:
    source = await started(start())
    clock.current = NIGHT + timedelta(seconds=5)
    assert await missed(source) == []


async def test_a_night_without_schedulers_is_made_up_for_once_by_two_that_start_together(
    start: Make, clock: type[Clock], last_runs: LastRuns
) -> None:
    clock.current = NIGHT + timedelta(hours=3)
    sources = [await started(start()) for _ in range(2)]
    [[one], [other]] = [await missed(source) for source in sources]
    assert (one.task_name, one.time, one.labels) == ("nightly", NIGHT, by_cron(sources[0]).labels)
    assert one.time <= clock.current
    assert [await is_sent(source, task) for source, task in zip(sources, (one, other), strict=True)] == [True, False]
    assert [await missed(source) for source in sources] == [[], []]


async def test_several_missed_nights_are_made_up_for_by_one_run(start: Make, clock: type[Clock]) -> None:
    clock.current = NIGHT + 5 * DAY + timedelta(hours=3)
    source = await started(start())
    [task] = await missed(source)
    assert await is_sent(source, task)
    assert await missed(source) == []
    clock.current += DAY
    assert [task.time for task in await missed(source)] == [NIGHT + 6 * DAY]


async def test_a_job_that_ran_since_or_was_never_due_is_not_caught_up_with(
    start: Make, clock: type[Clock], last_runs: LastRuns
) -> None:
    clock.current = NIGHT + timedelta(hours=3)
    last_runs.runs["nightly"] = NIGHT + timedelta(seconds=2)
    source = await started(start())
    assert await missed(source) == []
    assert await missed(await started(start())) == []
    assert last_runs.asked == 1, "what the database said is noted in Redis for everybody"


async def test_a_job_that_passes_is_sent_within_its_minute_or_not_at_all(start: Make, clock: type[Clock]) -> None:
    source = await started(start())
    clock.current = NIGHT + timedelta(minutes=20, seconds=8)
    late = {task.schedule_id.partition(":")[0] for task in await missed(source)}
    assert late == {"nightly", "often"}
    clock.current = NIGHT + timedelta(minutes=32)
    assert {task.task_name for task in await missed(source)} == {"nightly"}


async def test_a_scheduler_killed_between_taking_and_sending_a_job_loses_nothing(
    start: Make, clock: type[Clock], redis: Redis, keys: Keys
) -> None:
    killed, other = await started(start()), await started(start())
    assert await is_let_through(killed, by_cron(killed))
    clock.current = NIGHT + timedelta(seconds=9)
    [task] = await missed(other, "nightly")
    assert not await is_let_through(other, task), "the other one may still be sending"
    lease = float(await redis.hget(keys.fixed, "nightly:lease"))
    await redis.hset(keys.fixed, "nightly:lease", str(lease - 6))
    assert 0 < await redis.ttl(keys.asked("nightly")) <= 6
    await redis.delete(keys.asked("nightly"))  # it ends with the lease
    [task] = await missed(other, "nightly")
    assert await is_sent(other, task)
    assert await missed(other, "nightly") == []


async def test_one_that_was_not_let_through_is_handed_over_again_only_after_a_refresh_without_it(
    start: Make, clock: type[Clock]
) -> None:
    clock.current = NIGHT + timedelta(hours=3)
    source = await started(start())
    counts = [len(await source.get_schedules()) for _ in range(4)]
    assert counts == [3, 2, 3, 2]


async def test_a_minute_without_redis_is_made_up_for(
    start: Make, clock: type[Clock], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await started(start())
    with redis_away(redis, monkeypatch):
        assert not await is_sent(source, by_cron(source))
        clock.current = NIGHT + timedelta(seconds=40)
        assert await missed(source) == []
    [task] = await missed(source, "nightly")
    assert await is_sent(source, task)


async def test_what_was_sent_while_redis_went_away_is_noted_when_it_is_back(
    start: Make, clock: type[Clock], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await started(start())
    assert await is_let_through(source, by_cron(source))
    with redis_away(redis, monkeypatch):
        await source.post_send(by_cron(source))
    clock.current = NIGHT + timedelta(hours=3)
    assert await missed(source) == []
    assert await missed(await started(start())) == []


async def test_an_emptied_redis_makes_the_last_runs_count(
    start: Make, clock: type[Clock], redis: Redis, last_runs: LastRuns
) -> None:
    source = await started(start())
    assert await is_sent(source, by_cron(source))
    clock.current = NIGHT + timedelta(minutes=5)
    last_runs.runs["nightly"] = NIGHT + timedelta(seconds=1)
    await redis.flushall()
    assert await missed(source) == [], "it ran before Redis was emptied"
    await redis.flushall()
    last_runs.runs["nightly"] = NIGHT - DAY
    clock.current = NIGHT + timedelta(minutes=7)
    assert [task.time for task in await missed(source)] == [NIGHT], "its message was lost with Redis"


async def test_while_the_last_runs_are_unknown_nothing_is_sent_late(
    start: Make, clock: type[Clock], last_runs: LastRuns
) -> None:
    clock.current = NIGHT + timedelta(hours=3)
    last_runs.is_away = True
    source = await started(start())
    assert await missed(source) == []
    last_runs.is_away = False
    assert len(await missed(source)) == 1


async def test_a_clock_that_was_wrong_does_not_silence_a_job(
    start: Make, clock: type[Clock], redis: Redis, keys: Keys
) -> None:
    source = await started(start())
    await redis.hset(keys.fixed, mapping={"nightly": "4070908800", "nightly:lease": "4070908800"})  # in 2099
    assert await is_sent(source, by_cron(source))
    assert float(await redis.hget(keys.fixed, "nightly")) == NIGHT.timestamp()


async def test_idle_it_asks_redis_at_most_once_a_minute(
    start: Make, clock: type[Clock], redis: Redis, last_runs: LastRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await started(start())
    assert await is_sent(source, by_cron(source))
    asked: list[object] = []
    execute = redis.execute_command

    async def counted(*arguments: object, **options: object) -> object:
        asked.append(arguments)
        return await execute(*arguments, **options)

    monkeypatch.setattr(redis, "execute_command", counted)
    clock.current = NIGHT + timedelta(minutes=2)
    for _ in range(180):
        await source.get_schedules()
        clock.current += timedelta(seconds=1)
    assert len(asked) <= 4
    assert last_runs.asked == 0
