"""A Redis that takes connections and replies to nothing: each command waits for it once, and says so."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from osrsdiff.cli import instances

Invoke = Callable[..., Result]


@pytest.fixture
def silent(short_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What the commands find in place of Redis."""
    path = short_directory / "silent.sock"
    monkeypatch.setenv("OSRSDIFF_REDIS__URL", f"unix://{path}")
    monkeypatch.setattr(instances, "_PATIENCE_S", 0.1)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(64)
        server.setblocking(False)
        yield server
    path.unlink()


def waits(silent: socket.socket) -> int:
    """How often somebody has come since the last time: who waited in vain hangs up, and connects to ask again."""
    count = 0
    while True:
        try:
            silent.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("status", 1),
        ("player show a", 0),
        ("player pause a b", 0),
        ("player interval a 30", 0),
        ("player fetch a b", 4),
        ("player add c d", 0),
        ("schedules list", 0),
        ("schedules list --due", 4),
        ("schedules show a", 0),
        ("schedules pause --all", 0),
        ("schedules verify", 4),
        ("tasks run prune_failures", 4),
    ],
)
def test_a_redis_that_is_silent_is_waited_for_once(
    line: str, code: int, invoke: Invoke, data_dir: Path, silent: socket.socket
) -> None:
    invoke("--data-dir", data_dir, "player", "add", "a", "b", "--no-wait")
    assert waits(silent) == 1
    result = invoke("--data-dir", data_dir, *line.split())
    assert (result.exit_code, waits(silent)) == (code, 1), result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "player list",
        "tasks list",
        "tasks failures",
        "token create ci --scope read",
        "token list",
        "history a attack",
        "calendar a attack",
        "rates a",
        "snapshots a",
        "snapshots a --at 2026-01-31",
        "compare a b",
        "achievements a",
        "events a",
        "records show a",
        "records top attack",
        "leaderboard",
        "group list",
    ],
)
def test_what_needs_no_redis_waits_for_none(line: str, invoke: Invoke, data_dir: Path, silent: socket.socket) -> None:
    invoke("--data-dir", data_dir, "player", "add", "a", "b", "--no-wait")
    waits(silent)
    result = invoke("--data-dir", data_dir, *line.split())
    assert (result.exit_code, waits(silent)) == (0, 0), result.stderr
