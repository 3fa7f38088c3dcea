"""An import that is killed and started again leaves what an undisturbed one leaves, row for row."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import func, select

from osrsdiff.storage.engine import Database
from osrsdiff.storage.tables import snapshots

PLAYERS, DAYS = 4, 700


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OSRSDIFF_")}
    return {**inherited, "OSRSDIFF_DATA_DIR": str(tmp_path), "NO_COLOR": "1"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two years of a few players, by day, some days without a change."""
    lines = ["player,date,metric,value"]
    for player in range(PLAYERS):
        for day in range(DAYS):
            at = 1_700_000_000 + 86_400 * day
            lines.append(f"player {player},{at},attack,{1_000 + 10 * day}")
            lines.append(f"player {player},{at},zulrah,{day // 3}")
    lines.append("player 0,soon,attack,7")
    path = tmp_path / "values.csv"
    path.write_text("\n".join(lines))
    return path


def start(file: Path, target: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "osrsdiff", "import", str(file)],
        env={**environment, "OSRSDIFF_DATABASE__URL": target},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def count(db: Database, table: Any) -> int:
    async with db.reading() as conn:
        row = await conn.one(select(func.count()).select_from(table))
    return int(row[0]) if row else 0


async def until(db: Database, rows: int, process: "subprocess.Popen[str]") -> None:
    """Waits until so many looks are stored, or the import is over."""
    end = time.monotonic() + 120
    while process.poll() is None and await count(db, snapshots) < rows:
        assert time.monotonic() < end, "the import does not get on"
        await anyio.sleep(0.005)


async def test_a_kill_leaves_no_trace(
    db: Database, file: Path, environment: dict[str, str], migrated_sqlite: Path, tmp_path: Path,
    rows_of: Callable[..., Any],
) -> None:  # fmt: skip
    home = tmp_path / "undisturbed"
    home.mkdir()
    (home / "osrsdiff.db").write_bytes(migrated_sqlite.read_bytes())
    other = f"sqlite:///{home / 'osrsdiff.db'}"
    whole = start(file, other, {**environment, "OSRSDIFF_DATA_DIR": str(home)})
    process = start(file, db.url, environment)
    await until(db, PLAYERS * DAYS // 3, process)
    process.send_signal(signal.SIGKILL)
    await anyio.to_thread.run_sync(process.communicate)
    assert process.returncode == -signal.SIGKILL
    process = start(file, db.url, environment)
    output, _ = await anyio.to_thread.run_sync(process.communicate)
    assert process.returncode == 1, output
    assert "line 5602: 'soon' is no date" in output
    await anyio.to_thread.run_sync(whole.communicate)
    async with await Database.connect(other) as undisturbed:
        expected = await rows_of(undisturbed)
    assert await rows_of(db) == expected
    assert len(expected["snapshots"]) == PLAYERS * DAYS
