"""A large data set: players with a year of looks, written straight into the tables.

A look finds nothing new one time in three; else it changes five metrics on average, of the fifteen that the player
usually does. The first look has the full sheet. Who plays when repeats: a few histories are made up and each player
gets one of them, with metrics, values and minutes of its own. A group has every twentieth player.
"""

import random
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Table

from osrsdiff.game.levels import level_for_xp, xp_for_level
from osrsdiff.game.metrics import KNOWN, OVERALL, SKILLS, MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.reckoning import RULES
from osrsdiff.game.records import PERIOD_CODES, rebuilt
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.storage import sheets
from osrsdiff.storage.engine import Database
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.tables import (
    changes,
    current_values,
    group_members,
    groups,
    player_states,
    players,
    records,
    snapshots,
)

GROUP = "bench-clan"
_HOUR_S, _DAY_S = 3_600, 86_400
_PLAYERS_A_BATCH = 100
_HISTORIES = 20
_ONE_IN_A_GROUP = 20
_SKILL_SLOTS, _BOSS_SLOTS = 8, 6
_TRAINED = sorted(SKILLS - {OVERALL})
_FOUGHT = [metric.key for metric in KNOWN if metric.kind is MetricKind.BOSS]

_Row = tuple[Any, ...]
Batch = Mapping[Table, Sequence[_Row]]
"""Rows by table, in an order that references allow; their values in the order of the table's columns, NULL behind."""


class Size(NamedTuple):
    """How many players, so many of them looked at hourly and the rest daily, for how many days."""

    players: int
    hourly: int
    days: int

    def names(self) -> list[str]:
        """All players, those looked at hourly first."""
        return [f"bench {number:05}" for number in range(1, self.players + 1)]


class _History(NamedTuple):
    """When somebody played, in seconds since the first look, and what it gained: by slot of the usual metrics.

    `records`: slot, period's code, gain, begin, end.
    """

    last_look: int
    looks: list[tuple[int, int | None]]
    gains: list[list[tuple[int, int]]]
    records: list[tuple[int, int, int, int, int]]


def batches(size: Size, ids: Mapping[str, int], now: datetime) -> Iterator[Batch]:
    """The whole data set, up to `now`. `ids`: of every metric of the game."""
    chance = random.Random(4)
    hourly = [_history(chance, size.days * 24, _HOUR_S) for _ in range(min(size.hourly, _HISTORIES))]
    daily = [_history(chance, size.days, _DAY_S) for _ in range(_HISTORIES)]
    last_look = int(now.timestamp())
    yield {groups: [(1, GROUP, "Bench clan", "", last_look)]}
    for begin in range(1, size.players + 1, _PLAYERS_A_BATCH):
        batch: dict[Table, list[_Row]] = {table: [] for table in _ORDER}
        for number in range(begin, min(begin + _PLAYERS_A_BATCH, size.players + 1)):
            is_hourly = number <= size.hourly
            history = chance.choice(hourly if is_hourly else daily)
            first_look = last_look - history.last_look - chance.randrange(_HOUR_S if is_hourly else _DAY_S)
            for table, rows in _player(chance, number, history, first_look, 60 if is_hourly else 1_440, ids).items():
                batch[table] += rows
        yield batch


_ORDER = (players, snapshots, changes, current_values, player_states, records, group_members)


def _history(chance: random.Random, looks: int, every_s: int) -> _History:
    slots = 1 + _SKILL_SLOTS + _BOSS_SLOTS
    totals = [0] * slots
    seen: list[tuple[int, int | None]] = [(0, None)]
    gains: list[list[tuple[int, int]]] = [[(0, 0)] for _ in range(slots)]
    for at in range(every_s, looks * every_s + 1, every_s):
        if chance.random() < 1 / 3:
            continue
        seen.append((at, at - every_s))
        trained = chance.sample(range(1, _SKILL_SLOTS + 1), chance.randint(1, 4))
        fought = chance.sample(range(_SKILL_SLOTS + 1, slots), chance.randint(0, 3))
        gained = {slot: chance.randint(50, 15 * every_s // 24) for slot in trained}
        gained |= {slot: chance.randint(1, 12) for slot in fought} | {0: sum(gained.values())}
        for slot, amount in gained.items():
            totals[slot] += amount
            gains[slot].append((at, totals[slot]))
    return _History(looks * every_s, seen, gains, list(_records(seen, gains)))


def _records(
    looks: Sequence[tuple[int, int | None]], gains: Sequence[Sequence[tuple[int, int]]]
) -> Iterator[tuple[int, int, int, int, int]]:
    moment = partial(datetime.fromtimestamp, tz=UTC)
    moments = [(moment(at), None if before is None else moment(before)) for at, before in looks]
    series = {str(slot): [(moment(at), total) for at, total in known] for slot, known in enumerate(gains)}
    for found in rebuilt(moments, series):
        begin, end = int(found.start.timestamp()), int(found.end.timestamp())
        yield int(found.metric), PERIOD_CODES[found.period], found.gained, begin, end


def _player(
    chance: random.Random, number: int, history: _History, first_look: int, interval: int, ids: Mapping[str, int]
) -> dict[Table, list[_Row]]:
    usual = [OVERALL, *chance.sample(_TRAINED, _SKILL_SLOTS), *chance.sample(_FOUGHT, _BOSS_SLOTS)]
    gains = dict(zip(usual, history.gains, strict=True))
    before = _first_values(chance, usual, {metric: known[-1][1] for metric, known in gains.items()})
    sheet = {metric: _reading(chance, metric, before[metric]) for metric in before}
    changed = [
        row for metric in sheet for row in _changes(number, ids[metric], first_look, sheet[metric], gains.get(metric))
    ]
    now = {
        metric: _reading(chance, metric, value + (gains[metric][-1][1] if metric in gains else 0))
        for metric, value in before.items()
    }
    last_change = first_look + history.looks[-1][0]
    last_look = first_look + history.last_look
    name, mode = f"bench {number:05}", chance.choice([GameMode.REGULAR] * 7 + list(GameMode))
    times = first_look, last_look, last_look, last_change
    row = (number, name, name, mode.value, True, interval, schedule_id_of(number), *times, "changed", 0, None, RULES)
    return {
        players: [row],
        snapshots: [
            (number, first_look + at, None if previous is None else first_look + previous, False)
            for at, previous in history.looks
        ],
        changes: sorted(changed),
        current_values: sorted(
            (number, ids[metric], reading.value) for metric, reading in now.items() if reading.value
        ),
        player_states: [(number, len(history.looks), last_look, last_change, sheets.encode(now, ids))],
        records: sorted(
            (number, ids[usual[slot]], period, gained, first_look + begin, first_look + end)
            for slot, period, gained, begin, end in history.records
        ),
        group_members: [(1, number, "member", last_look)] if number % _ONE_IN_A_GROUP == 1 else [],
    }


def _first_values(chance: random.Random, usual: Sequence[str], gained: Mapping[str, int]) -> dict[str, int]:
    """The first look's values; half of what the player doesn't usually do is zero."""
    values = {}
    for metric in KNOWN:
        most = xp_for_level(98) if metric.kind is MetricKind.SKILL else 3_000
        is_zero = metric.kind is not MetricKind.SKILL and metric.key not in usual and chance.random() < 1 / 2
        values[metric.key] = 0 if is_zero else max(1, chance.randint(most // 50, most) - gained.get(metric.key, 0))
    values[OVERALL] = sum(value for metric, value in values.items() if metric in SKILLS and metric != OVERALL)
    return values


def _reading(chance: random.Random, metric: str, value: int) -> Reading:
    if not value:
        return Reading(0, None, None, Unranked.ZERO)
    level = None if metric not in SKILLS else 1_800 if metric == OVERALL else level_for_xp(value)
    return Reading(value, chance.randint(1, 1_500_000), level, None)


def _changes(
    number: int, metric_id: int, first_look: int, first: Reading, gains: Sequence[tuple[int, int]] | None
) -> list[_Row]:
    value, rank = first.value or 0, first.rank
    level = first.level if first.level == 1_800 else None
    unranked = sheets.UNRANKED_CODES[first.unranked]
    return [
        (number, metric_id, first_look + at, value + total, rank, level, unranked) for at, total in gains or [(0, 0)]
    ]


async def fill(url: str, size: Size) -> None:
    """Fills a migrated, empty database and says what that came to."""
    started, now = time.monotonic(), datetime.now(UTC)
    async with await Database.connect(url) as db, db.writing() as connection:
        ids = dict(await ids_of(connection, {metric.key for metric in KNOWN}, [], at=now))
        dialect = db.dialect
    counts: dict[str, int] = {}
    made = _counted(batches(size, ids, now), counts)
    if dialect == "sqlite":
        path = Path("/", url.removeprefix("sqlite:").lstrip("/"))
        _write_to_sqlite(path, made)
        size_mb = path.stat().st_size / 2**20
    else:
        size_mb = await _write_to_postgres(url, made)
    rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    seconds = time.monotonic() - started
    print(f"{dialect}: {rows}; {size_mb:,.0f} MB in {seconds:.0f} s", file=sys.stderr, flush=True)


def _counted(made: Iterator[Batch], counts: dict[str, int]) -> Iterator[Batch]:
    for batch in made:
        for table, rows in batch.items():
            counts[table.name] = counts.get(table.name, 0) + len(rows)
        yield batch


def _write_to_sqlite(path: Path, made: Iterator[Batch]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for batch in made:
            connection.execute("BEGIN")
            for table, rows in batch.items():
                columns = _columns(table, rows)
                places = ", ".join("?" * len(columns))
                connection.executemany(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})", rows)
            connection.execute("COMMIT")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _write_to_postgres(url: str, made: Iterator[Batch]) -> float:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")  # references are right as they are
        for batch in made:
            async with connection.transaction():
                for table, rows in batch.items():
                    await connection.copy_records_to_table(table.name, records=rows, columns=_columns(table, rows))
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
        return float(await connection.fetchval("SELECT pg_database_size(current_database())")) / 2**20
    finally:
        await connection.close()


def _columns(table: Table, rows: Sequence[_Row]) -> list[str]:
    """Those that the rows have."""
    return [column.name for column in table.columns][: len(rows[0]) if rows else None]
