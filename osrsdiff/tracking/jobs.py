"""Work that belongs to no player, run by the clock or by hand, its last run noted in the database."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from osrsdiff import logs
from osrsdiff.errors import OsrsdiffError
from osrsdiff.scheduling.constants import PRUNE_TASK, RECONCILE_TASK
from osrsdiff.storage import failures, jobs
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.reconcile import Reconciled, reconcile

log = logs.get(__name__)

FAILURES_KEPT = 10_000

T = TypeVar("T")


async def run_reconcile(instance: Instance) -> Reconciled | None:
    """A noted reconcile; None where it failed."""
    return await _noted(instance, RECONCILE_TASK, lambda: reconcile(instance), lambda r: f"{r.differences} mended")


async def run_prune(instance: Instance) -> int | None:
    """Forgets the oldest failed fetches beyond a bound; how many, None where it failed."""

    async def prune() -> int:
        async with instance.db.writing() as connection:
            return await failures.prune(connection, keep=FAILURES_KEPT)

    return await _noted(instance, PRUNE_TASK, prune, lambda count: f"{count} forgotten")


async def _noted(
    instance: Instance, name: str, work: Callable[[], Awaitable[T]], detail: Callable[[T], str]
) -> T | None:
    async with instance.db.writing() as connection:
        run_id = await jobs.start(connection, name, now=datetime.now(UTC))
    try:
        result = await work()
    except OsrsdiffError as error:
        await _end(instance, run_id, "failed", str(error))
        log.warning("job failed", job=name, reason=error)
        return None
    await _end(instance, run_id, "done", detail(result))
    log.info("job done", job=name, detail=detail(result))
    return result


async def _end(instance: Instance, run_id: int, outcome: str, detail: str) -> None:
    async with instance.db.writing() as connection:
        await jobs.end(connection, run_id, now=datetime.now(UTC), outcome=outcome, detail=detail)
