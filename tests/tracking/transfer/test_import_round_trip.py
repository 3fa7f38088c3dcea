"""What one instance has exported, another one has after importing it: row for row, in each format, on both."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import insert

from osrsdiff import config
from osrsdiff.demo.clan import CLAN, STORY_LENGTH
from osrsdiff.demo.populate import populate
from osrsdiff.demo.world import World
from osrsdiff.game.metrics import Metric, MetricKind
from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import groups, history, players, tables
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import seconds
from osrsdiff.tracking.instance import Instance, open_instance
from osrsdiff.tracking.reckoning import reckon_pending
from osrsdiff.tracking.transfer.exporting import Wanted, export_file
from osrsdiff.tracking.transfer.import_report import ImportReport
from osrsdiff.tracking.transfer.importing import import_file
from osrsdiff.tracking.transfer.writing import format_named

Open = Callable[[str], Awaitable[Instance]]
Rows = Callable[[Database], Awaitable[dict[str, list[str]]]]

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
NOW = EPOCH + STORY_LENGTH + timedelta(hours=9, minutes=30)
PEOPLE = ("Brittle Oath", "Drift Otter")
NEW_BOSS = Metric("brass_heron", "Brass Heron", MetricKind.BOSS)


@pytest.fixture
async def opened(
    redis_url: str, redis: Redis, migrated_sqlite: Path, migrated_copies: Any, postgres_url: str, tmp_path: Path
) -> AsyncIterator[Open]:
    """An empty instance on a database of a kind."""
    async with AsyncExitStack() as stack:
        count = 0

        async def open_one(kind: str) -> Instance:
            nonlocal count
            count += 1
            home = tmp_path / f"{kind}-{count}"
            home.mkdir()
            if kind == "sqlite":
                copy(migrated_sqlite, home / "osrsdiff.db")
                url = f"sqlite:///{home / 'osrsdiff.db'}"
            else:
                name = migrated_copies.take()
                url = postgres_url.replace("/postgres?", f"/{name}?")
            settings = config.Config(
                data_dir=home, database=config.Database(url=url), redis=config.Redis(url=redis_url)
            )
            return await stack.enter_async_context(open_instance(settings))

        yield open_one


async def fill(db: Database) -> None:
    """An instance with something of everything."""
    clan = [character for character in CLAN if character.name in PEOPLE]
    await populate(db, World(epoch=EPOCH), clan, NOW)
    async with db.writing() as conn:
        unseen = await players.add(conn, username="un seen", display_name="Un_seen", interval_minutes=45, now=NOW)
        away = await players.add(conn, username="away~1", display_name="Away", interval_minutes=1440, now=EPOCH)
        await players.set_active(conn, away.id, False)
        await players.record_attempt(conn, unseen.id, at=NOW, outcome=players.Outcome.NOT_RANKED)
        sheet = {"brass_heron": Reading(7, None, None, None), "attack": Reading(83, 5, 2, None)}
        found = difference(None, sheet, EPOCH)
        await history.store_look(conn, away.id, found, expected_version=0, new_metrics=[NEW_BOSS])
        group = await groups.add(conn, key="few", name="The Few", description="", now=EPOCH)
        await groups.add(conn, key="none", name="Nobody", description="empty", now=EPOCH)
        times = {"player_id": away.id, "at": seconds(NOW), "joined_at": seconds(EPOCH)}
        named = {"before": "away", "before_display": "AWAY", "after": "away~1", "merged": '{"id": 7}'}
        values = {**times, **named, "forced": True, "undone_at": seconds(NOW)}
        await conn.run(insert(tables.name_changes).values(values).inline())
    await groups.put_members(db, group.id, {unseen.id: "leader", away.id: "member"}, now=EPOCH)
    await reckon_pending(Names(db))  # type: ignore[arg-type]


class Names:
    """All of an instance that reckoning takes."""

    def __init__(self, db: Database) -> None:
        self.db = db


async def export(instance: Instance, path: Path) -> Path:
    form = format_named(path.name)
    assert form is not None
    await export_file(instance, Wanted(), path, form, now=NOW)
    return path


async def bring(instance: Instance, path: Path, **given: bool) -> ImportReport:
    return await import_file(instance, path, stages=lambda _: nullcontext(lambda *_: None), now=NOW, **given)


def differences(found: dict[str, list[str]], expected: dict[str, list[str]]) -> list[str]:
    return [
        f"{kind} {sign} {row}"
        for kind in expected
        for sign, rows, others in (("-", expected[kind], found[kind]), ("+", found[kind], expected[kind]))
        for row in rows
        if row not in set(others)
    ]


async def test_out_and_back_again(opened: Open, rows_of: Rows, tmp_path: Path) -> None:
    instance = await opened("sqlite")
    await fill(instance.db)
    expected = await rows_of(instance.db)
    for kind, name in (("postgresql", "a.jsonl.gz"), ("sqlite", "b.zip"), ("postgresql", "c.sqlite")):
        path = await export(instance, tmp_path / name)
        instance = await opened(kind)
        dry = await bring(instance, path, dry_run=True)
        report = await bring(instance, path)
        assert report.refused == []
        assert report.scheduled == 3
        await reckon_pending(instance)
        assert differences(await rows_of(instance.db), expected) == []
        assert told(dry) == told(report)
        again = await bring(instance, path)
        assert (again.looks_stored, again.reckoning, again.players_new) == (0, False, 0)
        assert again.looks == again.looks_known == report.looks_stored
        assert differences(await rows_of(instance.db), expected) == []


def told(report: ImportReport) -> list[Any]:
    return [report.rows, report.players_new, report.looks_stored, report.added, report.reckoning]
