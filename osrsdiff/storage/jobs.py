"""When each fixed job ran and how it ended, so that one missed by downtime is noticed. Keeps the newest runs."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Integer, Text, bindparam, delete, insert, select, update

from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.tables import job_runs

KEPT = 50
"""Runs of each job that are remembered."""


class JobRun(Struct, frozen=True):
    """One run of a job. `finished_at`, `outcome`, `detail`: None while it runs, and for ever where it died."""

    id: int
    name: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: str | None


_c = job_runs.c
_columns = [_c[name] for name in JobRun.__struct_fields__]

_START = insert(job_runs).values(name=bindparam("name"), started_at=bindparam("started_at")).returning(_c.id)
_END = (
    update(job_runs)
    .where(_c.id == bindparam("run_id"))
    .values(
        finished_at=bindparam("at", type_=SECONDS),
        outcome=bindparam("ended", type_=Text),
        detail=bindparam("told", type_=Text),
    )
)
_LAST = select(*_columns).where(_c.name == bindparam("name")).order_by(_c.id.desc()).limit(1)
_LAST_ENDED = _LAST.where(_c.finished_at.is_not(None))
_OLDEST_KEPT = (
    select(_c.id)
    .where(_c.name == bindparam("name"))
    .order_by(_c.id.desc())
    .limit(1)
    .offset(bindparam("others", type_=Integer))
)
_PRUNE = delete(job_runs).where(_c.name == bindparam("name"), _c.id < _OLDEST_KEPT.scalar_subquery())


async def start(conn: Connection, name: str, now: datetime) -> int:
    """Notes that a run has begun; its id. Forgets the oldest runs of the same job."""
    [(run_id,)] = await conn.all(_START, {"name": name, "started_at": seconds(now)})
    await conn.run(_PRUNE, {"name": name, "others": KEPT - 1})
    return int(run_id)


async def end(conn: Connection, run_id: int, now: datetime, *, outcome: str, detail: str | None = None) -> None:
    """Notes how a run ended."""
    await conn.run(_END, {"run_id": run_id, "at": seconds(now), "ended": outcome, "told": detail})


async def last(conn: Connection, name: str) -> JobRun | None:
    """The job's newest run, which may still go on; None where it never ran."""
    row = await conn.one(_LAST, {"name": name})
    return _job_run(row) if row else None


async def last_ended(conn: Connection, name: str) -> JobRun | None:
    """The job's newest run that has ended, well or not."""
    row = await conn.one(_LAST_ENDED, {"name": name})
    return _job_run(row) if row else None


def _job_run(row: Row) -> JobRun:
    number, name, started, finished, outcome, detail = row
    return JobRun(number, name, moment(started), moment_or_none(finished), outcome, detail)
