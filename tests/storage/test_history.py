"""Looks stored as differences, and read back as the state they led to."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select

from osrsdiff.errors import Outcome
from osrsdiff.game.metrics import KNOWN, Metric, MetricKind, kind_of, name_of
from osrsdiff.game.snapshots import Reading, State, Unranked, difference
from osrsdiff.storage import history, plan, players
from osrsdiff.storage.dialects import sqlite_path
from osrsdiff.storage.engine import Database
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.players import Player
from osrsdiff.storage.sqlite_file import open_file
from osrsdiff.storage.tables import changes, current_values, metrics, snapshots

HOUR = timedelta(hours=1)
HIDDEN = Reading(None, None, 1, Unranked.HIDDEN)
UNSEEN = Reading(None, None, None, Unranked.HIDDEN)
ZERO = Reading(0, None, None, Unranked.ZERO)

AddPlayer = Callable[..., Awaitable[Player]]
StoreLook = Callable[..., Awaitable[bool]]
Make = Callable[..., Reading]

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


async def state_of(db: Database, player: Player) -> State:
    async with db.reading() as conn:
        state = await history.load_state(conn, player.id)
    assert state is not None
    return state


async def player_now(db: Database, player: Player) -> Player:
    async with db.reading() as conn:
        found = (await plan.by_ids(conn, [player.id])).get(player.id)
    assert found is not None
    return found


async def count(db: Database, table: Table) -> int:
    async with db.reading() as conn:
        row = await conn.one(select(func.count()).select_from(table))
    assert row is not None
    return int(row[0])


async def test_a_player_nobody_has_looked_at_has_no_state(db: Database, add_player: AddPlayer) -> None:
    player = await add_player()
    async with db.reading() as conn:
        assert await history.load_state(conn, player.id) is None
        assert await history.sheet(conn, player.id) == []


async def test_what_is_stored_is_read_back(
    db: Database, add_player: AddPlayer, store: StoreLook, skill: Make, kills: Make, now: datetime
) -> None:
    player = await add_player()
    sheet = {
        "overall": Reading(4_600_000_000, 7, 2376, None),
        "attack": skill(13_034_431),
        "sailing": HIDDEN,
        "farming": skill(1_271_864, rank=None),
        "zulrah": kills(12_345),
        "yama": ZERO,
        "lms_rank": UNSEEN,
    }
    assert await store(player, sheet, now)
    assert await state_of(db, player) == State(1, now, now, sheet)
    looked_at = await player_now(db, player)
    assert (looked_at.last_look_at, looked_at.last_changed_at, looked_at.last_attempt_at) == (now, now, now)
    assert looked_at.last_outcome is Outcome.CHANGED


async def test_a_whole_sheet_survives_the_end_of_the_process(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    sheet = {metric.key: kills(number + 1) for number, metric in enumerate(KNOWN)}
    await store(player, sheet, now)
    async with await Database.connect(db.url) as later:
        state = await state_of(later, player)
        assert list(state.sheet) == [metric.key for metric in KNOWN]
        assert state.sheet == sheet


async def test_only_what_changed_makes_history(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"zulrah": kills(1), "vorkath": kills(1)}, now)
    await store(player, {"zulrah": kills(2), "vorkath": kills(1, rank=499)}, now + HOUR)
    assert await count(db, changes) == 3
    assert await count(db, snapshots) == 2
    assert (await state_of(db, player)).sheet["vorkath"].rank == 499


async def test_a_look_that_changes_nothing_makes_no_history(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"zulrah": kills(1, rank=9)}, now)
    await store(player, {"zulrah": kills(1, rank=8)}, now + HOUR)
    assert await count(db, snapshots) == await count(db, changes) == 1
    assert await state_of(db, player) == State(2, now + HOUR, now, {"zulrah": kills(1, rank=8)})
    looked_at = await player_now(db, player)
    assert (looked_at.last_look_at, looked_at.last_changed_at) == (now + HOUR, now)
    assert looked_at.last_outcome is Outcome.UNCHANGED


async def test_a_look_ends_a_row_of_failures(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    async with db.writing() as conn:
        await players.record_attempt(conn, player.id, at=now, outcome=Outcome.UNAVAILABLE)
    await store(player, {"zulrah": kills(1)}, now)
    assert (await player_now(db, player)).failures == 0


async def test_each_snapshot_knows_the_look_before_it(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    for hours, number in ((0, 1), (1, 1), (2, 1), (3, 2)):
        await store(player, {"zulrah": kills(number)}, now + hours * HOUR)
    async with db.reading() as conn:
        rows = await conn.all(select(snapshots.c.taken_at, snapshots.c.previous_look_at).order_by(snapshots.c.taken_at))
    at = int(now.timestamp())
    assert rows == [(at, None), (at + 3 * 3600, at + 2 * 3600)]


async def test_a_value_that_becomes_hidden_is_carried_forward(
    db: Database, add_player: AddPlayer, store: StoreLook, skill: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"attack": skill(1000)}, now)
    await store(player, {"attack": HIDDEN}, now + HOUR)
    assert (await state_of(db, player)).sheet["attack"] == Reading(1000, None, 9, Unranked.HIDDEN)
    await store(player, {"attack": skill(1500)}, now + 2 * HOUR)
    assert await count(db, changes) == 2


async def test_a_hidden_value_that_appears_is_a_change(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"zulrah": UNSEEN}, now)
    assert await count(db, changes) == 0
    assert await count(db, snapshots) == 1
    await store(player, {"zulrah": kills(50)}, now + HOUR)
    assert await count(db, changes) == 1


async def test_only_levels_that_xp_does_not_tell_are_stored(
    db: Database, add_player: AddPlayer, store: StoreLook, skill: Make, kills: Make, now: datetime
) -> None:
    player = await add_player()
    sheet = {
        "overall": Reading(4000, 5, 1500, None),
        "attack": skill(1000),
        "defence": skill(1000, level=3),
        "zulrah": kills(3),
    }
    await store(player, sheet, now)
    async with db.reading() as conn:
        rows = await conn.all(select(metrics.c.key, changes.c.level).join(changes, changes.c.metric_id == metrics.c.id))
    assert dict(rows) == {"overall": 1500, "attack": None, "defence": 3, "zulrah": None}


async def test_why_a_value_has_no_rank_is_stored_with_it(
    db: Database, add_player: AddPlayer, store: StoreLook, skill: Make, kills: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"zulrah": kills(3), "yama": ZERO, "attack": skill(1000, rank=None)}, now)
    async with db.reading() as conn:
        rows = await conn.all(
            select(metrics.c.key, changes.c.unranked).join(changes, changes.c.metric_id == metrics.c.id)
        )
    assert dict(rows) == {"zulrah": None, "yama": 2, "attack": 3}


async def test_a_fall_is_kept_and_marked(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    for hours, zulrah, lms in ((0, 50, 700), (1, 60, 600), (2, 40, 600)):
        await store(player, {"zulrah": kills(zulrah), "lms_rank": kills(lms)}, now + hours * HOUR)
    async with db.reading() as conn:
        marks = await conn.all(select(snapshots.c.has_fall).order_by(snapshots.c.taken_at))
    assert [bool(mark) for (mark,) in marks] == [False, False, True]
    assert (await state_of(db, player)).sheet["zulrah"].value == 40


async def test_the_newest_values_are_kept_for_leaderboards(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"zulrah": kills(50), "yama": ZERO, "vorkath": kills(7)}, now)
    await store(player, {"zulrah": kills(51), "yama": kills(1), "vorkath": ZERO}, now + HOUR)
    async with db.reading() as conn:
        rows = await conn.all(
            select(metrics.c.key, current_values.c.value).join(
                current_values, current_values.c.metric_id == metrics.c.id
            )
        )
    assert dict(rows) == {"zulrah": 51, "yama": 1, "vorkath": 0}


async def test_of_two_looks_compared_with_the_same_state_one_is_stored(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"zulrah": kills(1)}, now)
    state = await state_of(db, player)

    async def store_later(number: int) -> bool:
        found = difference(state, {"zulrah": kills(number)}, now + HOUR)
        async with db.writing() as conn:
            return await history.store_look(conn, player.id, found, expected_version=state.version)

    assert sorted(await asyncio.gather(*(store_later(number) for number in (2, 3, 4)))) == [False, False, True]
    assert await count(db, snapshots) == await count(db, changes) == 2
    assert (await state_of(db, player)).version == 2


async def test_of_looks_that_share_a_commit_each_is_compared_with_its_own_state(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    one, other = await add_player("one"), await add_player("other")
    for player in (one, other):
        await store(player, {"zulrah": kills(1)}, now)

    async def store_together(player: Player, number: int) -> bool:
        found = difference(await state_of(db, player), {"zulrah": kills(number)}, now + HOUR)
        return await history.store_look_together(db, player.id, found, expected_version=1)

    stored = await asyncio.gather(*(store_together(player, number) for player in (one, other) for number in (2, 3)))
    assert sorted(stored[:2]) == sorted(stored[2:]) == [False, True]
    assert await count(db, snapshots) == await count(db, changes) == 4
    assert (await state_of(db, one)).version == (await state_of(db, other)).version == 2


async def test_a_look_that_shares_a_commit_registers_metrics_first(
    db: Database, add_player: AddPlayer, kills: Make, now: datetime
) -> None:
    boss = Metric("a_later_boss", "A Later Boss", MetricKind.BOSS)
    players_ = [await add_player(name) for name in ("one", "two")]
    found = difference(None, {"a_later_boss": kills(1)}, now)
    store_look = history.store_look_together
    looks = (store_look(db, player.id, found, expected_version=0, new_metrics=[boss]) for player in players_)
    assert await asyncio.gather(*looks) == [True, True]
    assert await count(db, metrics) == 1


async def test_a_player_and_what_is_known_of_it_come_together(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    seen, unseen = await add_player("seen"), await add_player("unseen")
    await store(seen, {"zulrah": kills(1)}, now)
    async with db.reading() as conn:
        assert await history.load_player(conn, seen.id) == (
            (await plan.by_ids(conn, [seen.id])).get(seen.id),
            await history.load_state(conn, seen.id),
        )
        assert await history.load_player(conn, unseen.id) == (unseen, None)
        assert await history.load_player(conn, 12_345) is None


async def test_of_two_first_looks_one_is_stored(
    db: Database, add_player: AddPlayer, kills: Make, now: datetime
) -> None:
    player = await add_player()

    async def store_first(number: int) -> bool:
        found = difference(None, {"zulrah": kills(number)}, now)
        async with db.writing() as conn:
            return await history.store_look(conn, player.id, found, expected_version=0)

    assert sorted(await asyncio.gather(*(store_first(number) for number in (1, 2, 3)))) == [False, False, True]
    assert await count(db, snapshots) == await count(db, changes) == 1


@pytest.mark.parametrize("looks", [0, 1])
async def test_nothing_is_stored_of_a_player_who_was_removed_meanwhile(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime, looks: int
) -> None:
    player = await add_player()
    state = None
    if looks:
        await store(player, {"zulrah": kills(1)}, now)
        state = await state_of(db, player)
    found = difference(state, {"zulrah": kills(2)}, now + HOUR)
    async with db.writing() as conn:
        await players.remove(conn, player.id)
    async with db.writing() as conn:
        assert not await history.store_look(conn, player.id, found, expected_version=looks)
    assert await count(db, snapshots) == await count(db, changes) == await count(db, current_values) == 0


async def test_times_of_snapshots_grow_even_where_the_clock_goes_back(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    for number, at in enumerate((now, now, now - HOUR, now + timedelta(milliseconds=500)), start=1):
        assert await store(player, {"zulrah": kills(number)}, at)
    async with db.reading() as conn:
        times = [at for (at,) in await conn.all(select(snapshots.c.taken_at).order_by(snapshots.c.taken_at))]
    start = int(now.timestamp())
    assert times == [start, start + 1, start + 2, start + 3]


async def test_a_metric_that_nobody_knows_is_registered_once(
    db: Database, add_player: AddPlayer, kills: Make, now: datetime
) -> None:
    boss = Metric("the_next_boss", "The Next Boss", MetricKind.BOSS)
    dragon = Metric("dragonriding", "Dragonriding", MetricKind.SKILL)
    for name in ("one", "two"):
        player = await add_player(name)
        found = difference(None, {"the_next_boss": kills(1), "dragonriding": kills(83)}, now)
        async with db.writing() as conn:
            stored = history.store_look(conn, player.id, found, expected_version=0, new_metrics=[boss, dragon])
            assert await stored
    assert await count(db, metrics) == 2
    async with await Database.connect(db.url) as later, later.reading() as conn:
        rows = await history.sheet(conn, player.id)
    assert [row.metric for row in rows] == [boss, dragon]
    assert kind_of("dragonriding") is MetricKind.SKILL


@pytest.mark.parametrize("knows_it_already", [True, False])
async def test_a_guessed_name_gives_way_to_the_hiscores_own(
    db: Database, add_player: AddPlayer, kills: Make, now: datetime, knows_it_already: bool
) -> None:
    guess = Metric("kruls_pet_tortoise", "Kruls Pet Tortoise", MetricKind.BOSS)
    own = Metric("kruls_pet_tortoise", "Kru'l's Pet-Tortoise", MetricKind.BOSS)
    other_zulrah = Metric("zulrah", "ZULRAH", MetricKind.BOSS)
    player = await add_player()
    async with await Database.connect(db.url) as earlier, earlier.writing() as conn:
        await ids_of(conn, {guess.key}, [guess], at=now)
    if knows_it_already:
        async with db.writing() as conn:
            await ids_of(conn, {guess.key}, [guess], at=now)
    found = difference(None, {guess.key: kills(1), "zulrah": kills(1)}, now)
    new = [own, other_zulrah]
    assert await history.store_look_together(db, player.id, found, expected_version=0, new_metrics=new)
    async with await Database.connect(db.url) as later:
        for database in (db, later):
            async with database.writing() as conn:
                await ids_of(conn, {guess.key, "nex"}, [guess], at=now)
            async with database.reading() as conn:
                assert [row.metric.name for row in await history.sheet(conn, player.id)] == [own.name, "Zulrah"]
    assert name_of(guess.key) == own.name


async def test_a_metric_registered_in_a_transaction_that_was_undone_is_registered_again(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()

    async def break_off() -> None:
        async with db.writing() as conn:
            found = difference(None, {"zulrah": kills(1)}, now)
            assert await history.store_look(conn, player.id, found, expected_version=0)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await break_off()
    assert await count(db, metrics) == 0
    await store(player, {"vorkath": kills(1)}, now)
    await store(player, {"vorkath": kills(1), "zulrah": kills(1)}, now + HOUR)
    async with await Database.connect(db.url) as later:
        assert (await state_of(later, player)).sheet == {"vorkath": kills(1), "zulrah": kills(1)}


async def test_many_first_looks_in_one_transaction(
    db: Database, add_player: AddPlayer, kills: Make, now: datetime
) -> None:
    one, two = await add_player("one"), await add_player("two")
    async with db.writing() as conn:
        for player in (one, two):
            found = difference(None, {"zulrah": kills(1)}, now)
            assert await history.store_look(conn, player.id, found, expected_version=0)
            state = await history.load_state(conn, player.id)
            assert state is not None
            found = difference(state, {"zulrah": kills(2)}, now + HOUR)
            assert await history.store_look(conn, player.id, found, expected_version=1)
    assert (await state_of(db, two)).sheet == {"zulrah": kills(2)}


async def test_a_metric_that_is_neither_known_nor_new_is_an_error(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    with pytest.raises(KeyError, match="nonsense"):
        await store(player, {"nonsense": kills(1)}, now)


async def test_the_sheet_says_since_when_each_value_stands(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Make, now: datetime
) -> None:
    player = await add_player()
    await store(player, {"zulrah": kills(1), "vorkath": kills(1), "yama": UNSEEN}, now)
    await store(player, {"zulrah": kills(2), "vorkath": kills(1, rank=3), "yama": UNSEEN}, now + HOUR)
    await store(player, {"zulrah": kills(2), "vorkath": kills(1, rank=2), "yama": UNSEEN}, now + 2 * HOUR)
    async with db.reading() as conn:
        rows = await history.sheet(conn, player.id)
    by_key = {metric.key: metric for metric in KNOWN}
    assert rows == [
        SheetRow(by_key["zulrah"], kills(2), now + HOUR),
        SheetRow(by_key["vorkath"], kills(1, rank=2), now),
        SheetRow(by_key["yama"], UNSEEN, now + 2 * HOUR),
    ]


@on_sqlite
async def test_a_snapshot_takes_few_bytes_and_an_unchanged_look_none(
    db: Database, add_player: AddPlayer, store: StoreLook, skill: Make, now: datetime
) -> None:
    """Five changed metrics of fifteen usual ones in turn, hour by hour; the first looks are counted too."""
    path = sqlite_path(db.url)
    keys = [metric.key for metric in KNOWN if metric.kind is MetricKind.SKILL][1:16]
    sheet = {metric.key: ZERO for metric in KNOWN} | {key: skill(1_000_000) for key in keys}
    who = [await add_player(f"player {number}") for number in range(4)]
    empty = _size(path)
    for hour in range(250):
        for key in (keys * 2)[hour % 15 : hour % 15 + 5]:
            sheet[key] = skill((sheet[key].value or 0) + 12_345)
        for player in who:
            await store(player, sheet, now + hour * HOUR)
    grown = _size(path)
    assert await count(db, snapshots) == 1000
    assert (grown - empty) / 1000 <= 200
    for player in who:
        await store(player, {key: Reading(r.value, 77, r.level, None) for key, r in sheet.items()}, now + 300 * HOUR)
    assert _size(path) == grown


def _size(path: Path) -> int:
    raw = open_file(path)
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    return path.stat().st_size
