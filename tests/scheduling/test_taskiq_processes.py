"""Real `taskiq scheduler` and `taskiq worker` processes over a Redis of their own, killed at the worst moments."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from osrsdiff import embedded_redis, redis_client
from osrsdiff.scheduling.broker import GROUP, StreamBroker
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.manager import PlayerScheduleManager
from osrsdiff.scheduling.outage import AWAY
from osrsdiff.scheduling.source import PlayerScheduleSource

SCHEDULER = ("scheduler", "taskiq_app:create_scheduler", "--update-interval=1")
WORKER = ("worker", "taskiq_app:create_broker", "--workers=1", "--max-async-tasks=4", "--wait-tasks-timeout=1")

Start = Callable[..., subprocess.Popen[bytes]]
Look = Callable[..., object]


class Server:
    """A Redis that can be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        embedded_redis.prepare_directories(directory)
        self.url = f"unix://{embedded_redis.socket_path(directory)}"

    def start(self) -> None:
        command = embedded_redis.server_command(self._directory)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    client = redis_client.create(server.url)

    async def answers() -> bool:
        return bool(await client.ping())

    await eventually(answers, "Redis answers")
    yield client
    await client.aclose()


@pytest.fixture
def start(server: Server, prefix: str, tmp_path: Path) -> Iterator[Start]:
    """Starts `taskiq` with arguments, in a process group of its own that is gone in the end."""
    environment = {**os.environ, "TEST_REDIS_URL": server.url, "TEST_PREFIX": prefix}
    started: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "taskiq.log").open("wb")

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "taskiq", *arguments, "--app-dir", str(Path(__file__).parent)]
        started.append(
            subprocess.Popen(
                [*command, "--no-configure-logging"], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        )
        return started[-1]

    yield begin
    for process in started:
        kill(process)
    log.close()
    sys.stdout.write((tmp_path / "taskiq.log").read_text())


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9, its children too."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


async def eventually(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while True:
        try:
            if await condition():  # type: ignore[misc]
                return
        except AWAY:
            pass
        if time.monotonic() > end:
            pytest.fail(f"not within {timeout_s:.0f} s: {what}")
        await asyncio.sleep(0.02)


async def is_claimed_by_nobody_and_due_later(source: PlayerScheduleSource, redis: Redis, keys: Keys) -> bool:
    [fire] = await source.next_fires(["player_fetch_1"])
    return fire is not None and fire > time.time() + 5 and not await redis.hlen(keys.claims)


async def alive(redis: Redis, key: str, count: int) -> bool:
    return bool(await redis.zcard(key) == count)


async def test_two_schedulers_send_each_due_schedule_once_with_its_beat_and_labels(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, make_broker: Callable[..., StreamBroker]
) -> None:
    start(*SCHEDULER)
    start(*SCHEDULER)
    await eventually(lambda: alive(redis, keys.schedulers, 2), "both schedulers are alive")
    fire = int(time.time()) + 3
    players = range(1, 201)
    await manager.schedule_players(dict.fromkeys(players, 1_440), first_fires=dict.fromkeys(players, fire))

    async def are_all_sent() -> bool:
        fires = await manager.next_fires(players)
        return all(at.timestamp() > fire for at in fires.values()) and not await redis.hlen(keys.claims)

    await eventually(are_all_sent, "everything due is sent")
    sent = [make_broker().formatter.loads(fields[b"data"]) for _, fields in await redis.xrange(keys.queue)]
    assert sorted(message.task_id for message in sent) == sorted(f"player_fetch_{n}:{fire}" for n in players)
    assert {(message.labels["schedule_id"], message.labels["interval_minutes"]) for message in sent} == {
        (f"player_fetch_{player}", "1440") for player in players
    }


async def test_what_a_killed_scheduler_had_claimed_is_sent_by_the_next_one(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager
) -> None:
    scheduler = start(*SCHEDULER)
    await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
    fire = int(time.time()) + 3
    await manager.schedule_players({1: 1_440}, first_fires={1: fire})
    await eventually(lambda: redis.hexists(keys.claims, "player_fetch_1"), "the fire is claimed")
    kill(scheduler)
    assert await redis.xlen(keys.queue) == 0
    start(*SCHEDULER)
    await eventually(lambda: redis.xlen(keys.queue), "the lease ends and the fire is sent")
    assert time.time() < fire + 10
    [[_, fields]] = await redis.xrange(keys.queue)
    assert f"player_fetch_1:{fire}".encode() in fields[b"data"]


async def test_a_scheduler_stops_on_sigint_at_once_and_gives_its_claims_back(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager
) -> None:
    scheduler = start(*SCHEDULER)
    await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
    fire = int(time.time()) + 3
    await manager.schedule_players({1: 1_440}, first_fires={1: fire})
    await eventually(lambda: redis.hexists(keys.claims, "player_fetch_1"), "the fire is claimed")
    scheduler.send_signal(signal.SIGINT)
    assert scheduler.wait(5) == 0
    assert await redis.zscore(keys.due, "player_fetch_1") == fire
    assert not await redis.exists(keys.claims, keys.leases, keys.schedulers)


async def test_a_killed_workers_task_is_run_again_by_another_on_a_quiet_queue(
    start: Start, redis: Redis, keys: Keys, make_broker: Callable[..., StreamBroker]
) -> None:
    await redis.set(f"{keys.prefix}takes_s", 3600)
    worker = start(*WORKER)
    task_id = await make_broker().send("fetch_player_hiscores", 1)
    await eventually(lambda: redis.llen(f"{keys.prefix}ran"), "the task runs")
    kill(worker)
    await redis.set(f"{keys.prefix}takes_s", 0)
    start(*WORKER)
    await eventually(lambda: redis.llen(f"{keys.prefix}finished"), "the task is run again")
    assert await redis.lrange(f"{keys.prefix}ran", 0, -1) == 2 * [task_id.encode()]

    async def is_cleared_up() -> bool:
        consumers = await redis.xinfo_consumers(keys.queue, GROUP)
        return len(consumers) == 1 and await redis.xlen(keys.queue) == 0

    await eventually(is_cleared_up, "the dead worker is retired and the queue empty")


@pytest.mark.parametrize("takes_s", [0.5, 3600])
async def test_a_worker_stops_on_sigterm_with_its_tasks_finished_or_given_back(
    start: Start, redis: Redis, keys: Keys, make_broker: Callable[..., StreamBroker], takes_s: float
) -> None:
    await redis.set(f"{keys.prefix}takes_s", takes_s)
    worker = start(*WORKER)
    broker = make_broker()
    await asyncio.gather(*(broker.send("fetch_player_hiscores", player) for player in range(10)))

    async def are_four_running() -> bool:
        return int(await redis.llen(f"{keys.prefix}ran")) >= 4

    await eventually(are_four_running, "as many tasks run as may")
    worker.terminate()
    assert worker.wait(5) is not None
    finished = await redis.llen(f"{keys.prefix}finished")
    assert finished >= 4 if takes_s < 1 else finished == 0
    assert await redis.xlen(keys.queue) == 10 - finished
    assert await redis.xinfo_consumers(keys.queue, GROUP) == []
    assert (await redis.xpending(keys.queue, GROUP))["pending"] == 0


async def test_both_outlive_a_redis_that_comes_late_goes_and_comes_back(
    start: Start, redis: Redis, keys: Keys, manager: PlayerScheduleManager, server: Server
) -> None:
    server.stop()
    processes = [start(*SCHEDULER), start(*WORKER)]
    await asyncio.sleep(1.5)  # they start into nothing
    server.start()
    for _ in range(2):
        await eventually(lambda: alive(redis, keys.schedulers, 1), "the scheduler is alive")
        await eventually(lambda: alive(redis, keys.workers, 1), "the worker is alive")
        before = int(await redis.llen(f"{keys.prefix}finished"))
        await manager.schedule_players({1: 1_440 + before}, first_fires={1: time.time()})

        async def has_run(before: int = before) -> bool:
            return int(await redis.llen(f"{keys.prefix}finished")) > before

        await eventually(has_run, "a fire is sent and run")
        await eventually(lambda: is_claimed_by_nobody_and_due_later(manager._source, redis, keys), "it is settled")
        server.stop()
        await asyncio.sleep(1.5)  # an outage in the middle of work
        server.start()
    await eventually(lambda: redis.ping(), "Redis answers")
    assert [process.poll() for process in processes] == [None, None]
    assert await redis.llen(f"{keys.prefix}ran") == 2
