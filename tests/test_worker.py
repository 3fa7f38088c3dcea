"""The factories that the taskiq commands are given, and what a message means to the fetch task."""

from pathlib import Path

import pytest
from taskiq import TaskiqMessage, TaskiqScheduler
from taskiq.abc.broker import AsyncBroker

from osrsdiff import worker
from osrsdiff.scheduling.constants import FETCH_TASK, PRUNE_TASK, RECONCILE_TASK
from osrsdiff.scheduling.fixed import FixedJobSource
from osrsdiff.scheduling.source import PlayerScheduleSource


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
    assert set(broker.local_task_registry) == {FETCH_TASK, RECONCILE_TASK, PRUNE_TASK}
    assert broker.local_task_registry[FETCH_TASK].original_func is worker.fetch_player_hiscores_task
    assert list(no_instance.iterdir()) == []


async def test_the_scheduler_has_the_players_and_the_fixed_jobs(no_instance: Path) -> None:
    scheduler = worker.create_scheduler()
    assert isinstance(scheduler, TaskiqScheduler)
    players, fixed = scheduler.sources
    assert isinstance(players, PlayerScheduleSource)
    assert isinstance(fixed, FixedJobSource)
    await fixed.startup()
    assert {schedule.schedule_id: schedule.cron for schedule in await fixed.get_schedules()} == worker.FIXED_JOBS
    assert list(no_instance.iterdir()) == []


def message(task_id: str, **labels: object) -> TaskiqMessage:
    return TaskiqMessage(task_id=task_id, task_name=FETCH_TASK, labels=labels, args=[7], kwargs={})


def test_a_message_of_a_schedule_names_its_beat_and_labels() -> None:
    due = worker._due(message("player_fetch_7:1700000000", schedule_id="player_fetch_7", interval_minutes=45, x=1))
    assert due is not None
    assert (due.schedule_id, due.beat, due.labels) == ("player_fetch_7", 1_700_000_000, {"interval_minutes": "45"})


def test_a_message_sent_by_hand_comes_from_no_schedule() -> None:
    assert worker._due(message("4f1c")) is None
