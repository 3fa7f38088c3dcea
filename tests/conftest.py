"""Servers and stores to test against, each started by this run, on sockets in its own temporary directory."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import fakeredis
import pytest
from redis.asyncio import Redis

from osrsdiff import embedded_redis, redis_client
from osrsdiff.demo.server import Simulation
from osrsdiff.storage import migrate
from osrsdiff.storage.engine import Database

IN_CI = os.environ.get("OSRSDIFF_CI") == "1"


def skip(reason: str) -> None:
    """Skips where a person runs the tests; in CI nothing may be skipped."""
    if IN_CI:
        pytest.fail(f"CI must not skip: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def short_directory() -> Iterator[Path]:
    """A directory whose path is short enough for unix sockets, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="osrsdiff-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded hiscores responses that OSRSDIFF_RECORDINGS names."""
    named = os.environ.get("OSRSDIFF_RECORDINGS")
    if not named:
        skip("OSRSDIFF_RECORDINGS names no folder of recorded hiscores responses")
    path = Path(str(named))
    assert (path / "INDEX.md").is_file(), f"{path} holds no recordings"
    return path


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Looks again until `condition` holds; fails with `what` after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def redis_url(short_directory: Path) -> Iterator[str]:
    """A real Redis of this run's own."""
    embedded_redis.prepare_directories(short_directory)
    process = subprocess.Popen(embedded_redis.server_command(short_directory), stdout=subprocess.DEVNULL)
    socket = embedded_redis.socket_path(short_directory)
    wait_until(socket.exists, "Redis makes its socket")
    yield f"unix://{socket}"
    process.terminate()
    process.wait(10)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the run's Redis, which is empty."""
    client = redis_client.create(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def fake_redis() -> AsyncIterator[fakeredis.FakeAsyncRedis]:
    client = fakeredis.FakeAsyncRedis()
    yield client
    await client.aclose()


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test uses."""
    return f"osrsdiff:test-{secrets.token_hex(4)}:"


def _postgres_binary(name: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[-3]))
    return str(versions[-1]) if versions else shutil.which(name)


@pytest.fixture(scope="session")
def postgres_url(short_directory: Path) -> Iterator[str]:
    """A real Postgres of this run's own; the URL's database name is to be replaced."""
    initdb, postgres = _postgres_binary("initdb"), _postgres_binary("postgres")
    if not initdb or not postgres:
        skip("no Postgres binaries on this machine (initdb, postgres)")
    data, sockets = short_directory / "postgres", short_directory / "pg"
    user = "nobody" if os.getuid() == 0 else None
    for directory in (data, sockets):
        directory.mkdir(mode=0o700)
        if user:
            shutil.chown(directory, user)
    log = (short_directory / "postgres.log").open("w")
    initialise = [str(initdb), "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initialise, check=True, stdout=log, stderr=log, user=user, cwd=sockets)
    command = [str(postgres), "-D", str(data), "-k", str(sockets), "-c", "listen_addresses=", "-c", "fsync=off"]
    process = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=sockets)
    ready = [str(_postgres_binary("pg_isready")), "-q", "-h", str(sockets)]
    wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "Postgres answers")
    yield f"postgresql://postgres@/postgres?host={sockets}"
    process.terminate()
    process.wait(20)
    log.close()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "osrsdiff.db"
    migrate.upgrade(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    run_sql(postgres_url, "CREATE DATABASE migrated")
    migrate.upgrade(_named(postgres_url, "migrated"), tmp_path_factory.mktemp("migrated-pg"))
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database: once SQLite (no file yet), once Postgres."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'osrsdiff.db'}"
    else:
        yield from _fresh_postgres(request.getfixturevalue("postgres_url"), "")


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database with the schema in place: once SQLite, once Postgres."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "osrsdiff.db")
        yield f"sqlite:///{tmp_path / 'osrsdiff.db'}"
    else:
        template = request.getfixturevalue("migrated_postgres")
        yield from _fresh_postgres(request.getfixturevalue("postgres_url"), f"TEMPLATE {template}")


@pytest.fixture
async def db(migrated_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database: once SQLite, once Postgres."""
    database = await Database.connect(migrated_url)
    yield database
    await database.close()


@pytest.fixture
async def hiscores() -> AsyncIterator[Simulation]:
    """A simulated hiscores on a free loopback port."""
    async with Simulation() as simulation:
        yield simulation


def _fresh_postgres(server: str, template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    run_sql(server, f"CREATE DATABASE {name} {template}")
    yield _named(server, name)
    run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def _named(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


def run_sql(url: str, statement: str) -> None:
    """Runs one statement on a Postgres, in a process of its own so that no event loop is disturbed."""
    subprocess.run([sys.executable, "-c", _RUN_SQL, url, statement], check=True)


_RUN_SQL = """
import asyncio, asyncpg, sys

async def run(url, statement):
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()

asyncio.run(run(*sys.argv[1:]))
"""
