"""Jobs by the clock: each minute once, however many schedulers run."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from taskiq import ScheduledTask
from taskiq.exceptions import ScheduledTaskCancelledError

from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.fixed import FixedJobSource
from osrsdiff.scheduling.keys import LoadPrefix

NIGHT = datetime(2026, 5, 1, 2, 0, 30, tzinfo=UTC)


class Clock(datetime):
    """A clock that tests set."""

    at = NIGHT

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
        return cls.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr("osrsdiff.scheduling.fixed.datetime", Clock)
    Clock.at = NIGHT
    return Clock


@pytest.fixture
def make_jobs(
    make_broker: Callable[..., StreamBroker], redis: Redis, load_prefix: LoadPrefix
) -> Callable[[], FixedJobSource]:
    """Makes the source of a scheduler of its own, which knows one job: `nightly`, at 02:00."""

    def make() -> FixedJobSource:
        broker = make_broker()

        async def nightly() -> None: ...

        broker.register_task(nightly, "nightly", schedule=[{"cron": "0 2 * * *", "schedule_id": "nightly"}])
        return FixedJobSource(broker, redis, load_prefix)

    return make


async def job(source: FixedJobSource) -> ScheduledTask:
    await source.startup()
    [task] = await source.get_schedules()
    return task


async def is_let_through(source: FixedJobSource, task: ScheduledTask) -> bool:
    try:
        await source.pre_send(task)
    except ScheduledTaskCancelledError:
        return False
    return True


async def test_a_job_has_its_fixed_id_and_cron(make_jobs: Callable[[], FixedJobSource]) -> None:
    task = await job(make_jobs())
    assert (task.schedule_id, task.task_name, task.cron) == ("nightly", "nightly", "0 2 * * *")


async def test_of_two_schedulers_one_sends_it_and_the_next_minute_is_another(
    make_jobs: Callable[[], FixedJobSource], clock: type[Clock]
) -> None:
    one, other = make_jobs(), make_jobs()
    task = await job(one)
    assert [await is_let_through(source, task) for source in (one, other, one)] == [True, False, False]
    clock.at = NIGHT.replace(day=2)
    assert [await is_let_through(source, task) for source in (other, one)] == [True, False]


async def test_one_that_is_sent_just_after_its_minute_still_counts_for_it(
    make_jobs: Callable[[], FixedJobSource], clock: type[Clock]
) -> None:
    one, other = make_jobs(), make_jobs()
    task = await job(one)
    assert await is_let_through(one, task)
    clock.at = NIGHT.replace(minute=1, second=0)
    assert not await is_let_through(other, task)


async def test_without_redis_nobody_sends_it(
    make_jobs: Callable[[], FixedJobSource], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_jobs()
    task = await job(source)

    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        assert not await is_let_through(source, task)
    assert await is_let_through(source, task)
