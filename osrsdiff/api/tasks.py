"""Tasks over HTTP: what runs by the clock and how it went, fetches that failed lately; run one now."""

from msgspec.structs import replace

from osrsdiff.api import schedule_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import failure_document, job_document
from osrsdiff.tracking import jobs
from osrsdiff.tracking.jobs import Job

TASKS = "/api/v1/tasks"

_WHY_IT_FAILED = "This instance's log says why."


async def list_tasks(call: Call[schemas.TasksQuery, Nothing]) -> Reply[schemas.TaskList]:
    """The tasks that belong to no player, with their last and next runs; and which fetches gave no data lately."""
    tasks = [_task(job) for job in await jobs.list_jobs(call.instance)]
    failures = await jobs.recent_failures(call.instance, limit=call.query.failures)
    return Reply(schemas.TaskList(tasks, [failure_document(one) for one in failures]))


async def run_task(call: Call[Nothing, Nothing]) -> Reply[schemas.TaskQueued]:
    """Asks the workers to run a task now, besides its regular runs. How it ended stands in the list of tasks."""
    task_id = await jobs.run_job(call.instance, call.path["name"])
    return Reply(
        schemas.TaskQueued(
            call.path["name"], task_id, f"Queued; a worker runs it next. GET {TASKS} tells how it ended."
        )
    )


def _task(job: Job) -> schemas.Task:
    """A task for anyone: why it failed may name hosts and ports that are nobody's business."""
    task = job_document(job)
    if task.last_run is None or task.last_run.outcome != "failed":
        return task
    return replace(task, last_run=replace(task.last_run, detail=_WHY_IT_FAILED))
