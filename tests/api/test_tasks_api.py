"""Tasks over HTTP: listed with their runs and the fetches that failed lately, run now."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api import schedule_schemas as schemas
from osrsdiff.errors import Outcome
from osrsdiff.scheduling.constants import FIXED_JOBS, RECONCILE_TASK
from osrsdiff.storage import failures
from osrsdiff.storage.players import Player
from osrsdiff.tracking import jobs
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]

TASKS = "/api/v1/tasks"


async def test_tasks_are_listed_with_their_runs(api: Ask, instance: Instance, lynx: Player) -> None:
    fresh = msgspec.convert((await api("GET", TASKS)).document, schemas.TaskList)
    assert {task.name: task.cron for task in fresh.tasks} == FIXED_JOBS
    assert all(task.last_run is None and task.next_run_at > datetime.now(UTC) for task in fresh.tasks)
    await jobs.run_reconcile(instance)
    listed = msgspec.convert((await api("GET", TASKS)).document, schemas.TaskList)
    (run,) = [task.last_run for task in listed.tasks if task.last_run is not None]
    assert (run.outcome, run.detail) == ("done", "0 mended")
    assert run.finished_at is not None


async def test_fetches_that_failed_lately_are_listed(api: Ask, instance: Instance, lynx: Player) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    async with instance.db.writing() as connection:
        for message in ("first", "second"):
            await failures.add(connection, lynx.id, at=now, outcome=Outcome.UNAVAILABLE, message=message)
    listed = msgspec.convert((await api("GET", f"{TASKS}?failures=1")).document, schemas.TaskList)
    (failure,) = listed.recent_failures
    assert (failure.username, failure.display_name) == ("lynx titan", "Lynx Titan")
    assert (failure.at, failure.outcome, failure.message) == (now, Outcome.UNAVAILABLE, "second")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_task_is_run_now(api: Ask, instance: Instance) -> None:
    answer = await api("POST", f"{TASKS}/{RECONCILE_TASK}/run")
    queued = msgspec.convert(answer.document, schemas.TaskQueued)
    assert (answer.status, queued.name) == (202, RECONCILE_TASK)
    assert queued.task_id
    assert await instance.redis.xlen(f"{instance.prefix}queue") == 1


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["nothing", "fetch_player_hiscores", "RECONCILE_SCHEDULES", "%00", "x" * 3_000])
async def test_a_task_that_there_is_not(api: Ask, instance: Instance, name: str) -> None:
    answer = await api("POST", f"{TASKS}/{name}/run")
    assert (answer.status, answer.document["type"]) == (404, "/docs#task-not-found")
    assert RECONCILE_TASK in answer.document["detail"]
    assert len(answer.document["detail"]) < 300
    assert await instance.redis.xlen(f"{instance.prefix}queue") == 0
