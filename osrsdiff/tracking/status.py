"""How the instance stands: what `osrsdiff status` shows, and whether it is ready."""

from datetime import UTC, datetime

from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import DatabaseUnreachable, RedisUnreachable
from osrsdiff.scheduling.constants import RECONCILE_TASK
from osrsdiff.scheduling.overview import Overview, overview
from osrsdiff.storage import jobs
from osrsdiff.storage import players as table
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)

OK = "ok"


class Readiness(Struct, frozen=True):
    """`parts`: for database, redis, worker and scheduler, `ok` or what is wrong."""

    ready: bool
    parts: dict[str, str]


class Status(Struct, frozen=True):
    """How an instance stands. What Redis knows is None while it does not answer.

    `requests_needed` and `requests_allowed` are per second: what the active players' intervals ask for, and the budget.
    """

    ready: bool
    parts: dict[str, str]
    players_active: int
    players_paused: int
    requests_needed: float
    requests_allowed: float
    due: int | None
    overdue: int | None
    queue_length: int | None
    workers_alive: int | None
    schedulers_alive: int | None
    breaker_open_until: datetime | None
    last_reconcile: datetime | None


async def readiness(instance: Instance) -> Readiness:
    """Whether players can be read, changed and fetched now. What exactly is wrong stands in the log."""
    parts = {"database": OK, "redis": OK}
    try:
        await instance.db.ping()
        parts |= _processes(await overview(instance.redis, instance.prefix))
    except DatabaseUnreachable as error:
        log.debug("not ready", reason=error)
        parts |= {"database": "does not answer", "redis": "not asked yet"}
    except RedisUnreachable as error:
        log.debug("not ready", reason=error)
        parts["redis"] = "does not answer"
    return Readiness(all(part == OK for part in parts.values()), parts)


async def status(instance: Instance) -> Status:
    """The whole picture. Raises DatabaseUnreachable."""
    async with instance.db.reading() as connection:
        counts = await table.count(connection)
        last_reconcile = await jobs.last_ended(connection, RECONCILE_TASK)
    seen = await _seen_in_redis(instance)
    ready = await readiness(instance)
    return Status(
        ready=ready.ready,
        parts=ready.parts,
        players_active=counts.active,
        players_paused=counts.paused,
        requests_needed=counts.requests_per_second,
        requests_allowed=instance.config.hiscores.requests_per_second,
        due=seen.due if seen else None,
        overdue=seen.overdue if seen else None,
        queue_length=seen.queue_length if seen else None,
        workers_alive=seen.workers_alive if seen else None,
        schedulers_alive=seen.schedulers_alive if seen else None,
        breaker_open_until=await _breaker_open_until(instance) if seen else None,
        last_reconcile=last_reconcile.finished_at if last_reconcile else None,
    )


def _processes(seen: Overview) -> dict[str, str]:
    return {
        "worker": OK if seen.workers_alive else "no worker is alive",
        "scheduler": OK if seen.schedulers_alive else "no scheduler is alive",
    }


async def _seen_in_redis(instance: Instance) -> Overview | None:
    try:
        return await overview(instance.redis, instance.prefix)
    except RedisUnreachable:
        return None


async def _breaker_open_until(instance: Instance) -> datetime | None:
    try:
        until = (await instance.budget().breaker()).open_until
    except RedisUnreachable:
        return None
    return until if until and until > datetime.now(UTC) else None
