"""Commands called in this process, on data directories of the test's own."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result
from redis.asyncio import Redis

from osrsdiff import logs, redis_client
from osrsdiff.cli import osrsdiff

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls `osrsdiff` with arguments; `input` is what it reads from standard input."""
    for name in [name for name in os.environ if name.startswith("OSRSDIFF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(logs, "setup", lambda *_: None)  # the test run's own handlers stay
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, stdin: str | None = None) -> Result:
        return CliRunner().invoke(osrsdiff, [str(each) for each in arguments], input=stdin, prog_name="osrsdiff")

    return call


@pytest.fixture
def empty_redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find a Redis that answers and holds nothing: all data directories here are copies of one instance."""

    async def flush() -> None:
        client: Redis = redis_client.create(redis_url)
        await client.flushall()
        await client.aclose()

    anyio.run(flush)
    monkeypatch.setenv("OSRSDIFF_REDIS__URL", redis_url)


@pytest.fixture
def data_dir(tmp_path: Path, migrated_sqlite: Path) -> Path:
    """A data directory that holds an instance; nothing runs on it."""
    directory = tmp_path / "data"
    directory.mkdir()
    shutil.copy(migrated_sqlite, directory / "osrsdiff.db")
    return directory
