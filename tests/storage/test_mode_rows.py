"""Game modes as rows: who is due for a check, what one stores, and that it stores nothing of who has changed."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Table, Update, update

from osrsdiff.game.modes import GameMode, ModeChange, Pending
from osrsdiff.game.reviews import Why
from osrsdiff.game.snapshots import Reading, State, difference
from osrsdiff.storage import history, modes, players, reviews
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import players as table

AddPlayer = Callable[..., Awaitable[Player]]
StoreLook = Callable[[Player, dict[str, Reading], datetime], Awaitable[bool]]
Skill = Callable[..., Reading]

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
REGULAR, IRONMAN, HARDCORE = GameMode.REGULAR, GameMode.IRONMAN, GameMode.HARDCORE


async def set_row(db: Database, player: Player, **values: Any) -> Player:
    stored = {key: seconds(value) if isinstance(value, datetime) else value for key, value in values.items()}
    async with db.writing() as conn:
        await conn.run(update(table).where(table.c.id == player.id).values(**stored), stored)
    return await read(db, player)


async def read(db: Database, player: Player) -> Player:
    async with db.reading() as conn:
        found = await history.load_player(conn, player.id)
    assert found is not None
    return found[0]


async def state_of(db: Database, player: Player) -> State:
    async with db.reading() as conn:
        state = await history.load_state(conn, player.id)
    assert state is not None
    return state


CUTOFF = datetime.fromisoformat("2026-09-30T02:00:00Z")
NOW = CUTOFF + DAY + HOUR
SEEN = {"last_look_at": NOW - HOUR}
IRON = {**SEEN, "game_mode": "ironman"}
UNSURE = {"mode_checked_at": NOW, "mode_pending": "regular"}


WHO: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    (SEEN, True),
    (IRON, True),
    ({**SEEN, "mode_checked_at": CUTOFF - DAY}, False),
    ({**IRON, "mode_checked_at": CUTOFF - MINUTE}, True),
    ({**IRON, "mode_checked_at": CUTOFF}, True),
    ({**IRON, "mode_checked_at": CUTOFF + DAY - MINUTE}, True),
    ({**IRON, "mode_checked_at": CUTOFF + DAY}, False),
    # the row goes on, by what main said or by itself
    ({**IRON, "mode_checked_at": CUTOFF - MINUTE, "last_changed_at": NOW}, True),
    ({**IRON, "mode_checked_at": CUTOFF, "last_changed_at": CUTOFF}, False),
    ({**IRON, "mode_checked_at": CUTOFF + HOUR, "last_changed_at": CUTOFF - MINUTE}, True),
    # a second look, not before its time
    ({**IRON, **UNSURE, "mode_pending_at": NOW - 4 * MINUTE}, False),
    ({**IRON, **UNSURE, "mode_pending_at": NOW - 5 * MINUTE}, True),
    ({**SEEN, "mode_pending": "regular", "mode_pending_at": NOW - 4 * MINUTE}, False),
    # of whom the tables said nothing: again after the next beat
    ({**SEEN, "mode_pending_at": NOW - 30 * MINUTE}, False),
    ({**SEEN, "mode_pending_at": CUTOFF + DAY - MINUTE}, True),
    ({**IRON, "mode_checked_at": CUTOFF - DAY, "mode_pending_at": NOW - MINUTE}, False),
    # nobody's to look at
    ({**SEEN, "is_active": False}, False),
    ({**SEEN, "flagged_at": NOW - DAY}, False),
    ({**IRON, **UNSURE, "mode_pending_at": NOW - HOUR, "flagged_at": NOW}, False),
]


async def test_who_is_due(db: Database, add_player: AddPlayer) -> None:
    added = [(await add_player(f"case {number}"), *case) for number, case in enumerate(WHO)]
    expected = [await set_row(db, player, **values) for player, values, is_due in added if is_due]
    for player, values, is_due in added:
        if values and not is_due:
            await set_row(db, player, **values)
    async with db.reading() as conn:
        assert (
            await modes.due(conn, begun=CUTOFF + DAY, second_look_before=NOW - 5 * MINUTE, after_id=0, limit=99)
            == expected
        )


async def test_those_who_are_due_come_by_id(db: Database, add_player: AddPlayer) -> None:
    added = [await set_row(db, await add_player(name), **SEEN) for name in ("zoe", "amy", "kim")]
    async with db.reading() as conn:
        first = await modes.due(conn, begun=CUTOFF + DAY, second_look_before=NOW, after_id=0, limit=2)
        rest = await modes.due(conn, begun=CUTOFF + DAY, second_look_before=NOW, after_id=first[-1].id, limit=2)
    assert [*first, *rest] == added


async def test_a_look_at_the_own_table_shows_the_mode_where_something_was_gained(
    db: Database, add_player: AddPlayer, skill: Skill, now: datetime
) -> None:
    player = await add_player()

    async def look(xp: int, at: datetime, is_own_table: bool) -> None:
        async with db.reading() as conn:
            state = await history.load_state(conn, player.id)
        found = difference(state, {"attack": skill(xp)}, at)
        async with db.writing() as conn:
            version = state.version if state else 0
            await history.store_look(conn, player.id, found, expected_version=version, is_own_table=is_own_table)

    shown: list[datetime | None] = []
    for number, (xp, is_own) in enumerate([(50, True), (50, True), (60, False), (70, True), (70, True), (65, True)]):
        await look(xp, now + number * HOUR, is_own)
        shown.append((await read(db, player)).mode_checked_at)
    assert shown == [None, None, None, *[now + 3 * HOUR] * 3]
    async with db.reading() as conn:
        assert await modes.last_shown(conn, await read(db, player)) == now + 2 * HOUR
        assert await modes.last_shown(conn, replace(player, mode_checked_at=now + HOUR)) == now + HOUR
        assert await modes.last_shown(conn, player) is None


async def test_what_a_check_notes(db: Database, add_player: AddPlayer, now: datetime) -> None:
    player = await set_row(db, await add_player(), game_mode="ironman")
    assert await db.write_together(modes.pending(player, Pending(REGULAR, now)))
    unsure = await read(db, player)
    assert unsure == replace(player, mode_pending=REGULAR, mode_pending_at=now)
    assert await db.write_together(modes.tried(unsure, now + HOUR))
    assert await read(db, player) == replace(player, mode_pending_at=now + HOUR)
    assert await db.write_together(modes.right(unsure, now + HOUR))
    assert await read(db, player) == replace(player, mode_checked_at=now + HOUR)
    await db.write_together(modes.forgotten(player.id))
    assert await read(db, player) == player
    unseen = await set_row(db, player, is_active=False, flagged_at=now)
    assert await db.write_together(modes.doubted(unseen, now))
    assert await read(db, player) == replace(unseen, mode_pending=IRONMAN, mode_pending_at=now)
    assert await db.write_together(modes.guessed(unseen, HARDCORE))
    assert (await read(db, player)).game_mode is HARDCORE


async def test_a_new_mode_counts_from_where_the_old_row_may_have_stayed(
    db: Database, add_player: AddPlayer, store: StoreLook, skill: Skill, now: datetime
) -> None:
    player = await add_player()
    for hour, xp in enumerate((50, 60, 60, 60)):
        await store(player, {"attack": skill(xp)}, now + hour * HOUR)
    player = await set_row(db, player, game_mode="hardcore_ironman", mode_checked_at=now + 2 * HOUR)
    before = await state_of(db, player)
    change = ModeChange(now + 5 * HOUR, now + 2 * HOUR, HARDCORE, IRONMAN)
    assert await db.write_together(
        [*modes.set_to(player, IRONMAN, at=change.at, after=change.after), *modes.changed(player.id, change)]
    )
    state = await state_of(db, player)
    assert (state.version, state.looked_at, state.taken_at) == (before.version + 1, now + 2 * HOUR, now + HOUR)
    assert await read(db, player) == replace(
        player, game_mode=IRONMAN, mode_since=change.at, mode_checked_at=change.at, mode_pending=None
    )
    later = ModeChange(now + 9 * HOUR, None, IRONMAN, REGULAR)
    await db.write_together(modes.changed(player.id, later))
    async with db.reading() as conn:
        assert await modes.of_player(conn, player.id) == [later, change]


async def test_a_new_mode_counts_never_before_the_last_change_nor_after_the_last_look(
    db: Database, add_player: AddPlayer, store: StoreLook, skill: Skill, now: datetime
) -> None:
    for number, (mode, after, looked_at) in enumerate(
        [
            (IRONMAN, None, 1),
            (IRONMAN, now, 1),
            (IRONMAN, now + 2 * HOUR, 2),
            (IRONMAN, now + 7 * HOUR, 3),
            (REGULAR, None, 3),  # a guess that was wrong has hidden nothing
        ]
    ):
        player = await add_player(f"case {number}")
        for hour, xp in enumerate((50, 60, 60, 60)):
            await store(player, {"attack": skill(xp)}, now + hour * HOUR)
        player = await set_row(db, player, game_mode=mode.value)
        assert await db.write_together(modes.set_to(player, HARDCORE, at=now + 9 * HOUR, after=after))
        assert (await state_of(db, player)).looked_at == now + looked_at * HOUR


Make = Callable[[Player], list[Step]]
AT = NOW + HOUR
STORED: dict[str, Make] = {
    "right": lambda player: modes.right(player, AT),
    "pending": lambda player: modes.pending(player, Pending(HARDCORE, AT)),
    "tried": lambda player: modes.tried(player, AT),
    "set": lambda player: modes.set_to(player, HARDCORE, at=AT, after=None),
    "impossible": lambda player: modes.cannot_be(player, AT, flag(player)),
}
NOTICED: dict[str, Make] = {
    "guessed": lambda player: modes.guessed(player, HARDCORE),
    "doubted": lambda player: modes.doubted(player, AT),
}


def flag(player: Player) -> list[Step]:
    return reviews.flag_steps(player.id, at=AT, after=None, why=Why.IMPOSSIBLE_MODE, detail="")


@pytest.mark.parametrize("name", ["set", "impossible"])
async def test_a_state_is_taken_before_its_player_as_looks_do(db: Database, add_player: AddPlayer, name: str) -> None:
    """In another order a look and a check of one player would wait for each other."""
    changed = [
        step.statement.table.name
        for step in STORED[name](await add_player())
        if isinstance(step.statement, Update) and isinstance(step.statement.table, Table)
    ]
    assert (changed[0], "players" in changed) == ("player_states", True)


async def test_nothing_is_stored_of_a_player_who_changed_meanwhile(
    db: Database, add_player: AddPlayer, now: datetime
) -> None:
    for name, steps in (STORED | NOTICED).items():
        player = await set_row(db, await add_player(name), mode_checked_at=now)
        for change, back in (
            ({"username": "other"}, {"username": player.username}),
            ({"is_active": False}, {"is_active": True}),
            ({"game_mode": "ultimate_ironman"}, {"game_mode": "regular"}),
            ({"mode_checked_at": now + HOUR}, {"mode_checked_at": now}),
            ({"mode_checked_at": None}, {"mode_checked_at": now}),
            ({"flagged_at": now}, {"flagged_at": None}),
        ):
            changed = await set_row(db, player, **change)
            if name in NOTICED and not {"is_active", "flagged_at"}.isdisjoint(change):
                await set_row(db, player, **back)
                continue  # then it comes with a look by hand, or one of who is to be reviewed
            assert not await db.write_together(steps(player)), name
            assert await read(db, player) == changed
            await set_row(db, player, **back)
        assert await db.write_together(steps(player)), name
        async with db.writing() as conn:
            await players.remove(conn, player.id)
        assert not await db.write_together(steps(player)), name
