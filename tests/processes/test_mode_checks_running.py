"""The job that checks game modes, in a running instance: asked for by first looks, done by the worker."""

import json
from collections.abc import Callable
from typing import Any

import pytest

JOB = "check_game_mode_downgrades"
MODES = {"Iron Thimble": "ironman", "Careful Moth": "hardcore_ironman", "No Bank Nell": "ultimate_ironman"}


@pytest.fixture
def run(start_run: Callable[..., Any]) -> Any:
    return start_run().ready()


def test_newcomers_modes_are_found_without_anybody_asking(run: Any, eventually: Callable[..., None]) -> None:
    added = run.command("player", "add", *MODES)
    assert added.returncode == 0, added.stderr

    def modes() -> dict[str, Any]:
        found = run.get("/api/v1/players")[1]["items"]
        return {one["display_name"]: one["game_mode"] for one in found}

    eventually(lambda: modes() == MODES, "the job finds everybody's mode", 60)
    told = run.get("/api/v1/events?kind=mode_change")[1]["items"]
    assert told == [], "a mode that was never another one is no change"
    jobs = json.loads(run.command("tasks", "list", "--json").stdout)
    [job] = [one for one in jobs if one["name"] == JOB]
    assert (job["cron"], job["last_run"] is None) == ("0 2 * * *", False)
