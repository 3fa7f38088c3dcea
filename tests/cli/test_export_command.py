"""`osrsdiff export`: files of any format, lines to standard output, and what is refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from click.testing import Result

from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import groups, history, players
from osrsdiff.storage.engine import Database
from osrsdiff.tracking.transfer.items import Look, Player
from osrsdiff.tracking.transfer.reading import read_items

Invoke = Callable[..., Result]
START = datetime(2026, 10, 1, 12, tzinfo=UTC)


async def _seed(url: str) -> None:
    async with await Database.connect(url) as db:
        for name in ("ann b", "bob"):
            async with db.writing() as conn:
                player = await players.add(conn, username=name, display_name=name, interval_minutes=60, now=START)
        for number in range(2):
            async with db.writing() as conn:
                state = await history.load_state(conn, player.id)
                found = difference(
                    state, {"attack": Reading(number + 1, 1, 1, None)}, START + number * timedelta(hours=1)
                )
                await history.store_look(conn, player.id, found, expected_version=state.version if state else 0)
        async with db.writing() as conn:
            group = await groups.add(conn, key="few", name="Few", description="", now=START)
        await groups.put_members(db, group.id, {player.id: "member"}, now=START)


@pytest.fixture
def call(invoke: Invoke, data_dir: Path) -> Invoke:
    anyio.run(_seed, f"sqlite:///{data_dir / 'osrsdiff.db'}")
    return lambda *arguments: invoke("--data-dir", data_dir, "export", *arguments)


def names(path: Path) -> list[str]:
    return [item.username for _, item in read_items(path) if isinstance(item, Player)]


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz", "all.zip", "all.db"])
def test_the_file_s_name_says_the_format(name: str, call: Invoke, tmp_path: Path) -> None:
    result = call("-o", tmp_path / name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{tmp_path / name}: 2 players, 2 looks with 2 changes, ")
    assert names(tmp_path / name) == ["ann b", "bob"]
    assert sum(isinstance(item, Look) for _, item in read_items(tmp_path / name)) == 2


def test_some_players_or_a_group_into_a_file_of_any_name(call: Invoke, tmp_path: Path) -> None:
    target = tmp_path / "file"
    for chosen, told in (
        (("--player", "BOB", "--player", "ann_b"), ["ann b", "bob"]),
        (("--player", "ann-b"), ["ann b"]),
        (("--group", "few"), ["bob"]),
    ):
        assert call(*chosen, "-o", target, "--format", "sqlite", "--force").exit_code == 0
        assert names(target) == told


def test_the_report_says_what_was_written(call: Invoke, tmp_path: Path) -> None:
    target = tmp_path / "all.zip"
    told = json.loads(call("-o", target, "--json").stdout)
    assert told["size_bytes"] == target.stat().st_size
    assert (told["file"], told["format"], told["players"], told["looks"]) == (str(target), "csv", 2, 2)
    assert told["items"] == {"header": 1, "metric": 1, "group": 1, "player": 2, "look": 2, "member": 1}


def test_standard_output_gets_lines_alone(call: Invoke, tmp_path: Path) -> None:
    result = call("-o", "-")
    assert result.exit_code == 0
    assert "2 players, 2 looks" in result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == [
        *("header", "metric", "group", "player", "player", "look", "look", "member", "end")
    ]


REFUSED = {
    ("-o", "all.csv"): "end it in .jsonl",
    ("-o", "all.zip", "--player", "zoe"): "No tracked player",
    ("-o", "all.zip", "--group", "many"): "No group",
    ("-o", "all.zip", "--group", "few", "--player", "bob"): "not both",
    ("-o", "-", "--format", "csv"): "Only JSON Lines",
    ("-o", "-", "--json"): "give a FILE",
    ("-o", "there.zip"): "is there already",
    ("-o", "nowhere/all.zip"): "can't be written",
    (): "Missing option",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_can_t_be_done_is_refused_and_writes_nothing(
    arguments: tuple[str, ...], call: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "there.zip").write_text("kept")
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert REFUSED[arguments] in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert {one.name for one in tmp_path.iterdir()} <= {"there.zip", "data", "home"}
    assert (tmp_path / "there.zip").read_text() == "kept"
