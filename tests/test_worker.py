"""The factories that the taskiq commands are given, and what a message means to the fetch task."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from redis.exceptions import ConnectionError as RedisAway
from taskiq import ScheduledTask, ScheduleSource, TaskiqMessage, TaskiqScheduler
from taskiq.abc.broker import AsyncBroker
from taskiq.exceptions import SendTaskError

from osrsdiff import worker
from osrsdiff.scheduling.constants import CHECK_MODE_TASK, FETCH_TASK, FIXED_JOBS, NEVER_LATE, PRUNE_TASK
from osrsdiff.scheduling.fixed import FixedJobSource
from osrsdiff.scheduling.source import PlayerScheduleSource
from osrsdiff.storage import jobs as job_runs
from osrsdiff.storage.engine import Database
from osrsdiff.storage.instance import created_at
from osrsdiff.tracking import jobs
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.retries import Due


@pytest.fixture(autouse=True)
def no_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory without anything: a factory that connects would fail."""
    monkeypatch.setenv("OSRSDIFF_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(worker.logs, "setup", lambda *_: None)
    return tmp_path


def test_importing_registers_nothing() -> None:
    assert AsyncBroker.global_task_registry == {}


def test_the_broker_has_its_tasks_and_has_not_connected(no_instance: Path) -> None:
    broker = worker.create_broker()
    assert set(broker.local_task_registry) == {FETCH_TASK, CHECK_MODE_TASK, *FIXED_JOBS}
    assert broker.local_task_registry[FETCH_TASK].original_func is worker.fetch_player_hiscores_task
    assert list(no_instance.iterdir()) == []


async def test_the_scheduler_has_the_players_and_the_fixed_jobs(no_instance: Path) -> None:
    scheduler = worker.create_scheduler()
    assert isinstance(scheduler, TaskiqScheduler)
    players, fixed = scheduler.sources
    assert isinstance(players, PlayerScheduleSource)
    assert isinstance(fixed, FixedJobSource)
    await fixed.startup()
    assert {name: schedule.cron for name, schedule in fixed.schedules.items()} == FIXED_JOBS
    assert list(no_instance.iterdir()) == []


class Sending(ScheduleSource):
    """A source that notes what was sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def get_schedules(self) -> list[ScheduledTask]:
        return []

    async def post_send(self, task: ScheduledTask) -> None:
        self.sent.append(task.schedule_id)


async def test_what_redis_did_not_take_is_not_sent_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler, source = worker.create_scheduler(), Sending()
    task = ScheduledTask(task_name=PRUNE_TASK, labels={}, args=[], kwargs={}, schedule_id="one", cron="* * * * *")
    reason: Exception = RedisAway("gone")

    async def kick(_: object) -> None:
        raise reason

    monkeypatch.setattr(scheduler.broker, "kick", kick)
    await scheduler.on_ready(source, task)
    assert source.sent == []
    reason = ValueError("a fault of ours")
    with pytest.raises(SendTaskError):
        await scheduler.on_ready(source, task)


async def test_a_job_that_never_ran_counts_from_when_the_database_was_made(db: Database) -> None:
    async with db.reading() as connection:
        made_at = await created_at(connection)
    assert timedelta() <= datetime.now(UTC) - made_at < timedelta(days=1)
    assert await jobs.last_runs(instance_of(db)) == dict.fromkeys(FIXED_JOBS, made_at)


async def test_a_job_last_ran_when_it_began_however_it_ended(db: Database) -> None:
    began = datetime(2026, 5, 1, 3, 20, 7, tzinfo=UTC)
    async with db.writing() as connection:
        await job_runs.start(connection, PRUNE_TASK, began - timedelta(days=1))
        await job_runs.start(connection, PRUNE_TASK, began)
    assert (await jobs.last_runs(instance_of(db)))[PRUNE_TASK] == began


def test_what_is_never_late_is_a_fixed_job() -> None:
    assert set(FIXED_JOBS) >= NEVER_LATE


def instance_of(db: Database) -> Instance:
    return cast(Instance, SimpleNamespace(db=db))


def message(task_id: str, **labels: object) -> TaskiqMessage:
    return TaskiqMessage(task_id=task_id, task_name=FETCH_TASK, labels=labels, args=[7], kwargs={})


def test_a_message_of_a_schedule_names_its_beat_and_labels() -> None:
    due = worker._due(message("player_fetch_7:1700000000", schedule_id="player_fetch_7", interval_minutes=45, x=1))
    assert due == Due("player_fetch_7", 1_700_000_000, {"interval_minutes": "45"}, retry=0)


def test_a_message_says_how_often_its_beat_was_tried() -> None:
    due = worker._due(message("player_fetch_7:1700000000", schedule_id="player_fetch_7", retry="3"))
    assert due == Due("player_fetch_7", 1_700_000_000, {}, retry=3)


def test_a_message_sent_by_hand_comes_from_no_schedule() -> None:
    assert worker._due(message("4f1c")) is None
