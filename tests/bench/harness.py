"""What the benchmarks share: an instance and a simulation of their own, their processes' costs, a small table.

Everything that is started here is stopped here, whichever way a benchmark ends; every file lies in a directory that is
removed at the end.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_WITHIN_S = 20.0
_READY_WITHIN_S = 30.0


Rows = Sequence[tuple[str, str]]
"""Names and values of a table."""


class Cost(NamedTuple):
    """What one process has used. `cpu_s` counts its children that have ended too."""

    pid: int
    parent: int
    name: str
    cpu_s: float


class Instance(NamedTuple):
    """A running `osrsdiff run`. `ready_s`: from its start to the line that says so."""

    pid: int
    data_dir: Path
    ready_s: float

    def costs(self) -> list[Cost]:
        """What the supervisor and everything below it has used so far."""
        return tree(self.pid)


@contextmanager
def directory() -> Iterator[Path]:
    """A directory for one run, its path short enough for a socket, removed at the end; SIGTERM is an end too."""
    signal.signal(signal.SIGTERM, _exit)
    with tempfile.TemporaryDirectory(prefix="osrsdiff-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def simulation(*, epoch: datetime, at: datetime, speed: float = 0.0) -> Iterator[str]:
    """The URL of a simulated hiscores in a process of its own, where it is `at`, and `speed` seconds pass a second."""
    command = [sys.executable, "-P", "-m", "osrsdiff.demo.server", "--speed", str(speed)]
    command += ["--epoch", epoch.isoformat(), "--at", at.isoformat()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        _stop(process)


@contextmanager
def instance(data_dir: Path, settings: Mapping[str, object]) -> Iterator[Instance]:
    """`osrsdiff run` on `data_dir`, ready. `settings`: `section.key` and its value; the API takes a free port."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OSRSDIFF_")}
    for key, value in {"api.port": 0, **settings}.items():
        environment[f"OSRSDIFF_{key.upper().replace('.', '__')}"] = str(value)
    command = [sys.executable, "-P", "-m", "osrsdiff", "run", "--data-dir", str(data_dir)]
    log_path = data_dir.with_suffix(".log")
    with log_path.open("w") as log:
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=data_dir.parent
        )
        try:
            _wait_until_ready(process, log_path)
            yield Instance(process.pid, data_dir, time.monotonic() - started)
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[str], log_path: Path) -> None:
    assert process.stdout is not None
    patience = threading.Timer(_READY_WITHIN_S, process.terminate)
    patience.start()
    try:
        if any("osrsdiff is ready" in line for line in process.stdout):
            return
    finally:
        patience.cancel()
    raise SystemExit(f"osrsdiff run did not get ready:\n{log_path.read_text()}")


def _stop(process: subprocess.Popen[str]) -> None:
    below = [cost.pid for cost in tree(process.pid)]
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        for pid in below:
            os.kill(pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def tree(root: int) -> list[Cost]:
    """What a process and all below it have used, parents first."""
    found = {cost.pid: cost for cost in map(_cost, _pids()) if cost is not None}
    wanted, family = [root], []
    while wanted:
        pid = wanted.pop(0)
        if pid in found:
            family.append(found[pid])
        wanted += sorted(cost.pid for cost in found.values() if cost.parent == pid)
    return family


def cpu_s(costs: Sequence[Cost]) -> float:
    """Processor seconds of all of them."""
    return sum(cost.cpu_s for cost in costs)


def pss_mb(pid: int) -> float:
    """A process's memory, what it shares with others divided among them."""
    rollup = (Path("/proc") / str(pid) / "smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _cost(pid: int) -> Cost | None:
    """None where the process has ended meanwhile."""
    process = Path("/proc") / str(pid)
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    ticks = sum(int(field) for field in fields[11:15])
    return Cost(pid, int(fields[1]), _name(words), ticks / _CLOCK_TICKS)


def _name(words: Sequence[str]) -> str:
    """The role that a command line runs."""
    for role in ("worker", "scheduler", "api", "run"):
        if role in words:
            return "supervisor" if role == "run" else role
    return Path(words[0].split(" ")[0]).name


def show(title: str, rows: Rows) -> None:
    """Prints what was measured, values aligned to the right."""
    left, right = max(len(name) for name, _ in rows), max(len(value) for _, value in rows)
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<{left}}  {value:>{right}}")
