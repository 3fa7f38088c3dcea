"""A player found with all that answers about it follow; single rows read at once."""

import asyncio
import sqlite3
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import history, players, seen, sqlite_glance
from osrsdiff.storage.dialects import sqlite_path
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.storage.seen import Seen
from osrsdiff.storage.sqlite_file import open_file


async def see(db: Database) -> Seen | None:
    async with db.reading() as conn:
        return await seen.by_username(conn, "lynx titan")


async def added(db: Database, now: datetime) -> Player:
    async with db.writing() as conn:
        return await players.add(conn, username="lynx titan", display_name="Lynx Titan", interval_minutes=60, now=now)


async def test_a_player_is_seen_as_it_is_stored(db: Database, now: datetime) -> None:
    assert await see(db) is None
    player = await added(db, now)
    first = await see(db)
    assert first is not None
    assert first.player == player
    assert first == await see(db)
    assert hash(first) == hash(await see(db))


async def test_a_look_is_seen_even_where_it_leaves_the_row_as_it_was(db: Database, now: datetime) -> None:
    player = await added(db, now)
    found = difference(None, {"overall": Reading(5, 1, 1, None)}, now)
    async with db.writing() as conn:
        await history.store_look(conn, player.id, found, expected_version=0)
        state = await history.load_state(conn, player.id)
    first = await see(db)
    again = difference(state, {"overall": Reading(6, 1, 1, None)}, now + timedelta(seconds=0))
    async with db.writing() as conn:
        await history.store_look(conn, player.id, again, expected_version=1)
    assert await see(db) != first


async def test_what_another_connection_has_stored_is_seen_at_once(db: Database, now: datetime) -> None:
    player = await added(db, now)
    assert await see(db) is not None  # the connection that reads at once is open by now
    async with db.writing() as conn:
        await players.set_active(conn, player.id, False)
        inside = await seen.by_username(conn, "lynx titan")
        outside = await see(db)
    after = await see(db)
    assert [one.player.is_active for one in (inside, outside, after) if one] == [False, True, False]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_the_file_is_asked_once_a_turn_of_the_event_loop(db: Database, now: datetime, migrated_url: str) -> None:
    await added(db, now)
    other = sqlite3.connect(sqlite_path(migrated_url), isolation_level=None)
    intervals = []
    for minutes, turns in ((30, 0), (40, 1)):
        await asyncio.sleep(0)
        assert await see(db) is not None  # the first to ask in this turn
        other.execute("UPDATE players SET fetch_interval_minutes = ?", [minutes])
        for _ in range(turns):
            await asyncio.sleep(0)
        one = await see(db)
        assert one is not None
        intervals.append(one.player.fetch_interval_minutes)
    other.close()
    assert intervals == [60, 40]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_between_two_commits_a_row_is_read_once(
    db: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    fetch_one = sqlite_glance.fetch_one
    monkeypatch.setattr(sqlite_glance, "fetch_one", lambda *given: (read.append(given), fetch_one(*given))[1])
    player = await added(db, now)
    for _ in range(3):
        assert await see(db) is not None
    assert len(read) == 1
    async with db.writing() as conn:
        await players.set_interval(conn, player.id, 30)
    assert await see(db) is not None
    assert len(read) == 2


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_opening_what_reads_at_once_waits_for_no_lock_and_is_not_tried_again_at_once(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sqlite_path(migrated_url)
    opened, waits = [], []

    def noted(*given: Any, **named: Any) -> sqlite3.Connection:
        opened.append(given)
        raw = open_file(*given, **named)
        waits.append(raw.execute("PRAGMA busy_timeout").fetchone()[0])
        return raw

    monkeypatch.setattr(sqlite_glance, "open_file", noted)
    glance = sqlite_glance.Glance(path)
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("PRAGMA locking_mode = EXCLUSIVE")
    locker.execute("BEGIN EXCLUSIVE")
    begin = time.monotonic()
    for _ in range(3):
        with pytest.raises(sqlite_glance.NotAtOnceError):
            glance.row("SELECT 1", ())
    assert time.monotonic() - begin < 5
    assert len(opened) == 1
    locker.close()
    with monkeypatch.context() as later:
        later.setattr(time, "monotonic", lambda: begin + 60)
        assert glance.row("SELECT 1", ()) == (1,)
    assert waits == [0]
    glance.close()


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_what_can_not_be_read_at_once_is_read_all_the_same(
    db: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    await added(db, now)
    monkeypatch.setattr(sqlite_glance, "fetch_one", locked)
    found = await see(db)
    assert found is not None
    assert found.player.username == "lynx titan"
