"""Servers and stores to test against, each started by this run, on sockets in its own temporary directory."""

import asyncio
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
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


_QUICK_SETTINGS = ("fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off")
"""A server whose data nobody needs afterwards."""


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
    command = [str(postgres), "-D", str(data), "-k", str(sockets), "-c", "listen_addresses="]
    for setting in _QUICK_SETTINGS:
        command += ["-c", setting]
    process = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=sockets)
    ready = [str(_postgres_binary("pg_isready")), "-q", "-h", str(sockets)]
    wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "Postgres answers")
    yield f"postgresql://postgres@/postgres?host={sockets}"
    process.terminate()
    process.wait(20)
    log.close()


class PostgresLink:
    """One connection for administration, on a thread of its own so that no test's event loop is disturbed."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)
        self._connection: Any = self._begin(asyncpg.connect(url)).result()

    def begin(self, statement: str) -> Future[Any]:
        """Runs a statement after those that were begun before."""
        return self._begin(self._connection.execute(statement))

    def close(self) -> None:
        self._begin(self._connection.close()).result()
        self._thread.shutdown()
        self._loop.close()

    def _begin(self, doing: Any) -> Future[Any]:
        return self._thread.submit(self._loop.run_until_complete, doing)


class Copies:
    """Databases made from a template, the next one always ahead: making one takes longer than many a test."""

    def __init__(self, link: PostgresLink, template: str) -> None:
        self._link = link
        self._template = template
        self._next = self._make()

    def take(self) -> str:
        """The name of one that nobody else has."""
        name, made = self._next
        self._next = self._make()
        made.result()
        return name

    def _make(self) -> tuple[str, Future[Any]]:
        name = f"test_{secrets.token_hex(6)}"
        return name, self._link.begin(f"CREATE DATABASE {name} TEMPLATE {self._template}")


@pytest.fixture(scope="session")
def postgres_link(postgres_url: str) -> Iterator[PostgresLink]:
    link = PostgresLink(postgres_url)
    yield link
    link.close()


@pytest.fixture(scope="session")
def empty_copies(postgres_link: PostgresLink) -> Copies:
    return Copies(postgres_link, "template1")


@pytest.fixture(scope="session")
def migrated_copies(postgres_url: str, postgres_link: PostgresLink, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    postgres_link.begin("CREATE DATABASE migrated").result()
    migrate.upgrade(_named(postgres_url, "migrated"), tmp_path_factory.mktemp("migrated-pg"))
    return Copies(postgres_link, "migrated")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "osrsdiff.db"
    migrate.upgrade(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database: once SQLite (no file yet), once Postgres."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'osrsdiff.db'}"
    else:
        yield from _fresh_postgres(request, "empty_copies")


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database with the schema in place: once SQLite, once Postgres."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "osrsdiff.db")
        yield f"sqlite:///{tmp_path / 'osrsdiff.db'}"
    else:
        yield from _fresh_postgres(request, "migrated_copies")


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


def _fresh_postgres(request: pytest.FixtureRequest, copies: str) -> Iterator[str]:
    name = request.getfixturevalue(copies).take()
    yield _named(request.getfixturevalue("postgres_url"), name)
    request.getfixturevalue("postgres_link").begin(f"DROP DATABASE {name} WITH (FORCE)")


def _named(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")
