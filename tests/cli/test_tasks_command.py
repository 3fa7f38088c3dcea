"""`osrsdiff tasks`: jobs with their last runs, failed fetches, a job run now."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from osrsdiff.scheduling.constants import FIXED_JOBS

Invoke = Callable[..., Result]


@pytest.fixture
def tasks(invoke: Invoke, data_dir: Path) -> Invoke:
    """`osrsdiff tasks …` on an instance on which nothing runs."""
    return lambda *arguments: invoke("--data-dir", data_dir, "tasks", *arguments)


def write(data_dir: Path, statement: str) -> None:
    with sqlite3.connect(data_dir / "osrsdiff.db") as connection:
        connection.execute(statement)
    connection.close()


def test_every_job_is_listed_with_its_next_run(tasks: Invoke) -> None:
    listed = tasks("list")
    assert listed.exit_code == 0, listed.stderr
    assert all(name in listed.stdout and cron in listed.stdout for name, cron in FIXED_JOBS.items())
    assert listed.stdout.count("never") == len(FIXED_JOBS)
    documents = json.loads(tasks("list", "--json").stdout)
    assert [each["name"] for each in documents] == list(FIXED_JOBS)
    assert all(each["last_run"] is None and each["next_run_at"] for each in documents)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("1700000009, 'done', '7 mended'", ["done: 7 mended"]),
        ("1700000009, 'failed', 'Redis does not answer'", ["failed", "reconcile_schedules failed: Redis does not"]),
        ("NULL, NULL, NULL", ["not ended"]),
    ],
)
def test_how_the_last_run_ended_is_told(ended: str, words: list[str], tasks: Invoke, data_dir: Path) -> None:
    columns = "name, started_at, finished_at, outcome, detail"
    write(data_dir, f"INSERT INTO job_runs ({columns}) VALUES ('reconcile_schedules', 1700000000, {ended})")
    listed = tasks("list").stdout
    assert all(each in listed for each in words)
    assert "days ago" in listed


def test_failed_fetches_are_listed_newest_first(tasks: Invoke, invoke: Invoke, data_dir: Path) -> None:
    assert "No fetch has failed lately." in tasks("failures").stderr
    invoke("--data-dir", data_dir, "player", "add", "Lynx Titan")
    for at, outcome in ((1_700_000_000, "unavailable"), (1_700_000_600, "rate_limited")):
        columns = "player_id, at, outcome, message"
        write(data_dir, f"INSERT INTO fetch_failures ({columns}) VALUES (1, {at}, '{outcome}', 'it said {outcome}')")
    rows = tasks("failures").stdout.splitlines()[2:]
    assert ["Lynx Titan" in row for row in rows] == [True, True]
    assert ["it said" in row for row in rows] == [True, True]
    assert "rate limited" in rows[0]
    (newest,) = json.loads(tasks("failures", "--limit", "1", "--json").stdout)
    assert (newest["username"], newest["outcome"]) == ("lynx titan", "rate_limited")


def test_running_a_job_needs_something_that_runs(tasks: Invoke) -> None:
    result = tasks("run", "prune_failures")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "Nothing is running here. Start it with: osrsdiff run" in result.stderr


def test_a_job_waits_for_a_worker(tasks: Invoke, empty_redis: None) -> None:
    result = tasks("run", "prune_failures")
    assert (result.exit_code, "prune_failures is queued" in result.stdout) == (0, True)
    assert "No worker is running: it waits for `osrsdiff run`." in result.stderr
    assert json.loads(tasks("run", "prune_failures", "--json").stdout)["task_id"]
