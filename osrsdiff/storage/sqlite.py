"""SQLite through aiosqlite: two connections that read, one that writes, each on its own thread; one for single rows.

A transaction takes the write lock with its first statement (BEGIN IMMEDIATE), so whoever waits for another process
waits there and nowhere else. A trip to a thread costs more than most statements, and a commit more than that: what is
read at the same moment goes there together, and those who only want to write a batch share a commit.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiosqlite
from sqlalchemy import Executable

from osrsdiff.coalesce import Coalescer
from osrsdiff.storage import sqlite_work as on_thread
from osrsdiff.storage.connection import NOTHING, MetricIds, Params, Row, Step
from osrsdiff.storage.dialects import SQLITE_PRAGMAS, compiling_for
from osrsdiff.storage.sqlite_file import explained, open_file
from osrsdiff.storage.sqlite_glance import Glance, NotAtOnceError
from osrsdiff.storage.sqlite_work import Ready, Work, ready
from osrsdiff.storage.statements import Statements

T = TypeVar("T")

READERS = 2
MOST_AT_ONCE = 32
"""Reads that share a trip, batches that share a commit: each waits for all of them."""


class SqliteConnection:
    """A connection that reads: each statement sees what is committed when it runs."""

    def __init__(self, link: aiosqlite.Connection, statements: Statements, metrics: MetricIds, path: Path) -> None:
        self._link = link
        self._statements = statements
        self._path = path
        self.metrics = metrics

    async def all(self, statement: Executable, params: Params = NOTHING) -> list[Row]:
        compiled = self._statements(statement)
        return await self._on_thread(partial(on_thread.fetch_all, compiled.sql, compiled.values(params)))

    async def one(self, statement: Executable, params: Params = NOTHING) -> Row | None:
        compiled = self._statements(statement)
        return await self._on_thread(partial(on_thread.fetch_one, compiled.sql, compiled.values(params)))

    async def glance(self, statement: Executable, params: Params = NOTHING) -> Row | None:
        return await self.one(statement, params)

    async def run(self, statement: Executable, params: Params = NOTHING) -> int:
        compiled = self._statements(statement)
        return await self._on_thread(partial(on_thread.run, compiled.sql, compiled.values(params)))

    async def run_many(self, statement: Executable, rows: Sequence[Params]) -> None:
        await self.run_all([Step(statement, rows)])

    async def run_all(self, steps: Sequence[Step]) -> bool:
        return await self._on_thread(partial(on_thread.run_all, ready(self._statements, steps)))

    def after_commit(self, act: Callable[[], None]) -> None:
        act()  # what is read is committed

    async def _on_thread(self, work: Work[T]) -> T:
        try:
            # aiosqlite's public calls take one statement each; this is the call they are all made of.
            result: T = await self._link._execute(self._guarded, work)  # type: ignore[no-untyped-call]
        except sqlite3.Error as error:
            raise explained(error, self._path) from error
        return result

    def _explained(self, results: list[T | Exception]) -> list[T | Exception]:
        return [explained(result, self._path) if isinstance(result, sqlite3.Error) else result for result in results]

    def _guarded(self, work: Work[T]) -> T:
        return work(self._raw())

    def _raw(self) -> sqlite3.Connection:
        return self._link._conn


class SqliteReader(SqliteConnection):
    """A connection that many read from. What they ask for meanwhile goes to its thread in one trip."""

    def __init__(
        self, link: aiosqlite.Connection, statements: Statements, metrics: MetricIds, path: Path, glance: Glance
    ) -> None:
        super().__init__(link, statements, metrics, path)
        self._glance = glance
        self._trips: Coalescer[Work[Any], Any] = Coalescer(self._in_one_trip, most=MOST_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass  # others read from it too

    async def glance(self, statement: Executable, params: Params = NOTHING) -> Row | None:
        compiled = self._statements(statement)
        try:
            return self._glance.row(compiled.sql, compiled.values(params))
        except NotAtOnceError:
            return await self.one(statement, params)

    async def _on_thread(self, work: Work[T]) -> T:
        result: T = await self._trips.do(work)
        return result

    async def _in_one_trip(self, works: list[Work[Any]]) -> list[Any]:
        return self._explained(await super()._on_thread(partial(on_thread.each, works)))


class SqliteTransaction(SqliteConnection):
    """The writing connection during one transaction, which begins with its first statement."""

    def __init__(self, link: aiosqlite.Connection, statements: Statements, metrics: MetricIds, path: Path) -> None:
        super().__init__(link, statements, metrics, path)
        self._asked = False
        self._begun = False
        self._after_commit: list[Callable[[], None]] = []

    def after_commit(self, act: Callable[[], None]) -> None:
        self._after_commit.append(act)

    async def commit(self) -> None:
        """Makes everything durable, or raises and leaves nothing."""
        if self._asked:
            await super()._on_thread(self._committed)
        for act in self._after_commit:
            act()

    async def write_each(self, group: list[list[Ready]]) -> list[bool | Exception]:
        """Begins, writes and commits; a batch that fails, or misses what it must hit, is undone alone."""
        return self._explained(await super()._on_thread(partial(on_thread.write_each, group)))

    async def roll_back(self) -> None:
        """Undoes everything, once the thread has ended what it is at."""
        if self._asked:
            await super()._on_thread(on_thread.roll_back)

    async def _on_thread(self, work: Work[T]) -> T:
        self._asked = True
        return await super()._on_thread(partial(self._inside, work))

    def _inside(self, work: Work[T], raw: sqlite3.Connection) -> T:
        if not self._begun:
            raw.execute("BEGIN IMMEDIATE")
            self._begun = True
        self._require_going(raw)
        return work(raw)

    def _committed(self, raw: sqlite3.Connection) -> None:
        try:
            if self._begun:
                self._require_going(raw)
            raw.commit()
        except sqlite3.Error:
            raw.rollback()
            raise

    def _require_going(self, raw: sqlite3.Connection) -> None:
        if not raw.in_transaction:
            raise sqlite3.OperationalError("an error has ended this transaction; nothing of it is stored")


class SqliteDriver:
    """The connections of one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._statements = Statements(compiling_for("sqlite"))
        self.metrics = MetricIds()
        self._readers: list[SqliteReader] = []
        self._links: list[aiosqlite.Connection] = []
        self._glance = Glance(path)
        self._writer: aiosqlite.Connection | None = None
        self._writing = asyncio.Lock()
        self._unfinished: set[asyncio.Task[None]] = set()
        self._groups: Coalescer[list[Ready], bool] = Coalescer(self._write_group, most=MOST_AT_ONCE)

    async def open(self) -> None:
        """Opens what reads; what writes is opened when it is needed."""
        try:
            for _ in range(READERS):
                link = await self._connect((*SQLITE_PRAGMAS, "PRAGMA query_only = ON"))
                self._readers.append(SqliteReader(link, self._statements, self.metrics, self._path, self._glance))
        except BaseException:
            await self.close()
            raise
        self._next_reader = cycle(self._readers)

    async def close(self) -> None:
        """Waits for the transaction that is being written, then closes everything."""
        await self._groups.drained()
        async with self._writing:
            await asyncio.gather(*self._unfinished, return_exceptions=True)
            self._glance.close()
            while self._links:
                await self._links.pop().close()

    def reading(self) -> SqliteReader:
        return next(self._next_reader)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[SqliteTransaction]:
        transaction = await self._begin()
        try:
            yield transaction
        except BaseException:
            await self._end(transaction.roll_back())
            raise
        await self._end(transaction.commit())

    async def write_together(self, steps: Sequence[Step]) -> bool:
        return await self._groups.do(ready(self._statements, steps))

    async def _write_group(self, group: list[list[Ready]]) -> list[bool | Exception]:
        """Writes in one trip; so, even where the caller is cancelled meanwhile, nothing is left half done."""
        writer = await self._begin()
        try:
            return await writer.write_each(group)
        finally:
            self._writing.release()

    async def _begin(self) -> SqliteTransaction:
        await self._writing.acquire()
        try:
            if self._writer is None:
                self._writer = await self._connect(SQLITE_PRAGMAS)
        except BaseException:
            self._writing.release()
            raise
        return SqliteTransaction(self._writer, self._statements, self.metrics, self._path)

    async def _end(self, ending: Coroutine[Any, Any, None]) -> None:
        """Runs `ending` to its end and frees the writer, even where the caller is cancelled meanwhile."""
        await self._to_its_end(self._ended(ending))

    async def _to_its_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Awaits `work`, which goes on where the caller is cancelled; `close` waits for it."""
        task = asyncio.ensure_future(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        await asyncio.shield(task)

    async def _ended(self, ending: Coroutine[Any, Any, None]) -> None:
        try:
            await ending
        finally:
            self._writing.release()

    async def _connect(self, pragmas: Sequence[str]) -> aiosqlite.Connection:
        """An open link, which `close` will close: also one whose caller is cancelled while it is being opened."""
        link = aiosqlite.Connection(partial(open_file, self._path, pragmas=pragmas), iter_chunk_size=64)
        # A process that ends without closing must end all the same; SQLite loses nothing by it.
        link._thread.daemon = True
        await self._to_its_end(self._opened(link))
        return link

    async def _opened(self, link: aiosqlite.Connection) -> None:
        try:
            await link
        except Exception:
            link._thread.join()  # it is ending, and must not outlive the event loop that it reports to
            raise
        self._links.append(link)
