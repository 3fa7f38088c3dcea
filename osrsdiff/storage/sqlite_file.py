"""A SQLite file as it is opened, and what SQLite's errors mean to whoever runs osrsdiff. Creates nothing."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from osrsdiff.errors import DatabaseBusy, InstanceMissing, NotUnique, SetupError
from osrsdiff.storage.dialects import SQLITE_PRAGMAS

OLDEST_SQLITE = (3, 35)  # INSERT … RETURNING


def open_file(path: Path, *, pragmas: Sequence[str] = SQLITE_PRAGMAS, timeout_s: float = 10) -> sqlite3.Connection:
    """A connection without transactions of its own to a file that is there already.

    `timeout_s`: how long it waits for who keeps the file locked, until one of the pragmas says otherwise.
    Raises SetupError where the file is no database or can't be used by this user, InstanceMissing where it isn't there.
    """
    require_file(path)
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise SetupError(f"This Python has SQLite {sqlite3.sqlite_version}; osrsdiff needs 3.35 or newer.")
    try:
        raw = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=timeout_s)
    except sqlite3.Error as error:
        raise explained(error, path) from error
    try:
        for pragma in pragmas:
            raw.execute(pragma)
        raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raw.close()
        raise explained(error, path) from error
    return raw


def require_file(path: Path) -> None:
    """Raises InstanceMissing where no file is there, SetupError where this user may not look."""
    try:
        there = path.exists()
    except OSError as error:
        raise SetupError(f"The database {path} is not readable for this user: {error.strerror}.") from error
    if not there:
        raise InstanceMissing(
            f"There is no osrsdiff database at {path}. Start one with: osrsdiff run. "
            "If yours is elsewhere, name its directory with --data-dir or OSRSDIFF_DATA_DIR."
        )


def explained(error: sqlite3.Error, path: Path) -> Exception:
    """The error that says what to do about one of SQLite's; `error` itself where it is nobody's to mend."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
        return NotUnique(str(error))
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseBusy(f"Another process keeps the database {path} locked.")
        case sqlite3.SQLITE_NOTADB:
            return SetupError(f"{path} is not a SQLite database. Move it away, or name another with database.url.")
        case sqlite3.SQLITE_CORRUPT:
            return SetupError(f"The database {path} is damaged ({error}). Restore a backup of it.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_AUTH:
            return SetupError(f"The database {path} can't be opened for writing by this user ({error}).")
        case sqlite3.SQLITE_FULL:
            return SetupError(f"No space is left for the database {path}.")
        case _:
            return error
