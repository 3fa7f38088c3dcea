"""Lists of some players, of one kind: the same rows as everybody's have, and not by way of everybody's index."""

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Executable, text

from osrsdiff.game.events import Event, EventKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import Record, RecordPeriod
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import events, groups, leaderboards, players, records
from osrsdiff.storage.among import EVERYBODY, Among
from osrsdiff.storage.connection import Connection, Params, Row
from osrsdiff.storage.dialects import compiling_for, sqlite_path
from osrsdiff.storage.engine import Database
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.players import Player
from osrsdiff.storage.statements import Compiled

StoreLook = Callable[[Player, dict[str, Reading], datetime], Awaitable[bool]]

HOUR = timedelta(hours=1)
MODES = (GameMode.REGULAR, GameMode.IRONMAN, GameMode.HARDCORE, GameMode.HARDCORE)
ALL_OF = [None, GameMode.REGULAR, GameMode.HARDCORE, GameMode.ULTIMATE]


@pytest.fixture
async def attack(db: Database, store: StoreLook, now: datetime) -> tuple[int, int]:
    """The ids of the metric and of a group: every third of twelve players; many have the same."""
    found = []
    for number in range(12):
        async with db.writing() as conn:
            player = await players.add(
                conn,
                username=f"p{number:02}",
                display_name=f"P{number}",
                interval_minutes=60,
                now=now,
                game_mode=MODES[number % 4],
            )
        if number != 9:  # is a member, and has nothing
            await store(player, {"attack": Reading(1_000 + number // 4, 1, 20 + number % 3, None)}, now)
            async with db.writing() as conn:
                ids = await ids_of(conn, {"attack"}, (), at=now)
                record = Record("attack", RecordPeriod.WEEK, 5 + number // 4, now, now + HOUR)
                await conn.run_all(records.steps(player.id, [record], ids))
                level = Event(EventKind.LEVEL_UP, now + number // 5 * HOUR, now, "attack", number, 1)
                seen = Event(EventKind.FIRST_SEEN, now, None)
                await conn.run_all(events.steps(player.id, [level, seen, level], ids))
        found.append(player)
    async with db.writing() as conn:
        group = await groups.add(conn, key="few", name="Few", description="", now=now)
    await groups.put_members(db, group.id, {player.id: "member" for player in found[::3]}, now=now)
    return ids["attack"], group.id


def belongs(player: Player, among: Among) -> bool:
    number = int(player.username[1:])
    return among.mode in (None, player.game_mode) and (among.group_id is None or number % 3 == 0)


@pytest.mark.parametrize("mode", ALL_OF)
@pytest.mark.parametrize("grouped", [False, True])
async def test_pages_of_some_are_those_of_everybody_without_the_others(
    db: Database, attack: tuple[int, int], grouped: bool, mode: GameMode | None
) -> None:
    metric, group = attack
    among = Among(group if grouped else None, mode)
    async with db.reading() as conn:
        whole = await records.best(conn, "attack", metric, RecordPeriod.WEEK, limit=50)
        wanted = [one for one in whole if belongs(one.player, among)]
        paged: list[records.Holder] = []
        while True:
            place = records.Place(paged[-1].record.gained, paged[-1].player.username) if paged else None
            page = await records.best(conn, "attack", metric, RecordPeriod.WEEK, among=among, after=place, limit=2)
            paged += page
            if not page:
                break
        assert paged == wanted
        for key in ("attack", "overall"):
            board = await leaderboards.values(conn, key, metric, limit=50)
            standings = [one for one in board.standings if belongs(one.player, among)]
            read: list[leaderboards.Standing] = []
            for _ in range(len(standings) // 2 + 1):
                last = leaderboards.Place(read[-1].score, read[-1].tie, read[-1].player.username) if read else None
                some = await leaderboards.values(conn, key, metric, among=among, after=last, limit=2)
                assert (some.count, some.total_gained) == (len(standings), None)
                read += some.standings
            assert read == standings


@pytest.mark.parametrize("kind", [EventKind.LEVEL_UP, EventKind.FIRST_SEEN])
async def test_pages_of_a_kind_leave_nothing_out_where_many_are_at_once(
    db: Database, attack: tuple[int, int], kind: EventKind
) -> None:
    async with db.reading() as conn:
        whole = [one for one in await events.page(conn, limit=500) if one.event.kind is kind]
        for among in (EVERYBODY, Among(group_id=attack[1])):
            wanted = [one for one in whole if among is EVERYBODY or int(one.username[1:]) % 3 == 0]
            found: list[events.Happened] = []
            for _ in range(len(wanted)):
                place = events.place_of(found[-1]) if found else None
                page = await events.page(conn, limit=2, before=place, kind=kind, among=among)
                found += page
                if not page:
                    break
            assert found == wanted


class Planned:
    """A connection that says how the database goes about what it is asked, and finds nothing."""

    def __init__(self, db: Database, conn: Connection) -> None:
        self.metrics = db.metrics
        self.plan = ""
        self._db = db
        self._conn = conn

    async def all(self, statement: Executable, params: Params) -> list[Row]:
        compiled = Compiled(statement, compiling_for(self._db.dialect))
        values = compiled.values(params)
        if self._db.dialect == "sqlite":
            raw = sqlite3.connect(sqlite_path(self._db.url))
            rows: list[Any] = [row[3:] for row in raw.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", values)]
            raw.close()
        else:
            await self._conn.all(text(f"PREPARE planned AS {compiled.sql}"))
            given = ", ".join(str(value) for value in values)
            rows = await self._conn.all(text(f"EXPLAIN EXECUTE planned ({given})"))
        self.plan = "\n".join(row[0] for row in rows)
        return []


async def planned(db: Database, ask: Callable[[Any], Awaitable[object]]) -> str:
    async with db.reading() as conn:
        noting = Planned(db, conn)
        await ask(noting)
    return noting.plan


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
async def test_a_kind_that_is_rare_is_found_by_its_index(db: Database, add_player: Any) -> None:
    player = await add_player()
    async with db.writing() as conn:
        many = f"SELECT {player.id}, n, 2 FROM generate_series(1, 20000) AS n"
        await conn.run(text(f"INSERT INTO events (player_id, at, kind) {many}"))
        await conn.all(text("ANALYZE events"))
    plan = await planned(db, lambda conn: events.page(conn, limit=50, kind=EventKind.FLAGGED))
    assert "ix_events_kind_at" in plan, plan


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_what_some_have_is_not_looked_for_among_everybodys(db: Database, add_player: Any) -> None:
    few, kind = Among(group_id=1), EventKind.LEVEL_UP
    for ask, index in (
        (lambda conn: events.page(conn, limit=50, kind=kind, among=few), "ix_events_kind_at"),
        (lambda conn: events.page(conn, limit=50, kind=kind, player_id=1), "ix_events_kind_at"),
        (lambda conn: records.best(conn, "attack", 1, RecordPeriod.WEEK, among=few, limit=50), "ix_records"),
    ):
        plan = await planned(db, ask)
        assert plan
        assert index not in plan, plan
    assert "ix_events_kind_at" in await planned(db, lambda conn: events.page(conn, limit=50, kind=kind))
    rare = Among(mode=GameMode.ULTIMATE)
    plan = await planned(db, lambda conn: records.best(conn, "attack", 1, RecordPeriod.WEEK, among=rare, limit=50))
    assert "MATERIALIZE those" in plan, plan
