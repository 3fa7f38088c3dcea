"""Tasks through real `taskiq worker` processes: how many a second, and how many a second of processor time.

The messages are the same for both brokers, as the schedules send them, and wait in the stream before the workers
start. What is counted begins when each worker process has done its first task and ends when the stream has nothing
unfinished; processor time is that of worker processes, their manager and Redis.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import harness
import scheduling_app
from harness import Server
from scheduling_app import NOTHING, SLEEPING
from taskiq import AsyncBroker
from taskiq.kicker import AsyncKicker
from taskiq.message import BrokerMessage

from osrsdiff.scheduling.broker import GROUP
from osrsdiff.scheduling.constants import SCHEDULE_TYPE, schedule_id_of
from osrsdiff.scheduling.keys import Keys

OURS, OURS_WITH_RESULTS, STOCK = "osrsdiff", "osrsdiff, results", "stock"
_FACTORIES = {
    OURS: "create_broker",
    OURS_WITH_RESULTS: "create_broker_with_results",
    STOCK: "create_stock_broker",
}
_READY_WITHIN_S = 30.0
_DONE_WITHIN_S = 300.0
_AT_ONCE = 1_000


class Load(NamedTuple):
    """What the workers are given. `concurrency`: tasks under way in each process."""

    task: str
    tasks: int
    processes: int
    concurrency: int


class Measured(NamedTuple):
    """One run. `cpu_s`, `redis_cpu_s`: processor seconds of the workers with their manager, and of Redis."""

    broker: str
    load: Load
    done: int
    seconds: float
    cpu_s: float
    redis_cpu_s: float

    @property
    def per_s(self) -> float:
        """Tasks a second."""
        return self.done / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """Tasks a second of processor time, Redis' included."""
        return self.done / (self.cpu_s + self.redis_cpu_s)


class _Written(AsyncBroker):
    """Keeps messages as a broker would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []

    async def kick(self, message: BrokerMessage) -> None:
        """Sends nothing."""
        self.messages.append(message.message)

    def listen(self) -> None:  # type: ignore[override]
        """Nobody does."""


def measure(broker: str, load: Load) -> Measured:
    """Has so many tasks done by workers with one of the brokers."""
    with harness.directory() as scratch, harness.redis_server(scratch / "data") as server:
        queue, group = ("taskiq", "taskiq") if broker == STOCK else (Keys(scheduling_app.PREFIX).queue, GROUP)
        asyncio.run(_enqueue(server, queue, load, by_hand=broker == OURS_WITH_RESULTS))
        tallies = scratch / "tallies"
        tallies.mkdir()
        with _workers(_FACTORIES[broker], load, scratch, server.url, tallies) as pid:
            harness.wait_for(lambda: _all_begun(tallies, load), "each worker has begun", _READY_WITHIN_S, every_s=0.002)
            first, started, before = sum(scheduling_app.done(tallies)), time.monotonic(), _costs(pid, server)
            harness.wait_for(lambda: _is_done(tallies, load), "all is done", _DONE_WITHIN_S, every_s=0.005)
            harness.wait_for(lambda: _is_acknowledged(server, queue, group), "all is acknowledged", 10, every_s=0.002)
            seconds, after = time.monotonic() - started, _costs(pid, server)
            return Measured(broker, load, load.tasks - first, seconds, after[0] - before[0], after[1] - before[1])


async def _enqueue(server: Server, queue: str, load: Load, *, by_hand: bool) -> None:
    """Fills the stream. `by_hand`: with messages that no schedule sent, whose results are kept."""
    written = _Written()
    for player_id in range(1, load.tasks + 1):
        labels = {
            "player_id": str(player_id),
            "schedule_type": SCHEDULE_TYPE,
            "interval_minutes": "60",
            "phase_s": str(player_id % 3_600),
        }
        if not by_hand:
            labels["schedule_id"] = schedule_id_of(player_id)
        kicker = AsyncKicker(load.task, written, labels).with_task_id(f"{schedule_id_of(player_id)}:1790000000")
        await kicker.kiq(player_id)
    for begin in range(0, len(written.messages), _AT_ONCE):
        with server.client.pipeline(transaction=False) as pipeline:
            for message in written.messages[begin : begin + _AT_ONCE]:
                pipeline.xadd(queue, {"data": message})
            pipeline.execute()


def _workers(factory: str, load: Load, scratch: Path, url: str, tallies: Path) -> harness.Running:
    arguments = ["taskiq", "worker", f"scheduling_app:{factory}", f"--app-dir={Path(__file__).parent}"]
    arguments += [f"--workers={load.processes}", f"--max-async-tasks={load.concurrency}", "--wait-tasks-timeout=2"]
    arguments += ["--shutdown-timeout=2", "--log-level=WARNING", "--no-configure-logging"]
    variables = {
        "BENCH_REDIS_URL": url,
        "BENCH_TALLIES": str(tallies),
        "BENCH_CONCURRENCY": str(load.concurrency),
    }
    return harness.tied_process(*arguments, log_path=scratch / "worker.log", variables=variables)


def _all_begun(tallies: Path, load: Load) -> bool:
    done = scheduling_app.done(tallies)
    return len(done) == load.processes and all(done)


def _is_done(tallies: Path, load: Load) -> bool:
    return sum(scheduling_app.done(tallies)) >= load.tasks


def _is_acknowledged(server: Server, queue: str, group: str) -> bool:
    return server.client.xpending(queue, group)["pending"] == 0


def _costs(pid: int, server: Server) -> tuple[float, float]:
    return harness.cpu_s(harness.tree(pid)), server.cpu_s()


def loads(*, is_quick: bool, concurrency: int) -> list[Load]:
    """No-op tasks and sleeping ones, with one worker process and with two."""
    nothing, sleeping = (5_000, 1_000) if is_quick else (40_000, 8_000)
    return [
        Load(task, tasks * processes, processes, concurrency)
        for task, tasks in ((NOTHING, nothing), (SLEEPING, sleeping))
        for processes in (1, 2)
    ]


def show(runs: Sequence[Measured]) -> None:
    """The table; each row's ratio is to the stock broker's with the same load."""
    stock = {run.load: run for run in runs if run.broker == STOCK}
    rows = []
    for run in runs:
        theirs = stock[run.load]
        name = f"{run.broker}, {run.load.processes} × {run.load.concurrency}"
        counts = f"{run.done:,}", f"{run.seconds:.1f}", f"{run.cpu_s:.2f}", f"{run.redis_cpu_s:.2f}"
        rates = f"{run.per_s:,.0f}", f"{run.per_s / theirs.per_s:.2f}"
        per_cpu = f"{run.per_cpu_s:,.0f}", f"{run.per_cpu_s / theirs.per_cpu_s:.2f}"
        rows.append([name, run.load.task, *counts, *rates, *per_cpu])
    head = ["broker, processes × at once", "task", "tasks", "s", "CPU s", "Redis CPU s"]
    head += ["tasks/s", "ratio", "tasks/CPU s", "ratio"]
    harness.show_table("Tasks through the broker", head, rows)
