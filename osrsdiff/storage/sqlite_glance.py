"""Single rows of a SQLite file, read at once on the event loop's own thread.

A row that its key leads to costs a few microseconds; to ask another thread for it costs ten times as much and waits for
Python's lock twice. As long as the file tells that nobody has written to it, not even that: a row is read once between
two commits. The file is asked once for all that run in the same turn of the event loop, whose requests had all arrived
before the turn began. Waits for nobody who keeps the file locked: what can't be read at once is left to the readers,
who can.
"""

import asyncio
import sqlite3
import time
from pathlib import Path

from osrsdiff.errors import OsrsdiffError
from osrsdiff.storage.connection import Row
from osrsdiff.storage.dialects import SQLITE_PRAGMAS
from osrsdiff.storage.sqlite_file import open_file
from osrsdiff.storage.sqlite_work import fetch_one

MOST_ROWS = 5_000
_VERSION = "PRAGMA data_version"
"""Another number whenever another connection has committed."""
_PRAGMAS = (*(pragma for pragma in SQLITE_PRAGMAS if "busy_timeout" not in pragma), "PRAGMA query_only = ON")
_HOLD_OFF_S = 1.0
"""So long nobody tries again to open what could not be opened: the trying takes the event loop's time."""


class NotAtOnceError(Exception):
    """The row can't be read without waiting, or at all: a reader finds out why."""


class Glance:
    """A connection of one thread, opened when it is first used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw: sqlite3.Connection | None = None
        self._open_from = 0.0
        self._version = -1
        self._is_current = False
        self._rows: dict[tuple[str, Row], Row | None] = {}

    def row(self, sql: str, values: Row) -> Row | None:
        """The first row, None where there is none. Raises NotAtOnceError."""
        raw = self._raw or self._opened()
        try:
            return self._row(raw, sql, values)
        except sqlite3.Error as error:
            raise NotAtOnceError from error

    def _opened(self) -> sqlite3.Connection:
        now = time.monotonic()
        if now < self._open_from:
            raise NotAtOnceError
        self._open_from = now + _HOLD_OFF_S
        try:
            self._raw = open_file(self._path, pragmas=_PRAGMAS, timeout_s=0)
        except (sqlite3.Error, OsrsdiffError) as error:
            raise NotAtOnceError from error
        return self._raw

    def _row(self, raw: sqlite3.Connection, sql: str, values: Row) -> Row | None:
        if not self._is_current:
            self._catch_up(raw)
        key = sql, values
        if key not in self._rows:
            self._rows[key] = fetch_one(sql, values, raw)
        return self._rows[key]

    def _catch_up(self, raw: sqlite3.Connection) -> None:
        """Forgets what was read before the last commit; does so again in the loop's next turn."""
        ((version,),) = raw.execute(_VERSION)
        if version != self._version or len(self._rows) >= MOST_ROWS:
            self._rows.clear()
            self._version = version
        asyncio.get_running_loop().call_soon(self._turn_over)
        self._is_current = True

    def _turn_over(self) -> None:
        self._is_current = False

    def close(self) -> None:
        """Closes what was opened."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None
