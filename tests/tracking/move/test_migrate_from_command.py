"""`osrsdiff migrate-from` as it is called: what it says, and how it ends."""

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner, Result

from osrsdiff import logs
from osrsdiff.cli import osrsdiff

START = datetime(2026, 1, 5, 12, tzinfo=UTC)

Invoke = Callable[..., Any]


@pytest.fixture
def data_dir(tmp_path: Path, migrated_sqlite: Path) -> Path:
    (tmp_path / "data").mkdir()
    shutil.copy(migrated_sqlite, tmp_path / "data" / "osrsdiff.db")
    return tmp_path / "data"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls the command on a thread, where it has an event loop of its own."""
    monkeypatch.setattr(logs, "setup", lambda *_: None)  # the test run's own handlers stay
    monkeypatch.chdir(tmp_path)

    async def invoke(*arguments: object) -> Result:
        runner = CliRunner()
        return await anyio.to_thread.run_sync(
            lambda: runner.invoke(osrsdiff, ["migrate-from", *map(str, arguments)], prog_name="osrsdiff")
        )

    return invoke


async def test_a_whole_move_is_told(call: Invoke, data_dir: Path, old_install: Any, redis: Any, redis_url: str) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron", schedule_id="a", fetch_interval_minutes=0)
    await old_install.record(player_id, START, bosses={"zulrah": {"rank": 5, "kc": 7}})
    await redis.set("osrsdiff:scheduler:lock:batch", "1")
    before = await old_install.rows()
    result = await call(old_install.url, "--redis", redis_url, "--data-dir", data_dir)
    assert result.exit_code == 0, result.output
    for line in (
        "1 player: 1 new",
        "1 record: 1 became looks, 0 could not, 0 left out",
        "brass heron: 0 minutes is no interval: 60 minutes, the default",
        "Verified:",
        "Redis does not answer: players are scheduled by `osrsdiff run`",
        "The old install's Redis holds 1 locks of the old scheduler.",
    ):
        assert line in result.output
    assert await old_install.rows() == before
    assert await redis.exists("osrsdiff:scheduler:lock:batch")


async def test_what_is_old_is_removed_where_asked_for(
    call: Invoke, data_dir: Path, old_install: Any, redis: Any, redis_url: str
) -> None:
    await old_install.make()
    await old_install.add("Brass Heron", schedule_id="a")
    await redis.set("osrsdiff:scheduler:last_run:batch", "1")
    await redis.set("osrsdiff:0123456789ab:schedules", "1")
    result = await call(old_install.url, "--redis", redis_url, "--remove-old", "--data-dir", data_dir)
    assert result.exit_code == 0, result.output
    assert "Removed from the old install's Redis: 1 last runs of the old scheduler." in result.output
    assert "Its database has forgotten 1 schedule id; its tables stay." in result.output
    assert await redis.keys() == [b"osrsdiff:0123456789ab:schedules"]
    assert await old_install.link.fetchval("SELECT schedule_id FROM players") is None


async def test_a_dry_run_removes_nothing(
    call: Invoke, data_dir: Path, old_install: Any, redis: Any, redis_url: str
) -> None:
    await old_install.make()
    await old_install.add("Brass Heron", schedule_id="a")
    await redis.set("osrsdiff:scheduler:last_run:batch", "1")
    result = await call(old_install.url, "--redis", redis_url, "--remove-old", "--dry-run", "--data-dir", data_dir)
    assert result.exit_code == 0, result.output
    assert "A dry run: nothing was changed." in result.output
    assert await redis.exists("osrsdiff:scheduler:last_run:batch")
    assert await old_install.link.fetchval("SELECT schedule_id FROM players") == "a"


async def test_json_is_one_document(call: Invoke, data_dir: Path, old_install: Any) -> None:
    await old_install.make()
    result = await call(old_install.url, "--json", "--data-dir", data_dir)
    assert result.exit_code == 0, result.output
    assert '"players": 0' in result.stdout


async def test_no_instance_no_move(call: Invoke, tmp_path: Path, old_install: Any) -> None:
    await old_install.make()
    result = await call(old_install.url, "--data-dir", tmp_path / "nowhere")
    assert result.exit_code == 3
    assert "Start one with: osrsdiff run" in result.output


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT 1", "it has no tables `players` and `hiscore_records`"),
        ("CREATE TABLE players (id int, username text)", "it has no tables `players` and `hiscore_records`"),
        (
            "CREATE TABLE players (id int, username text); CREATE TABLE hiscore_records (id int, player_id int)",
            "it has no hiscore_records.bosses_data",
        ),
        ("CREATE TABLE player_states (id int)", "is one of osrsdiff itself"),
    ],
)
async def test_what_is_no_old_install_is_refused(
    call: Invoke, data_dir: Path, old_install: Any, statement: str, why: str
) -> None:
    await old_install.link.execute(statement)
    result = await call(old_install.url, "--data-dir", data_dir)
    assert result.exit_code == 3
    assert why in result.output


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
async def test_an_instance_is_not_moved_into_itself(
    call: Invoke, data_dir: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSRSDIFF_DATABASE__URL", migrated_url)
    result = await call(migrated_url, "--data-dir", data_dir)
    assert result.exit_code == 3
    assert "is one of osrsdiff itself" in result.output


async def test_missing_rights_are_told(call: Invoke, data_dir: Path, old_install: Any) -> None:
    await old_install.make()
    await old_install.link.execute("CREATE ROLE guest LOGIN")
    try:
        url = old_install.url.replace("postgres@", "guest@")
        result = await call(url, "--data-dir", data_dir)
    finally:
        await old_install.link.execute("DROP ROLE guest")
    assert result.exit_code == 3
    assert "does not let this user do that: permission denied for table players" in result.output


@pytest.mark.parametrize(
    ("url", "code", "why"),
    [
        ("mysql://host/name", 2, "names no Postgres"),
        ("postgresql://nobody@127.0.0.1:1/name", 4, "does not answer"),
        ("postgresql+asyncpg://nobody:secret@127.0.0.1:1/name", 4, "postgresql://nobody:***@127.0.0.1:1/name"),
    ],
)
async def test_a_source_that_can_not_be_reached_is_told(
    call: Invoke, data_dir: Path, url: str, code: int, why: str
) -> None:
    result = await call(url, "--data-dir", data_dir)
    assert result.exit_code == code, result.output
    assert why in result.output
    assert "secret" not in result.output


async def test_a_database_that_is_not_there_is_told(call: Invoke, data_dir: Path, postgres_url: str) -> None:
    result = await call(postgres_url.replace("/postgres?", "/nowhere?"), "--data-dir", data_dir)
    assert result.exit_code == 3
    assert 'database "nowhere" does not exist' in result.output


async def test_an_old_redis_that_is_away_is_told_first(call: Invoke, data_dir: Path, old_install: Any) -> None:
    result = await call(old_install.url, "--redis", "redis://127.0.0.1:1", "--data-dir", data_dir)
    assert result.exit_code == 4
    assert "The old install's Redis, redis://127.0.0.1:1: Redis does not answer" in result.output


async def test_removing_without_a_redis_is_bad_usage(call: Invoke, data_dir: Path, old_install: Any) -> None:
    result = await call(old_install.url, "--remove-old", "--data-dir", data_dir)
    assert result.exit_code == 2
    assert "name that with --redis" in result.output


async def test_without_the_driver_it_says_what_to_install(
    call: Invoke, data_dir: Path, old_install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "osrsdiff.storage.predecessor_reader", None)
    monkeypatch.delattr("osrsdiff.storage.predecessor_reader", raising=False)
    result = await call(old_install.url, "--data-dir", data_dir)
    assert result.exit_code == 3
    assert "pip install 'osrsdiff[postgres]'" in result.output
