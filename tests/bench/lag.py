"""How late a real `taskiq scheduler` process sends hourly schedules, and what it needs for that.

The lag is from a beat, which the message's task id names, to the entry's arrival in the stream by Redis' clock. The
stock source knows minutes only: there it is from the start of the minute that the cron names.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import harness
import msgspec
import seeded
from harness import Server
from redis import Redis
from taskiq import ScheduledTask
from taskiq_redis import ListRedisScheduleSource

from osrsdiff import config as configuration
from osrsdiff.scheduling.constants import FETCH_TASK, schedule_id_of
from osrsdiff.scheduling.cron import beat_at_or_before, interval_to_cron, phase_s
from osrsdiff.scheduling.keys import Keys
from osrsdiff.tracking.instance import open_instance

HOURLY = 60
STOCK_UPDATE_S = 60
_CAUGHT_UP_WITHIN_S = 300.0
_SENT_WITHIN_S = 5.0
_STOCK_HANGS_AFTER_S = 30.0
_AT_ONCE = 5_000


class Message(msgspec.Struct):
    """What is looked at of a message."""

    task_id: str
    task_name: str
    args: list[Any]


class Measured(NamedTuple):
    """One run. `lags_s` of the messages for beats inside the window, ascending; `twice` of them were repeats."""

    name: str
    players: int
    expected: int
    lags_s: list[float]
    twice: int
    cpu: float
    redis_cpu: float
    peak_mb: float
    pss_mb: float


class Used(NamedTuple):
    """What a window has cost. CPU as a share of one core."""

    begin: int
    end: int
    cpu: float
    redis_cpu: float


def ours(players: int, seconds: float) -> Measured:
    """The product's scheduler process over a Redis that holds so many schedules."""
    with harness.directory() as scratch:
        data_dir = scratch / "data"
        seeded.migrated(data_dir)
        with harness.redis_server(data_dir) as server:
            keys = Keys(asyncio.run(_schedule(data_dir, players)))
            _file_rewritten(server.client)
            with _scheduler("create_scheduler", 1, scratch, OSRSDIFF_DATA_DIR=str(data_dir)) as pid:
                harness.wait_for(lambda: _is_even(server.client, keys), "nothing is overdue", _CAUGHT_UP_WITHIN_S)
                used = _watch(pid, server, int(time.time()) + 3, ceil(seconds))
                time.sleep(_SENT_WITHIN_S)
                arrivals = _beats_of_task_ids(_messages(server.client, keys.queue, used.begin))
                return _measured("osrsdiff", players, used, arrivals, pid)


def stock(players: int, seconds: float) -> Measured:
    """The library's source and broker; their crons name the minute in which a player's beat lies."""
    with harness.directory() as scratch, harness.redis_server(scratch / "data") as server:
        asyncio.run(schedule_in_stock(server, players))
        _file_rewritten(server.client)
        with _scheduler("create_stock_scheduler", STOCK_UPDATE_S, scratch, BENCH_REDIS_URL=server.url) as pid:
            begin = ceil((time.time() + 5 + players / 5_000) / 60) * 60
            used = _watch(pid, server, begin, ceil(seconds / 60) * 60)
            _sending_ended(server.client, "taskiq")
            arrivals = _minutes_of_crons(_messages(server.client, "taskiq", used.begin), used.begin)
            return _measured("stock", players, used, arrivals, pid)


def _scheduler(factory: str, update_interval_s: int, scratch: Path, **variables: str) -> harness.Running:
    arguments = ["taskiq", "scheduler", f"scheduling_app:{factory}", f"--app-dir={Path(__file__).parent}"]
    arguments += [f"--update-interval={update_interval_s}", "--log-level=WARNING", "--no-configure-logging"]
    return harness.tied_process(*arguments, log_path=scratch / "scheduler.log", variables=variables)


async def _schedule(data_dir: Path, players: int) -> str:
    """Writes the schedules as the product does; the prefix of its keys."""
    async with open_instance(configuration.load(data_dir=data_dir, environment={})) as instance:
        await instance.schedules.schedule_players(dict.fromkeys(range(1, players + 1), HOURLY))
        await instance.source.mark()
        return instance.prefix


async def schedule_in_stock(server: Server, players: int) -> None:
    """Writes what its `add_schedule` would, but many at a time."""
    source = ListRedisScheduleSource(server.url)
    ids = iter(range(1, players + 1))
    while some := list(islice(ids, _AT_ONCE)):
        schedules = [stock_schedule(player_id) for player_id in some]
        data = {
            source._get_data_key(schedule.schedule_id): source._serializer.dumpb(schedule.model_dump(mode="json"))
            for schedule in schedules
        }
        server.client.mset(data)
        server.client.rpush(source._get_cron_key(), *(schedule.schedule_id for schedule in schedules))


def stock_schedule(player_id: int) -> ScheduledTask:
    """An hourly schedule for the library's source."""
    cron = interval_to_cron(HOURLY, phase_s(player_id, HOURLY))
    id_ = schedule_id_of(player_id)
    return ScheduledTask(task_name=FETCH_TASK, labels={}, args=[player_id], kwargs={}, schedule_id=id_, cron=cron)


def _file_rewritten(client: Redis) -> None:
    """Redis rewrites its file while it is filled; that is not what is measured here."""
    harness.wait_for(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "Redis is at rest", 300)


def _is_even(client: Redis, keys: Keys) -> bool:
    """Whether a scheduler lives and what fell due while the schedules were written has been sent."""
    return bool(client.zcard(keys.schedulers)) and not client.zcount(keys.due, "-inf", time.time() - 1)


def _watch(pid: int, server: Server, begin: int, seconds: int) -> Used:
    time.sleep(max(0.0, begin - 0.5 - time.time()))
    before = _cpu_s(pid), server.cpu_s()
    time.sleep(max(0.0, begin + seconds - 0.5 - time.time()))
    after = _cpu_s(pid), server.cpu_s()
    return Used(begin, begin + seconds, (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds)


def _cpu_s(pid: int) -> float:
    return harness.cpu_s(harness.tree(pid))


def _sending_ended(client: Redis, queue: str) -> None:
    """Waits until nothing has been added for as long as a whole minute's sending may pause."""
    length, since = client.xlen(queue), time.monotonic()
    while time.monotonic() - since < _STOCK_HANGS_AFTER_S:
        time.sleep(0.5)
        if client.xlen(queue) != length:
            length, since = client.xlen(queue), time.monotonic()


def _messages(client: Redis, queue: str, begin: int) -> Iterator[tuple[float, Message]]:
    """The messages that arrived since `begin`, each with when it did."""
    last = f"{begin * 1_000}"
    while entries := client.xrange(queue, min=last, count=_AT_ONCE):
        for id_, fields in entries:
            message = msgspec.json.decode(fields[b"data"], type=Message)
            if message.task_name == FETCH_TASK:
                yield int(id_.partition(b"-")[0]) / 1_000, message
        last = f"({entries[-1][0].decode()}"


def _beats_of_task_ids(messages: Iterable[tuple[float, Message]]) -> Iterator[tuple[int, int, float]]:
    """Player, beat, arrival."""
    for arrived, message in messages:
        yield message.args[0], int(message.task_id.rpartition(":")[2]), arrived


def _minutes_of_crons(messages: Iterable[tuple[float, Message]], begin: int) -> Iterator[tuple[int, int, float]]:
    """Player, the first start since `begin` of the minute that the cron names, arrival."""
    for arrived, message in messages:
        minute_s = phase_s(message.args[0], HOURLY) // 60 * 60
        yield message.args[0], begin + (minute_s - begin) % 3_600, arrived


def _measured(name: str, players: int, used: Used, arrivals: Iterable[tuple[int, int, float]], pid: int) -> Measured:
    lags: dict[tuple[int, int], float] = {}
    twice = 0
    for player_id, beat, arrived in arrivals:
        if used.begin <= beat < used.end:
            twice += (player_id, beat) in lags
            lags.setdefault((player_id, beat), arrived - beat)
    if not lags:
        raise SystemExit(f"{name}: nothing was sent for {players:,} players in {used.end - used.begin} s")
    phases = (phase_s(player_id, HOURLY) for player_id in range(1, players + 1))
    phases = (phase // 60 * 60 for phase in phases) if name == "stock" else phases
    expected = sum(beat_at_or_before(used.end - 1, HOURLY, phase) >= used.begin for phase in phases)
    memory = harness.peak_mb(pid), harness.pss_mb(pid)
    return Measured(name, players, expected, sorted(lags.values()), twice, used.cpu, used.redis_cpu, *memory)


def show(runs: Sequence[Measured], seconds: float) -> None:
    """The table, and the largest of ours beside the largest of theirs."""
    head = ["scheduler", "players", "sent", "of", "twice", "p50 ms", "p99 ms", "max ms"]
    head += ["CPU %", "Redis CPU %", "peak MB", "PSS MB"]
    title = f"Hourly schedules, {seconds:.0f} s and more each, admission opened"
    harness.show_table(title, head, [_row(run) for run in runs])
    mine, theirs = (_largest(runs, name) for name in ("osrsdiff", "stock"))
    if mine and theirs:
        rows = [
            ("lag p99", f"{_percentile(mine, 99) / _percentile(theirs, 99):.3f}"),
            ("CPU", f"{mine.cpu / theirs.cpu:.3f}"),
            ("CPU with Redis'", f"{(mine.cpu + mine.redis_cpu) / (theirs.cpu + theirs.redis_cpu):.3f}"),
            ("peak memory", f"{mine.peak_mb / theirs.peak_mb:.3f}"),
        ]
        harness.show(f"osrsdiff with {mine.players:,} players, as a share of stock with {theirs.players:,}", rows)


def _largest(runs: Sequence[Measured], name: str) -> Measured | None:
    return max((run for run in runs if run.name == name), key=lambda run: run.players, default=None)


def _row(run: Measured) -> list[str]:
    lags = [f"{1_000 * _percentile(run, percent):,.0f}" for percent in (50, 99, 100)]
    shares = [f"{100 * share:.1f}" for share in (run.cpu, run.redis_cpu)]
    counts = [f"{count:,}" for count in (run.players, len(run.lags_s), run.expected, run.twice)]
    return [run.name, *counts, *lags, *shares, f"{run.peak_mb:.0f}", f"{run.pss_mb:.0f}"]


def _percentile(run: Measured, percent: int) -> float:
    return run.lags_s[min(len(run.lags_s) - 1, len(run.lags_s) * percent // 100)]
