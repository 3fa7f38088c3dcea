"""`osrsdiff run`: start order, readiness, orderly stop. Knows processes, no players.

Redis, unless a URL is configured, then migrations, then API, worker and scheduler as child processes; ready when each
has said so. Whatever kills the supervisor, its children end with it (`osrsdiff.lifeline`).
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path

import anyio

from osrsdiff import embedded_redis, lifeline, logs
from osrsdiff.children import Child, Family, notices
from osrsdiff.config import EMBEDDED, Config
from osrsdiff.errors import DatabaseBusy, SetupError
from osrsdiff.listening import check_address

log = logs.get(__name__)

_OVERCOMMIT = "Memory overcommit must be enabled"
"""What Redis advises for servers that hold most of a machine's memory; ours is small."""


async def run(config: Config, *, before: Sequence[Child] = ()) -> None:
    """Runs an instance until SIGTERM or SIGINT, then stops it in order.

    `before`: further children, each of which must be ready before the roles start. Raises SetupError where the instance
    can't start; by then everything that was started has been stopped.
    """
    failure: SetupError | None = None
    with _sole_use_of(config.data_dir):
        check_address(config.api.host, config.api.port)
        async with notices(config.data_dir) as channel, anyio.create_task_group() as tasks:
            family = Family(config, tasks)
            tasks.start_soon(family.hear, channel)
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


async def _start(config: Config, family: Family, before: Sequence[Child]) -> None:
    """Redis, migrations, roles; the API first, since it tells how the rest stands and waits for the database itself."""
    if config.redis.url == EMBEDDED:
        embedded_redis.prepare_directories(config.data_dir)
        await family.start(redis_server(config))
        await _answering(family, embedded_redis.socket_path(config.data_dir))
    roles = [api(), worker(config), scheduler()]
    await family.start(roles[0])
    for step in (database(config), *before):
        await family.start(step)
        await family.settled(step)
    for role in roles[1:]:
        await family.start(role)
    for role in roles:
        await family.settled(role)


def redis_server(config: Config) -> Child:
    """The embedded Redis. Where its data is damaged it starts without, since the database has everything."""
    command = python("osrsdiff.lifeline", "--exec", *embedded_redis.server_command(config.data_dir))
    return Child("redis", command, must_start=True, hushed=_OVERCOMMIT, mend=partial(_without_damaged_data, config))


def database(config: Config) -> Child:
    """Creates or migrates the database, in a process whose memory is not kept; waits for its server.

    A configured Redis is checked too: that it takes the login, and holds no other copy's schedules.
    """
    command = ["db", "upgrade"] if config.redis.url == EMBEDDED else ["prepare"]
    return Child("database", python("osrsdiff.lifeline", "osrsdiff", *command), once=True)


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
        "--wait-tasks-timeout=3",
        "--shutdown-timeout=2",
        "--log-level=WARNING",
        "--no-configure-logging",
    )


def python(*arguments: str) -> list[str]:
    """The command line that runs a module. -P: a module in the current directory must not stand in for a library."""
    return [sys.executable, "-P", "-m", *arguments]


def _without_damaged_data(config: Config, said: Sequence[str]) -> bool:
    try:
        aside = embedded_redis.set_aside_damaged(config.data_dir, said)
    except OSError as error:
        log.error("damaged redis data can't be moved away", reason=error)
        return False
    if aside is not None:
        log.warning(
            "redis data damaged, starting without it: nothing is lost, schedules are made anew from the database",
            moved_to=aside,
        )
    return aside is not None


async def _answering(family: Family, socket: Path) -> None:
    """Waits until the embedded Redis has loaded its data. Raises SetupError where it can't."""
    child = family["redis"]
    while not child.settled.is_set():
        if await _pong(socket):
            child.settled.set()
        else:
            await anyio.sleep(0.01)
    await family.settled(child)


async def _pong(socket: Path) -> bool:
    try:
        async with await anyio.connect_unix(socket) as stream:
            await stream.send(b"PING\r\n")
            return (await stream.receive()).startswith(b"+PONG")
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
        return False


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
