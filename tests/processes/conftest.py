"""Whole instances as a user starts them: `osrsdiff run` as a process, against a simulated hiscores in another."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from osrsdiff import embedded_redis

PYTHON = sys.executable


class Program:
    """A started process whose output goes to a file of its own."""

    def __init__(
        self,
        *arguments: str,
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
        python: str = PYTHON,
    ) -> None:
        descriptor, path = tempfile.mkstemp(prefix="osrsdiff-", suffix=".log")
        self._output = Path(path)
        self.process = subprocess.Popen(
            [python, "-m", *arguments],
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            env={**clean_environment(), **(environment or {})},
            cwd=cwd,
        )
        os.close(descriptor)

    @property
    def lines(self) -> list[str]:
        """What it has said so far."""
        return self._output.read_text().splitlines()

    def line(self, pattern: str, timeout_s: float = 30.0) -> re.Match[str]:
        """The first line that matches, waiting for it."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            has_ended = self.process.poll() is not None
            for line in self.lines:
                if found := re.search(pattern, line):
                    return found
            if has_ended:
                break
            time.sleep(0.02)
        output = "\n".join(self.lines)
        return pytest.fail(f"no line matches {pattern!r} (exit {self.process.poll()}):\n{output}")

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """Sends a signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def discard(self) -> None:
        """Kills it where it still runs, and forgets its output."""
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        self._output.unlink()


class Run:
    """A running instance in a data directory of its own."""

    def __init__(self, data_dir: Path, environment: dict[str, str], python: str, role: str) -> None:
        self.data_dir = data_dir
        self.python = python
        self.environment = {"OSRSDIFF_API__PORT": "0", "OSRSDIFF_DATA_DIR": str(data_dir), **environment}
        self.program = Program("osrsdiff", role, environment=self.environment, cwd=data_dir, python=python)
        self.url = ""

    def ready(self) -> "Run":
        """Waits until the instance says that it is ready."""
        self.url = self.program.line(r"osrsdiff is ready: API .*?(http://\S+?),? ")[1]
        return self

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs an `osrsdiff` command on this instance."""
        return subprocess.run(
            [self.python, "-m", "osrsdiff", *arguments],
            cwd=self.data_dir,
            env={**clean_environment(), **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def get(self, path: str) -> tuple[int, dict[str, object]]:
        """Status and document of a GET."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def processes(self) -> dict[int, str]:
        """All living processes of this instance, by pid, with their command lines.

        Redis is known by its socket: it writes its title over its environment.
        """
        marker, socket = f"OSRSDIFF_DATA_DIR={self.data_dir}\0".encode(), f"unixsocket:{self.data_dir}/"
        found = {pid: line for pid, environ, line in _all_processes() if marker in environ or socket in line}
        return {pid: line for pid, line in found.items() if pid != os.getpid()}

    def pid(self, pattern: str) -> int:
        """The lowest pid of a living process whose command line matches."""
        return min(pid for pid, line in self.processes().items() if re.search(pattern, line))


class RedisServer:
    """A Redis on a port of its own, with its data in `directory`, that comes and goes as a test says."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> "RedisServer":
        """Starts it with the data that it had."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", ""]
        command = [embedded_redis.server_binary(), *options, "--dir", str(self.directory)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(self.is_answering, "Redis answers")
        return self

    def stop(self) -> None:
        """kill -9, also of one that stands still."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def send_signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def forget(self) -> None:
        """Loses its data, as a replica that never had them does."""
        shutil.rmtree(self.directory / "appendonlydir")

    def is_answering(self) -> bool:
        with suppress(redis.exceptions.RedisError):
            return bool(self.ask("PING"))
        return False

    def ask(self, *command: str | float) -> Any:
        """The reply to one command."""
        with redis.Redis(port=self.port, socket_timeout=5, retry=Retry(NoBackoff(), 0)) as client:
            return client.execute_command(*command)


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OSRSDIFF_")}


def _all_processes() -> Iterator[tuple[int, bytes, str]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if entry.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue
            environ = entry.joinpath("environ").read_bytes()
            line = entry.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        yield int(entry.name), environ, line


def eventually(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Looks again until `condition` holds; fails with `what` after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.05)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., None]:
    return eventually


@pytest.fixture(scope="session")
def simulation_url() -> Iterator[str]:
    """A simulated hiscores as a process of its own."""
    program = Program("osrsdiff.demo.server", "--port", "0", "--seed", "1")
    yield program.line(r"(http://127\.0\.0\.1:\d+)")[1]
    program.stop()
    program.discard()


@pytest.fixture
def start_run(tmp_path: Path, simulation_url: str) -> Iterator[Callable[..., Run]]:
    """Starts instances; whatever still runs at the end of the test is killed."""
    yield from _runs(tmp_path, simulation_url)


@pytest.fixture(scope="module")
def start_lasting_run(tmp_path_factory: pytest.TempPathFactory, simulation_url: str) -> Iterator[Callable[..., Run]]:
    """Starts instances that all tests of a module share."""
    yield from _runs(tmp_path_factory.mktemp("lasting"), simulation_url)


@pytest.fixture(scope="module")
def make_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RedisServer]]:
    """Makes Redis servers that don't run yet."""
    made: list[RedisServer] = []

    def make() -> RedisServer:
        made.append(RedisServer(tmp_path_factory.mktemp("redis")))
        return made[-1]

    yield make
    for server in made:
        server.stop()


def _runs(tmp_path: Path, simulation_url: str) -> Iterator[Callable[..., Run]]:
    started: list[Run] = []

    def start(data_dir: Path | None = None, python: str = PYTHON, role: str = "run", **environment: str) -> Run:
        directory = data_dir or tmp_path / "data"
        directory.mkdir(exist_ok=True)
        settings = {
            "OSRSDIFF_HISCORES__BASE_URL": simulation_url,
            "OSRSDIFF_HISCORES__REQUESTS_PER_SECOND": "50",
            "OSRSDIFF_HISCORES__BURST": "50",
        }
        started.append(Run(directory, settings | environment, python, role))
        return started[-1]

    yield start
    for run in started:
        run.program.discard()
        for pid in run.processes():
            with suppress(ProcessLookupError):  # it was ending anyway
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def program() -> type[Program]:
    return Program
