"""A move that is killed and started again leaves what an undisturbed one leaves, row for row."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import func, select

from osrsdiff.storage.engine import Database
from osrsdiff.storage.tables import moves

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

PLAYERS, EACH = 8, 400


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OSRSDIFF_")}
    return {**inherited, "OSRSDIFF_DATA_DIR": str(tmp_path), "NO_COLOR": "1"}


def start(source: str, target: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "osrsdiff", "migrate-from", source],
        env={**environment, "OSRSDIFF_DATABASE__URL": target},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = await anyio.to_thread.run_sync(process.communicate)
    return process.returncode, output


async def moved_records(db: Database) -> int:
    async with db.reading() as conn:
        row = await conn.one(select(func.sum(moves.c.looks + moves.c.failed)))
    return int(row[0] or 0) if row else 0


async def until(db: Database, records: int, process: subprocess.Popen[str]) -> None:
    """Waits until so many records are done with, or the move is over."""
    end = time.monotonic() + 120
    while process.poll() is None and await moved_records(db) < records:
        assert time.monotonic() < end, "the move does not get on"
        await anyio.sleep(0.01)


async def test_three_kills_leave_no_trace(
    old_install: Any, made_up: MadeUp, db: Database, rows_of: Rows, environment: dict[str, str],
    migrated_sqlite: Path, tmp_path: Path,
) -> None:  # fmt: skip
    await old_install.make()
    for number in range(PLAYERS):
        player_id = await old_install.fill(f"player {number}", made_up(number, EACH), fetch_interval_minutes=60)
        await old_install.record(player_id, made_up(number, 1)[0][0] + timedelta(days=1), skills="[]")
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    (undisturbed / "osrsdiff.db").write_bytes(migrated_sqlite.read_bytes())
    other = f"sqlite:///{undisturbed / 'osrsdiff.db'}"
    code, _ = await ended(start(old_install.url, other, {**environment, "OSRSDIFF_DATA_DIR": str(undisturbed)}))
    assert code == 1  # records that are none
    async with await Database.connect(other) as whole:
        expected = await rows_of(whole)

    dice, kills = random.Random(7), 0
    for part in (1, 2, 3):
        process = start(old_install.url, db.url, environment)
        await until(db, part * PLAYERS * EACH // 4 + dice.randrange(100), process)
        process.send_signal(signal.SIGKILL)
        code, _ = await ended(process)
        kills += code == -signal.SIGKILL
    assert kills == 3
    process = start(old_install.url, db.url, environment)
    code, output = await ended(process)
    assert code == 1
    assert f"Not all of it is here: {PLAYERS} records could not become looks." in output
    assert "Verified" not in output
    assert f"Not carried over ({PLAYERS}):" in output
    assert await rows_of(db) == expected
    assert len((tmp_path / "migrate-from-failures.jsonl").read_text().splitlines()) == PLAYERS


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_ctrl_c_says_that_the_same_command_goes_on(
    old_install: Any, made_up: MadeUp, db: Database, environment: dict[str, str]
) -> None:
    await old_install.make()
    for number in range(PLAYERS):
        await old_install.fill(f"player {number}", made_up(number, EACH))
    process = start(old_install.url, db.url, environment)
    await until(db, EACH, process)
    process.send_signal(signal.SIGINT)
    code, output = await ended(process)
    assert code == 130
    assert "the same command goes on from there" in output
    assert "Traceback" not in output
    code, output = await ended(start(old_install.url, db.url, environment))
    assert code == 0
    assert f"{PLAYERS * EACH:,} records: {PLAYERS * EACH:,} became looks" in output
