"""What the benchmarks share: an instance and a simulation of their own, their processes' costs, a small table.

Everything that is started here is stopped here, whichever way a benchmark ends; every file lies in a directory that is
removed at the end.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from osrsdiff import embedded_redis, lifeline

SQLITE, POSTGRES = DATABASES = "sqlite", "postgresql"
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_WITHIN_S = 20.0
_READY_WITHIN_S = 30.0


Rows = Sequence[tuple[str, str]]
"""Names and values of a table."""
Running = AbstractContextManager[int]
"""A process for as long as it is wanted; its pid."""


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


class Server(NamedTuple):
    """A running Redis and a client of it."""

    pid: int
    url: str
    client: Redis

    def cpu_s(self) -> float:
        """Processor seconds so far, with what it forked to rewrite its file."""
        return cpu_s(tree(self.pid))


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
    environment = _environment()
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


@contextmanager
def redis_server(data_dir: Path) -> Iterator[Server]:
    """The embedded Redis that an instance of `data_dir` uses, started as it is there: appends synced each second."""
    embedded_redis.prepare_directories(data_dir)
    socket = embedded_redis.socket_path(data_dir)
    command, log_path = embedded_redis.server_command(data_dir), data_dir / "redis.log"
    with tied_process("--exec", *command, log_path=log_path) as pid, Redis(unix_socket_path=str(socket)) as client:
        wait_for(lambda: _answers(client), "Redis answers", _READY_WITHIN_S)
        yield Server(pid, f"unix://{socket}", client)


@contextmanager
def database(kind: str, scratch: Path) -> Iterator[str]:
    """The URL of a database of one of the `DATABASES`, beside a data directory `scratch / "data"`; empty or no file."""
    (scratch / "data").mkdir()
    if kind == SQLITE:
        yield f"sqlite:///{scratch / 'data' / 'osrsdiff.db'}"
    else:
        with postgres_server(scratch) as url:
            yield url


@contextmanager
def postgres_server(scratch: Path) -> Iterator[str]:
    """The URL of an empty Postgres on a socket in `scratch`, with the settings it comes with."""
    initdb, postgres, is_ready = map(_postgres_program, ("initdb", "postgres", "pg_isready"))
    user = "nobody" if os.getuid() == 0 else None  # it refuses to run as root
    data, sockets = scratch / "postgres", scratch / "pg"
    for path in (data, sockets):
        path.mkdir(mode=0o700)
        if user:
            shutil.chown(path, user)
    scratch.chmod(0o755)
    make = [initdb, "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, user=user, cwd=sockets)
    with (scratch / "postgres.log").open("w") as log:
        command = [postgres, "-D", str(data), "-k", str(sockets), "-c", "listen_addresses="]
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True, user=user, cwd=sockets)
        try:
            ready = [is_ready, "-q", "-h", str(sockets)]
            wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, "Postgres answers", _READY_WITHIN_S)
            yield f"postgresql://postgres@/postgres?host={sockets}"
        finally:
            process.send_signal(signal.SIGINT)  # without waiting for clients to leave
            _stop(process)


def _postgres_program(name: str) -> str:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise SystemExit(f"Postgres is not installed here: {name} is not found")
    return found


@contextmanager
def tied_process(*arguments: str, log_path: Path, variables: Mapping[str, str] | None = None) -> Iterator[int]:
    """The pid of `python -m osrsdiff.lifeline` with these arguments: what it becomes or runs ends with this process."""
    environment = {**_environment(), lifeline.SUPERVISOR_PID: str(os.getpid()), **(variables or {})}
    command = [sys.executable, "-P", "-m", "osrsdiff.lifeline", *arguments]
    with log_path.open("w") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, text=True, env=environment, cwd=log_path.parent)
        try:
            yield started.pid
        except BaseException:
            sys.stderr.write(log_path.read_text()[-2_000:])
            raise
        finally:
            _stop(started)


def wait_for(condition: Callable[[], bool], what: str, within_s: float, *, every_s: float = 0.02) -> None:
    """Looks again until `condition` holds; ends the benchmark with `what` where it doesn't `within_s`."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not within {within_s:.0f} s: {what}")
        time.sleep(every_s)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False


def _environment() -> dict[str, str]:
    """This process's, without what would set up an instance or keep compiled modules from being stored."""
    unwanted = ("OSRSDIFF_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


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


def peak_mb(pid: int) -> float:
    """The most memory that a process has held, what it shares with others included."""
    status = (Path("/proc") / str(pid) / "status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


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


def show_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table with a heading for each column, all but the first aligned to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print(f"\n{title}")
    for first, *others in (head, *rows):
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        print(f"  {'  '.join(cells)}", flush=True)
