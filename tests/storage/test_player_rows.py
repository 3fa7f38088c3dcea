"""Players as rows: added once, found by exact name, paged in order, removed with everything."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from sqlalchemy import Table, func, insert, select, text, update

from osrsdiff.errors import Outcome, PlayerExists
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import failures, moves, plan, players
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player, PlayerCounts, Troubled
from osrsdiff.storage.tables import (
    achievements,
    events,
    group_members,
    groups,
    metadata,
    mode_changes,
    name_changes,
    player_states,
    records,
    reviews,
)
from osrsdiff.storage.tables import moves as moves_table

AddPlayer = Callable[..., Awaitable[Player]]


async def find(db: Database, name: str) -> Player | None:
    async with db.reading() as conn:
        return await players.by_username(conn, name)


async def test_a_new_player_is_active_and_never_looked_at(db: Database, now: datetime) -> None:
    async with db.writing() as conn:
        added = await players.add(
            conn,
            username="lynx titan",
            display_name="Lynx Titan",
            interval_minutes=30,
            now=now,
            game_mode=GameMode.IRONMAN,
        )
    assert added == Player(
        id=added.id,
        username="lynx titan",
        display_name="Lynx Titan",
        game_mode=GameMode.IRONMAN,
        is_active=True,
        fetch_interval_minutes=30,
        schedule_id=None,
        created_at=now,
        last_attempt_at=None,
        last_look_at=None,
        last_changed_at=None,
        last_outcome=None,
        failures=0,
    )
    async with db.reading() as conn:
        assert (await plan.by_ids(conn, [added.id])).get(added.id) == added
        assert await players.by_username(conn, "lynx titan") == added


async def test_a_player_is_added_once(db: Database, add_player: AddPlayer) -> None:
    await add_player("zezima")
    with pytest.raises(PlayerExists) as raised:
        await add_player("zezima")
    assert raised.value.username == "zezima"
    await add_player("b0aty")
    assert await find(db, "b0aty") is not None


@pytest.mark.parametrize("name", ["lynx_titan", "lynx%", "Lynx Titan", "lynx titan "])
async def test_a_player_is_found_by_exact_name_only(db: Database, add_player: AddPlayer, name: str) -> None:
    await add_player("lynx titan")
    assert await find(db, name) is None


async def test_pages_follow_the_order_of_bytes_and_meet_no_one_twice(db: Database, add_player: AddPlayer) -> None:
    names = ["zezima", "a b", "a-c", "ab", "a0", "lynx titan", "9lives"]
    for name in names:
        await add_player(name)
    seen: list[str] = []
    while True:
        async with db.reading() as conn:
            page = await players.page(conn, after=seen[-1] if seen else None, limit=2)
        if not page:
            break
        seen += [player.username for player in page]
    assert seen == sorted(names)


async def test_pages_of_the_active_and_the_paused(db: Database, add_player: AddPlayer) -> None:
    one, two, three = [await add_player(name) for name in ("one", "two", "three")]
    async with db.writing() as conn:
        await players.set_active(conn, two.id, False)
    async with db.reading() as conn:
        active = await players.page(conn, after=None, limit=10, is_active=True)
        paused = await players.page(conn, after=None, limit=10, is_active=False)
        by_id = await players.page_by_id(conn, after=one.id, limit=10)
        known = await players.which_active(conn, [two.id, three.id, 10_000])
        nobody = await players.which_active(conn, [])
    assert [player.username for player in active] == ["one", "three"]
    assert [player.username for player in paused] == ["two"]
    assert [player.username for player in by_id] == ["two", "three"]
    assert known == {two.id: False, three.id: True}
    assert nobody == {}


@pytest.mark.parametrize(
    ("is_active", "mode", "names"),
    [
        (None, GameMode.IRONMAN, ["one", "two"]),
        (True, GameMode.IRONMAN, ["one"]),
        (False, GameMode.IRONMAN, ["two"]),
        (None, GameMode.REGULAR, ["three"]),
        (None, GameMode.HARDCORE, []),
    ],
)
async def test_pages_of_a_game_mode(db: Database, is_active: bool | None, mode: GameMode, names: list[str]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    async with db.writing() as conn:
        for name, kind in {"one": GameMode.IRONMAN, "two": GameMode.IRONMAN, "three": GameMode.REGULAR}.items():
            one = await players.add(
                conn, username=name, display_name=name, interval_minutes=60, now=now, game_mode=kind
            )
            await players.set_active(conn, one.id, name != "two")
    async with db.reading() as conn:
        found = await players.page(conn, after=None, limit=10, is_active=is_active, game_mode=mode)
    assert [player.username for player in found] == names


async def test_interval_and_schedule_are_noted(db: Database, add_player: AddPlayer) -> None:
    one, two = await add_player("one"), await add_player("two")
    async with db.writing() as conn:
        await players.set_interval(conn, one.id, 90)
    await plan.note_scheduled(db, [one.id, two.id], "player_fetch_")
    async with db.writing() as conn:
        await players.set_active(conn, two.id, False)
    await plan.note_unscheduled(db, [two.id])
    async with db.reading() as conn:
        found = await players.by_schedule_id(conn, "player_fetch_1")
        assert await players.by_schedule_id(conn, "player_fetch_2") is None
    assert found is not None
    assert (found.id, found.fetch_interval_minutes) == (one.id, 90)


async def test_failures_in_a_row_are_counted_until_one_look_gives_data(
    db: Database,
    add_player: AddPlayer,
    store: Callable[..., Awaitable[bool]],
    kills: Callable[..., Reading],
    now: datetime,
) -> None:
    player = await add_player("lynx titan")
    times = [now + timedelta(hours=hours) for hours in range(4)]
    counts = []
    for at in times:
        if at == times[2]:
            assert await store(player, {"zulrah": kills(3)}, at)
        else:
            async with db.writing() as conn:
                assert await players.record_attempt(conn, player.id, at=at, outcome=Outcome.UNAVAILABLE)
        found = await find(db, "lynx titan")
        assert found is not None
        counts.append(found.failures)
    assert counts == [1, 2, 0, 1]
    assert found is not None
    assert (found.last_attempt_at, found.last_outcome, found.last_look_at) == (times[3], Outcome.UNAVAILABLE, times[2])


async def test_a_player_is_missing_from_the_first_such_answer_until_the_next_data(
    db: Database,
    add_player: AddPlayer,
    store: Callable[..., Awaitable[bool]],
    kills: Callable[..., Reading],
    now: datetime,
) -> None:
    player = await add_player("lynx titan")
    answers = (Outcome.UNAVAILABLE, Outcome.NOT_RANKED, Outcome.UNAVAILABLE, Outcome.NOT_RANKED)
    missing = []
    for hours, outcome in enumerate(answers):
        async with db.writing() as conn:
            at = now + timedelta(hours=hours)
            await players.record_attempt(conn, player.id, at=at, outcome=outcome)
            found = (await plan.by_ids(conn, [player.id])).get(player.id)
        assert found is not None
        missing.append(found.missing_since)
    first = now + timedelta(hours=1)
    assert missing == [None, first, first, first]
    async with db.reading() as conn:
        for since, failures, missing in ((first, 4, 1), (first, 5, 0), (first - timedelta(seconds=1), 1, 0)):
            found = await players.count_troubled(conn, missing_since=since, failures=failures)
            assert found == Troubled(missing, failing=1, never_seen=1)
    assert await store(player, {"zulrah": kills(3)}, now + timedelta(days=1))
    seen = await find(db, "lynx titan")
    assert seen is not None
    assert (seen.missing_since, seen.failures) == (None, 0)
    async with db.reading() as conn:
        assert await players.count_troubled(conn, missing_since=now, failures=1) == Troubled(0, 0, 0)


async def test_the_active_players_are_counted_by_interval(db: Database, add_player: AddPlayer) -> None:
    async with db.reading() as conn:
        assert await players.count(conn) == PlayerCounts(0, 0, {})
    for number in range(6):
        await add_player(f"player {number}", interval_minutes=10 if number else 45)
    paused = await add_player("paused", interval_minutes=1)
    async with db.writing() as conn:
        await players.set_active(conn, paused.id, False)
    async with db.reading() as conn:
        counted = await players.count(conn)
    assert (counted.active, counted.paused) == (6, 1)
    assert counted.by_interval == {10: 5, 45: 1}


async def test_a_removed_player_leaves_nothing_behind_and_its_id_is_not_used_again(
    db: Database,
    add_player: AddPlayer,
    store: Callable[..., Awaitable[bool]],
    kills: Callable[..., Reading],
    now: datetime,
) -> None:
    stays, goes = await add_player("stays"), await add_player("goes")
    async with db.writing() as conn:
        await conn.run(insert(groups).values(id=1, key="clan", name="Clan", description="", created_at=1))
    for player in (stays, goes):
        await store(player, {"zulrah": kills(1)}, now)
        await store(player, {"zulrah": kills(2)}, now + timedelta(hours=1))
        async with db.writing() as conn:
            await failures.add(conn, player.id, at=now, outcome=Outcome.MALFORMED, message="no skills")
            await conn.run_all(moves.begun("elsewhere", [], [player.username], []))
            for table, values in PROGRESS.items():
                await conn.run(insert(table).values(player_id=player.id, **values))
    before = await rows_of(db)
    async with db.writing() as conn:
        assert await players.remove(conn, goes.id)
        assert not await players.remove(conn, goes.id)
    after = await rows_of(db)
    assert {table: 2 * count for table, count in after.items()} == before
    histories = {"snapshots", "changes", "current_values", "player_states", "moves"}
    assert set(after) == {"players", "fetch_failures", *histories, *(table.name for table in PROGRESS)}
    assert (await add_player("goes")).id > goes.id


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", [player_states, moves_table], ids=["look", "move"])
async def test_a_removal_waits_for_a_write_that_goes_on_and_stops_it_not(
    db: Database,
    add_player: AddPlayer,
    store: Callable[..., Awaitable[bool]],
    kills: Callable[..., Reading],
    now: datetime,
    table: Table,
) -> None:
    player = await add_player("goes")
    await store(player, {"zulrah": kills(1)}, now)
    async with db.writing() as conn:
        await conn.run_all(moves.begun("elsewhere", [], [player.username], []))

    async def remove() -> bool:
        async with db.writing() as conn:
            return await players.remove(conn, player.id)

    async with db.writing() as conn:
        await conn.run(update(table).where(table.c.player_id == player.id).values(looked_at=1))
        removal = asyncio.ensure_future(remove())
        with anyio.fail_after(20):
            await one_waits(db)
        await players.set_active(conn, player.id, False)
    assert await removal


WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def one_waits(db: Database) -> None:
    """Returns when a connection waits for another one's lock."""
    async with db.reading() as conn:
        while (await conn.all(WAITING))[0][0] == 0:
            pass


PROGRESS: dict[Table, dict[str, object]] = {
    records: {"metric_id": 1, "period": 1, "gained": 1, "start_at": 1, "end_at": 2},
    achievements: {"metric_id": 1, "measure": 1, "threshold": 1},
    events: {"at": 1, "kind": 1},
    group_members: {"group_id": 1, "role": "member", "joined_at": 1},
    mode_changes: {"at": 1, "before": "ironman", "mode": "regular"},
    name_changes: {"at": 1, "before": "was", "after": "goes", "forced": False},
    reviews: {"flagged_at": 1, "why": "collapse", "detail": ""},
}


async def rows_of(db: Database) -> dict[str, int]:
    """How many rows each table has that speaks of players."""
    counted = {}
    async with db.reading() as conn:
        for table in metadata.sorted_tables:
            if table.name == "players" or "player_id" in table.c:
                [(counted[table.name],)] = await conn.all(select(func.count()).select_from(table))
    return counted
