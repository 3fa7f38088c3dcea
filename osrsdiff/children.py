"""The processes of one supervisor: started, heard, started again when they die, stopped in order.

A child that dies is started again after 1, 2, 4 … 60 s while the others run on. Says nothing about which processes
there are: `supervisor` does.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

import anyio
from anyio.abc import ByteReceiveStream, Process, TaskGroup, UNIXDatagramSocket
from anyio.streams.buffered import BufferedByteReceiveStream

from osrsdiff import embedded_redis, lifeline, logs
from osrsdiff.config import Config
from osrsdiff.errors import SetupError

log = logs.get(__name__)

SETUP_EXIT = 3
"""What a role exits with when it can't run as configured: starting it again would not help."""
UNREACHABLE_EXIT = 4
"""What a command exits with when a server does not answer: trying again may help."""
STOP_WITHIN_S = 13.0
FIRST_RESTART_S = 1.0
SLOWEST_RESTART_S = 60.0
STEP_RETRY_S = 2.0
DEGRADED_DEATHS = 5
DEGRADED_WITHIN_S = 300.0
_LONGEST_LINE = 65_536
_LINES_TO_MEND_BY = 1_000


@dataclass
class Child:
    """One supervised process: how it starts, how it is asked to stop, and what became of it.

    `once`: it is a step of the start, ready when it has ended well. `must_start`: any end before it was ready ends the
    whole start; otherwise only the exit code of a refused setup does. `hushed`: lines with this text in them are not
    passed on. `mend`: told what the child said before it failed, says whether it has put that right; then the child is
    started again at once. `settled` is set once the child is ready or has refused.
    """

    name: str
    command: Sequence[str]
    stop_signal: signal.Signals = signal.SIGTERM
    once: bool = False
    must_start: bool = False
    hushed: str = ""
    mend: Callable[[Sequence[str]], bool] | None = None
    settled: anyio.Event = field(default_factory=anyio.Event)
    status: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=1))
    refused: bool = False
    process: Process | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEGRADED_DEATHS))

    def __post_init__(self) -> None:
        if self.mend is not None:
            self.lines = deque(maxlen=_LINES_TO_MEND_BY)

    @property
    def last_line(self) -> str:
        """The last that it has said."""
        return self.lines[-1] if self.lines else ""

    def restart_after_s(self, now: float) -> float:
        """Notes a death at `now` (monotonic) and says how long to wait: 1, 2, 4 … 60 s, and 60 s while degraded."""
        self.deaths.append(now)
        recent = sum(1 for at in self.deaths if now - at < DEGRADED_WITHIN_S)
        if recent >= DEGRADED_DEATHS:
            log.error("child degraded, trying slowly", child=self.name, deaths=recent)
            return SLOWEST_RESTART_S
        return min(SLOWEST_RESTART_S, FIRST_RESTART_S * 2.0 ** (recent - 1))


class Family:
    """The children of one supervisor, in the order of their start."""

    def __init__(self, config: Config, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._children: dict[str, Child] = {}
        self._stopping = False
        self._cwd = config.data_dir
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != lifeline.NOTIFY_SOCKET},
            **config.environment(),
            lifeline.SUPERVISOR_PID: str(os.getpid()),
            lifeline.NOTIFY_SOCKET: str(_notify_path(config.data_dir)),
        }

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    async def start(self, child: Child) -> None:
        """Starts a child and keeps it running from now on. Raises SetupError where its program is missing."""
        self._children[child.name] = child
        try:
            await self._spawn(child)
        except OSError as error:
            raise SetupError(f"{child.name} can't be started: {error}.") from error
        self._tasks.start_soon(self._keep, child)

    async def settled(self, child: Child) -> None:
        """Waits until a child is ready. Raises SetupError where it refused to start."""
        await child.settled.wait()
        if child.refused:
            raise SetupError(f"{child.name} could not start: {child.last_line.removeprefix('Error: ')}")

    async def hear(self, notices: UNIXDatagramSocket) -> None:
        """Takes note of what the children say of themselves."""
        async for packet, _ in notices:
            told = dict(line.partition("=")[::2] for line in packet.decode().splitlines())
            child = self._children.get(told.get("X_OSRSDIFF_ROLE", ""))
            if child is not None:
                child.status = told.get("STATUS", "")
                if "READY" in told:
                    child.settled.set()

    async def stop(self) -> None:
        """Asks every child to end, those started last first, Redis after all others; kills what does not."""
        self._stopping = True
        redis = [c for c in self._children.values() if c.name == "redis"]
        others = [c for c in self._children.values() if c.name != "redis"]
        with anyio.CancelScope(shield=True):
            await self._end(others, STOP_WITHIN_S)
            await self._end(redis, 2.0)

    async def _end(self, children: Sequence[Child], within_s: float) -> None:
        processes = [c.process for c in children if c.process is not None and c.process.returncode is None]
        for child in reversed(children):
            if child.process is not None:
                with suppress(ProcessLookupError):
                    child.process.send_signal(child.stop_signal)
        with anyio.move_on_after(within_s):
            for process in processes:
                await process.wait()
        for process in processes:
            if process.returncode is None:
                log.warning("child killed, it did not stop in time", pid=process.pid)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _spawn(self, child: Child) -> Process:
        child.lines.clear()
        child.process = await anyio.open_process(
            child.command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=self._cwd,
            env={**self._environment, lifeline.ROLE: child.name},
            start_new_session=True,
        )
        return child.process

    async def _keep(self, child: Child) -> None:
        while not self._stopping:
            code = await self._lifetime(child)
            if self._stopping:
                return
            if code and child.mend is not None and child.mend(child.lines):
                continue
            if self._has_its_end(child, code):
                return
            pause_s = STEP_RETRY_S if child.once else child.restart_after_s(anyio.current_time())
            log.warning("child ended, starting it again", child=child.name, exit=code, in_s=pause_s)
            await anyio.sleep(pause_s)

    async def _lifetime(self, child: Child) -> int | None:
        """Starts a child where it does not run yet, passes its lines on, and returns its exit code at its end."""
        try:
            process = child.process or await self._spawn(child)
        except OSError as error:
            log.error("child can't be started", child=child.name, reason=error)
            return None
        if process.stdout is not None:
            await _pass_on(child, process.stdout)
        code = await process.wait()
        child.process = None
        return code

    def _has_its_end(self, child: Child, code: int | None) -> bool:
        """Whether a child that ended need not be started again: its step is done, or it can't start at all."""
        if child.settled.is_set():
            return False
        if child.once and code == 0:
            child.settled.set()
            return True
        may_start_later = code == UNREACHABLE_EXIT if child.once else not child.must_start and code != SETUP_EXIT
        if may_start_later:
            return False
        child.refused = True
        child.settled.set()
        return True


async def _pass_on(child: Child, output: ByteReceiveStream) -> None:
    """Prints each line of a child with the child's name before it."""
    lines = BufferedByteReceiveStream(output)
    with suppress(anyio.EndOfStream, anyio.IncompleteRead, anyio.ClosedResourceError, anyio.BrokenResourceError):
        while True:
            try:
                line = await lines.receive_until(b"\n", _LONGEST_LINE)
            except anyio.DelimiterNotFound:
                line = await lines.receive(_LONGEST_LINE)
            text = line.decode(errors="replace").rstrip()
            if child.hushed and child.hushed in text:
                continue
            child.lines.append(text)
            sys.stderr.write(f"{child.name:<9} | {text}\n")
            sys.stderr.flush()


def _notify_path(data_dir: Path) -> Path:
    return embedded_redis.socket_path(data_dir).with_name("notify")


@asynccontextmanager
async def notices(data_dir: Path) -> AsyncIterator[UNIXDatagramSocket]:
    """The socket on which the children say that they are ready."""
    embedded_redis.prepare_directories(data_dir)
    path = _notify_path(data_dir)
    path.unlink(missing_ok=True)
    async with await anyio.create_unix_datagram_socket(local_path=path, local_mode=0o600) as channel:
        yield channel
    path.unlink(missing_ok=True)
