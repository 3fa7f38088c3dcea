"""The commands as a user types them, each a process of its own, beside a running `osrsdiff demo`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "osrsdiff"]


class Terminal:
    """Where commands are typed. `data_dir` is that of the demo."""

    def __init__(self, data_dir: Path, cwd: Path) -> None:
        self.data_dir = data_dir
        self._cwd = cwd
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("OSRSDIFF_")}
        self._environment |= {"COLUMNS": "80", "HOME": str(cwd), "XDG_DATA_HOME": str(cwd)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on running; standard error goes into the file `log`."""
        with self._cwd.joinpath("log").open("w") as log:
            return subprocess.Popen(
                self._line(*arguments),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
                cwd=self._cwd,
            )

    def type(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that ends."""
        return subprocess.run(
            self._line(*arguments),
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._cwd,
            timeout=60,
            check=False,
        )

    def document(self, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        done = self.type(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _line(self, *arguments: str) -> list[str]:
        return [*COMMAND, "--data-dir", str(self.data_dir), *arguments]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    cwd = tmp_path_factory.mktemp("terminal")
    terminal = Terminal(cwd / "demo", cwd)
    demo = terminal.start("demo", "--port", "0")
    assert demo.stdout is not None
    try:
        lines = iter(demo.stdout.readline, "")
        assert any(line.startswith("osrsdiff is ready") for line in lines), cwd.joinpath("log").read_text()
        yield terminal
    finally:
        demo.terminate()
        code = demo.wait(20)
        demo.stdout.close()
    assert code == 0


def test_a_player_is_added_looked_at_and_told(terminal: Terminal) -> None:
    done = terminal.type("player", "add", "Quill Newton", "lynx!titan")
    assert done.returncode == 1
    assert "'lynx!titan' is not a player name" in done.stderr
    assert done.stdout.startswith("Quill Newton")
    assert "quill newton is not on this hiscores table; next look " in done.stdout


def test_a_known_player_is_looked_at_now(terminal: Terminal) -> None:
    name = terminal.document("player", "list", "--limit", "1")["items"][0]["display_name"]
    document = terminal.document("player", "fetch", name)
    assert document["fetching"] is True
    (result,) = document["results"]
    assert result["fetch"]["outcome"] in {"changed", "unchanged"}


def test_a_game_mode_is_checked_now(terminal: Terminal) -> None:
    (result,) = terminal.document("player", "check-mode", "Iron Thimble")["results"]
    assert (result["check"]["verdict"], result["check"]["mode"]) == ("right", "ironman")
    assert terminal.document("player", "modes", "Iron Thimble")["checked_at"] is not None


def test_the_clan_is_listed_within_eighty_columns(terminal: Terminal) -> None:
    done = terminal.type("player", "list")
    assert len(done.stdout.splitlines()) > 15
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_gains_of_a_week_are_a_table_and_a_document(terminal: Terminal) -> None:
    gains = terminal.document("diff", "brass_heron")
    assert gains["player"]["display_name"] == "Brass Heron"
    assert any(gain["gained"] > 0 for gain in gains["gains"])
    done = terminal.type("diff", "Brass Heron")
    assert done.returncode == 0, done.stderr
    assert "the last 7 days" in done.stdout
    assert "In all +" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_clans_history_is_reckoned_from_the_start(terminal: Terminal) -> None:
    assert terminal.document("records", "show", "Brass Heron")["records"]
    assert any(one["reached_at"] for one in terminal.document("achievements", "Brass Heron")["achievements"])
    done = terminal.type("records", "rebuild", "--all", "--dry-run")
    assert done.returncode == 0, done.stdout


def test_a_running_demo_is_ready(terminal: Terminal) -> None:
    done = terminal.type("status")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "ready")
    assert terminal.document("status")["workers_alive"] == 1


def test_schedules_and_jobs_are_listed_within_eighty_columns(terminal: Terminal) -> None:
    for line in ("schedules list", "schedules show brass_heron", "schedules verify", "tasks list", "status"):
        done = terminal.type(*line.split())
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_job_that_is_run_now_ends(terminal: Terminal) -> None:
    assert "prune_failures is queued" in terminal.type("tasks", "run", "prune_failures").stdout
    end = time.monotonic() + 20
    while not (run := terminal.document("tasks", "list")[1]["last_run"]) or run["outcome"] is None:
        assert time.monotonic() < end, "no worker runs it"
    assert (run["outcome"], run["detail"]) == ("done", "0 forgotten")


def test_a_clan_is_paused_and_resumed_by_filter(terminal: Terminal) -> None:
    paused = terminal.document("schedules", "pause", "--only", "due")
    assert paused["changed"] > 0
    resumed = terminal.document("schedules", "resume", "--only", "paused")
    assert (resumed["changed"], resumed["scheduled"]) == (paused["changed"], True)
    assert terminal.type("schedules", "verify", "--dry-run").returncode == 0


def test_two_on_one_data_directory_are_one_too_many(terminal: Terminal) -> None:
    done = terminal.type("demo", "--port", "0")
    assert done.returncode == 3
    assert str(terminal.data_dir) in done.stderr


def test_upgrading_creates_what_other_commands_then_find(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "data", tmp_path)
    assert terminal.type("db", "current").returncode == 3
    created = terminal.type("db", "upgrade")
    assert created.returncode == 0, created.stderr
    token_file = terminal.data_dir / "admin-token"
    assert token_file.read_text().strip() in created.stdout
    assert token_file.stat().st_mode & 0o777 == 0o600
    again = terminal.type("db", "upgrade")
    assert (again.returncode, again.stdout) == (0, "")
    assert "up to date" in again.stderr
    current = terminal.document("db", "current")
    assert current["revision"] == current["head"]
    assert terminal.document("token", "list")[0]["scope"] == "admin"
