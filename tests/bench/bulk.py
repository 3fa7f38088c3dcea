"""100,000 players' schedules created, verified, paused, resumed and removed, in one instance with SQLite.

Beside it the library's source with as many schedules, whose only way is one by one: a sample of it, extrapolated.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import harness
import lag
import seeded
from harness import Server
from taskiq_redis import ListRedisScheduleSource

from osrsdiff import config as configuration
from osrsdiff.scheduling.keys import Keys
from osrsdiff.tracking import steering
from osrsdiff.tracking.instance import open_instance

T = TypeVar("T")

GOAL_S = 5.0
_STOCK_SAMPLE = 500

_ADD_PLAYERS = """
INSERT INTO players (username, display_name, game_mode, is_active, fetch_interval_minutes, created_at, failures)
VALUES (?, ?, 'regular', 1, 60, ?, 0)
"""


class Step(NamedTuple):
    """How long one of the five took, and the processor time of this process and of Redis in it."""

    name: str
    seconds: float
    cpu_s: float
    redis_cpu_s: float


def ours(players: int) -> list[Step]:
    """The five steps on a real instance with so many players, each checked by what it left behind."""
    with harness.directory() as scratch:
        data_dir = scratch / "data"
        seeded.migrated(data_dir)
        ids = _add_players(data_dir / "osrsdiff.db", players)
        with harness.redis_server(data_dir) as server:
            return asyncio.run(_steps(data_dir, server, ids))


def stock(players: int) -> dict[str, float]:
    """Seconds for so many schedules by the library's source: a sample, one by one, beside as many that are there."""
    with harness.directory() as scratch, harness.redis_server(scratch / "data") as server:
        asyncio.run(lag.schedule_in_stock(server, players))
        return asyncio.run(_stock_steps(server, players))


async def _steps(data_dir: Path, server: Server, ids: list[int]) -> list[Step]:
    intervals = dict.fromkeys(ids, 60)
    async with open_instance(configuration.load(data_dir=data_dir, environment={})) as instance:
        manager, watch = instance.schedules, _Watch(server, Keys(instance.prefix).due)
        _check("created", await watch.step("create", manager.schedule_players(intervals), len(ids)), len(ids))
        checked = await watch.step("verify", manager.check_players(intervals), len(ids))
        _check("found wrong", len(checked.missing) + len(checked.different), 0)
        paused = await watch.step("pause", steering.pause_players(instance, everybody=True), 0)
        _check("paused", paused.changed, len(ids))
        _check("active", _active(data_dir), 0)
        resumed = await watch.step("resume", steering.resume_players(instance, everybody=True), len(ids))
        _check("resumed", resumed.changed, len(ids))
        _check("active", _active(data_dir), len(ids))
        _check("removed", await watch.step("remove", manager.unschedule_players(ids), 0), len(ids))
        return watch.steps


class _Watch:
    """Times steps, and counts what stands in the sorted set `due` after each."""

    def __init__(self, server: Server, due: str) -> None:
        self.steps: list[Step] = []
        self._server = server
        self._due = due

    async def step(self, name: str, doing: Awaitable[T], waiting: int) -> T:
        """What the step gives."""
        before = time.monotonic(), time.process_time(), self._server.cpu_s()
        result = await doing
        after = time.monotonic(), time.process_time(), self._server.cpu_s()
        self.steps.append(Step(name, *(end - begin for begin, end in zip(before, after, strict=True))))
        _check(f"scheduled after {name}", self._server.client.zcard(self._due), waiting)
        return result


async def _stock_steps(server: Server, players: int) -> dict[str, float]:
    source = ListRedisScheduleSource(server.url)
    sample = [lag.stock_schedule(players + number) for number in range(1, _STOCK_SAMPLE + 1)]
    started = time.monotonic()
    for schedule in sample:
        await source.add_schedule(schedule)
    created = time.monotonic()
    _check("stock, schedules", len(await source.get_schedules()), players + _STOCK_SAMPLE)
    verified = time.monotonic()
    for schedule in sample:
        await source.delete_schedule(schedule.schedule_id)
    removed = time.monotonic()
    all_of_them = players / _STOCK_SAMPLE
    return {
        "create": (created - started) * all_of_them,
        "verify": verified - created,
        "remove": (removed - verified) * all_of_them,
    }


def _add_players(database: Path, players: int) -> list[int]:
    now = int(datetime.now(UTC).timestamp())
    with closing(sqlite3.connect(database)) as connection, connection:
        names = (f"bench {number:06}" for number in range(players))
        connection.executemany(_ADD_PLAYERS, ((name, name, now) for name in names))
        return [number for (number,) in connection.execute("SELECT id FROM players")]


def _active(data_dir: Path) -> int:
    with closing(sqlite3.connect(data_dir / "osrsdiff.db")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM players WHERE is_active").fetchone()
        return int(count)


def _check(what: str, found: object, expected: int) -> None:
    if found != expected:
        raise SystemExit(f"{what}: {found}, but {expected} were expected")


def show(players: int, mine: Sequence[Step], theirs: Mapping[str, float]) -> None:
    """The table."""
    rows = []
    for step in mine:
        stock_s = theirs.get(step.name)
        beside = ("", "") if stock_s is None else (f"{stock_s:,.1f}", f"{stock_s / step.seconds:,.0f}")
        goal = f"{step.seconds / (GOAL_S * players / 100_000):.2f}"
        rows.append([step.name, f"{step.seconds:.2f}", f"{step.cpu_s:.2f}", f"{step.redis_cpu_s:.2f}", goal, *beside])
    head = ["step", "s", "CPU s", "Redis CPU s", "of the goal", "stock s", "times"]
    harness.show_table(f"{players:,} schedules (goal: {GOAL_S:.0f} s per 100,000; stock: one by one)", head, rows)
