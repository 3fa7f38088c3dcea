"""A move leaves what this program itself would have left, had it looked at the players at those times."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from inspect import iscoroutinefunction
from typing import Any

import pytest
from redis.asyncio import Redis

from osrsdiff.game.modes import GameMode
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.storage import history
from osrsdiff.storage.connection import NOTHING
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.move import writing
from osrsdiff.tracking.players import get_player

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
Watch = Callable[..., Awaitable[None]]
AddTracked = Callable[..., Awaitable[Player]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


async def test_what_is_moved_is_what_looks_would_have_left(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    await old_install.make()
    async with await Database.connect(other_db) as db:
        for seed, name in enumerate(("Brass Heron", "mad_Otter", "Lynx Titan")):
            looks = made_up(seed, 300)
            await old_install.fill(name, looks, fetch_interval_minutes=60, is_active=True)
            player = await add_tracked(db, name.replace("_", " "), looks[0][0])
            await watch(db, player, looks)
        expected = await rows_of(db)
    report = await move()
    moved = await rows_of(instance.db)
    for row in expected["players"]:
        row["display_name"] = {"mad otter": "mad_Otter"}.get(row["username"], row["display_name"])
    for of, rows in expected.items():
        assert moved[of] == rows, of
    assert (report.looks, report.failed, report.left_out, report.records) == (900, 0, 0, 900)
    assert report.differences == []
    assert report.is_whole
    assert len(expected["snapshots"]) < 900


async def test_a_second_move_changes_nothing(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, rows_of: Rows
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(1, 50))
    await move()
    before = await rows_of(instance.db)
    report = await move()
    assert await rows_of(instance.db) == before
    assert (report.read, report.records, report.looks, report.differences) == (0, 50, 50, [])


async def test_a_second_move_brings_what_was_recorded_since(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    await old_install.make()
    looks = made_up(1, 80)
    player_id = await old_install.fill("Brass Heron", looks[:50], fetch_interval_minutes=60)
    await move()
    await old_install.fill("other", looks[50:])
    await old_install.link.execute("UPDATE hiscore_records SET player_id = $1", player_id)
    await old_install.link.execute("UPDATE players SET last_fetched = $1", looks[-1][0])
    await old_install.link.execute("DELETE FROM players WHERE username = 'other'")
    report = await move()
    assert (report.read, report.looks, report.left_out, report.differences) == (30, 80, 0, [])
    async with await Database.connect(other_db) as db:
        player = await add_tracked(db, "Brass Heron", looks[0][0])
        await watch(db, player, looks)
        expected = await rows_of(db)
    moved = await rows_of(instance.db)
    for row in moved["players"]:
        row["last_attempt_at"] = row["last_look_at"]
    assert moved == expected


async def test_players_come_with_all_that_is_known_of_them(
    instance: Instance, old_install: Any, move: Any, redis: Redis
) -> None:
    await old_install.make()
    created = datetime(2025, 3, 1, 8, tzinfo=UTC)
    fetched = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    await old_install.add(
        "Iron_Heron", created_at=created, last_fetched=fetched, fetch_interval_minutes=1440, game_mode="hardcore"
    )
    await old_install.add("Paused", is_active=False, fetch_interval_minutes=45, game_mode="ultimate")
    await old_install.add("Odd", fetch_interval_minutes=100_000, game_mode="castaway")
    await old_install.add("None", fetch_interval_minutes=None, game_mode=None, is_active=True)
    report = await move()
    iron, paused = await get_player(instance, "iron heron"), await get_player(instance, "paused")
    assert (iron.display_name, iron.game_mode, iron.fetch_interval_minutes) == ("Iron_Heron", GameMode.HARDCORE, 1440)
    assert (iron.created_at, iron.last_attempt_at, iron.last_look_at) == (created, fetched, None)
    assert (paused.is_active, paused.game_mode, paused.fetch_interval_minutes) == (False, GameMode.ULTIMATE, 45)
    assert [(r.player, r.text) for r in report.remarks] == [
        ("odd", "'castaway' is no game mode: taken for regular"),
        ("odd", "100000 minutes is no interval: 60 minutes, the default"),
        ("none", "it had no interval: 60 minutes, the default"),
    ]
    assert report.scheduled == 3
    assert iron.schedule_id == schedule_id_of(iron.id)
    assert paused.schedule_id is None
    assert await instance.schedules.next_fire(iron.id) is not None
    assert await instance.schedules.next_fire(paused.id) is None


@pytest.mark.parametrize(("json", "time"), [("JSON", "TIMESTAMP"), ("TEXT", "TIMESTAMPTZ"), ("JSONB", "TIMESTAMP")])
@on_sqlite
async def test_older_schemas_and_other_types_are_read(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, json: str, time: str
) -> None:
    old_install.json, old_install.time = json, time
    await old_install.make(newer=False)
    looks = made_up(2, 40)
    await old_install.fill("Brass Heron", looks)
    report = await move()
    assert (report.looks, report.differences) == (40, [])
    player = await get_player(instance, "Brass Heron")
    assert (player.fetch_interval_minutes, player.game_mode) == (60, GameMode.REGULAR)
    assert player.last_look_at == looks[-1][0].replace(microsecond=0)


async def test_two_of_its_names_that_are_one_are_merged_by_time(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    await old_install.make()
    looks = made_up(4, 90)
    await old_install.fill("Brass_Heron", looks[::2], fetch_interval_minutes=30, is_active=False)
    await old_install.fill("brass heron", looks[1::2], fetch_interval_minutes=60)
    report = await move()
    assert (report.players, report.players_merged, report.looks, report.differences) == (1, 1, 90, [])
    assert [r.text for r in report.remarks] == [
        "'Brass_Heron', 'brass heron' are one player: their records are merged by time"
    ]
    async with await Database.connect(other_db) as db:
        await watch(db, await add_tracked(db, "brass heron", looks[0][0]), looks)
        expected = await rows_of(db)
    assert await rows_of(instance.db) == expected


async def test_records_out_of_order_and_of_one_second_come_in_the_order_of_time(
    instance: Instance, old_install: Any, move: Any
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    for seconds, kc in ((7200, 12), (0, 10), (0.5, 11), (0.5, 11), (3600, 11)):
        await old_install.record(
            player_id, START + timedelta(seconds=seconds), bosses={"zulrah": {"rank": 5, "kc": kc}}
        )
    await move()
    player = await get_player(instance, "Brass Heron")
    async with instance.db.reading() as conn:
        sheet = await history.sheet(conn, player.id)
    assert [(row.reading.value, row.seen_at) for row in sheet if row.metric.key == "zulrah"] == [
        (12, START.replace(microsecond=0) + 2 * HOUR)
    ]
    second = START.replace(microsecond=0) + timedelta(seconds=1)
    _, gains = await sight.player_gains(instance, "Brass Heron", start=START.replace(microsecond=0), end=second)
    assert [gain.gained for gain in gains.gains if gain.metric == "zulrah"] == [1]


async def test_a_new_boss_is_kept_under_the_key_that_looks_give_it(
    instance: Instance, old_install: Any, move: Any
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, START, bosses={"gloom_of_the_deep:_hard_mode": {"rank": 5, "kc": 7}})
    await move()
    player = await get_player(instance, "Brass Heron")
    async with instance.db.reading() as conn:
        sheet = {row.metric.key: row for row in await history.sheet(conn, player.id)}
    found = sheet["gloom_of_the_deep_hard_mode"]
    assert (found.metric.name, found.metric.kind, found.reading.value) == ("Gloom of the Deep: Hard Mode", "boss", 7)


class Counted:
    """A connection that counts what is asked of it, row by row."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self.rows = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._conn, name)
        if not iscoroutinefunction(found):
            return found

        async def call(statement: Any, params: Any = NOTHING) -> Any:
            self.rows += 1 if isinstance(params, dict) else len(params)
            return await found(statement, params)

        return call


@on_sqlite
async def test_no_commit_holds_many_rows(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "FEWEST_ROWS", 200)
    monkeypatch.setattr(writing, "MOST_ROWS", 200)
    await old_install.make()
    for seed in range(4):
        await old_install.fill(f"player {seed}", made_up(seed, 100))
    for number in range(250):
        await old_install.add(f"more {number}")
    original = instance.db.write_together
    sizes: list[int] = []

    open_by_hand = instance.db.writing

    @asynccontextmanager
    async def writing_by_hand() -> AsyncIterator[Any]:
        async with open_by_hand() as conn:
            counted = Counted(conn)
            yield counted
            sizes.append(counted.rows)

    async def write_together(steps: Any) -> bool:
        sizes.append(sum(1 if isinstance(step.params, dict) else len(step.params) for step in steps))
        return await original(steps)

    instance.db.write_together = write_together  # type: ignore[method-assign]
    instance.db.writing = writing_by_hand  # type: ignore[method-assign]
    report = await move()
    assert report.looks == 400
    assert report.players_new == 254
    assert len(sizes) > 11
    assert max(sizes) < 700
