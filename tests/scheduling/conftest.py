"""Sources, brokers and schedules over the run's Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from redis.asyncio import Redis
from taskiq import ScheduledTask, TaskiqScheduler

from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keys, LoadPrefix
from osrsdiff.scheduling.manager import PlayerScheduleManager
from osrsdiff.scheduling.source import PlayerScheduleSource


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[bool]], str], Awaitable[None]]:
    """Looks again until a condition holds; fails with what was waited for after 10 s."""

    async def look(condition: Callable[[], Awaitable[bool]], what: str) -> None:
        end = time.monotonic() + 10
        while not await condition():
            if time.monotonic() > end:
                pytest.fail(f"not within 10 s: {what}")
            await asyncio.sleep(0.01)

    return look


@pytest.fixture
def schedule() -> Callable[..., ScheduledTask]:
    """Makes a schedule as one of a player's looks once it is stored."""

    def make(player_id: int, minutes: int = 60, **fields: object) -> ScheduledTask:
        labels = {"player_id": str(player_id), "interval_minutes": str(minutes), "phase_s": "0"}
        given: dict[str, object] = {
            "task_name": "fetch",
            "labels": labels,
            "args": [player_id],
            "kwargs": {},
            "schedule_id": f"player_fetch_{player_id}",
            "cron": "* * * * *",
        }
        return ScheduledTask.model_validate(given | fields)

    return make


@pytest.fixture
def keys(prefix: str) -> Keys:
    return Keys(prefix)


@pytest.fixture
def load_prefix(prefix: str) -> LoadPrefix:
    async def load() -> str:
        return prefix

    return load


@pytest.fixture
async def make_source(redis: Redis, load_prefix: LoadPrefix) -> AsyncIterator[Callable[..., PlayerScheduleSource]]:
    """Makes schedule sources over one Redis, as separate schedulers have them."""
    made: list[PlayerScheduleSource] = []

    def make(**options: object) -> PlayerScheduleSource:
        made.append(PlayerScheduleSource(redis, load_prefix, **options))
        return made[-1]

    yield make
    for source in made:
        await source.shutdown()


@pytest.fixture
async def source(make_source: Callable[..., PlayerScheduleSource]) -> PlayerScheduleSource:
    source = make_source()
    await source.startup()
    return source


@pytest.fixture
async def make_broker(redis: Redis, load_prefix: LoadPrefix) -> AsyncIterator[Callable[..., StreamBroker]]:
    """Makes brokers over one Redis; `worker=True` for those that listen."""
    made: list[StreamBroker] = []

    def make(*, worker: bool = False, **options: object) -> StreamBroker:
        broker = StreamBroker(redis, load_prefix, **options)
        broker.is_worker_process = worker
        made.append(broker)
        return broker

    yield make
    for broker in made:
        await broker.shutdown()


@pytest.fixture
async def manager(source: PlayerScheduleSource, make_broker: Callable[..., StreamBroker]) -> PlayerScheduleManager:
    return PlayerScheduleManager(source, make_broker())


@pytest.fixture
async def send(
    make_broker: Callable[..., StreamBroker], redis: Redis, keys: Keys
) -> Callable[[PlayerScheduleSource, ScheduledTask], Awaitable[bool]]:
    """Does what TaskIQ does with a task whose time has come; whether its message was in the queue, from where it goes.

    Raises what TaskIQ's scheduler raises.
    """
    broker = make_broker()

    async def once(source: PlayerScheduleSource, task: ScheduledTask) -> bool:
        await TaskiqScheduler(broker, [source]).on_ready(source, task)
        for id_, fields in await redis.xrange(keys.queue):
            if broker.formatter.loads(fields[b"data"]).task_id == task.task_id:
                return bool(await redis.xdel(keys.queue, id_))
        return False

    return once


@pytest.fixture
def put() -> Callable[..., Awaitable[None]]:
    """Adds schedules to a source whose first fire is at a time, or one by one at each of several."""

    async def add(
        source: PlayerScheduleSource, schedules: Sequence[ScheduledTask], at: float | Sequence[float]
    ) -> None:
        fires = [at] * len(schedules) if isinstance(at, float | int) else at
        first = {schedule.schedule_id: fire for schedule, fire in zip(schedules, fires, strict=True)}
        await source.add_schedules(schedules, first_fires=first)

    return add
