"""The database of an instance: opens it, hands out connections, ends transactions. Knows no table.

`Database.connect` never creates or migrates; `migrate` does that.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import text

from osrsdiff.errors import SetupError
from osrsdiff.storage.connection import Connection as Connection
from osrsdiff.storage.connection import MetricIds as MetricIds
from osrsdiff.storage.connection import Step as Step
from osrsdiff.storage.dialects import DialectName, dialect_of, shown, sqlite_path
from osrsdiff.storage.sqlite import SqliteDriver

_PING = text("SELECT 1")


class Driver(Protocol):
    """How one kind of database is spoken to."""

    async def open(self) -> None:
        """Connects."""

    async def close(self) -> None:
        """Ends what is under way and disconnects."""

    metrics: MetricIds

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection whose statements each see what is committed when they run."""

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """A connection in one transaction."""

    async def write_together(self, steps: Sequence[Step]) -> bool:
        """The steps, stored or undone as a whole."""


class Database:
    """An open database. `url` may hold a password: show `shown(url)`."""

    def __init__(self, url: str, dialect: DialectName, driver: Driver) -> None:
        self.url = url
        self.dialect: DialectName = dialect
        self._driver = driver

    @property
    def metrics(self) -> MetricIds:
        """The database's metric ids, as far as this process knows them."""
        return self._driver.metrics

    @classmethod
    async def connect(cls, url: str) -> Self:
        """The database at `url`, `sqlite:///path` or `postgresql://…`, as it is.

        Raises InstanceMissing where there is none, DatabaseUnreachable where its server does not answer, SetupError
        where it can't be used as configured.
        """
        dialect = dialect_of(url)
        driver: Driver = SqliteDriver(sqlite_path(url)) if dialect == "sqlite" else postgres_driver(url)
        await driver.open()
        return cls(url, dialect, driver)

    async def close(self) -> None:
        """Waits for the transaction under way, then disconnects."""
        await self._driver.close()

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """`async with db.reading() as conn`: each statement sees what is committed when it runs."""
        return self._driver.reading()

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """`async with db.writing() as conn`: one transaction, stored at the end, undone by any exception or cancel."""
        return self._driver.writing()

    async def write_together(self, steps: Sequence[Step]) -> bool:
        """The steps as a whole, stored when this returns; False, and none stored, where one misses what it must hit.

        For small writes of many callers: those that wait at the same moment may share a commit, and nothing else.
        """
        return await self._driver.write_together(steps)

    async def ping(self) -> None:
        """One trip to the database and back. Raises DatabaseUnreachable where it does not answer."""
        async with self.reading() as conn:
            await conn.one(_PING)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Database {shown(self.url)}>"


def postgres_driver(url: str) -> Driver:
    """Postgres' driver. Raises SetupError where its extra isn't installed."""
    try:
        # An optional extra, and heavy: only an instance on Postgres loads it.
        from osrsdiff.storage.postgres import PostgresDriver  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SetupError(
            f"The database {shown(url)} needs the Postgres driver. Install osrsdiff with it, from a clone: "
            "pip install '.[postgres]'"
        ) from error
    return PostgresDriver(url)
