"""What kill -9 of each process leaves behind: no orphan, and an instance that heals."""

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def healing(start_lasting_run: Callable[..., Any]) -> Any:
    """An instance that lives through all of it, with its API where it was whenever that is started again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return start_lasting_run(OSRSDIFF_API__PORT=str(port)).ready()


def is_ready(run: Any) -> bool:
    try:
        return bool(run.get("/readyz")[0] == 200)
    except OSError:
        return False


def test_nothing_survives_the_supervisor(start_run: Callable[..., Any], eventually: Callable[..., None]) -> None:
    run = start_run(OSRSDIFF_WORKER__PROCESSES="2").ready()
    assert len(run.processes()) >= 7  # supervisor, redis, api, scheduler, worker manager, two workers
    run.program.stop(signal.SIGKILL)
    eventually(lambda: run.processes() == {}, "all children end with the supervisor", 5)
    assert start_run(run.data_dir).ready().get("/readyz")[0] == 200


def test_a_killed_worker_process_is_replaced_by_its_manager(healing: Any, eventually: Callable[..., None]) -> None:
    manager = healing.pid("taskiq worker")

    def workers() -> set[int]:
        return {pid for pid, line in healing.processes().items() if "taskiq worker" in line} - {manager}

    before = workers()
    assert len(before) == 1
    os.kill(*before, signal.SIGKILL)
    eventually(lambda: len(workers()) == 1 and workers() != before, "another worker process")
    eventually(lambda: is_ready(healing), "the instance is ready again", 40)


@pytest.mark.parametrize(
    ("child", "victim"),
    [
        ("redis", "redis-server|valkey-server"),
        ("api", "osrsdiff api"),
        ("worker", "taskiq worker"),
        ("scheduler", "taskiq scheduler"),
    ],
)
def test_a_killed_child_comes_back(child: str, victim: str, healing: Any, eventually: Callable[..., None]) -> None:
    eventually(lambda: is_ready(healing), "the instance is ready", 40)
    before = healing.processes()
    dead = healing.pid(victim)
    os.kill(dead, signal.SIGKILL)
    healing.program.line(f"child ended, starting it again child={child}")

    def is_back() -> bool:
        try:
            return bool(healing.pid(victim) != dead)
        except ValueError:
            return False

    eventually(is_back, f"{victim} runs again")
    others = {pid for pid, line in before.items() if victim.split("|")[0] not in line} - {dead}
    if child != "worker":  # its own children end with it
        assert others - set(healing.processes()) == set() or child == "redis"
    eventually(lambda: is_ready(healing), "the instance is ready again", 40)
