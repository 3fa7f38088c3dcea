"""The log of fetches that gave no data. A job prunes it now and then."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Integer, bindparam, delete, func, insert, select

from osrsdiff.errors import Outcome
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.tables import fetch_failures, players

PRUNED_AT_ONCE = 5_000


class RecentFailure(Struct, frozen=True):
    """One fetch without data, and whose."""

    username: str
    display_name: str
    at: datetime
    outcome: Outcome
    message: str


_c = fetch_failures.c

_ADD = (
    insert(fetch_failures)
    .values({name: bindparam(name) for name in ("player_id", "at", "outcome", "message")})
    .inline()
)
_RECENT = (
    select(players.c.username, players.c.display_name, _c.at, _c.outcome, _c.message)
    .join_from(fetch_failures, players, players.c.id == _c.player_id)
    .order_by(_c.id.desc())
    .limit(bindparam("most", type_=Integer))
)
_newest, _oldest = (select(extreme(_c.id)).scalar_subquery() for extreme in (func.max, func.min))
_PRUNE = delete(fetch_failures).where(
    _c.id <= _newest - bindparam("keep", type_=Integer), _c.id < _oldest + bindparam("most", type_=Integer)
)


async def add(conn: Connection, player_id: int, *, at: datetime, outcome: Outcome, message: str) -> None:
    """Logs one failure."""
    failure = {"player_id": player_id, "at": seconds(at), "outcome": outcome.value, "message": message}
    await conn.run(_ADD, failure)


async def recent(conn: Connection, *, limit: int) -> list[RecentFailure]:
    """The newest failures of all players, the newest first."""
    rows = await conn.all(_RECENT, {"most": limit})
    return [RecentFailure(row[0], row[1], moment(row[2]), Outcome(row[3]), row[4]) for row in rows]


async def prune(conn: Connection, *, keep: int) -> int:
    """Deletes the oldest, so many at a time as keep nobody else from writing for long, but none of the newest `keep`.

    How many went; 0 when there is nothing to delete any more.
    """
    return await conn.run(_PRUNE, {"keep": keep, "most": PRUNED_AT_ONCE})
