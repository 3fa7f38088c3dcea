"""Databases are made and changed all or nothing, by one process at a time, and only where they are ours."""

import asyncio
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from osrsdiff.errors import DatabaseBusy, DatabaseNewer, InstanceMissing, SetupError
from osrsdiff.storage import migrate, schema
from osrsdiff.storage.dialects import TABLE_NAMES, dialect_of, sqlite_path
from osrsdiff.storage.engine import Database
from osrsdiff.storage.instance import instance_id
from osrsdiff.storage.tables import instance, metadata

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_migrated_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

VERSION = text("SELECT version_num FROM alembic_version")
HEAD = schema.HEAD
TO_FUTURE = text("UPDATE alembic_version SET version_num = '9999'")


def run(url: str, *statements: str) -> None:
    """Runs statements as another program might."""

    async def write() -> None:
        async with await Database.connect(url) as db, db.writing() as conn:
            for statement in statements:
                await conn.all(text(statement))

    asyncio.run(write())


def tables(url: str) -> set[str]:
    async def read() -> set[str]:
        async with await Database.connect(url) as db, db.reading() as conn:
            return {name for (name,) in await conn.all(TABLE_NAMES[db.dialect])}

    return asyncio.run(read())


def read_instance(url: str) -> str:
    async def read() -> str:
        async with await Database.connect(url) as db, db.reading() as conn:
            return await instance_id(conn)

    return asyncio.run(read())


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program one revision ahead, whose newest migration adds a table; the file may be rewritten."""
    scripts = tmp_path / "scripts"
    shutil.copytree(migrate._SCRIPTS, scripts)
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "next"))
    script = scripts / "versions" / "next.py"
    script.write_text(_NEXT.format(head=schema.HEAD))
    monkeypatch.setattr(schema, "HEAD", "next")
    return script


_NEXT = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "next", "{head}"

def upgrade():
    op.create_table("extra", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE instance SET created_at = 0")
"""


def test_a_new_database_gets_schema_and_name(database_url: str, tmp_path: Path) -> None:
    assert migrate.upgrade(database_url, tmp_path / "data") == migrate.Upgrade(True, None, schema.HEAD)
    assert migrate.current(database_url) == schema.HEAD
    assert set(metadata.tables) <= tables(database_url)
    name = read_instance(database_url)
    assert len(name) == 12
    assert int(name, 16) >= 0


def test_a_second_upgrade_changes_nothing(database_url: str, tmp_path: Path) -> None:
    migrate.upgrade(database_url, tmp_path / "data")
    name = read_instance(database_url)
    assert migrate.upgrade(database_url, tmp_path / "data") == migrate.Upgrade(False, schema.HEAD, schema.HEAD)
    assert read_instance(database_url) == name
    assert not (tmp_path / "data" / "backups").exists()


def test_two_instances_have_two_names(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
    for url in urls:
        migrate.upgrade(url, tmp_path)
    assert read_instance(urls[0]) != read_instance(urls[1])


def test_two_upgrades_at_once_make_one_database(database_url: str, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from osrsdiff.storage.migrate import upgrade; "
        "print(upgrade(sys.argv[1], Path(sys.argv[2])).created)"
    )
    command = [sys.executable, "-c", script, database_url, str(tmp_path / "data")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(process.communicate()[0].strip() for process in processes)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert said == ["False", "False", "True"]


def test_the_migrations_make_the_tables_that_the_statements_are_built_on(migrated_url: str) -> None:
    assert in_sync(migrated_url, _differences) == []


def _differences(connection: Connection) -> list[object]:
    # SQLite knows no identity columns, which are defaults to alembic; the next test compares its SQL word by word.
    options = {"compare_type": True, "compare_server_default": connection.dialect.name == "postgresql"}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def in_sync(url: str, work: Callable[[Connection], Iterable[object]]) -> list[object]:
    if dialect_of(url) == "sqlite":
        engine = create_engine(f"sqlite:///{sqlite_path(url)}", poolclass=NullPool)
        with engine.connect() as connection:
            return list(work(connection))

    async def run_async() -> list[object]:
        from_url = url.replace("postgresql://", "postgresql+asyncpg://")
        engine = create_async_engine(from_url, poolclass=NullPool)
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: list(work(sync)))

    return asyncio.run(run_async())


@on_migrated_sqlite
def test_the_migrations_write_the_same_sql_for_sqlite(migrated_url: str, tmp_path: Path) -> None:
    path = tmp_path / "from_metadata.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    metadata.create_all(engine)
    assert _sql_of(sqlite_path(migrated_url)) == _sql_of(path)


def _sql_of(path: Path) -> dict[str, object]:
    """Each table's and index's words, without regard to order inside."""
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL")
        return {name: sorted(sql.replace(",", " ").split()) for name, sql in rows}


def test_the_program_knows_every_migration() -> None:
    scripts = ScriptDirectory(str(migrate._SCRIPTS))
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.REVISIONS)
    assert scripts.get_current_head() == schema.HEAD


def test_the_migrations_are_no_package_that_could_hide_alembic() -> None:
    assert not (migrate._SCRIPTS / "__init__.py").exists()


def test_migrations_log_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        migrate.upgrade(f"sqlite:///{tmp_path / 'osrsdiff.db'}", tmp_path)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_database_of_a_newer_program_is_refused_and_left_alone(migrated_url: str, tmp_path: Path) -> None:
    run(migrated_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseNewer) as raised:
        migrate.upgrade(migrated_url, tmp_path / "data")
    assert "9999" in str(raised.value)
    assert schema.HEAD in str(raised.value)
    assert migrate.current(migrated_url) == "9999"
    assert not (tmp_path / "data" / "backups").exists()


def test_a_database_of_another_program_is_refused_and_left_alone(database_url: str, tmp_path: Path) -> None:
    if dialect_of(database_url) == "sqlite":
        sqlite3.connect(sqlite_path(database_url)).close()
    run(
        database_url,
        "CREATE TABLE players (id INTEGER)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        "INSERT INTO alembic_version VALUES ('a1b2c3')",
    )
    with pytest.raises(SetupError, match="another program"):
        migrate.upgrade(database_url, tmp_path / "data")
    assert tables(database_url) == {"players", "alembic_version"}


@on_sqlite
def test_a_file_that_is_no_database_is_refused_and_left_alone(database_url: str, tmp_path: Path) -> None:
    path = sqlite_path(database_url)
    path.write_bytes(b"Dear diary, today I trained Agility." * 100)
    before = path.read_bytes()
    with pytest.raises(SetupError, match="not a SQLite database"):
        migrate.upgrade(database_url, tmp_path)
    assert path.read_bytes() == before


@on_sqlite
def test_an_empty_file_becomes_a_database(database_url: str, tmp_path: Path) -> None:
    sqlite_path(database_url).touch()
    assert migrate.upgrade(database_url, tmp_path).created


@on_sqlite
def test_the_file_is_its_owners_alone(database_url: str, tmp_path: Path) -> None:
    migrate.upgrade(database_url, tmp_path / "new")
    assert sqlite_path(database_url).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = tmp_path / "file" / "data"
    with pytest.raises(SetupError, match=str(directory)):
        migrate.upgrade(f"sqlite:///{directory / 'osrsdiff.db'}", directory)


def test_a_directory_of_the_database_that_is_missing_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "osrsdiff.db"
    with pytest.raises(SetupError, match=str(path)):
        migrate.upgrade(f"sqlite:///{path}", tmp_path / "data")
    assert not path.parent.exists()


def test_an_upgrade_keeps_what_is_there(migrated_url: str, tmp_path: Path, next_migration: Path) -> None:
    name = read_instance(migrated_url)
    assert migrate.upgrade(migrated_url, tmp_path / "data") == migrate.Upgrade(False, HEAD, "next")
    assert "extra" in tables(migrated_url)
    assert read_instance(migrated_url) == name


def test_an_upgrade_tells_players_when_they_last_fell(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrate, "_SCRIPTS", shutil.copytree(migrate._SCRIPTS, tmp_path / "older"))
        (tmp_path / "older" / "versions" / "0005_identity.py").unlink()
        older.setattr(schema, "REVISIONS", schema.REVISIONS[: schema.REVISIONS.index("0005")])
        older.setattr(schema, "HEAD", "0004")
        migrate.upgrade(database_url, tmp_path)
        run(
            database_url,
            *(_OLD_PLAYER.format(number=number, name=name) for number, name in enumerate(("fell", "rose"), start=1)),
            "INSERT INTO snapshots VALUES (1, 10, NULL, false), (1, 20, 10, true), (1, 30, 20, true)",
            "INSERT INTO snapshots VALUES (1, 40, 30, false), (2, 10, NULL, false)",
        )
    migrate.upgrade(database_url, tmp_path)
    assert rows_of(database_url, "SELECT username, fell_at FROM players ORDER BY id") == [("fell", 30), ("rose", None)]


_OLD_PLAYER = """
INSERT INTO players (id, username, display_name, game_mode, is_active, fetch_interval_minutes, created_at, failures)
VALUES ({number}, '{name}', '{name}', 'regular', true, 60, 1, 0)
"""


def rows_of(url: str, statement: str) -> list[tuple[object, ...]]:
    async def read() -> list[tuple[object, ...]]:
        async with await Database.connect(url) as db, db.reading() as conn:
            return [tuple(row) for row in await conn.all(text(statement))]

    return asyncio.run(read())


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    migrated_url: str, tmp_path: Path, next_migration: Path
) -> None:
    next_migration.write_text(f"{next_migration.read_text()}    raise ArithmeticError('half way')\n")
    with pytest.raises(ArithmeticError):
        migrate.upgrade(migrated_url, tmp_path / "data")
    assert migrate.current(migrated_url) == HEAD
    assert "extra" not in tables(migrated_url)
    assert in_sync(migrated_url, lambda connection: connection.scalars(select(instance.c.created_at))) != [0]


def test_a_first_migration_that_fails_leaves_nothing(database_url: str, tmp_path: Path, next_migration: Path) -> None:
    next_migration.write_text(f"{next_migration.read_text()}    raise ArithmeticError('half way')\n")
    with pytest.raises(ArithmeticError):
        migrate.upgrade(database_url, tmp_path / "data")
    if dialect_of(database_url) == "sqlite":
        assert [name for name in os.listdir(tmp_path) if name.startswith("osrsdiff.db")] == []
    else:
        assert tables(database_url) == set()


@on_migrated_sqlite
def test_a_backup_is_made_before_a_database_changes(migrated_url: str, tmp_path: Path, next_migration: Path) -> None:
    name = read_instance(migrated_url)
    migrate.upgrade(migrated_url, tmp_path / "data")
    [backup] = (tmp_path / "data" / "backups").iterdir()
    assert HEAD in backup.name
    assert backup.stat().st_mode & 0o777 == 0o600
    assert migrate.current(f"sqlite:///{backup}") == HEAD
    assert read_instance(f"sqlite:///{backup}") == name


@on_migrated_sqlite
def test_only_the_newest_backups_are_kept(migrated_url: str, tmp_path: Path, next_migration: Path) -> None:
    made = set()
    for _ in range(5):
        migrate.upgrade(migrated_url, tmp_path / "data")
        made |= set(os.listdir(tmp_path / "data" / "backups"))
        run(migrated_url, f"UPDATE alembic_version SET version_num = '{HEAD}'", "DROP TABLE extra")
    assert len(made) == 5
    assert sorted(os.listdir(tmp_path / "data" / "backups")) == sorted(made)[-3:]


@on_migrated_sqlite
def test_nothing_changes_where_no_backup_can_be_made(migrated_url: str, tmp_path: Path, next_migration: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "backups").touch()
    with pytest.raises(SetupError, match="nothing was changed"):
        migrate.upgrade(migrated_url, tmp_path / "data")
    assert migrate.current(migrated_url) == HEAD


def test_a_migration_that_never_ends_is_waited_for_no_longer_than_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_S", 0)
    with migrate._only_migration(tmp_path / "migrate.lock"), pytest.raises(DatabaseBusy, match="migrating"):
        migrate.upgrade(f"sqlite:///{tmp_path / 'osrsdiff.db'}", tmp_path)
    assert os.listdir(tmp_path) == ["migrate.lock"]


@on_sqlite
def test_no_database_has_no_revision(database_url: str) -> None:
    with pytest.raises(InstanceMissing):
        migrate.current(database_url)


async def test_a_schema_is_current_pending_or_newer(db: Database) -> None:
    assert await schema.check_schema(db) == "current"
    async with db.writing() as conn:
        await conn.run(TO_FUTURE)
    assert await schema.check_schema(db) == "newer"
    with pytest.raises(DatabaseNewer):
        await schema.require_schema(db)
    async with db.writing() as conn:
        await conn.all(text("DROP TABLE alembic_version"))
    assert await schema.check_schema(db) == "pending"
    with pytest.raises(SetupError, match="osrsdiff db upgrade"):
        await schema.require_schema(db)


async def test_a_role_waits_for_the_schema_and_says_so_once(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def migrate_meanwhile(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == schema.POLLS_UNSAID + 5:
            await asyncio.to_thread(migrate.upgrade, database_url, tmp_path / "data")

    monkeypatch.setattr("osrsdiff.storage.schema.anyio.sleep", migrate_meanwhile)
    db = await schema.wait_for_schema(database_url)
    assert await schema.check_schema(db) == "current"
    await db.close()
    assert pauses == [schema.POLL_S] * (schema.POLLS_UNSAID + 5)
    assert [record.getMessage() for record in caplog.records] == ["waiting for the database"]


async def test_a_role_does_not_wait_for_a_database_that_is_newer(migrated_url: str) -> None:
    async with await Database.connect(migrated_url) as db, db.writing() as conn:
        await conn.run(TO_FUTURE)
    with pytest.raises(DatabaseNewer):
        await schema.wait_for_schema(migrated_url)
