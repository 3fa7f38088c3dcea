"""An import that is killed and started again leaves what an undisturbed one leaves, row for row."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
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
    """An export: two years of a few players, by day, with what happened, and a last look that changed nothing."""
    lines: list[dict[str, Any]] = [
        {"type": "header", "format": 1, "made_by": "a test", "exported_at": at(DAYS + 9), "players": PLAYERS}
    ]
    for name in (f"player {number}" for number in range(PLAYERS)):
        lines += [player(name), *(look(name, day) for day in range(DAYS)), *(level_up(name, day) for day in range(300))]
    lines.append({"type": "end", "items": len(lines)})
    path = tmp_path / "export.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def at(day: int) -> str:
    return f"{datetime.fromtimestamp(1_700_000_000 + 86_400 * day, UTC):%Y-%m-%dT%H:%M:%SZ}"


def player(name: str) -> dict[str, Any]:
    state = {"version": DAYS + 1, "looked_at": at(DAYS), "taken_at": at(DAYS - 1), "sheet": [
        {"metric": "attack", "value": 1_000 + 10 * (DAYS - 1), "rank": 3, "level": 22},
        {"metric": "zulrah", "value": (DAYS - 1) // 3, "rank": 4},
    ]}  # fmt: skip
    times = {"last_attempt_at": at(DAYS), "last_look_at": at(DAYS), "last_changed_at": at(DAYS - 1)}
    return {"type": "player", "username": name, "display_name": name, "game_mode": "regular", "is_active": True,
            "fetch_interval_minutes": 30, "created_at": at(0), "last_outcome": "unchanged", "state": state,
            **times}  # fmt: skip


def look(name: str, day: int) -> dict[str, Any]:
    changes = [{"metric": "attack", "value": 1_000 + 10 * day, "rank": 9}]
    if day % 3 == 0:
        changes.append({"metric": "zulrah", "value": day // 3, "rank": 8})
    before = {"previous_look_at": at(day - 1)} if day else {}
    return {"type": "look", "player": name, "taken_at": at(day), **before, "changes": changes}


def level_up(name: str, day: int) -> dict[str, Any]:
    return {"type": "event", "player": name, "at": at(day + 1), "after_at": at(day), "kind": "level_up",
            "metric": "attack", "value": 10 + day, "before": 9 + day}  # fmt: skip


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
    assert process.returncode == 0, output
    await anyio.to_thread.run_sync(whole.communicate)
    async with await Database.connect(other) as undisturbed:
        expected = await rows_of(undisturbed)
    assert await rows_of(db) == expected
    assert (len(expected["snapshots"]), len(expected["events"])) == (PLAYERS * DAYS, PLAYERS * 300)
    assert not expected["moves"]
