"""Real `taskiq` processes over a Redis of their own, which may be killed too."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from osrsdiff import embedded_redis, redis_client
from osrsdiff.scheduling.outage import AWAY

Eventually = Callable[..., Awaitable[None]]


class Server:
    """A Redis that can be stopped, killed, paused and started again on its directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        embedded_redis.prepare_directories(directory)
        self.url = f"unix://{embedded_redis.socket_path(directory)}"

    def start(self) -> None:
        command = embedded_redis.server_command(self._directory)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        """It keeps its connections, and answers nothing any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def eventually() -> Eventually:
    """Looks again until a condition holds; fails with what was waited for after 20 s. Redis may be away meanwhile."""

    async def look(condition: Callable[[], Awaitable[object]], what: str, timeout_s: float = 20.0) -> None:
        end = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(*AWAY):
                if await condition():
                    return
            if time.monotonic() > end:
                pytest.fail(f"not within {timeout_s:.0f} s: {what}")
            await asyncio.sleep(0.02)

    return look


@pytest.fixture
async def redis(server: Server, eventually: Eventually) -> AsyncIterator[Redis]:
    client = redis_client.create(server.url)
    await eventually(client.ping, "Redis answers")
    yield client
    await client.aclose()


class Started(subprocess.Popen[bytes]):
    """A process in a group of its own."""

    def signal_all(self, number: int) -> None:
        """A signal to it and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill_all(self) -> None:
        """kill -9, its children too."""
        self.signal_all(signal.SIGKILL)
        self.wait(10)


@pytest.fixture
def start(server: Server, prefix: str, tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts `taskiq` with arguments; it is gone in the end."""
    environment = {
        **os.environ,
        "TEST_REDIS_URL": server.url,
        "TEST_PREFIX": prefix,
        "TEST_CLOCK_WENT_BACK": str(tmp_path / "clock_went_back"),
    }
    started: list[Started] = []
    log = (tmp_path / "taskiq.log").open("wb")

    def begin(*arguments: str) -> Started:
        command = [sys.executable, "-m", "taskiq", *arguments, "--app-dir", str(Path(__file__).parent)]
        command.append("--no-configure-logging")
        started.append(Started(command, env=environment, stdout=log, stderr=log, start_new_session=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill_all()
    log.close()
    sys.stdout.write((tmp_path / "taskiq.log").read_text())
