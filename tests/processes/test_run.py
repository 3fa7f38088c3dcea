"""`osrsdiff run` from start to stop: a player added by command, looked at by its schedule, read through the API."""

import json
import signal
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

NAME = "Mudlark Jo"
PATH = "/api/v1/players/mudlark%20jo"


def advance(simulation_url: str, seconds: int) -> None:
    request = urllib.request.Request(
        f"{simulation_url}/_control/clock",
        data=json.dumps({"advance_s": seconds}).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_a_scheduled_fetch_stores_a_difference_that_the_api_shows(
    start_run: Callable[..., Any], simulation_url: str, eventually: Callable[..., None]
) -> None:
    run = start_run().ready()
    assert run.get("/readyz")[0] == 200
    added = run.command("player", "add", NAME, "--interval", "1", "--json")
    assert added.returncode == 0, added.stderr
    advance(simulation_url, 7 * 24 * 3600)

    def gains() -> Any:
        return run.get(f"{PATH}/gains?period=hour")[1]["gains"]

    eventually(lambda: any(gain["gained"] > 0 for gain in gains()), "the schedule stores a difference", 90)
    scheduled = [
        line
        for line in run.program.lines
        if "player fetched" in line and "schedule_id=player_fetch_1" in line and "outcome=changed" in line
    ]
    assert scheduled, "the difference was not stored by a scheduled fetch"
    assert "schedule_type=player_fetch interval_minutes=1" in scheduled[0]

    assert run.program.stop(signal.SIGTERM) == 0
    assert run.processes() == {}
    assert not list(run.data_dir.rglob("*.sock"))
    assert not (run.data_dir / "redis" / "notify").exists()


@dataclass
class Restarted:
    """An instance that was stopped and started again. `first`: its first run, which has ended."""

    first: Any
    before: Any
    second: Any


@pytest.fixture(scope="module")
def restarted(start_lasting_run: Callable[..., Any]) -> Restarted:
    first = start_lasting_run().ready()
    assert first.command("player", "add", NAME).returncode == 0
    before = first.get(PATH)[1]
    assert first.program.stop(signal.SIGINT) == 0
    return Restarted(first, before, start_lasting_run(first.data_dir).ready())


def test_history_and_schedule_survive_a_restart(restarted: Restarted) -> None:
    assert restarted.second.get(PATH)[1]["last_look_at"] == restarted.before["last_look_at"]
    shown = restarted.second.command("player", "show", NAME, "--json")
    assert json.loads(shown.stdout)["next_fetch_at"] is not None


def test_the_first_run_prints_the_admin_token_once(restarted: Restarted) -> None:
    file = restarted.first.data_dir / "admin-token"
    token = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert sum(token in line for line in restarted.first.program.lines) == 1
    assert not any(token in line for line in restarted.second.program.lines)


def test_sighup_changes_nothing_and_says_so(restarted: Restarted) -> None:
    run = restarted.second
    run.program.process.send_signal(signal.SIGHUP)
    run.program.line("nothing reloaded: restart osrsdiff")
    assert run.get("/readyz")[0] == 200
