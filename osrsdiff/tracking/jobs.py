"""Work that belongs to no player, run by the clock or by hand: what there is, when it runs, how it went.

The last runs and the failed fetches stand in the database, so that they can be read while Redis is away.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import JobNotFound, OsrsdiffError
from osrsdiff.scheduling.constants import CHECK_MODES_TASK, FIXED_JOBS, PRUNE_TASK, RECKON_TASK, RECONCILE_TASK
from osrsdiff.scheduling.minutes import next_run
from osrsdiff.storage import failures, jobs
from osrsdiff.storage.failures import RecentFailure
from osrsdiff.storage.instance import created_at
from osrsdiff.storage.jobs import JobRun
from osrsdiff.tracking.fetcher import Fetcher
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.mode_checks import LONGEST_RUN_S
from osrsdiff.tracking.mode_rounds import ModesChecked, check_modes
from osrsdiff.tracking.progress import Progress
from osrsdiff.tracking.reckoning import Reckoned, reckon_pending
from osrsdiff.tracking.reconcile import Reconciled, reconcile

log = logs.get(__name__)

FAILURES_KEPT = 10_000
_FEW_PLACES = 4
_RUN_IN_FEW_PLACES_S = 10.0
"""A check of modes waits for spare slots: where few fetches have a place at a time, it soon gives its own back."""

T = TypeVar("T")


class Job(Struct, frozen=True):
    """A fixed job. `cron` in UTC. `last_run`: the newest, which may still go on; None where it never ran."""

    name: str
    cron: str
    last_run: JobRun | None
    next_run: datetime


async def list_jobs(instance: Instance) -> list[Job]:
    """Every fixed job. Works while Redis is away."""
    now = datetime.now(UTC)
    async with instance.db.reading() as connection:
        runs = {name: await jobs.last(connection, name) for name in FIXED_JOBS}
    return [Job(name, cron, runs[name], next_run(cron, now)) for name, cron in FIXED_JOBS.items()]


async def last_runs(instance: Instance) -> dict[str, datetime]:
    """When each fixed job last began to run; where it never did, since when it could have."""
    async with instance.db.reading() as connection:
        since = await created_at(connection)
        runs = {name: await jobs.last(connection, name) for name in FIXED_JOBS}
    return {name: run.started_at if run else since for name, run in runs.items()}


async def run_job(instance: Instance, name: str) -> str:
    """Asks the workers to run a job now, or joins a run that waits; the task's id.

    Raises JobNotFound, RedisUnreachable.
    """
    if name not in FIXED_JOBS:
        raise JobNotFound(name, FIXED_JOBS)
    return (await instance.asked.job(name))[0]


async def recent_failures(instance: Instance, *, limit: int) -> list[RecentFailure]:
    """The newest fetches without data, the newest first. Works while Redis is away."""
    async with instance.db.reading() as connection:
        return await failures.recent(connection, limit=limit)


async def run_reconcile(instance: Instance, *, dry_run: bool = False, progress: Progress | None = None) -> Reconciled:
    """A reconcile that is noted, but where it is dry. Raises RedisUnreachable."""
    if dry_run:
        return await reconcile(instance, dry_run=True, progress=progress)
    return await _noted(
        instance,
        RECONCILE_TASK,
        lambda: reconcile(instance, progress=progress),
        lambda report: f"{report.differences} mended",
    )


async def run_prune(instance: Instance) -> int:
    """Forgets the oldest failed fetches beyond a bound; how many."""

    async def prune() -> int:
        total = 0
        while True:
            async with instance.db.writing() as connection:
                gone = await failures.prune(connection, keep=FAILURES_KEPT)
            if not gone:
                return total
            total += gone

    return await _noted(instance, PRUNE_TASK, prune, lambda count: f"{count} forgotten")


async def run_reckoning(instance: Instance) -> Reckoned:
    """Reckons the history of players whose records and achievements are not those of these rules."""
    return await _noted(instance, RECKON_TASK, lambda: reckon_pending(instance), _reckoned)


def _reckoned(report: Reckoned) -> str:
    return f"{report.players} reckoned" + (f", {report.failed} failed" if report.failed else "")


async def run_mode_checks(instance: Instance, fetcher: Fetcher) -> ModesChecked:
    """Checks the game modes that are due, for some minutes."""
    within_s = spare_patience_s(instance)
    return await _noted(instance, CHECK_MODES_TASK, lambda: check_modes(fetcher, within_s=within_s), _modes_checked)


def spare_patience_s(instance: Instance) -> float:
    """How long a task may keep its place while it waits for what nobody else takes of the request budget."""
    worker = instance.config.worker
    return LONGEST_RUN_S if worker.processes * worker.concurrency > _FEW_PLACES else _RUN_IN_FEW_PLACES_S


def _modes_checked(report: ModesChecked) -> str:
    counts = {
        "changed": report.changed,
        "found": report.first,
        "to be looked at again": report.pending,
        "flagged": report.flagged,
        "undecided": report.undecided,
    }
    told = "".join(f", {count} {what}" for what, count in counts.items() if count)
    return f"{report.checked} checked with {report.requests} requests{told}" + (
        ", more to do" if report.is_more else ""
    )


async def by_the_clock(run: Awaitable[T]) -> T | None:
    """What a run gave that nobody waits for; None where it failed, which is noted and said: it comes again."""
    try:
        return await run
    except OsrsdiffError as error:
        log.warning("job failed", reason=error)
        return None


async def _noted(instance: Instance, name: str, work: Callable[[], Awaitable[T]], detail: Callable[[T], str]) -> T:
    async with instance.db.writing() as connection:
        run_id = await jobs.start(connection, name, now=datetime.now(UTC))
    try:
        result = await work()
    except OsrsdiffError as error:
        await _end(instance, run_id, "failed", str(error))
        raise
    except Exception as error:  # the task logs it
        await _end(instance, run_id, "failed", repr(error))
        raise
    await _end(instance, run_id, "done", detail(result))
    log.info("job done", job=name, detail=detail(result))
    return result


async def _end(instance: Instance, run_id: int, outcome: str, detail: str) -> None:
    async with instance.db.writing() as connection:
        await jobs.end(connection, run_id, now=datetime.now(UTC), outcome=outcome, detail=detail)
