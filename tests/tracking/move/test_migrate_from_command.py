"""`osrsdiff migrate-from` as it is called: what it says, and how it ends."""

import json
import shutil
import sys
from asyncio import unix_events
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner, Result

from osrsdiff import logs
from osrsdiff.cli import migrate_from as command
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
    for name in ("add_signal_handler", "remove_signal_handler"):  # which only the main thread may have
        monkeypatch.setattr(unix_events._UnixSelectorEventLoop, name, lambda *_: None)

    async def invoke(*arguments: object, stdin: str | None = None) -> Result:
        runner = CliRunner()
        return await anyio.to_thread.run_sync(
            lambda: runner.invoke(osrsdiff, ["migrate-from", *map(str, arguments)], prog_name="osrsdiff", input=stdin)
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
    for number in range(30):
        await old_install.add(f"odd {number}", fetch_interval_minutes=0, game_mode="castaway" if number < 3 else None)
    result = await call(old_install.url, "--json", "--data-dir", data_dir)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["players"], told["players_new"], told["differences"], told["failed"]) == (30, 30, [], 0)
    assert told["remarks_about"] == {"interval impossible": 30, "game mode unknown": 3}
    assert len(told["remarks"]) == 20


async def test_what_is_missing_is_said_instead_of_verified(call: Invoke, data_dir: Path, old_install: Any) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, START, bosses={"zulrah": {"rank": 5, "kc": 7}})
    await old_install.add("n/a")
    await call(old_install.url, "--data-dir", data_dir)
    await old_install.record(player_id, START + timedelta(hours=1), skills="[]")
    await old_install.record(player_id, datetime(2999, 1, 1, tzinfo=UTC))
    await old_install.link.execute('UPDATE hiscore_records SET bosses_data = \'{"zulrah": {"kc": 8}}\' WHERE id = 1')
    result = await call(old_install.url, "--data-dir", data_dir)
    assert result.exit_code == 1, result.output
    assert "Verified" not in result.output
    assert (
        "Not all of it is here: 1 player could not be carried over, 1 record could not become looks, "
        "1 record yet to come left for a later run, 1 difference from the source."
    ) in result.output
    lines = [json.loads(line) for line in (data_dir / "migrate-from-failures.jsonl").read_text().splitlines()]
    assert [line["failure"]["kind"] for line in lines] == ["player", "record", "difference"]
    assert lines[2]["failure"]["why"] == "zulrah ends with 8 there, 7 here"


async def test_before_removing_it_asks_at_a_terminal(
    call: Invoke, data_dir: Path, old_install: Any, redis: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await old_install.make()
    await redis.set("osrsdiff:scheduler:last_run:batch", "1")
    monkeypatch.setattr(command, "_is_at_a_terminal", lambda: True)
    arguments = (old_install.url, "--redis", redis_url, "--remove-old", "--data-dir", data_dir)
    result = await call(*arguments, stdin="n\n")
    assert (result.exit_code, await redis.dbsize()) == (1, 1), result.output
    assert "Remove what the old schedulers left in that Redis" in result.output
    assert "players" not in result.output
    result = await call(*arguments, "--yes", stdin="")
    assert (result.exit_code, await redis.dbsize()) == (0, 0), result.output


async def test_a_timezone_that_is_none_is_bad_usage(call: Invoke, data_dir: Path, old_install: Any) -> None:
    for name in ("Europe/Atlantis", "../passwd", ""):
        result = await call(old_install.url, "--source-timezone", name, "--data-dir", data_dir)
        assert result.exit_code == 2
        assert f"{name!r} is no timezone" in result.output


async def test_where_no_bar_can_be_drawn_lines_tell(
    call: Invoke, data_dir: Path, old_install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "TOLD_EVERY_S", 0.0)
    for name, value in (("TERM", "dumb"), ("FORCE_COLOR", "1"), ("TTY_COMPATIBLE", "1")):
        monkeypatch.setenv(name, value)
    await old_install.make()
    await old_install.add("Brass Heron")
    result = await call(old_install.url, "--data-dir", data_dir)
    assert "Adding players: 1 of 1" in result.stderr


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
        ("postgresql:/nobody:secret@host/name", 2, "What is given names no Postgres"),
        ("postgresql://nobody@127.0.0.1:1/name", 4, "does not answer"),
        ("postgresql://nobody:sec/ret@127.0.0.1:1/name", 2, "percent-encode what is reserved in the password"),
        ("postgresql://nobody:12/secret@127.0.0.1:1/name", 2, "percent-encode"),
        ("postgresql://nobody:sec#ret@127.0.0.1:1/name", 2, "percent-encode"),
        ("postgresql://nobody:sec?ret@127.0.0.1:1/name", 2, "percent-encode"),
        ("postgresql://nobody:secret/name", 2, "postgresql://*** can't be read as a URL. Check its port"),
        ("postgresql://nobody:secret@127.0.0.1:1/name?sslmode=secret", 2, "percent-encode"),
        ("postgresql+asyncpg://nobody:secret@127.0.0.1:1/name", 4, "postgresql://nobody:***@127.0.0.1:1/name"),
    ],
)
async def test_a_source_that_can_not_be_reached_is_told(
    call: Invoke, data_dir: Path, url: str, code: int, why: str
) -> None:
    result = await call(url, "--data-dir", data_dir)
    assert result.exit_code == code, result.output
    assert why in result.output
    assert "secret" not in result.output.replace("sslmode=secret", "")
    assert not [
        part for part in ("sec/", "ret@", "sec#", "sec?", "12") if part in result.output.replace("127.0.0.1", "")
    ]


async def test_a_database_that_is_not_there_is_told(call: Invoke, data_dir: Path, postgres_url: str) -> None:
    result = await call(postgres_url.replace("/postgres?", "/nowhere?"), "--data-dir", data_dir)
    assert result.exit_code == 3
    assert 'database "nowhere" does not exist' in result.output


async def test_an_old_redis_that_is_away_is_told_first(call: Invoke, data_dir: Path, old_install: Any) -> None:
    result = await call(old_install.url, "--redis", "redis://127.0.0.1:1", "--data-dir", data_dir)
    assert result.exit_code == 4
    assert "The old install's Redis does not answer" in result.output
    assert "osrsdiff run" not in result.output


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
    assert "pip install '.[postgres]'" in result.output
