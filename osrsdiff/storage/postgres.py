"""Postgres through a pool of asyncpg. A connection that the server has dropped is replaced at the next use.

With `postgres_links` the only module that needs asyncpg, which comes with the `postgres` extra.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Executable

from osrsdiff.errors import (
    ConfigError,
    DatabaseBusy,
    DatabaseUnreachable,
    InstanceMissing,
    NotUnique,
    OsrsdiffError,
    SetupError,
)
from osrsdiff.storage.connection import NOTHING, MetricIds, Params, Row, Step
from osrsdiff.storage.dialects import POSTGRES_SETTINGS, compiling_for, shown
from osrsdiff.storage.postgres_links import Links, is_lost
from osrsdiff.storage.statements import Statements

POOL_SIZE = 8
CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 5.0

GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
"""What asyncpg raises where a server is not there, or not any more."""


async def open_link(url: str) -> Any:
    """One connection outside any pool. Raises what `explaining` does."""
    with explaining(url):
        return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, server_settings=POSTGRES_SETTINGS)


class explaining:
    """Turns what asyncpg raises into what the caller can act on: gone, refused, missing, busy."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        """Nothing to prepare: a generator would cost more than the statement that it is put around."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and (explained := _explained(error, self._url)) is not None:
            raise explained from error


def _explained(error: BaseException, url: str) -> OsrsdiffError | None:
    match error:
        case _ if isinstance(error, GONE):
            return DatabaseUnreachable(f"The Postgres at {shown(url)} does not answer ({error}).")
        case asyncpg.ClientConfigurationError():
            return ConfigError(f"database.url {shown(url)!r} can't be used: {error}.")
        case asyncpg.InvalidCatalogNameError():
            return InstanceMissing(f"The Postgres at {shown(url)} has no such database. Make it with: createdb")
        case asyncpg.InvalidAuthorizationSpecificationError():
            return SetupError(f"The Postgres at {shown(url)} refuses the login: {error}.")
        case asyncpg.InsufficientPrivilegeError():
            return SetupError(f"The Postgres at {shown(url)} does not let this user do that: {error}.")
        case asyncpg.UniqueViolationError():
            return NotUnique(str(error))
        case asyncpg.LockNotAvailableError():
            return DatabaseBusy(f"Another process keeps the database {shown(url)} locked.")
        case asyncpg.DeadlockDetectedError() | asyncpg.SerializationError():
            return DatabaseBusy(f"Two changes of the database {shown(url)} came in each other's way. Try again.")
        case _:
            return None


class PostgresConnection:
    """One connection of the pool, for as long as the caller has it."""

    def __init__(self, link: Any, statements: Statements, metrics: MetricIds, url: str) -> None:
        self.link = link
        self._statements = statements
        self._url = url
        self._after_commit: list[Callable[[], None]] | None = None
        self.metrics = metrics

    async def all(self, statement: Executable, params: Params = NOTHING) -> list[Row]:
        compiled = self._statements(statement)
        return [tuple(row) for row in await self._sent("fetch", compiled.sql, *compiled.values(params))]

    async def one(self, statement: Executable, params: Params = NOTHING) -> Row | None:
        compiled = self._statements(statement)
        row = await self._sent("fetchrow", compiled.sql, *compiled.values(params))
        return None if row is None else tuple(row)

    glance = one

    async def run(self, statement: Executable, params: Params = NOTHING) -> int:
        compiled = self._statements(statement)
        tag: str = await self._sent("execute", compiled.sql, *compiled.values(params))
        return int(tag.rpartition(" ")[2])

    async def run_many(self, statement: Executable, rows: Sequence[Params]) -> None:
        compiled = self._statements(statement)
        await self._sent("executemany", compiled.sql, [compiled.values(row) for row in rows])

    async def run_all(self, steps: Sequence[Step]) -> bool:
        for statement, params, must_hit, then in steps:
            if not isinstance(params, Mapping):
                await self.run_many(statement, params)
            elif then is not None:
                if not await self.run_all(then(await self.all(statement, params))):
                    return False
            elif await self.run(statement, params) == 0 and must_hit:
                return False
        return True

    def after_commit(self, act: Callable[[], None]) -> None:
        if self._after_commit is None:
            act()  # what is read is committed
        else:
            self._after_commit.append(act)

    async def begin(self) -> None:
        """Starts a transaction."""
        await self._sent("execute", "BEGIN")
        self._after_commit = []

    async def commit(self) -> None:
        """Makes everything durable, or raises and leaves nothing."""
        tag = await self._sent("execute", "COMMIT")
        if tag != "COMMIT":
            raise asyncpg.InFailedSQLTransactionError("an error has ended this transaction; nothing of it is stored")
        for act in self._after_commit or ():
            act()

    async def roll_back(self) -> None:
        """Undoes everything; a connection that can't is dropped, and the server undoes it."""
        try:
            await self.link.execute("ROLLBACK")
        except BaseException as error:
            self._drop()
            if not isinstance(error, Exception):
                raise

    async def _sent(self, method: str, *arguments: object) -> Any:
        with explaining(self._url):
            try:
                return await getattr(self.link, method)(*arguments)
            except asyncpg.InternalClientError as error:
                # What asyncpg makes of a farewell that arrives between two statements.
                self._drop()
                raise ConnectionError("the connection was lost") from error
            except asyncpg.InterfaceError as error:
                if not is_lost(self.link):
                    raise
                raise ConnectionError("the connection was lost") from error

    def _drop(self) -> None:
        if not is_lost(self.link):
            self.link.terminate()


class _MissedError(Exception):
    """A step missed what it must hit."""


class PostgresDriver:
    """The pool of one Postgres database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._statements = Statements(compiling_for("postgresql"))
        self.metrics = MetricIds()
        self._pool: Any = None
        self._links: Links

    async def open(self) -> None:
        """Connects once, so that a server that can't be used is known now."""
        with explaining(self._url):
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,  # a floor would be restored, loudly, while the server is away
                max_size=POOL_SIZE,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S,
                server_settings=POSTGRES_SETTINGS,
                reset=_keep,
            )
        self._links = Links(self._pool)
        try:
            await self._links.give_back(await self._acquire())
        except BaseException:
            self._pool.terminate()
            raise

    async def close(self) -> None:
        """Waits for what is under way, then closes every connection."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._closed(), CLOSE_TIMEOUT_S)
            except (TimeoutError, *GONE):
                self._pool.terminate()

    def reading(self) -> "_Lent":
        return _Lent(self)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[PostgresConnection]:
        async with self.reading() as connection:
            try:
                await connection.begin()
                yield connection
                await connection.commit()
            except BaseException:
                await connection.roll_back()
                raise

    async def write_together(self, steps: Sequence[Step]) -> bool:
        try:
            async with self.writing() as connection:
                if not await connection.run_all(steps):
                    raise _MissedError
        except _MissedError:
            return False
        return True

    async def lend(self) -> PostgresConnection:
        """A connection, to be given back."""
        return PostgresConnection(await self._acquire(), self._statements, self.metrics, self._url)

    async def take_back(self, connection: PostgresConnection, error: BaseException | None) -> None:
        """Ends what `lend` began; `error`: what it was used for ended so."""
        try:
            if isinstance(error, DatabaseUnreachable):
                # What the server has dropped once, it has dropped for every connection of the pool.
                await self._links.give_all_back()
                await self._pool.expire_connections()
        finally:  # also where the caller is cancelled meanwhile
            with explaining(self._url):
                await self._links.give_back(connection.link, is_sound=error is None)

    async def _closed(self) -> None:
        await self._links.give_all_back()
        await self._pool.close()

    async def _acquire(self) -> Any:
        with explaining(self._url):
            return await self._links.take()


class _Lent:
    """A connection for as long as a block lasts."""

    __slots__ = ("_connection", "_driver")

    def __init__(self, driver: PostgresDriver) -> None:
        self._driver = driver

    async def __aenter__(self) -> PostgresConnection:
        self._connection = await self._driver.lend()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._driver.take_back(self._connection, error)


async def _keep(_: Any) -> None:
    """Instead of the pool's reset, a trip for each use: nothing here leaves settings, cursors or locks behind."""
