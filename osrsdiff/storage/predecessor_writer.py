"""The only thing that is ever changed in OSRS Diff's Postgres: ids of schedules that are no more are taken out.

Needs asyncpg, which comes with the `postgres` extra.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import column, false, null, select, table, text, update

from osrsdiff.storage.connection import NOTHING
from osrsdiff.storage.dialects import compiling_for
from osrsdiff.storage.predecessor_link import CLOSING, CONNECT_TIMEOUT_S, connect, explaining, plain_url
from osrsdiff.storage.statements import Statements

CLEARED_AT_ONCE = 1_000

_players = table("players", column("id"), column("schedule_id"))
_some = select(_players.c.id).where(_players.c.schedule_id.is_not(None)).limit(CLEARED_AT_ONCE)
_CLEAR = update(_players).where(_players.c.id.in_(_some)).values(schedule_id=null())
_CLEAR_NONE = update(_players).where(_players.c.id.in_(_some), false()).values(schedule_id=null())
_HAS_SCHEDULES = text(
    "SELECT 1 FROM pg_catalog.pg_attribute "
    "WHERE attrelid = to_regclass('players') AND attname = 'schedule_id' AND NOT attisdropped"
)

_statements = Statements(compiling_for("postgresql"))


async def check_may_clear(url: str) -> None:
    """Raises SetupError where this user, or anybody, may not change it there, and as `open_source` does."""
    async with _opened(url) as link:
        if link is not None:
            compiled = _statements(_CLEAR_NONE)
            await link.execute(compiled.sql, *compiled.values(NOTHING))


async def clear_schedules(url: str) -> int:
    """Takes the ids of schedules out of the players' rows; how many. Raises as `check_may_clear` does."""
    cleared = 0
    async with _opened(url) as link:
        compiled = _statements(_CLEAR)
        while link is not None:
            some = int((await link.execute(compiled.sql, *compiled.values(NOTHING))).rpartition(" ")[2])
            cleared += some
            if some < CLEARED_AT_ONCE:
                break
    return cleared


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Any]:
    """A connection; None where its schema is from before there were such ids."""
    plain = plain_url(url)
    link = await connect(plain)
    try:
        with explaining(plain):
            yield link if await link.fetch(str(_HAS_SCHEDULES)) else None
    finally:
        with suppress(*CLOSING):
            await link.close(timeout=CONNECT_TIMEOUT_S)
