"""Connections and transactions: stored or undone as a whole, on both databases."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import Executable, bindparam, func, insert, literal_column, select, text, update

from osrsdiff.errors import ConfigError, DatabaseBusy, DatabaseUnreachable, InstanceMissing, SetupError
from osrsdiff.storage import players, postgres, sqlite, sqlite_work
from osrsdiff.storage.dialects import SECONDS, dialect_of, shown, sqlite_path
from osrsdiff.storage.engine import Connection, Database, Step
from osrsdiff.storage.tables import instance, job_runs

ADD = insert(job_runs).values(name=bindparam("name"), started_at=bindparam("at", type_=SECONDS)).inline()
COUNT = select(func.count()).select_from(job_runs)
RENAME = update(job_runs).where(job_runs.c.name == bindparam("old")).values(name=bindparam("new"))
NAMES = select(job_runs.c.name).order_by(job_runs.c.name)


on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)


async def names(db: Database) -> list[str]:
    async with db.reading() as conn:
        return [name for (name,) in await conn.all(NAMES)]


async def fail(db: Database, *writes: Callable[[Connection], Awaitable[object]]) -> None:
    """A transaction that writes and then breaks."""
    async with db.writing() as conn:
        for write in writes:
            await write(conn)
        raise RuntimeError("on purpose")


async def add(db: Database, name: str) -> None:
    async with db.writing() as conn:
        assert await conn.run(ADD, {"name": name, "at": 1}) == 1


async def test_a_transaction_is_stored_at_its_end(db: Database) -> None:
    async with db.writing() as conn:
        await conn.run(ADD, {"name": "a", "at": 1})
        assert await names(db) == []
    assert await names(db) == ["a"]


async def test_an_exception_undoes_the_whole_transaction(db: Database) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        await fail(db, lambda conn: conn.run(ADD, {"name": "a", "at": 1}))
    await add(db, "b")
    assert await names(db) == ["b"]


async def test_an_error_that_somebody_swallows_stores_nothing_of_what_came_after(db: Database) -> None:
    break_it = text("ROLLBACK" if db.dialect == "sqlite" else "SELECT 1/0")

    async def go_on_regardless() -> None:
        async with db.writing() as conn:
            await conn.run(ADD, {"name": "a", "at": 1})
            with suppress(Exception):
                await conn.run(break_it)
            with suppress(Exception):
                await conn.run(ADD, {"name": "b", "at": 1})

    with pytest.raises(Exception, match="nothing of it is stored"):
        await go_on_regardless()
    assert await names(db) == []


async def test_a_cancelled_writer_stores_nothing_and_blocks_nobody(db: Database) -> None:
    written, forever = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with db.writing() as conn:
            await conn.run(ADD, {"name": "a", "at": 1})
            written.set()
            await forever.wait()

    task = asyncio.create_task(write())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await add(db, "b")
    assert await names(db) == ["b"]


@pytest.mark.parametrize("steps", range(12))
async def test_a_cancel_at_any_moment_leaves_all_or_nothing(db: Database, steps: int) -> None:
    async def write() -> None:
        async with db.writing() as conn:
            await conn.run(ADD, {"name": "a", "at": 1})
            await conn.run(ADD, {"name": "b", "at": 1})

    task = asyncio.create_task(write())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await add(db, "c")
    assert await names(db) in (["c"], ["a", "b", "c"])


async def test_a_writer_cancelled_while_it_waits_leaves_the_other_alone(db: Database) -> None:
    async with db.writing() as conn:
        await conn.run(ADD, {"name": "a", "at": 1})
        waiting = asyncio.create_task(add(db, "b"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await add(db, "c")
    assert "a" in await names(db)
    assert "c" in await names(db)


async def test_writers_of_one_process_take_turns(db: Database) -> None:
    await asyncio.gather(*(add(db, f"{n:02}") for n in range(30)))
    assert await names(db) == [f"{n:02}" for n in range(30)]


async def test_a_batch_ends_at_a_step_that_must_hit_and_does_not(db: Database) -> None:
    async with db.writing() as conn:
        rename = {"old": "missing", "new": "found"}
        done = await conn.run_all(
            [
                Step(ADD, [{"name": "a", "at": 1}, {"name": "b", "at": 1}]),
                Step(RENAME, rename),
                Step(RENAME, rename, must_hit=True),
                Step(ADD, {"name": "c", "at": 1}),
            ]
        )
    assert not done
    assert await names(db) == ["a", "b"]


async def test_writes_that_share_a_commit_share_nothing_else(db: Database) -> None:
    missing = Step(RENAME, {"old": "missing", "new": "found"}, must_hit=True)
    misses, nameless = [Step(ADD, {"name": "a", "at": 1}), missing], [Step(ADD, {"name": None, "at": 1})]
    results = await asyncio.gather(
        db.write_together([Step(ADD, {"name": "b", "at": 1})]),
        db.write_together(misses),
        db.write_together([Step(ADD, {"name": "c", "at": 1}), *nameless]),
        db.write_together([Step(ADD, [{"name": "d", "at": 1}, {"name": "e", "at": 1}])]),
        return_exceptions=True,
    )
    assert results[:2] == [True, False]
    assert isinstance(results[2], Exception)
    assert results[3] is True
    assert await names(db) == ["b", "d", "e"]


@on_sqlite
async def test_what_waits_for_the_writer_is_committed_at_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    write_each = sqlite_work.write_each

    def counted(group: list[list[sqlite_work.Ready]], raw: sqlite3.Connection) -> list[bool | Exception]:
        groups.append(len(group))
        return write_each(group, raw)

    monkeypatch.setattr(sqlite_work, "write_each", counted)
    writes = (db.write_together([Step(ADD, {"name": f"{n:02}", "at": 1})]) for n in range(sqlite.MOST_AT_ONCE + 1))
    assert all(await asyncio.gather(*writes))
    assert groups == [sqlite.MOST_AT_ONCE, 1]
    assert len(await names(db)) == sqlite.MOST_AT_ONCE + 1


@on_sqlite
async def test_a_write_that_breaks_the_shared_transaction_fails_for_all_and_stores_nothing(db: Database) -> None:
    results = await asyncio.gather(
        db.write_together([Step(ADD, {"name": "a", "at": 1})]),
        db.write_together([Step(text("ROLLBACK"))]),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [True, True]
    assert await db.write_together([Step(ADD, {"name": "b", "at": 1})])
    assert await names(db) == ["b"]


async def test_whoever_stops_waiting_for_a_shared_commit_leaves_the_others_theirs(db: Database) -> None:
    impatient = asyncio.create_task(db.write_together([Step(ADD, {"name": "a", "at": 1})]))
    patient = asyncio.create_task(db.write_together([Step(ADD, {"name": "b", "at": 1})]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient
    assert await db.write_together([Step(ADD, {"name": "c", "at": 1})])
    assert [name for name in await names(db) if name != "a"] == ["b", "c"]


async def test_of_what_is_read_at_the_same_moment_each_gets_its_own_answer(db: Database) -> None:
    await add(db, "a")

    async def read(statement: Executable) -> object:
        async with db.reading() as conn:
            return await conn.one(statement)

    broken = text("SELECT * FROM nowhere")
    results = await asyncio.gather(*map(read, [COUNT, broken, NAMES, broken, COUNT]), return_exceptions=True)
    assert results[0::2] == [(1,), ("a",), (1,)]
    assert all(isinstance(result, Exception) for result in results[1::2])


async def test_a_batch_of_nothing_is_fine(db: Database) -> None:
    async with db.writing() as conn:
        assert await conn.run_all([Step(ADD, [])])
        await conn.run_many(ADD, [])
    assert await names(db) == []


async def test_what_is_to_happen_after_a_commit_does_not_happen_without_one(db: Database) -> None:
    happened: list[str] = []
    async with db.writing() as conn:
        conn.after_commit(lambda: happened.append("stored"))
        await conn.run(ADD, {"name": "a", "at": 1})
        assert happened == []

    async def promise(conn: Connection) -> None:
        conn.after_commit(lambda: happened.append("undone"))

    with pytest.raises(RuntimeError):
        await fail(db, promise)
    assert happened == ["stored"]


@on_sqlite
async def test_a_reading_connection_refuses_to_write(db: Database) -> None:
    with pytest.raises(SetupError):
        async with db.reading() as conn:
            await conn.run(ADD, {"name": "a", "at": 1})


async def test_a_missing_value_is_an_error(db: Database) -> None:
    async with db.reading() as conn:
        with pytest.raises(KeyError):
            await conn.all(RENAME, {"old": "a"})


async def test_a_statement_whose_text_depends_on_its_values_is_refused(db: Database) -> None:
    async with db.reading() as conn:
        with pytest.raises(TypeError):
            await conn.all(select(job_runs.c.id).where(job_runs.c.name.in_(["a", "b"])))


async def test_values_come_back_as_they_went_in(db: Database) -> None:
    async with db.writing() as conn:
        await conn.run(ADD, {"name": "naïve 'quotes' \x7f 日本", "at": 2**40})
    async with db.reading() as conn:
        row = await conn.one(select(job_runs.c.name, job_runs.c.started_at, job_runs.c.outcome))
        assert row == ("naïve 'quotes' \x7f 日本", 2**40, None)
        assert await conn.one(select(literal_column("1")).where(literal_column("1") == 2)) is None


@on_sqlite
async def test_processes_that_write_the_same_file_wait_for_each_other(db: Database) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITE, db.url, "40")
    for number in range(40):
        await add(db, f"here {number}")
    assert await process.wait() == 0
    assert len(await names(db)) == 80


@on_sqlite
async def test_a_database_that_stays_locked_is_busy(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "SQLITE_PRAGMAS", ("PRAGMA busy_timeout = 20",))
    async with await Database.connect(db.url) as other, db.writing() as conn:
        await conn.run(ADD, {"name": "a", "at": 1})
        with pytest.raises(DatabaseBusy):
            await add(other, "b")
    await add(db, "c")
    assert await names(db) == ["a", "c"]


@on_postgres
async def test_of_two_who_wait_for_each_other_one_is_told_to_try_again(db: Database) -> None:
    for name in "ab":
        await add(db, name)
    both_hold_one = asyncio.Barrier(2)

    async def rename(first: str, second: str) -> None:
        async with db.writing() as conn:
            await conn.all(text("SET LOCAL deadlock_timeout = '10ms'"))
            await conn.run(RENAME, {"old": first, "new": first})
            await both_hold_one.wait()
            await conn.run(RENAME, {"old": second, "new": second})

    ended = await asyncio.gather(rename("a", "b"), rename("b", "a"), return_exceptions=True)
    assert sorted(map(type, ended), key=str) == [type(None), DatabaseBusy]
    with pytest.raises(DatabaseBusy, match="Try again"), postgres.explaining(db.url):
        raise asyncpg.SerializationError("could not serialize access")


def test_killing_a_writer_loses_nothing_that_it_had_acknowledged(migrated_sqlite: Path, tmp_path: Path) -> None:
    path = tmp_path / "osrsdiff.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    acknowledged: list[str] = []
    for stop_after in (1, 7, 23):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITE, f"sqlite:///{path}", "1000000"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        acknowledged += [process.stdout.readline().strip() for _ in range(stop_after)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
    raw = sqlite.open_file(path)
    stored = {name for (name,) in raw.execute("SELECT name FROM job_runs")}
    assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()
    assert len(acknowledged) >= 31
    assert set(acknowledged) <= stored


_WRITE = """
import asyncio, os, sys
from sqlalchemy import insert
from osrsdiff.storage.engine import Database
from osrsdiff.storage.tables import job_runs
from sqlalchemy import bindparam

ADD = insert(job_runs).values(name=bindparam("name"), started_at=bindparam("at")).inline()

async def write(url, count):
    async with await Database.connect(url) as db:
        for number in range(count):
            name = f"{os.getpid()} {number}"
            async with db.writing() as conn:
                await conn.run(ADD, {"name": name, "at": 1})
            print(name, flush=True)

asyncio.run(write(sys.argv[1], int(sys.argv[2])))
"""


@on_postgres
async def test_a_connection_that_postgres_has_dropped_is_replaced(db: Database, now: datetime) -> None:
    drop = text(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def lose_it(_: Connection) -> None:
        async with await Database.connect(db.url) as other, other.reading() as conn:
            await conn.all(drop)

    def write(name: str) -> Callable[[Connection], Awaitable[int]]:
        return lambda conn: conn.run(ADD, {"name": name, "at": 1})

    with pytest.raises(DatabaseUnreachable):
        await fail(db, write("a"), lose_it, write("b"))
    await add(db, "c")
    async with db.reading() as conn:
        await lose_it(conn)
    assert await names(db) == ["c"]


async def test_a_server_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable, match="does not answer"):
        await Database.connect(f"postgresql://somebody:secret@/osrsdiff?host={tmp_path}")


async def test_a_missing_postgres_database_is_named_without_the_password(postgres_url: str) -> None:
    url = postgres_url.replace("postgres@/postgres", "postgres:secret@/nowhere")
    with pytest.raises(InstanceMissing) as raised:
        await Database.connect(url)
    assert "nowhere" in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_an_unknown_postgres_user_is_refused(postgres_url: str) -> None:
    with pytest.raises(SetupError, match="refuses the login"):
        await Database.connect(postgres_url.replace("postgres@/", "nobody_at_all@/"))


async def test_a_missing_file_is_no_instance_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "osrsdiff.db"
    with pytest.raises(InstanceMissing, match=str(path)):
        await Database.connect(f"sqlite:///{path}")
    assert os.listdir(tmp_path) == []


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "osrsdiff.db"
    path.write_bytes(b"Dear diary, today I trained Agility." * 100)
    with pytest.raises(SetupError, match="not a SQLite database"):
        await Database.connect(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"Dear diary")


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        await Database.connect(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["", "mysql://localhost/osrsdiff", "osrsdiff.db", "sqlite:///", "sqlite:", "sqlite://"])
async def test_urls_that_name_no_database_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url"):
        await Database.connect(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/osrsdiff/osrsdiff.db", "/var/lib/osrsdiff/osrsdiff.db"),
        ("sqlite:///var/lib/osrsdiff/osrsdiff.db", "/var/lib/osrsdiff/osrsdiff.db"),
        ("sqlite:////tmp/with space & 100%/ü?.db", "/tmp/with space & 100%/ü?.db"),
    ],
)
def test_a_sqlite_url_names_an_absolute_path(url: str, path: str) -> None:
    assert dialect_of(url) == "sqlite"
    assert sqlite_path(url) == Path(path)


async def test_a_path_with_odd_characters_works(migrated_sqlite: Path, tmp_path: Path) -> None:
    path = tmp_path / "100% odd? #1 & ü.db"
    shutil.copy(migrated_sqlite, path)
    async with await Database.connect(f"sqlite:///{path}") as db, db.reading() as conn:
        assert await conn.one(select(func.count()).select_from(instance)) == (1,)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://me:secret@db.example:5432/osrsdiff", "postgresql://me:***@db.example:5432/osrsdiff"),
        ("postgresql://me@db.example/osrsdiff", "postgresql://me@db.example/osrsdiff"),
        ("sqlite:////var/lib/osrsdiff.db", "sqlite:////var/lib/osrsdiff.db"),
    ],
)
def test_a_shown_url_has_no_password(url: str, masked: str) -> None:
    assert shown(url) == masked


async def test_a_database_that_is_there_answers(db: Database) -> None:
    await db.ping()


async def test_an_old_sqlite_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "osrsdiff.db").touch()
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    with pytest.raises(SetupError, match=r"needs 3\.35"):
        await Database.connect(f"sqlite:///{tmp_path / 'osrsdiff.db'}")


async def test_nothing_is_open_after_close(db: Database) -> None:
    await add(db, "a")
    await db.close()
    await db.close()


async def test_postgres_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "osrsdiff.storage.postgres", None)
    with pytest.raises(SetupError, match=r"pip install '\.\[postgres\]'"):
        await Database.connect("postgresql://localhost/osrsdiff")


def test_what_runs_all_day_loads_no_migrations_and_no_unused_driver() -> None:
    modules = "history players tokens failures jobs instance schema engine"
    script = (
        f"import sys; [__import__(f'osrsdiff.storage.{{m}}') for m in {modules.split()!r}]; "
        "print([m for m in ('alembic', 'sqlalchemy.ext.asyncio', 'asyncpg', 'greenlet') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


async def test_players_of_one_process_are_seen_by_another(db: Database, now: datetime) -> None:
    async with await Database.connect(db.url) as other:
        async with db.writing() as conn:
            await players.add(conn, username="zezima", display_name="Zezima", interval_minutes=60, now=now)
        async with other.reading() as conn:
            assert await players.by_username(conn, "zezima") is not None
