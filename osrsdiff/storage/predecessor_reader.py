"""Reads OSRS Diff's Postgres: one read-only transaction that sees one moment, through server-side cursors.

Needs asyncpg, which comes with the `postgres` extra. What is sorted is ids and times alone; the records themselves are
fetched by their ids, a page at a time, so that neither side ever holds them all and no index of theirs is relied on.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg  # type: ignore[import-untyped]
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
    update,
)

from osrsdiff.errors import DatabaseBusy, DatabaseUnreachable, SetupError, UserError
from osrsdiff.storage.connection import NOTHING, Params
from osrsdiff.storage.dialects import POSTGRES_SETTINGS, compiling_for, shown
from osrsdiff.storage.postgres import GONE
from osrsdiff.storage.predecessor import NO_TIME, OldPlayer, OldRecord, ReadFrom
from osrsdiff.storage.statements import Statements

CONNECT_TIMEOUT_S = 10.0
RECORDS_AT_ONCE = 250
"""About 1.5 MB of them; the next page is on its way while one is worked on."""
IDS_AT_ONCE = 10_000
CLEARED_AT_ONCE = 1_000

_SETTINGS = {**POSTGRES_SETTINGS, "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}

_players = table("players", *map(column, ("id", "username", "is_active", "schedule_id")))
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
    "SELECT relname::text, attname::text FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_class c ON c.oid = attrelid "
    "WHERE attrelid IN (to_regclass('players'), to_regclass('hiscore_records'), to_regclass('player_states')) "
    "AND attnum > 0 AND NOT attisdropped"
)
_NAME = text(
    "SELECT current_database()::text || ':' || to_regclass('players')::oid || ':' || "
    "to_regclass('hiscore_records')::oid"
)


def _us(time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Microseconds since 1970, a time without a zone being UTC; null for none and for infinity."""
    return case((func.isfinite(time), cast(extract("epoch", time) * 1_000_000, BigInteger)), else_=null())


def _numbers(name: str) -> Any:
    return bindparam(name, type_=ARRAY(BigInteger))


_given = (
    func.unnest(_numbers("player_ids"), _numbers("places"), _numbers("after_us"), _numbers("after_ids"))
    .table_valued("player_id", "place", "after_us", "after_id")
    .render_derived("given")
)
_timed = (
    select(
        _given,
        _records.c.id,
        func.coalesce(_us(_records.c.fetched_at), literal(NO_TIME, BigInteger)).label("at_us"),
    )
    .join(_records, _records.c.player_id == _given.c.player_id)
    .subquery("timed")
)
_ORDER = (
    select(_timed.c.place, _timed.c.id, _timed.c.at_us)
    .where(tuple_(_timed.c.at_us, _timed.c.id) > tuple_(_timed.c.after_us, _timed.c.after_id))
    .order_by(_timed.c.place, _timed.c.at_us, _timed.c.id)
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
_some_scheduled = select(_players.c.id).where(_players.c.schedule_id.is_not(None)).limit(CLEARED_AT_ONCE)
_CLEAR_SCHEDULES = update(_players).where(_players.c.id.in_(_some_scheduled)).values(schedule_id=null())


class Source:
    """The open database. Every method raises what `open_source` does where the server goes away."""

    def __init__(self, link: Any, url: str) -> None:
        self._link = link
        self._url = url
        self._statements = Statements(compiling_for("postgresql"))
        self._columns: set[str] = set()

    async def examine(self) -> None:
        """Makes sure that these are the predecessor's tables. Raises SetupError."""
        found = {(str(of), str(name)) for of, name in await self._all(_COLUMNS)}
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
        self._columns = {name for of, name in found if of == "players"}

    async def name(self) -> str:
        """What tells this database from any other, however it is reached."""
        return str((await self._all(_NAME))[0][0])

    async def players(self) -> list[OldPlayer]:
        """All players."""
        return [OldPlayer(*row) for row in await self._all(self._select_players())]

    async def record_counts(self) -> dict[int, int]:
        """How many records each player has, by its id there. Reads all of them."""
        return dict(await self._all(_COUNTS))

    async def records(self, wanted: Sequence[ReadFrom]) -> AsyncGenerator[list[OldRecord], None]:
        """Pages of the records of those players, by place, then time, then id. To be closed where it is left early."""
        cursor = await self._cursor(_ORDER, _arguments(wanted))
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
        wanted = {name: column(name) if name in self._columns else null() for name in _OPTIONAL}
        return (
            select(
                _players.c.id,
                _players.c.username,
                _players.c.is_active,
                wanted["fetch_interval_minutes"],
                cast(wanted["game_mode"], Text),
                *(_us(column(n)) if n in self._columns else null() for n in ("created_at", "last_fetched")),
            )
            .select_from(_players)
            .order_by(_players.c.id)
        )


_TABLES = {"players", "hiscore_records"}


@asynccontextmanager
async def open_source(url: str) -> AsyncIterator[Source]:
    """See `predecessor.open_source`."""
    plain = _plain(url)
    link = await _connect(plain)
    try:
        with explaining(plain):
            await link.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        source = Source(link, plain)
        await source.examine()
        yield source
    finally:
        with suppress(*GONE, asyncpg.InternalClientError, asyncpg.InterfaceError, TimeoutError):
            await link.close(timeout=CONNECT_TIMEOUT_S)


async def clear_schedules(url: str) -> int:
    """Takes the ids of schedules that are no more out of the players' rows; how many. Raises as `open_source` does."""
    plain = _plain(url)
    compiled = Statements(compiling_for("postgresql"))(_CLEAR_SCHEDULES)
    link = await _connect(plain)
    cleared = 0
    try:
        with explaining(plain):
            columns = {(str(of), str(name)) for of, name in await link.fetch(str(_COLUMNS))}
            while ("players", "schedule_id") in columns:
                some = int((await link.execute(compiled.sql, *compiled.values(NOTHING))).rpartition(" ")[2])
                cleared += some
                if some < CLEARED_AT_ONCE:
                    break
    finally:
        await link.close(timeout=CONNECT_TIMEOUT_S)
    return cleared


async def _connect(url: str) -> Any:
    with explaining(url):
        return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, server_settings=_SETTINGS)


def _plain(url: str) -> str:
    """The URL as Postgres' own programs take it: without the driver that SQLAlchemy's has."""
    scheme, separator, rest = url.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres") or not separator:
        raise UserError(f"{shown(url)!r} names no Postgres: give postgresql://user:password@host/name.")
    return f"postgresql://{rest}"


@contextmanager
def explaining(url: str) -> Iterator[None]:
    """Turns what asyncpg raises into what the caller can act on."""
    where = f"OSRS Diff's database {shown(url)}"
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise UserError(f"{shown(url)!r} can't be used: {error}.") from error
    except (*GONE, asyncpg.InternalClientError) as error:
        raise DatabaseUnreachable(f"{where} does not answer ({error or type(error).__name__}).") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise SetupError(f"{where} is not there: {error}.") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise SetupError(f"{where} refuses the login: {error}.") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(f"{where} does not let this user do that: {error}.") from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.DatatypeMismatchError) as error:
        raise SetupError(f"{where} is not as OSRS Diff makes it: {error}.") from error
    except asyncpg.LockNotAvailableError as error:
        raise DatabaseBusy(f"Another program keeps {where} locked.") from error
    except asyncpg.InterfaceError as error:
        raise DatabaseUnreachable(f"{where} does not answer ({error}).") from error


def _arguments(wanted: Sequence[ReadFrom]) -> dict[str, object]:
    return {
        "player_ids": [one.player_id for one in wanted],
        "places": [one.place for one in wanted],
        "after_us": [one.after_us for one in wanted],
        "after_ids": [one.after_id for one in wanted],
    }
