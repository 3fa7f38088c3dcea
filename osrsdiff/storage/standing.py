"""What is known of a player, worked out anew from its changes: after looks went to another player, came or were undone.

Ranks are then those of the changes, and what was always hidden is not known of at all. The caller owns the transaction.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, insert, null, select, update
from sqlalchemy.sql.functions import Function

from osrsdiff.errors import NotUnique, PlayerExists
from osrsdiff.game.levels import level_at
from osrsdiff.storage import sheets
from osrsdiff.storage.connection import Connection, Params, Step
from osrsdiff.storage.dialects import BLOB, ID, SECONDS, OnConflict
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.move_ends import CURRENT_VALUES
from osrsdiff.storage.players import COLUMNS, Player, of_row
from osrsdiff.storage.sheets import Stored
from osrsdiff.storage.tables import (
    achievements,
    changes,
    current_values,
    metrics,
    player_states,
    players,
    records,
    snapshots,
)

Value = tuple[int, int, int, int | None, int | None, int | None]
"""A change as it is stored: metric, time, value, rank, level, kind of unranked."""


class Stood(Struct, frozen=True):
    """What was known after a player's last look. `version`: as it is now that nobody else can store a look."""

    version: int
    looked_at: datetime
    taken_at: datetime
    sheet: Stored


_player_id = bindparam("player_id", type_=ID)
_at = bindparam("at", type_=SECONDS)
_state = player_states.c

MOVE_ON = update(player_states).where(_state.player_id == _player_id).values(version=_state.version + 1)
"""Moves the version of a `player_id`'s state on: no look is stored that was compared with it as it was."""

_PLAYER = select(*COLUMNS).where(players.c.id == _player_id).with_for_update()
_STATE = select(_state.version, _state.looked_at, _state.taken_at, _state.sheet).where(_state.player_id == _player_id)


def _of_each_metric(extreme: Callable[..., Function[int]], *conditions: ColumnElement[bool]) -> Select[tuple[Any, ...]]:
    """Each metric's last or first change: one step into the key of `changes` for each, however long the history."""
    own = and_(changes.c.player_id == _player_id, changes.c.metric_id == metrics.c.id, *conditions)
    time = select(extreme(changes.c.taken_at)).where(own).correlate(metrics).scalar_subquery()
    times = select(metrics.c.id.label("metric_id"), time.label("taken_at")).cte("times").prefix_with("MATERIALIZED")
    is_it = and_(
        changes.c.player_id == _player_id,
        changes.c.metric_id == times.c.metric_id,
        changes.c.taken_at == times.c.taken_at,
    )
    return select(*(changes.c[name] for name in _OF_CHANGE)).select_from(times.join(changes, is_it))


_OF_CHANGE = ("metric_id", "taken_at", "value", "rank", "level", "unranked")
_LAST_BEFORE = _of_each_metric(func.max, changes.c.taken_at < _at)
_FIRST = _of_each_metric(func.min)

_of_player = snapshots.c.player_id == _player_id
_newest = select(func.max(snapshots.c.taken_at)).where(_of_player)
_NEWEST_BEFORE = _newest.where(snapshots.c.taken_at < _at)
_NEXT = (
    select(snapshots.c.taken_at, snapshots.c.previous_look_at)
    .where(_of_player, snapshots.c.taken_at >= _at)
    .order_by(snapshots.c.taken_at)
    .limit(1)
)

_NOT_KEPT = {"reckoned_by": null(), "mode_pending": null(), "mode_pending_at": null()}
_SAVED = [name for name in Player.__struct_fields__ if name not in {"id", "fell_at", *_NOT_KEPT}]
_SAVE = (
    update(players)
    .where(players.c.id == _player_id)
    .values(
        **{name: bindparam(f"new_{name}", type_=players.c[name].type) for name in _SAVED},
        **_NOT_KEPT,
        fell_at=_newest.where(snapshots.c.has_fall).scalar_subquery(),
    )
)
_ADD = insert(players).values({name: bindparam(f"new_{name}") for name in _SAVED}).returning(players.c.id)
_ADD_AGAIN = (
    insert(players)
    .values({"id": _player_id, **{name: bindparam(f"new_{name}") for name in _SAVED}})
    .returning(players.c.id)
)

_PUT_STATE = (
    insert(player_states)
    .values(
        player_id=_player_id,
        version=bindparam("version"),
        looked_at=bindparam("looked_at", type_=SECONDS),
        taken_at=func.coalesce(_newest.scalar_subquery(), bindparam("looked_at", type_=SECONDS)),
        sheet=bindparam("sheet", type_=BLOB),
    )
    .ext(OnConflict(["player_id"], updated=["version", "looked_at", "taken_at", "sheet"]))
)
_FORGET = [delete(table).where(table.c.player_id == _player_id) for table in (records, achievements, current_values)]
_NO_STATE = delete(player_states).where(_state.player_id == _player_id)


async def lock(conn: Connection, player_ids: Iterable[int]) -> dict[int, tuple[Player, Stood | None]]:
    """Those of the players that there are, and what is known of each; until the end nobody else stores a look."""
    ids = sorted(player_ids)
    for player_id in ids:  # first, since this is the order in which looks take these rows
        await conn.run(MOVE_ON, {"player_id": player_id})
    found = {}
    for player_id in ids:
        row = await conn.one(_PLAYER, {"player_id": player_id})
        if row is not None:
            found[player_id] = of_row(row), await stood(conn, player_id)
    return found


async def stood(conn: Connection, player_id: int) -> Stood | None:
    """What is known after the player's last look."""
    row = await conn.one(_STATE, {"player_id": player_id})
    if row is None:
        return None
    version, looked_at, taken_at, sheet = row
    return Stood(version, moment(looked_at), moment(taken_at), sheets.decode(sheet))


async def last_values(conn: Connection, player_id: int, before: datetime) -> dict[int, Value]:
    """Each metric's last change before a time."""
    rows = await conn.all(_LAST_BEFORE, {"player_id": player_id, "at": seconds(before)})
    return {row[0]: row for row in rows}


async def first_values(conn: Connection, player_id: int) -> dict[int, Value]:
    """Each metric's first change."""
    return {row[0]: row for row in await conn.all(_FIRST, {"player_id": player_id})}


async def newest_before(conn: Connection, player_id: int, before: datetime) -> datetime | None:
    """The last look before a time that changed something."""
    row = await conn.one(_NEWEST_BEFORE, {"player_id": player_id, "at": seconds(before)})
    return moment_or_none(row[0]) if row else None


async def next_look(conn: Connection, player_id: int, at: datetime) -> tuple[datetime, datetime | None] | None:
    """The first look at a time or after that changed something, and the look before it."""
    row = await conn.one(_NEXT, {"player_id": player_id, "at": seconds(at)})
    return None if row is None else (moment(row[0]), moment_or_none(row[1]))


async def sheet_of(conn: Connection, values: Mapping[int, Value]) -> Stored:
    """The sheet of these values, ranks as they were when each was seen."""
    named = await by_id(conn, values.keys())
    return {
        number: (value, rank, level_at(named[number].key, value, level), unranked)
        for number, (_, _, value, rank, level, unranked) in sorted(values.items())
    }


async def add(conn: Connection, player: Player, player_id: int | None) -> int:
    """Adds a player, with the id `player_id` or the next one; its id. Raises PlayerExists as `storage.renames.call`."""
    row: Params = {"player_id": player_id, **_row(player)}
    try:
        added = await conn.one(_ADD if player_id is None else _ADD_AGAIN, row)
    except NotUnique as error:
        raise PlayerExists(player.username) from error
    if added is None:
        raise AssertionError("an added row has an id")
    return int(added[0])


def save(player: Player, stood: Stood | None) -> list[Step]:
    """Makes the row of this id, what is known of the player and its current values what they are to be.

    The player's changes are in place. Records and achievements go, to be reckoned; so does a mode that was not
    confirmed. `taken_at` of `stood` and the last fall are looked up.
    """
    named = {"player_id": player.id}
    steps = [Step(statement, named) for statement in _FORGET]
    if stood is None:
        steps.append(Step(_NO_STATE, named))
    else:
        state = {"version": stood.version, "looked_at": seconds(stood.looked_at), "sheet": sheets.pack(stood.sheet)}
        steps.append(Step(_PUT_STATE, {**named, **state}))
    return [*steps, Step(CURRENT_VALUES, named), Step(_SAVE, {**named, **_row(player)})]


def _row(player: Player) -> dict[str, object]:
    row = msgspec.structs.asdict(player)
    return {f"new_{name}": _plain(row[name]) for name in _SAVED}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return seconds(value)
    return value.value if isinstance(value, Enum) else value
