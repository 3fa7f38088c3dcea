"""Processes that end with their parent, and that say when they are ready."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from osrsdiff import lifeline


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    end = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_alive(pid)


FORKING = """
import os, time
pid = os.fork()
if pid:
    print(pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_fork_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "forking.py").write_text(FORKING)
    command = [sys.executable, "-m", "osrsdiff.lifeline", "forking"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    assert ends(child)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
@pytest.mark.parametrize("arguments", [["--exec", "sleep", "60"], ["forking"]])
def test_a_process_ends_with_the_supervisor_that_started_it(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "forking.py").write_text(FORKING)
    starter = (
        "import os, subprocess, sys, time\n"
        f"os.environ.update({{'{lifeline.SUPERVISOR_PID}': str(os.getpid()), 'PYTHONPATH': {str(tmp_path)!r}}})\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'osrsdiff.lifeline', *{arguments!r}])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        supervisor.kill()
    assert ends(child)


def test_a_process_whose_supervisor_has_died_already_ends_at_once() -> None:
    environment = {**os.environ, lifeline.SUPERVISOR_PID: "1"}
    command = [sys.executable, "-m", "osrsdiff.lifeline", "--exec", "sleep", "60"]
    assert subprocess.run(command, env=environment, timeout=10, check=False).returncode == 1


def test_readiness_is_told_to_whoever_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        monkeypatch.setenv(lifeline.NOTIFY_SOCKET, str(path))
        monkeypatch.setenv(lifeline.ROLE, "api")
        lifeline.notify("listening", ready=True)
        assert listener.recv(1000) == b"READY=1\nSTATUS=listening\nX_OSRSDIFF_ROLE=api"


def test_where_nobody_listens_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lifeline.NOTIFY_SOCKET, raising=False)
    lifeline.notify("listening", ready=True)


def test_an_interrupt_before_anybody_listens_for_it_is_an_orderly_end(tmp_path: Path) -> None:
    (tmp_path / "forking.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "osrsdiff.lifeline", "forking"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")
