"""Which part has what when a history is split, joined or cut, besides the looks: mode, reviews, events, failures."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, bindparam, insert, select, update

from osrsdiff.errors import Outcome, PlayerExists
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import failures, history, lineage, players, tables
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player

StoreLook = Callable[[Player, dict[str, Reading], datetime], Awaitable[bool]]
AddPlayer = Callable[..., Awaitable[Player]]

MODE = {"before": "hardcore_ironman", "mode": "ironman"}
REVIEW = {"why": "collapse", "detail": "much"}
CHECKED = ("mode_checked_at", "mode_since", "flagged_at")


@pytest.fixture
async def player(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Callable[..., Reading], now: datetime
) -> Player:
    """Seen at the hours 0 to 5, once with one kill more each; at 4 its mode was another, at 3 it was flagged."""
    one = await add_player()
    for hour in range(6):
        assert await store(one, {"zulrah": kills(hour + 5), "obor": kills(3)}, now + timedelta(hours=hour))
    await add_row(db, tables.mode_changes, {"player_id": one.id, "at": at(now, 4), **MODE})
    for hour in (1, 3):
        await add_row(db, tables.reviews, {"player_id": one.id, "flagged_at": at(now, hour), **REVIEW})
    async with db.writing() as conn:
        for hour in (2, 5):
            when = now + timedelta(hours=hour, minutes=1)
            await failures.add(conn, one.id, at=when, outcome=Outcome.UNAVAILABLE, message="")
        times = {"mode_checked_at": at(now, 5), "mode_since": at(now, 4), "flagged_at": at(now, 3)}
        statement = update(tables.players).where(tables.players.c.id == bindparam("player_id"))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("game_mode", *CHECKED)}
        given = {"new_game_mode": "ironman", **{f"new_{name}": time for name, time in times.items()}}
        await conn.run(statement.values(values), {"player_id": one.id, **given})
    return one


async def test_each_part_of_a_split_has_what_is_of_its_time(db: Database, player: Player, now: datetime) -> None:
    later_id = await split(db, player, now + timedelta(hours=3))
    earlier, later = await found(db, "lynx titan"), await found(db, "other")
    assert later.id == later_id
    assert (earlier.game_mode, later.game_mode) == (GameMode.HARDCORE, GameMode.IRONMAN)
    assert [getattr(earlier, name) for name in CHECKED] == [None, None, None]
    assert [getattr(later, name) for name in CHECKED] == [now + timedelta(hours=hour) for hour in (5, 4, 3)]
    assert (earlier.last_look_at, earlier.last_changed_at) == (now + timedelta(hours=2),) * 2
    assert (later.last_look_at, later.last_changed_at) == (now + timedelta(hours=5),) * 2
    assert (later.created_at, later.is_active, later.schedule_id) == (now + timedelta(hours=3), True, None)
    for table, time, ours, theirs in (
        (tables.mode_changes, "at", [], [4]),
        (tables.reviews, "flagged_at", [1], [3]),
        (tables.snapshots, "taken_at", [0, 1, 2], [3, 4, 5]),
    ):
        assert await times(db, table, time, earlier) == [at(now, hour) for hour in ours]
        assert await times(db, table, time, later) == [at(now, hour) for hour in theirs]
    assert await times(db, tables.fetch_failures, "at", later) == [at(now, 5) + 60]
    assert await times(db, tables.events, "at", later) == [at(now, 3)]  # first seen


async def test_who_has_everything_joined_has_it_as_before(db: Database, player: Player, now: datetime) -> None:
    before = await found(db, "lynx titan")
    later_id = await split(db, player, now + timedelta(hours=3))
    async with db.writing() as conn:
        await lineage.join(conn, player.id, later_id)
    after = await found(db, "lynx titan")
    assert [getattr(after, name) for name in CHECKED] == [getattr(before, name) for name in CHECKED]
    assert (after.game_mode, after.last_outcome, after.failures) == (before.game_mode, before.last_outcome, 0)
    assert await times(db, tables.mode_changes, "at", after) == [at(now, 4)]
    assert await times(db, tables.reviews, "flagged_at", after) == [at(now, 1), at(now, 3)]
    assert await times(db, tables.events, "at", after) == []


async def test_what_is_cut_is_gone_but_for_its_reviews(db: Database, player: Player, now: datetime) -> None:
    async with db.writing() as conn:
        await lineage.cut(conn, player.id, now + timedelta(hours=3))
    one = await found(db, "lynx titan")
    assert (one.game_mode, one.flagged_at, one.last_look_at) == (GameMode.HARDCORE, None, now + timedelta(hours=2))
    assert await times(db, tables.snapshots, "taken_at", one) == [at(now, hour) for hour in (0, 1, 2)]
    assert await times(db, tables.mode_changes, "at", one) == []
    assert await times(db, tables.reviews, "flagged_at", one) == [at(now, 1), at(now, 3)]
    async with db.writing() as conn:
        await lineage.cut(conn, player.id, now)
        assert await history.load_state(conn, player.id) is None
    assert (await found(db, "lynx titan")).last_look_at is None


async def test_a_part_whose_name_is_taken_is_not_made(db: Database, player: Player, now: datetime) -> None:
    with pytest.raises(PlayerExists):
        await split(db, player, now + timedelta(hours=3), name="lynx titan")
    assert len(await times(db, tables.snapshots, "taken_at", player)) == 6


async def test_a_history_does_not_follow_one_that_goes_on(
    db: Database, player: Player, add_player: AddPlayer, store: StoreLook, kills: Callable[..., Reading], now: datetime
) -> None:
    other = await add_player("other")
    await store(other, {"zulrah": kills(50)}, now + timedelta(hours=5))
    with pytest.raises(ValueError, match="lynx titan changed at or after"):
        async with db.writing() as conn:
            await lineage.join(conn, player.id, other.id)
    await store(other, {"zulrah": kills(60)}, now + timedelta(hours=7))
    async with db.writing() as conn:
        await lineage.cut(conn, other.id, now + timedelta(hours=7))
        await lineage.cut(conn, other.id, now + timedelta(hours=9))  # nothing was seen since
    assert (await found(db, "other")).last_look_at == now + timedelta(hours=5)


async def test_a_look_that_was_compared_with_another_history_is_not_stored(
    db: Database, player: Player, now: datetime
) -> None:
    async with db.reading() as conn:
        before = await history.load_state(conn, player.id)
    later_id = await split(db, player, now + timedelta(hours=3))
    async with db.reading() as conn:
        after = [await history.load_state(conn, player_id) for player_id in (player.id, later_id)]
    assert before is not None
    assert all(state is not None and state.version > before.version for state in after)


async def test_what_a_join_makes_disappear_comes_back(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Callable[..., Reading], now: datetime
) -> None:
    earlier, later = await add_player("earlier"), await add_player("later")
    for hour, count in ((0, 5), (1, 6), (2, 6), (3, 6), (4, 6), (6, 6)):
        known = {"zulrah": kills(count), "obor": kills(3), "kraken": kills(9)}
        await store(earlier, known, now + timedelta(hours=hour))
    for hour, sheet in (
        (5, {"zulrah": kills(6)}),  # no change in what the earlier one knew
        (7, {"zulrah": kills(4)}),  # a fall
        (8, {"zulrah": kills(4), "obor": kills(3)}),  # no change, but for who had not seen it
        (9, {"zulrah": kills(4), "obor": kills(3), "kraken": kills(2)}),  # a fall of what was not seen either
        (10, {"zulrah": kills(4), "obor": kills(3), "kraken": kills(2), "hespori": kills(1)}),
    ):
        await store(later, sheet, now + timedelta(hours=hour))
    for one, name in ((earlier, "first"), (later, "second")):
        named = {"player_id": one.id, "at": at(now, 0), "before": name, "after": one.username, "forced": False}
        await add_row(db, tables.name_changes, named)
    await add_row(db, tables.events, {"player_id": earlier.id, "at": at(now, 7), "kind": 5})
    await add_row(db, tables.events, {"player_id": later.id, "at": at(now, 5), "kind": 1})
    await add_row(db, tables.mode_changes, {"player_id": earlier.id, "at": at(now, 8), **MODE})
    await add_row(db, tables.mode_changes, {"player_id": later.id, "at": at(now, 8), **MODE})
    before = await everything(db, earlier), await everything(db, later)
    async with db.reading() as conn:
        states = [await history.load_state(conn, one.id) for one in (earlier, later)]
    async with db.writing() as conn:
        joined = await lineage.join(conn, earlier.id, later.id)
        state = await history.load_state(conn, earlier.id)
    assert state is not None
    assert all(state.version > one.version for one in states if one is not None)
    whole = await everything(db, earlier)
    assert whole["snapshots"] == [
        (at(now, 0), None, False), (at(now, 1), at(now, 0), False), (at(now, 7), at(now, 5), True),
        (at(now, 9), at(now, 8), True), (at(now, 10), at(now, 9), False),
    ]  # fmt: skip
    assert (len(whole["name_changes"]), whole["players"][0][-1]) == (2, at(now, 9))
    async with db.writing() as conn:
        called = {"username": "later", "display_name": "Later"}
        given = {"is_active": True, "player_id_of_new": later.id, "remains": joined.remains}
        await lineage.split(conn, earlier.id, joined.at or now, **called, **given)  # type: ignore[arg-type]
    after = await everything(db, earlier), await everything(db, later)
    assert after == before


async def test_looks_at_a_part_of_a_sheet_stay_such(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Callable[..., Reading], now: datetime
) -> None:
    earlier, later = await add_player("earlier"), await add_player("later")
    await store(earlier, {"zulrah": kills(5), "obor": kills(3)}, now)
    for hour, count in ((1, 5), (2, 6), (3, 7)):
        await store(later, {"zulrah": kills(count)}, now + timedelta(hours=hour))
    for hour in (1, 2):  # the first one is no change after the join
        await make_partial(db, later, at(now, hour))
    async with db.writing() as conn:
        joined = await lineage.join(conn, earlier.id, later.id)
    assert await partial_looks(db, earlier) == [(at(now, 0), False), (at(now, 2), True), (at(now, 3), False)]
    async with db.writing() as conn:
        called = {"username": "later", "display_name": "Later"}
        given = {"is_active": True, "player_id_of_new": later.id, "remains": joined.remains}
        await lineage.split(conn, earlier.id, joined.at or now, **called, **given)  # type: ignore[arg-type]
    assert await partial_looks(db, earlier) == [(at(now, 0), False)]
    assert await partial_looks(db, later) == [(at(now, 1), True), (at(now, 2), True), (at(now, 3), False)]
    other_id = await split(db, later, now + timedelta(hours=2))
    other = await found(db, "other")
    assert (other.id, await partial_looks(db, other)) == (other_id, [(at(now, 2), True), (at(now, 3), False)])
    async with db.writing() as conn:
        await lineage.cut(conn, other_id, now + timedelta(hours=3))
    assert await partial_looks(db, other) == [(at(now, 2), True)]


async def test_looks_that_only_seemed_to_overlap_are_left_out(
    db: Database, add_player: AddPlayer, store: StoreLook, kills: Callable[..., Reading], now: datetime
) -> None:
    earlier, later = await add_player("earlier"), await add_player("later")
    for hour in (0, 6):
        await store(earlier, {"zulrah": kills(5)}, now + timedelta(hours=hour))
    await store(later, {"zulrah": kills(7)}, now + timedelta(hours=5))
    async with db.writing() as conn:
        await lineage.join(conn, earlier.id, later.id)
    found = (await everything(db, earlier))["snapshots"]
    assert found == [(at(now, 0), None, False), (at(now, 5), at(now, 0), False)]


_READ = {
    "snapshots": ("taken_at", "previous_look_at", "has_fall"),
    "changes": ("metric_id", "taken_at", "value"),
    "current_values": ("metric_id", "value"),
    "events": ("at", "after_at", "kind"),
    "mode_changes": ("at", "mode"),
    "name_changes": ("id", "before", "after"),
    "player_states": ("looked_at", "taken_at"),
    "players": ("id", "username", "game_mode", "created_at", "last_look_at", "last_changed_at", "fell_at"),
}


async def everything(db: Database, player: Player) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    async with db.reading() as conn:
        for name, columns in _READ.items():
            table = tables.metadata.tables[name]
            own = table.c.id if name == "players" else table.c.player_id
            statement = select(*(table.c[column] for column in columns)).where(own == bindparam("number"))
            found[name] = sorted(await conn.all(statement, {"number": player.id}), key=repr)
    return found


async def split(db: Database, player: Player, when: datetime, name: str = "other") -> int:
    async with db.writing() as conn:
        return await lineage.split(conn, player.id, when, username=name, display_name=name, is_active=True)


async def found(db: Database, name: str) -> Player:
    async with db.reading() as conn:
        one = await players.by_username(conn, name)
    assert one is not None
    return one


async def add_row(db: Database, table: Table, row: Mapping[str, object]) -> None:
    async with db.writing() as conn:
        await conn.run(insert(table).values({name: bindparam(name) for name in row}).inline(), row)


async def times(db: Database, table: Table, name: str, player: Player) -> list[Any]:
    statement = select(table.c[name]).where(table.c.player_id == bindparam("player_id")).order_by(table.c[name])
    async with db.reading() as conn:
        return [time for (time,) in await conn.all(statement, {"player_id": player.id})]


async def make_partial(db: Database, player: Player, taken_at: int) -> None:
    table = tables.snapshots
    own = (table.c.player_id == bindparam("number"), table.c.taken_at == bindparam("taken"))
    async with db.writing() as conn:
        await conn.run(update(table).where(*own).values(is_partial=True), {"number": player.id, "taken": taken_at})


async def partial_looks(db: Database, player: Player) -> list[tuple[int, bool]]:
    table = tables.snapshots
    own = select(table.c.taken_at, table.c.is_partial).where(table.c.player_id == bindparam("number"))
    async with db.reading() as conn:
        return [(time, bool(is_partial)) for time, is_partial in sorted(await conn.all(own, {"number": player.id}))]


def at(now: datetime, hour: int) -> int:
    return int((now + timedelta(hours=hour)).timestamp())
