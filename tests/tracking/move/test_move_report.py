"""What a move tells of itself: what would be, what failed, what differs."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.move.failures import FailureList
from osrsdiff.tracking.move.report import Failure

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
Watch = Callable[..., Awaitable[None]]
AddTracked = Callable[..., Awaitable[Player]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


async def test_a_dry_run_writes_nothing_and_tells_the_same(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, watch: Watch, add_tracked: AddTracked,
    rows_of: Rows, tmp_path: Any,
) -> None:  # fmt: skip
    await old_install.make()
    looks = made_up(5, 60)
    known = await old_install.fill("Brass Heron", looks)
    await old_install.fill("Mad Otter", made_up(6, 30))
    await old_install.record(known, START, skills="[]")
    await old_install.add("n/a")
    player = await add_tracked(instance.db, "Brass Heron", looks[40][0])
    await watch(instance.db, player, looks[40:])
    before, source = await rows_of(instance.db), await old_install.rows()
    dry = await move(dry_run=True)
    assert await rows_of(instance.db) == before
    assert not list(tmp_path.glob("*.jsonl"))
    wet = await move()
    told = (dry.players_new, dry.players_known, dry.records, dry.looks, dry.failed, dry.left_out, dry.snapshots)
    assert told == (wet.players_new, wet.players_known, wet.records, wet.looks, wet.failed, wet.left_out, wet.snapshots)
    assert dry.failures == wet.failures
    assert dry.remarks == wet.remarks
    assert dry.differences is None
    assert await old_install.rows() == source


async def test_the_verification_finds_what_differs(
    instance: Instance, old_install: Any, move: Any, redis: Redis, redis_url: str
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    for hour in range(3):
        await old_install.record(player_id, START + hour * HOUR, bosses={"zulrah": {"rank": 5, "kc": 7 + hour}})
    await move()
    await redis.set("osrsdiff:scheduler:last_run:batch", "1")
    await old_install.link.execute("DELETE FROM hiscore_records WHERE id = 1")
    await old_install.link.execute('UPDATE hiscore_records SET bosses_data = \'{"zulrah": {"kc": 8}}\' WHERE id = 3')
    report = await move(old_redis=redis_url, remove_old=True)
    assert [(d.player, d.text) for d in report.differences or []] == [
        ("Brass Heron", "2 records there, 3 of them here"),
        ("Brass Heron", "zulrah ends with 8 there, 9 here"),
    ]
    assert report.leftovers is not None
    assert not report.leftovers.removed
    assert await redis.exists("osrsdiff:scheduler:last_run:batch")
    assert not report.is_whole


@on_sqlite
async def test_a_move_with_failures_is_not_whole_though_their_file_is_gone(
    instance: Instance, old_install: Any, move: Any, tmp_path: Path
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, START, skills="[]")
    await old_install.add("n/a")
    report = await move()
    assert (report.failed, report.failures_total) == (1, 2)
    (tmp_path / "migrate-from-failures.jsonl").unlink()
    await old_install.link.execute("DELETE FROM players WHERE username = 'n/a'")
    again = await move()
    assert (again.read, again.failed, again.failures_total, again.failures) == (0, 1, 1, [])
    assert not again.is_whole


@on_sqlite
async def test_a_name_that_was_mended_there_is_no_failure_any_more(
    instance: Instance, old_install: Any, move: Any
) -> None:
    await old_install.make()
    await old_install.add("n/a")
    assert not (await move()).is_whole
    await old_install.link.execute("UPDATE players SET username = 'Nelly'")
    report = await move()
    assert (report.failures, report.is_whole) == ([], True)


def test_a_file_that_was_cut_short_goes_on_in_a_new_line(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    path.write_bytes(b'{"source":"here","failure":{"kind":"rec')
    failures = FailureList(path, "here", is_kept=True)
    failures.add(Failure("record", 7, "Zezima", "it has no time"))
    failures.write()
    failures.add(Failure("record", 8, "Zezima", "it has no time"))
    failures.write()
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)["failure"]["id"] for line in lines[1:]] == [7, 8]
    assert [failure.id for failure in FailureList(path, "here", is_kept=True).first] == [7, 8]
    assert FailureList(path, "elsewhere", is_kept=True).first == []


def test_a_failure_is_written_once_and_one_of_a_player_belongs_to_its_run(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    for _ in range(2):
        failures = FailureList(path, "here", is_kept=True)
        failures.add(Failure("player", 7, "Zezima", "it has no name"))
        failures.add(Failure("record", 7, "Zezima", "it has no time"))
        failures.differ("Zezima", "1 record there, 2 of them here")
        failures.write()
    assert len(path.read_bytes().splitlines()) == 3
    again = FailureList(path, "here", is_kept=True)
    assert ([failure.kind for failure in again.first], again.players) == (["record"], 0)


def test_a_dry_run_changes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    failures = FailureList(path, "here", is_kept=False)
    failures.add(Failure("record", 7, "Zezima", "it has no time"))
    failures.write()
    assert (failures.file, path.exists()) == (None, False)
