"""Brings a database to the schema of this program, under a lock, all or nothing. The only module that needs alembic.

SQLite: a file lock in the data directory, and a backup before a database that is in use is changed. Postgres: an
advisory lock. What other programs have made is refused before anything is touched.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from msgspec import Struct
from sqlalchemy import Connection, NullPool, create_engine, event, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

import osrsdiff
from osrsdiff.errors import DatabaseBusy, DatabaseNewer, SetupError
from osrsdiff.storage import schema
from osrsdiff.storage.dialects import (
    POSTGRES_MIGRATION_LOCK,
    TABLE_NAMES,
    DialectName,
    dialect_of,
    shown,
    sqlite_path,
)
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.sqlite_file import explained, open_file
from osrsdiff.storage.tables import instance, metadata

LOCK_TIMEOUT_S = 60
BACKUPS_KEPT = 3

_ALEMBIC = Path(osrsdiff.__file__).parent
_SCRIPTS = next(path for path in (_ALEMBIC / "migrations", _ALEMBIC.parent / "alembic") if path.is_dir())
"""Inside the package where it is installed, beside it in a checkout."""

_OWN_TABLES = {schema.VERSION_TABLE, *metadata.tables}
_LOCK_KEY = 0x6F73727364696666  # "osrsdiff"
_PRAGMAS = ("PRAGMA busy_timeout = 10000", "PRAGMA synchronous = FULL")


class Upgrade(Struct, frozen=True):
    """What was done. `created`: nothing had been there. `before` and `after` are equal where nothing was to do."""

    created: bool
    before: str | None
    after: str


def upgrade(url: str, data_dir: Path) -> Upgrade:
    """Makes or changes the database at `url` until it has this program's schema, and the row that names the instance.

    `data_dir`: made where it isn't there; keeps SQLite's lock and backups. Whatever fails leaves the database as it
    was. Raises DatabaseNewer, DatabaseBusy where another process migrates for longer than a minute,
    DatabaseUnreachable, SetupError where what is there can't be used. Not to be called on a running event loop.
    """
    if dialect_of(url) == "postgresql":
        return asyncio.run(_upgrade_postgres(url))
    return _upgrade_sqlite(url, data_dir)


def current(url: str) -> str | None:
    """The revision of the database at `url`; None where nothing has been made in it. Raises as Database.connect."""
    return asyncio.run(_current(url))


async def _current(url: str) -> str | None:
    async with await Database.connect(url) as db:
        return await schema.revision(db)


def _upgrade_sqlite(url: str, data_dir: Path) -> Upgrade:
    path = sqlite_path(url)
    _make_directory(data_dir)
    with _only_migration(data_dir / "migrate.lock"), _made(path):
        with closing(open_file(path, pragmas=_PRAGMAS)) as raw:
            before = _examine(url, raw)
            if before == schema.HEAD:
                return Upgrade(False, before, before)
            if before is not None:
                _back_up(raw, data_dir / "backups", before)
            _require_wal(raw, path)
        return _run_on_sqlite(url, path)


def _examine(url: str, raw: sqlite3.Connection) -> str | None:
    """The revision of a SQLite file that may be migrated."""
    tables = {name for (name,) in raw.execute(str(TABLE_NAMES["sqlite"]))}
    found = None
    if schema.VERSION_TABLE in tables:
        row = raw.execute(str(schema.REVISION)).fetchone()
        found = row[0] if row else None
    _refuse(url, tables, found)
    return found


def _refuse(url: str, tables: set[str], found: str | None) -> None:
    """Raises SetupError for what another program has made, DatabaseNewer for what a newer osrsdiff has."""
    dialect: DialectName = dialect_of(url)
    # A SQLite file belongs to one program; a Postgres schema may be shared as long as no names meet.
    others = tables if dialect == "sqlite" else tables & _OWN_TABLES
    if instance.name not in tables and others:
        raise SetupError(
            f"The database {shown(url)} holds tables of another program ({', '.join(sorted(others)[:5])}). "
            "Nothing was changed. Name another database with database.url."
        )
    if schema.state_of(found) == "newer":
        raise DatabaseNewer(schema.newer_message(url, str(found)))


def _run_on_sqlite(url: str, path: Path) -> Upgrade:
    engine = create_engine("sqlite://", creator=partial(open_file, path, pragmas=_PRAGMAS), poolclass=NullPool)

    # Python's own transactions don't cover changes of tables; this one does, and keeps other writers out.
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            return _migrate(connection, url)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise explained(error.orig, path) from error
        raise
    finally:
        engine.dispose()


async def _upgrade_postgres(url: str) -> Upgrade:
    # An optional extra, and heavy: only an instance on Postgres loads it.
    from osrsdiff.storage.postgres import explaining, open_link  # noqa: PLC0415

    engine = create_async_engine("postgresql+asyncpg://", async_creator=partial(open_link, url), poolclass=NullPool)
    try:
        with explaining(url), _original_errors():
            async with engine.begin() as connection:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
                await connection.execute(POSTGRES_MIGRATION_LOCK, {"key": _LOCK_KEY})
                return await connection.run_sync(_migrate, url)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, url: str) -> Upgrade:
    """All migrations that are missing, and the instance's row, in the caller's transaction and under its lock."""
    dialect: DialectName = dialect_of(url)
    tables = {row[0] for row in connection.execute(TABLE_NAMES[dialect])}
    before = connection.scalar(schema.REVISION) if schema.VERSION_TABLE in tables else None
    _refuse(url, tables, before)
    if before != schema.HEAD:
        logging.getLogger("alembic").setLevel(logging.WARNING)
        command.upgrade(_alembic_config(connection), "head")
    if connection.scalar(select(instance.c.id)) is None:
        row = {"id": secrets.token_hex(6), "created_at": seconds(datetime.now(UTC))}
        connection.execute(insert(instance).values(row))
    return Upgrade(before is None, before, schema.HEAD)


def _alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _original_errors() -> Iterator[None]:
    """Takes off what SQLAlchemy wraps around asyncpg's errors."""
    try:
        yield
    except DBAPIError as error:
        original = error.orig.__cause__ if error.orig else None
        raise original or error from error


def _make_directory(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"The data directory {data_dir} can't be made: {error.strerror}.") from error


@contextmanager
def _only_migration(lock: Path) -> Iterator[None]:
    """Waits until no other process migrates with the same data directory."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(f"The data directory {lock.parent} can't be written to: {error.strerror}.") from error
    try:
        _wait_for(descriptor, lock)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, lock: Path) -> None:
    give_up = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up:
                raise DatabaseBusy(f"Another process is still migrating the database (it holds {lock}).") from error
            time.sleep(0.05)
        else:
            return


@contextmanager
def _made(path: Path) -> Iterator[None]:
    """Makes an empty file that only its owner reads where none is; takes it away again where what follows fails."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        yield
        return
    except OSError as error:
        raise SetupError(f"The database {path} can't be made: {error.strerror}.") from error
    try:
        yield
    except BaseException:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        raise


def _require_wal(raw: sqlite3.Connection, path: Path) -> None:
    """Readers and the writer must not block one another."""
    (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise SetupError(f"The file system of {path} can't hold a database that several processes use (no WAL).")


def _back_up(raw: sqlite3.Connection, directory: Path, revision: str) -> None:
    """A copy of the whole database before it changes; the newest few are kept."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        unfinished = directory / "unfinished"
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as copy:
            raw.backup(copy)
        unfinished.chmod(0o600)
        unfinished.rename(directory / f"{stamp}-revision-{revision}.db")
        for old in sorted(directory.glob("*-revision-*.db"))[:-BACKUPS_KEPT]:
            old.unlink()
    except (OSError, sqlite3.Error) as error:
        raise SetupError(f"No backup could be made in {directory}, so nothing was changed: {error}.") from error
