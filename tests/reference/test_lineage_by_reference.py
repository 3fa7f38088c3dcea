"""Random histories taken apart and put together: what stands afterwards, as the reference has it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model import History
from sqlalchemy import bindparam, select
from strategies import NEW_BOSS, histories, moment, on_some_random_histories

from osrsdiff.game import events
from osrsdiff.game.snapshots import Difference, Unranked, difference
from osrsdiff.storage import events as events_table
from osrsdiff.storage import history as looks
from osrsdiff.storage import lineage, sheets, snapshots, tables
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.reckoning import rebuild

Play = Callable[[History], Awaitable[Player]]
Rows = dict[str, list[tuple[Any, ...]]]

on_few = settings(on_some_random_histories, max_examples=max(6, on_some_random_histories.max_examples // 2))
_names = (f"part {number}" for number in count())

_OWN = ("snapshots", "changes", "current_values", "records", "achievements", "events", "mode_changes", "reviews")


@st.composite
def _taken_apart(draw: st.DrawFn) -> tuple[History, int]:
    """A history, and one of its looks past the first one that changed something."""
    history = draw(histories(most_looks=9).filter(lambda found: len(found.snapshots()) > 1))
    return history, draw(st.sampled_from(history.snapshots()[1:])).at


@on_few
@given(given=_taken_apart())
async def test_what_was_split_and_joined_is_as_it_was(
    db: Database, looked_at: Play, given: tuple[History, int]
) -> None:
    history, at = given
    player = await looked_at(history)
    before = await everything(db, player.id)
    async with db.writing() as conn:
        later_id = await split(conn, player.id, moment(at))
    async with db.writing() as conn:
        joined = await lineage.join(conn, player.id, later_id)
    assert joined.at == moment(at)
    await reckon(db, player)
    assert await everything(db, player.id) == before
    assert await everything(db, later_id) == {name: [] for name in before}


@on_few
@given(given=_taken_apart())
async def test_both_parts_know_what_was_known(db: Database, looked_at: Play, given: tuple[History, int]) -> None:
    history, at = given
    player = await looked_at(history)
    whole = {look.at: await known_at(db, player.id, moment(look.at)) for look in history.looks}
    unseen = await hidden_since(db, player.id, at)
    async with db.writing() as conn:
        later_id = await split(conn, player.id, moment(at))
    for look in history.looks:
        now = moment(look.at)
        if look.at < at:
            assert await known_at(db, player.id, now) == whole[look.at]
        else:
            seen = {metric: value for metric, value in whole[look.at].items() if metric not in unseen}
            assert await known_at(db, later_id, now) == seen
    await agrees(db, player.id)
    await agrees(db, later_id)


@on_few
@given(given=_taken_apart(), later=histories(most_looks=5))
async def test_a_join_that_is_taken_back_leaves_both_as_they_were(
    db: Database, looked_at: Play, given: tuple[History, int], later: History
) -> None:
    """Two players' histories, of which one begins where the other ends, whatever lies between."""
    history, at = given
    earlier = History(history.skills)
    for look in history.looks:
        if look.at < at:
            earlier.see(look.clock, look.sheet)
    shifted = History(later.skills)
    for look in later.looks:
        shifted.see(at + look.clock - later.looks[0].clock, look.sheet)
    first, second = await looked_at(earlier), await looked_at(shifted)
    before = await everything(db, first.id), await everything(db, second.id)
    async with db.writing() as conn:
        joined = await lineage.join(conn, first.id, second.id)
    await agrees(db, first.id)
    async with db.writing() as conn:
        new_id = await lineage.split(
            conn,
            first.id,
            joined.at or moment(at),
            username=second.username,
            display_name=second.display_name,
            is_active=True,
            player_id_of_new=second.id,
            remains=joined.remains,
        )
    assert new_id == second.id
    await reckon(db, first)
    await reckon(db, second)
    assert (await everything(db, first.id), await everything(db, second.id)) == before


@on_few
@given(given=_taken_apart())
async def test_a_history_that_is_cut_is_as_if_it_had_ended(
    db: Database, looked_at: Play, given: tuple[History, int]
) -> None:
    history, at = given
    short = History(history.skills)
    for look in history.looks:
        if look.at < at:
            short.see(look.clock, look.sheet)
    player, other = await looked_at(history), await looked_at(short)
    async with db.writing() as conn:
        await lineage.cut(conn, player.id, moment(at))
    await reckon(db, player)
    cut, ended = await everything(db, player.id), await everything(db, other.id)
    for rows in (cut, ended):
        rows.pop("sheet")  # which knows today's ranks, and what is hidden
    assert cut == ended
    await agrees(db, player.id)


@pytest.fixture
def looked_at(db: Database, add: Callable[[], Awaitable[Player]]) -> Play:
    """Stores the looks of a history as those of a new player, with events and without records, and reckons these."""

    async def play(history: History) -> Player:
        player, state = await add(), None
        for look in history.looks:
            found = difference(state, look.sheet, moment(look.clock))
            async with db.writing() as conn:
                version = state.version if state else 0
                stored = looks.store_look(
                    conn,
                    player.id,
                    found,
                    expected_version=version,
                    new_metrics=[NEW_BOSS],
                    further=happened(player, found),
                )
                assert await stored
                state = await looks.load_state(conn, player.id)
        await reckon(db, player)
        return player

    return play


def happened(player: Player, found: Difference) -> looks.Further:
    def steps(ids: Mapping[str, int]) -> list[Step]:
        return events_table.steps(player.id, [*events.first_seen(found), *events.level_ups(found)], ids)

    return steps


async def split(conn: Any, player_id: int, at: datetime) -> int:
    name = next(_names)
    return await lineage.split(conn, player_id, at, username=name, display_name=name, is_active=True)


async def everything(db: Database, player_id: int) -> Rows:
    """All rows of a player but for ids and versions, in a fixed order; the sheet by metric."""
    found: Rows = {}
    async with db.reading() as conn:
        for name in _OWN:
            table = tables.metadata.tables[name]
            columns = [column for column in table.c if column.name not in ("id", "player_id")]
            statement = select(*columns).where(table.c.player_id == bindparam("player_id"))
            found[name] = sorted(await conn.all(statement, {"player_id": player_id}), key=repr)
        state = tables.player_states.c
        statement = select(state.looked_at, state.taken_at, state.sheet).where(
            state.player_id == bindparam("player_id")
        )
        rows = await conn.all(statement, {"player_id": player_id})
    found["times"] = [row[:2] for row in rows]
    found["sheet"] = sorted(
        (number, *reading)
        for row in rows
        for number, reading in sheets.decode(row[2]).items()
        if reading[0] is not None
    )
    return found


async def known_at(db: Database, player_id: int, at: datetime) -> dict[str, tuple[int | None, int | None]]:
    async with db.reading() as conn:
        sheet = await snapshots.sheet_at(conn, player_id, at)
    return {row.metric.key: (row.reading.value, row.reading.level) for row in sheet.rows}


async def hidden_since(db: Database, player_id: int, at: int) -> set[str]:
    """What is hidden now and has not been another since a look before."""
    async with db.reading() as conn:
        sheet = await looks.sheet(conn, player_id)
    return {row.metric.key for row in sheet if row.reading.unranked is Unranked.HIDDEN and row.seen_at < moment(at)}


async def agrees(db: Database, player_id: int) -> None:
    """What is known now is what the changes lead to, and what is stored of the player's row follows."""
    async with db.reading() as conn:
        state = await looks.load_player(conn, player_id)
        assert state is not None
        assert state[1] is not None
        player, known = state[0], state[1]
    values = {metric: reading.value for metric, reading in known.sheet.items() if reading.value is not None}
    assert values == {metric: value for metric, (value, _) in (await known_at(db, player_id, known.looked_at)).items()}
    assert (player.last_look_at, player.last_changed_at) == (known.looked_at, known.taken_at)


async def reckon(db: Database, player: Player) -> None:
    instance: Any = SimpleNamespace(db=db)  # all of one that reckoning takes
    await rebuild(instance, [player.username])
