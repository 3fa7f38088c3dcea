"""How the instance stands: what `osrsdiff status` shows, and whether it is ready."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import DatabaseUnreachable, RedisUnreachable
from osrsdiff.game.absence import NOT_FOUND_AFTER, NOT_FOUND_LEAST
from osrsdiff.hiscores.budget import BreakerState
from osrsdiff.scheduling.constants import RECONCILE_TASK
from osrsdiff.scheduling.overview import Overview, overview
from osrsdiff.storage import jobs, reviews
from osrsdiff.storage import players as table
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)

OK = "ok"


class Readiness(Struct, frozen=True):
    """`parts`: for database, redis, worker and scheduler, `ok` or what is wrong."""

    ready: bool
    parts: dict[str, str]


class PlanGroup(Struct, frozen=True):
    """The active players of one interval, and what fetching them takes."""

    interval_minutes: int
    players: int
    requests_per_second: float


class Status(Struct, frozen=True):
    """How an instance stands. What Redis knows is None while it does not answer.

    `requests_needed` and `requests_allowed` are per second: what the active players' intervals ask for, and the budget.
    `plan`: what the former is made of, the largest load first. `players_not_found`: those of the active ones whom the
    hiscores have not listed for days, and who are looked at less often; `players_failing`: whose last fetch gave no
    data; `players_never_seen`: of whom there never was any. `reviews_open`: players who wait for somebody's decision.
    """

    ready: bool
    parts: dict[str, str]
    players_active: int
    players_paused: int
    players_not_found: int
    players_failing: int
    players_never_seen: int
    requests_needed: float
    requests_allowed: float
    plan: list[PlanGroup]
    due: int | None
    overdue: int | None
    queue_length: int | None
    workers_alive: int | None
    schedulers_alive: int | None
    breaker_open_until: datetime | None
    breaker_failures: int | None
    last_reconcile: datetime | None
    last_reconcile_detail: str | None
    reviews_open: int


async def readiness(instance: Instance) -> Readiness:
    """Whether players can be read, changed and fetched now. What exactly is wrong stands in the log."""
    try:
        await instance.db.ping()
    except DatabaseUnreachable as error:
        log.debug("not ready", reason=error)
        return Readiness(False, {"database": "does not answer", "redis": "not asked yet"})
    return _readiness(await _seen_in_redis(instance))


async def status(instance: Instance) -> Status:
    """The whole picture. Raises DatabaseUnreachable."""
    now = datetime.now(UTC)
    async with instance.db.reading() as connection:
        counts = await table.count(connection)
        troubled = await table.count_troubled(connection, missing_since=now - NOT_FOUND_AFTER, failures=NOT_FOUND_LEAST)
        last_reconcile = await jobs.last_ended(connection, RECONCILE_TASK)
        reviews_open = await reviews.count_open(connection)
    seen = await _seen_in_redis(instance)
    breaker = await _breaker(instance) if seen else None
    ready = _readiness(seen)
    plan = _plan(counts.by_interval)
    return Status(
        ready=ready.ready,
        parts=ready.parts,
        players_active=counts.active,
        players_paused=counts.paused,
        players_not_found=troubled.missing,
        players_failing=troubled.failing,
        players_never_seen=troubled.never_seen,
        requests_needed=sum(group.requests_per_second for group in plan),
        requests_allowed=instance.config.hiscores.requests_per_second,
        plan=plan,
        due=seen.due if seen else None,
        overdue=seen.overdue if seen else None,
        queue_length=seen.queue_length if seen else None,
        workers_alive=seen.workers_alive if seen else None,
        schedulers_alive=seen.schedulers_alive if seen else None,
        breaker_open_until=breaker.open_until if breaker and (breaker.open_until or now) > now else None,
        breaker_failures=breaker.failures if breaker else None,
        last_reconcile=last_reconcile.finished_at if last_reconcile else None,
        last_reconcile_detail=last_reconcile.detail if last_reconcile else None,
        reviews_open=reviews_open,
    )


def _plan(by_interval: Mapping[int, int]) -> list[PlanGroup]:
    groups = [PlanGroup(minutes, number, number / (60 * minutes)) for minutes, number in by_interval.items()]
    return sorted(groups, key=lambda group: group.requests_per_second, reverse=True)


def _readiness(seen: Overview | None) -> Readiness:
    """Of an instance whose database answers. `seen`: None where Redis does not."""
    if seen is None:
        return Readiness(False, {"database": OK, "redis": "does not answer"})
    parts = {
        "database": OK,
        "redis": OK,
        "worker": OK if seen.workers_alive else "no worker is alive",
        "scheduler": OK if seen.schedulers_alive else "no scheduler is alive",
    }
    return Readiness(all(part == OK for part in parts.values()), parts)


async def _seen_in_redis(instance: Instance) -> Overview | None:
    try:
        return await overview(instance.redis, instance.prefix)
    except RedisUnreachable as error:
        log.debug("not ready", reason=error)
        return None


async def _breaker(instance: Instance) -> BreakerState | None:
    try:
        return await instance.budget().breaker()
    except RedisUnreachable:
        return None
