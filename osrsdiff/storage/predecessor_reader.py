"""Reads OSRS Diff's Postgres: one read-only transaction that sees one moment, through server-side cursors.

Needs asyncpg, which comes with the `postgres` extra. What is sorted is ids and times alone; the records themselves are
fetched by their ids, a page at a time, so that neither side ever holds them all and no index of theirs is relied on.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    extract,
    func,
    literal,
    null,
    select,
    table,
    text,
    tuple_,
)

from osrsdiff.errors import SetupError
from osrsdiff.storage.connection import NOTHING, Params
from osrsdiff.storage.dialects import (
    POSTGRES_ADDRESS,
    POSTGRES_IDENTITY,
    POSTGRES_MAY_READ_IDENTIFIER,
    compiling_for,
    shown,
)
from osrsdiff.storage.predecessor import NO_TIME, OldPlayer, OldRecord, ReadFrom
from osrsdiff.storage.predecessor_link import CLOSING, CONNECT_TIMEOUT_S, connect, explaining, plain_url
from osrsdiff.storage.statements import Statements

RECORDS_AT_ONCE = 250
"""About 1.5 MB of them; the next page is on its way while one is worked on."""
IDS_AT_ONCE = 10_000

_players = table("players", *map(column, ("id", "username", "is_active")))
_OPTIONAL = ("fetch_interval_minutes", "game_mode", "created_at", "last_fetched")
"""Columns of `players` that are not in every version of its schema."""

_records = table(
    "hiscore_records",
    *map(
        column,
        ("id", "player_id", "fetched_at", "overall_rank", "overall_level", "overall_experience", "skills_data"),
    ),
    column("bosses_data"),
)

_COLUMNS = text(
    "SELECT relname::text, attname::text, atttypid::regtype::text "
    "FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_class c ON c.oid = attrelid "
    "WHERE attrelid IN (to_regclass('players'), to_regclass('hiscore_records'), to_regclass('player_states')) "
    "AND attnum > 0 AND NOT attisdropped"
)
_SCHEMA = text(
    "SELECT nspname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace "
    "WHERE c.oid = to_regclass('hiscore_records')"
)
_TIMEZONE = text("SELECT current_setting('TimeZone')")
_PLAIN_TIME = "timestamp without time zone"
_LATEST_US = 2**62
"""Whatever is later than any clock shows; the very last times of Postgres are beyond 64 bits."""


def _us(time: ColumnElement[Any], zone: str | None = None) -> ColumnElement[Any]:
    """Microseconds since 1970, a time without a zone being one of `zone` or UTC; null for none and for infinity."""
    at = func.timezone(literal(zone, Text), time) if zone else time
    us = cast(func.least(extract("epoch", at) * 1_000_000, _LATEST_US), BigInteger)
    return case((func.isfinite(time), us), else_=null())


def _numbers(name: str) -> Any:
    return bindparam(name, type_=ARRAY(BigInteger))


_given = (
    func.unnest(_numbers("player_ids"), _numbers("places"), _numbers("after_us"), _numbers("after_ids"))
    .table_valued("player_id", "place", "after_us", "after_id")
    .render_derived("given")
)


def _order(zone: str | None) -> Select[Any]:
    """Places, ids and times of the records after those given, in order."""
    at_us = func.coalesce(_us(_records.c.fetched_at, zone), literal(NO_TIME, BigInteger)).label("at_us")
    timed = (
        select(_given, _records.c.id, at_us)
        .join(_records, _records.c.player_id == _given.c.player_id)
        .subquery("timed")
    )
    return (
        select(timed.c.place, timed.c.id, timed.c.at_us)
        .where(tuple_(timed.c.at_us, timed.c.id) > tuple_(timed.c.after_us, timed.c.after_id))
        .order_by(timed.c.place, timed.c.at_us, timed.c.id)
    )


_BY_ID = select(
    _records.c.id,
    _records.c.overall_rank,
    _records.c.overall_level,
    _records.c.overall_experience,
    cast(_records.c.skills_data, Text),
    cast(_records.c.bosses_data, Text),
).where(_records.c.id == any_(_numbers("ids")))
_COUNTS = select(_records.c.player_id, func.count()).group_by(_records.c.player_id)


class Source:
    """The open database. Every method raises what `open_source` does where the server goes away."""

    def __init__(self, link: Any, url: str, zone: str | None) -> None:
        self._link = link
        self._url = url
        self._zone = zone
        self._statements = Statements(compiling_for("postgresql"))
        self._types: dict[tuple[str, str], str] = {}

    async def examine(self) -> None:
        """Makes sure that these are the predecessor's tables. Raises SetupError."""
        self._types = {(of, name): kind for of, name, kind in await self._all(_COLUMNS)}
        found = self._types.keys()
        tables = {of for of, _ in found}
        if "player_states" in tables:
            raise SetupError(
                f"The database {shown(self._url)} is one of osrsdiff itself, not of OSRS Diff: nothing to move."
            )
        needed = {("players", name) for name in ("id", "username", "is_active")}
        needed |= {("hiscore_records", column.name) for column in _records.c}
        if missing := sorted(f"{of}.{name}" for of, name in needed - found):
            what = "no tables `players` and `hiscore_records`" if tables != _TABLES else f"no {', '.join(missing)}"
            raise SetupError(f"The database {shown(self._url)} is not one of OSRS Diff: it has {what}.")

    async def name(self) -> str:
        """What tells these tables from any others, however they are reached: cluster, database and schema."""
        [(may_read_identifier,)] = await self._all(POSTGRES_MAY_READ_IDENTIFIER)
        [(where, database, _)] = await self._all(POSTGRES_IDENTITY if may_read_identifier else POSTGRES_ADDRESS)
        [(schema,)] = await self._all(_SCHEMA)
        return f"{where}:{database}:{schema}"

    async def doubtful_timezone(self) -> str | None:
        """The server's own, where times are stored without one, nobody has named one, and it is not UTC."""
        if self._zone is not None or self._types["hiscore_records", "fetched_at"] != _PLAIN_TIME:
            return None
        [(zone,)] = await self._all(_TIMEZONE)
        return None if zone.removeprefix("Etc/") in _UTC else str(zone)

    async def players(self) -> list[OldPlayer]:
        """All players."""
        return [OldPlayer(*row) for row in await self._all(self._select_players())]

    async def record_counts(self) -> dict[int, int]:
        """How many records each player has, by its id there. Reads all of them."""
        return dict(await self._all(_COUNTS))

    async def records(self, wanted: Sequence[ReadFrom]) -> AsyncGenerator[list[OldRecord], None]:
        """Pages of the records of those players, by place, then time, then id. To be closed where it is left early."""
        order = _order(self._zone_of("hiscore_records", "fetched_at"))
        cursor = await self._cursor(order, _arguments(wanted))
        ordered: list[Any] = []
        loading = asyncio.ensure_future(self._page(cursor, ordered))
        try:
            while page := await loading:
                loading = asyncio.ensure_future(self._page(cursor, ordered))
                yield page
        finally:
            loading.cancel()
            with suppress(asyncio.CancelledError, Exception):  # told where it was awaited
                await loading

    async def records_by_id(self, record_ids: Collection[int]) -> dict[int, OldRecord]:
        """Those records, without their times."""
        rows = await self._all(_BY_ID, {"ids": list(record_ids)})
        return {row[0]: OldRecord(0, row[0], NO_TIME, *row[1:]) for row in rows}

    async def _page(self, cursor: Any, ordered: list[Any]) -> list[OldRecord]:
        if not ordered:
            with explaining(self._url):
                ordered.extend(await cursor.fetch(IDS_AT_ONCE))
        some = ordered[:RECORDS_AT_ONCE]
        del ordered[:RECORDS_AT_ONCE]
        if not some:
            return []
        rows = {row[0]: row for row in await self._all(_BY_ID, {"ids": [number for _, number, _ in some]})}
        return [OldRecord(place, number, at_us, *rows[number][1:]) for place, number, at_us in some]

    async def _all(self, statement: Executable, params: Params = NOTHING) -> list[tuple[Any, ...]]:
        compiled = self._statements(statement)
        with explaining(self._url):
            return [tuple(row) for row in await self._link.fetch(compiled.sql, *compiled.values(params))]

    async def _cursor(self, statement: Executable, params: Params) -> Any:
        compiled = self._statements(statement)
        with explaining(self._url):
            return await self._link.cursor(compiled.sql, *compiled.values(params))

    def _select_players(self) -> Select[Any]:
        here = {name for of, name in self._types if of == "players"}
        wanted = {name: column(name) if name in here else null() for name in _OPTIONAL}
        times = ("created_at", "last_fetched")
        return (
            select(
                _players.c.id,
                _players.c.username,
                _players.c.is_active,
                wanted["fetch_interval_minutes"],
                cast(wanted["game_mode"], Text),
                *(_us(column(n), self._zone_of("players", n)) if n in here else null() for n in times),
            )
            .select_from(_players)
            .order_by(_players.c.id)
        )

    def _zone_of(self, of: str, name: str) -> str | None:
        """In which zone the column's times are to be read, where they have none themselves."""
        return self._zone if self._types[of, name] == _PLAIN_TIME else None


_UTC = {"UTC", "GMT", "UCT", "Universal", "Zulu", "Greenwich", "GMT0", "GMT+0", "GMT-0"}
_TABLES = {"players", "hiscore_records"}


@asynccontextmanager
async def open_source(url: str, zone: str | None = None) -> AsyncIterator[Source]:
    """See `predecessor.open_source`."""
    plain = plain_url(url)
    link = await connect(plain)
    try:
        with explaining(plain):
            await link.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        source = Source(link, plain, zone)
        await source.examine()
        yield source
    finally:
        with suppress(*CLOSING):
            await link.close(timeout=CONNECT_TIMEOUT_S)


def _arguments(wanted: Sequence[ReadFrom]) -> dict[str, object]:
    return {
        "player_ids": [one.player_id for one in wanted],
        "places": [one.place for one in wanted],
        "after_us": [one.after_us for one in wanted],
        "after_ids": [one.after_id for one in wanted],
    }
