"""What kill -9 of each process leaves behind: no orphan, and an instance that heals."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest


def test_nothing_survives_the_supervisor(start_run: Callable[..., Any], eventually: Callable[..., None]) -> None:
    run = start_run(OSRSDIFF_WORKER__PROCESSES="2").ready()
    assert len(run.processes()) >= 7  # supervisor, redis, api, scheduler, worker manager, two workers
    run.program.stop(signal.SIGKILL)
    eventually(lambda: run.processes() == {}, "all children end with the supervisor", 5)
    assert start_run(run.data_dir).ready().get("/readyz")[0] == 200


@pytest.mark.parametrize(
    "victim",
    ["redis-server|valkey-server", "osrsdiff api", "taskiq worker", "taskiq scheduler"],
)
def test_a_killed_child_comes_back(victim: str, start_run: Callable[..., Any], eventually: Callable[..., None]) -> None:
    run = start_run().ready()
    before = run.processes()
    dead = run.pid(victim)
    os.kill(dead, signal.SIGKILL)
    run.program.line("child ended, starting it again")

    def is_back() -> bool:
        try:
            return bool(run.pid(victim) != dead)
        except ValueError:
            return False

    eventually(is_back, f"{victim} runs again")
    others = {pid for pid, line in before.items() if victim.split("|")[0] not in line} - {dead}
    if victim != "taskiq worker":  # its own children end with it
        assert others - set(run.processes()) - {dead} == set() or victim.startswith("redis")
    if victim == "osrsdiff api":
        return  # a free port was asked for: it listens on another one now
    eventually(lambda: run.get("/readyz")[0] == 200, "the instance is ready again", 40)


def test_a_killed_worker_process_is_replaced_by_its_manager(
    start_run: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    run = start_run().ready()
    manager = run.pid("taskiq worker")
    workers = {pid for pid, line in run.processes().items() if "taskiq worker" in line} - {manager}
    assert len(workers) == 1
    os.kill(workers.pop(), signal.SIGKILL)

    def replaced() -> bool:
        now = {pid for pid, line in run.processes().items() if "taskiq worker" in line} - {manager}
        return len(now) == 1 and now != workers

    eventually(replaced, "another worker process")
    eventually(lambda: run.get("/readyz")[0] == 200, "the instance is ready again", 40)
