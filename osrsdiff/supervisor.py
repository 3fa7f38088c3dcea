"""`osrsdiff run`: start order, readiness, restart with back-off, orderly stop. Knows processes, no players.

Redis, unless a URL is configured, then migrations, then API, worker and scheduler as child processes; ready when each
has said so. A child that dies is started again after 1, 2, 4 … 60 s while the others run on. Whatever kills the
supervisor, its children end with it (`osrsdiff.lifeline`).
"""

import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

import anyio
from anyio.abc import ByteReceiveStream, Process, TaskGroup, UNIXDatagramSocket
from anyio.streams.buffered import BufferedByteReceiveStream

from osrsdiff import embedded_redis, lifeline, logs
from osrsdiff.config import EMBEDDED, Config
from osrsdiff.errors import DatabaseBusy, SetupError

log = logs.get(__name__)

SETUP_EXIT = 3
"""What a role exits with when it can't run as configured: starting it again would not help."""
UNREACHABLE_EXIT = 4
"""What a command exits with when a server does not answer: trying again may help."""
STOP_WITHIN_S = 13.0
FIRST_RESTART_S = 1.0
SLOWEST_RESTART_S = 60.0
DEGRADED_DEATHS = 5
DEGRADED_WITHIN_S = 300.0
_LONGEST_LINE = 65_536
_OVERCOMMIT = "Memory overcommit must be enabled"
"""What Redis advises for servers that hold most of a machine's memory; ours is small."""


@dataclass
class Child:
    """One supervised process: how it starts, how it is asked to stop, and what became of it.

    `once`: it is a step of the start, ready when it has ended well. `must_start`: any end before it was ready ends the
    whole start; otherwise only the exit code of a refused setup does. `hushed`: lines with this text in them are not
    passed on. `settled` is set once the child is ready or has refused.
    """

    name: str
    command: Sequence[str]
    stop_signal: signal.Signals = signal.SIGTERM
    once: bool = False
    must_start: bool = False
    hushed: str = ""
    settled: anyio.Event = field(default_factory=anyio.Event)
    status: str = ""
    last_line: str = ""
    refused: bool = False
    process: Process | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEGRADED_DEATHS))

    def restart_after_s(self, now: float) -> float:
        """Notes a death at `now` (monotonic) and says how long to wait: 1, 2, 4 … 60 s, and 60 s while degraded."""
        self.deaths.append(now)
        recent = sum(1 for at in self.deaths if now - at < DEGRADED_WITHIN_S)
        if recent >= DEGRADED_DEATHS:
            log.error("child degraded, trying slowly", child=self.name, deaths=recent)
            return SLOWEST_RESTART_S
        return min(SLOWEST_RESTART_S, FIRST_RESTART_S * 2.0 ** (recent - 1))


async def run(config: Config, *, before: Sequence[Child] = ()) -> None:
    """Runs an instance until SIGTERM or SIGINT, then stops it in order.

    `before`: further children, each of which must be ready before the roles start. Raises SetupError where the instance
    can't start; by then everything that was started has been stopped.
    """
    failure: SetupError | None = None
    with _sole_use_of(config.data_dir):
        async with _notices(config.data_dir) as notices, anyio.create_task_group() as tasks:
            family = Family(config, tasks)
            tasks.start_soon(family.hear, notices)
            with anyio.CancelScope() as running:
                tasks.start_soon(_cancel_on_signal, running)
                try:
                    await _start(config, family, before)
                    _say_ready(config, family)
                    await anyio.sleep_forever()
                except SetupError as error:
                    failure = error
            await family.stop()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _start(config: Config, family: "Family", before: Sequence[Child]) -> None:
    """Redis, migrations, roles. The roles wait for the schema themselves, so that they may load meanwhile."""
    if config.redis.url == EMBEDDED:
        embedded_redis.prepare_directories(config.data_dir)
        await family.start(redis_server(config))
        await family.answering(embedded_redis.socket_path(config.data_dir))
    migrations = database()
    await family.start(migrations)
    for child in before:
        await family.settled(migrations)
        await family.start(child)
        await family.settled(child)
    roles = [api(), worker(config), scheduler()]
    for child in roles:
        await family.start(child)
    for child in (migrations, *roles):
        await family.settled(child)


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

    async def answering(self, socket: Path) -> None:
        """Waits until the embedded Redis has loaded its data. Raises SetupError where it can't."""
        child = self._children["redis"]
        while not child.settled.is_set():
            if await _pong(socket):
                child.settled.set()
            else:
                await anyio.sleep(0.01)
        await self.settled(child)

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
            if self._stopping or self._has_its_end(child, code):
                return
            pause_s = child.restart_after_s(anyio.current_time())
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


def redis_server(config: Config) -> Child:
    """The embedded Redis."""
    command = embedded_redis.server_command(config.data_dir)
    return Child("redis", python("osrsdiff.lifeline", "--exec", *command), must_start=True, hushed=_OVERCOMMIT)


def database() -> Child:
    """Creates or migrates the database, in a process whose memory is not kept; waits for its server."""
    return Child("database", python("osrsdiff.lifeline", "osrsdiff", "db", "upgrade"), once=True)


def api() -> Child:
    """The API and the web pages."""
    return Child("api", python("osrsdiff.lifeline", "osrsdiff", "api"))


def worker(config: Config) -> Child:
    """`taskiq worker` with our broker."""
    return Child("worker", worker_command(config))


def scheduler() -> Child:
    """`taskiq scheduler` with our sources. SIGINT is what lets it release its claims."""
    return Child("scheduler", scheduler_command(), signal.SIGINT)


def scheduler_command() -> list[str]:
    """The `taskiq scheduler` command of an instance."""
    return python(
        "osrsdiff.lifeline",
        "taskiq",
        "scheduler",
        "osrsdiff.worker:create_scheduler",
        "--update-interval=1",
        "--log-level=WARNING",
        "--no-configure-logging",
    )


def worker_command(config: Config) -> list[str]:
    """The `taskiq worker` command of an instance. Its worker processes share what is preloaded."""
    return python(
        "osrsdiff.lifeline",
        "--preload",
        "osrsdiff.worker",
        "taskiq",
        "worker",
        "osrsdiff.worker:create_broker",
        f"--workers={config.worker.processes}",
        f"--max-async-tasks={config.worker.concurrency}",
        "--wait-tasks-timeout=9",
        "--shutdown-timeout=2",
        "--log-level=WARNING",
        "--no-configure-logging",
    )


def python(*arguments: str) -> list[str]:
    """The command line that runs a module. -P: a module in the current directory must not stand in for a library."""
    return [sys.executable, "-P", "-m", *arguments]


async def _pong(socket: Path) -> bool:
    try:
        async with await anyio.connect_unix(socket) as stream:
            await stream.send(b"PING\r\n")
            return (await stream.receive()).startswith(b"+PONG")
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
        return False


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
            child.last_line = text
            sys.stderr.write(f"{child.name:<9} | {text}\n")
            sys.stderr.flush()


async def _cancel_on_signal(running: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
        async for number in received:
            if number == signal.SIGHUP:
                log.warning("nothing reloaded: restart osrsdiff for a changed configuration to take effect")
            else:
                log.info("stopping", signal=number.name)
                running.cancel()


def _say_ready(config: Config, family: Family) -> None:
    where = family["api"].status or f"http://{config.api.host}:{config.api.port}"
    sys.stdout.write(f"osrsdiff is ready: API {where}, data in {config.data_dir}\n")
    sys.stdout.flush()
    lifeline.notify(f"API {where}", ready=True)


@contextmanager
def _sole_use_of(data_dir: Path) -> Iterator[None]:
    """Holds the data directory's lock. Raises DatabaseBusy where another supervisor does, SetupError where it can't."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(f"The data directory {data_dir} can't be used: {error.strerror}.") from error
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
        os.close(descriptor)
        raise DatabaseBusy(
            f"Another `osrsdiff run` (pid {holder}) uses {data_dir}. Stop it, or name another --data-dir."
        ) from error
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _notify_path(data_dir: Path) -> Path:
    return embedded_redis.socket_path(data_dir).with_name("notify")


@asynccontextmanager
async def _notices(data_dir: Path) -> AsyncIterator[UNIXDatagramSocket]:
    """The socket on which the children say that they are ready."""
    embedded_redis.prepare_directories(data_dir)
    path = _notify_path(data_dir)
    path.unlink(missing_ok=True)
    async with await anyio.create_unix_datagram_socket(local_path=path, local_mode=0o600) as channel:
        yield channel
    path.unlink(missing_ok=True)
