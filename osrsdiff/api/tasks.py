"""Tasks over HTTP: what runs by the clock and how it went, fetches that failed lately; run one now."""

from osrsdiff.api import schedule_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.storage.jobs import JobRun
from osrsdiff.tracking import jobs

TASKS = "/api/v1/tasks"


async def list_tasks(call: Call[schemas.TasksQuery, Nothing]) -> Reply[schemas.TaskList]:
    """The tasks that belong to no player, with their last and next runs; and which fetches gave no data lately."""
    tasks = [
        schemas.Task(job.name, job.cron, None if job.last_run is None else _run(job.last_run), job.next_run)
        for job in await jobs.list_jobs(call.instance)
    ]
    failures = [
        schemas.FetchFailure(one.username, one.display_name, one.at, one.outcome, one.message)
        for one in await jobs.recent_failures(call.instance, limit=call.query.failures)
    ]
    return Reply(schemas.TaskList(tasks, failures))


async def run_task(call: Call[Nothing, Nothing]) -> Reply[schemas.TaskQueued]:
    """Asks the workers to run a task now, besides its regular runs. How it ended stands in the list of tasks."""
    task_id = await jobs.run_job(call.instance, call.name)
    return Reply(
        schemas.TaskQueued(call.name, task_id, f"Queued; a worker runs it next. GET {TASKS} tells how it ended.")
    )


def _run(run: JobRun) -> schemas.TaskRun:
    return schemas.TaskRun(run.started_at, run.finished_at, run.outcome, run.detail)
