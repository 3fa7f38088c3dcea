"""Rows of a history on their way from one player to another, or to nobody. The caller owns the transaction.

What is known of either player afterwards is worked out in `standing`.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import (
    Column,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    false,
    insert,
    literal,
    literal_column,
    null,
    select,
    update,
)

from osrsdiff.game.events import KIND_CODES, EventKind
from osrsdiff.storage.connection import Connection, Step
from osrsdiff.storage.dialects import ID, SECONDS, OnConflict
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.standing import Value
from osrsdiff.storage.tables import (
    changes,
    events,
    fetch_failures,
    metrics,
    mode_changes,
    name_changes,
    reviews,
    snapshots,
)

SnapshotRow = tuple[int, int | None, bool, bool | None]
"""A snapshot as it is stored: its time, the look before, whether something fell, whether it is a part of a sheet."""

ModeRow = tuple[int, int | None, str, str]
"""A change of mode as it is stored: its time, the last time before that showed the old one, the two modes."""

_from, _to = bindparam("from_id", type_=ID), bindparam("to_id", type_=ID)
_at = bindparam("at", type_=SECONDS)
_number = bindparam("number", type_=ID)

# In this order a change always has its look, whoever reads meanwhile.
_WHEN: Mapping[Table, Column[int]] = {
    snapshots: snapshots.c.taken_at,
    changes: changes.c.taken_at,
    events: events.c.at,
    mode_changes: mode_changes.c.at,
    reviews: reviews.c.flagged_at,
    fetch_failures: fetch_failures.c.at,
}
_REST = [column.name for column in changes.c if column.name != "player_id"]
_GIVE_CHANGES = insert(changes).from_select(
    ["player_id", *_REST],
    select(_to, *(changes.c[name] for name in _REST)).where(changes.c.player_id == _from, changes.c.taken_at >= _at),
)
_NO_CHANGES = delete(changes).where(changes.c.player_id == _from, changes.c.taken_at >= _at)
# Changes are copied and deleted: they are the many, and SQLite takes longer to change what a key begins with.
_PASS = [
    *(
        update(table).where(table.c.player_id == _from, time >= _at).values(player_id=_to)
        for table, time in _WHEN.items()
        if table is not changes
    ),
    _GIVE_CHANGES,
    _NO_CHANGES,
]
_KEPT_WHERE_CUT = (reviews,)
_DROP = [
    delete(table).where(table.c.player_id == _from, time >= _at)
    for table, time in _WHEN.items()
    if table not in _KEPT_WHERE_CUT
]
_DROP_MODE_CHANGES = delete(mode_changes).where(mode_changes.c.player_id == _from, mode_changes.c.at >= _at)
_OF_MODE_CHANGE = ("at", "after_at", "before", "mode")
_MODE_CHANGES = (
    select(*(mode_changes.c[name] for name in _OF_MODE_CHANGE))
    .where(mode_changes.c.player_id == _from, mode_changes.c.at >= _at)
    .order_by(mode_changes.c.at)
)
_MODE_CHANGE = (
    insert(mode_changes)
    .values({name: bindparam(name) for name in ("player_id", *_OF_MODE_CHANGE)})
    .ext(OnConflict(["player_id", "at"]))
)
_MODE_BEFORE = (
    select(mode_changes.c.before)
    .where(mode_changes.c.player_id == _from, mode_changes.c.at >= _at)
    .order_by(mode_changes.c.at)
    .limit(1)
)

_OF_SNAPSHOT = ("taken_at", "previous_look_at", "has_fall", "is_partial")
_FIRST_LOOK = (
    insert(snapshots)
    .values(player_id=_to, taken_at=_at, previous_look_at=null(), has_fall=false())
    .ext(OnConflict(["player_id", "taken_at"], updated=["previous_look_at", "has_fall"]))
)
_SNAPSHOT = (
    insert(snapshots)
    .values({name: bindparam(name) for name in ("player_id", *_OF_SNAPSHOT)})
    .ext(OnConflict(["player_id", "taken_at"]))
)
_CHANGE = (
    insert(changes)
    .values({column.name: bindparam(column.name) for column in changes.c})
    .ext(OnConflict(["player_id", "metric_id", "taken_at"]))
)
_NO_CHANGE = delete(changes).where(
    changes.c.player_id == _from,
    changes.c.metric_id == bindparam("metric_id", type_=changes.c.metric_id.type),
    changes.c.taken_at == _at,
)
_snapshot_at = and_(snapshots.c.player_id == _from, snapshots.c.taken_at == _at)
# by way of the metrics: one step into the key for each, instead of all the player's changes
_is_empty = ~exists(literal_column("1")).select_from(
    metrics.join(
        changes,
        and_(changes.c.player_id == _from, changes.c.metric_id == metrics.c.id, changes.c.taken_at == _at),
    )
)
_EMPTIED = select(*(snapshots.c[name] for name in _OF_SNAPSHOT)).where(_snapshot_at, _is_empty)
_NO_SNAPSHOT = delete(snapshots).where(_snapshot_at)
_FOLLOWS = update(snapshots).where(_snapshot_at).values(previous_look_at=bindparam("looked_at", type_=SECONDS))
_FALL = update(snapshots).where(_snapshot_at).values(has_fall=bindparam("fell", type_=snapshots.c.has_fall.type))
_WITHOUT_FALL = select(snapshots.c.taken_at).where(_snapshot_at, snapshots.c.has_fall.is_(False))

_FIRST_SEEN = KIND_CODES[EventKind.FIRST_SEEN]
_IS_FIRST_SEEN = events.c.kind == literal(_FIRST_SEEN, events.c.kind.type)
_SEEN_BEFORE = delete(events).where(events.c.player_id == _from, _IS_FIRST_SEEN)
_NOW_FIRST_SEEN = insert(events).from_select(
    ["player_id", "at", "kind"],
    select(_to, _at, literal(_FIRST_SEEN, events.c.kind.type)).where(
        ~exists(literal_column("1")).select_from(events).where(events.c.player_id == _to, _IS_FIRST_SEEN)
    ),
)
_EVENTS_SINCE = select(events.c.id).where(events.c.player_id == _from, events.c.at >= _at)
_PASS_EVENT = update(events).where(events.c.id == _number, events.c.player_id == _from).values(player_id=_to)
_NAMES = select(name_changes.c.id).where(name_changes.c.player_id == _from)
_PASS_NAME = (
    update(name_changes).where(name_changes.c.id == _number, name_changes.c.player_id == _from).values(player_id=_to)
)


def passed_on(player_id: int, other_id: int, at: datetime) -> list[Step]:
    """Gives all of a player's rows from a time on to another one."""
    row = {"from_id": player_id, "to_id": other_id, "at": seconds(at)}
    return [Step(statement, row) for statement in _PASS]


def dropped(player_id: int, at: datetime) -> list[Step]:
    """Deletes them, but for the reviews."""
    return [Step(statement, {"from_id": player_id, "at": seconds(at)}) for statement in _DROP]


def first_look(player_id: int, at: datetime) -> list[Step]:
    """Makes the look at a time the player's first one, and an event of it."""
    row = {"to_id": player_id, "at": seconds(at)}
    return [Step(_FIRST_LOOK, row), Step(_NOW_FIRST_SEEN, row)]


def later_look(player_id: int, at: datetime, looked_at: datetime) -> list[Step]:
    """Makes a player's first look, at a time, one that follows another."""
    row = {"from_id": player_id, "at": seconds(at), "looked_at": seconds(looked_at)}
    return [Step(_FOLLOWS, row), Step(_SEEN_BEFORE, row)]


def added_changes(player_id: int, values: Iterable[Value]) -> list[Step]:
    """Adds changes where there are none at their times."""
    names = [column.name for column in changes.c]
    rows = [dict(zip(names, (player_id, *value), strict=True)) for value in values]
    return [Step(_CHANGE, rows)] if rows else []


def added_snapshots(player_id: int, rows: Iterable[SnapshotRow]) -> list[Step]:
    """Adds snapshots where there are none at their times."""
    found = [{"player_id": player_id, **dict(zip(_OF_SNAPSHOT, row, strict=True))} for row in rows]
    return [Step(_SNAPSHOT, found)] if found else []


def marked(player_id: int, times: Iterable[int], *, fell: bool) -> list[Step]:
    """Says of the snapshots at these times whether something fell."""
    rows = [{"from_id": player_id, "at": at, "fell": fell} for at in times]
    return [Step(_FALL, rows)] if rows else []


def dropped_mode_changes(player_id: int, at: datetime) -> list[Step]:
    """Deletes the mode changes from a time on."""
    return [Step(_DROP_MODE_CHANGES, {"from_id": player_id, "at": seconds(at)})]


def added_mode_changes(player_id: int, rows: Iterable[ModeRow]) -> list[Step]:
    """Adds mode changes where there are none at their times."""
    found = [{"player_id": player_id, **dict(zip(_OF_MODE_CHANGE, row, strict=True))} for row in rows]
    return [Step(_MODE_CHANGE, found)] if found else []


def passed_events(player_id: int, other_id: int, ids: Iterable[int]) -> list[Step]:
    """Gives some of a player's events to another one."""
    return _each(_PASS_EVENT, player_id, other_id, ids)


def passed_names(player_id: int, other_id: int, ids: Iterable[int]) -> list[Step]:
    """Gives some of the names that a player was given to another one."""
    return _each(_PASS_NAME, player_id, other_id, ids)


async def mode_before(conn: Connection, player_id: int, at: datetime) -> str | None:
    """The game mode before the first change of it at a time or later; None where there is none."""
    row = await conn.one(_MODE_BEFORE, {"from_id": player_id, "at": seconds(at)})
    return str(row[0]) if row else None


async def mode_changes_since(conn: Connection, player_id: int, at: datetime) -> list[ModeRow]:
    """A player's mode changes at a time or later."""
    rows = await conn.all(_MODE_CHANGES, {"from_id": player_id, "at": seconds(at)})
    return [(time, after_at, before, mode) for time, after_at, before, mode in rows]


async def events_since(conn: Connection, player_id: int, at: datetime) -> list[int]:
    """The ids of a player's events at a time or later."""
    return [number for (number,) in await conn.all(_EVENTS_SINCE, {"from_id": player_id, "at": seconds(at)})]


async def names(conn: Connection, player_id: int) -> list[int]:
    """The ids of the names that the player was given."""
    return [number for (number,) in await conn.all(_NAMES, {"from_id": player_id})]


async def take_changes(conn: Connection, player_id: int, values: Collection[Value]) -> list[SnapshotRow]:
    """Deletes changes, and the snapshots that nothing is left of; these."""
    if not values:
        return []
    rows = [{"from_id": player_id, "metric_id": value[0], "at": value[1]} for value in values]
    await conn.run_many(_NO_CHANGE, rows)
    emptied: list[SnapshotRow] = []
    for time in sorted({value[1] for value in values}):
        named = {"from_id": player_id, "at": time}
        row = await conn.one(_EMPTIED, named)
        if row is not None:
            at, before, fell, is_partial = row
            emptied.append((at, before, bool(fell), None if is_partial is None else bool(is_partial)))
            await conn.run(_NO_SNAPSHOT, named)
    return emptied


async def without_fall(conn: Connection, player_id: int, times: Iterable[int]) -> list[int]:
    """Those of the snapshots' times at which nothing is marked as fallen."""
    found = [await conn.one(_WITHOUT_FALL, {"from_id": player_id, "at": at}) for at in sorted(times)]
    return [row[0] for row in found if row is not None]


def _each(statement: object, player_id: int, other_id: int, ids: Iterable[int]) -> list[Step]:
    rows = [{"from_id": player_id, "to_id": other_id, "number": number} for number in ids]
    return [Step(statement, rows)] if rows else []  # type: ignore[arg-type]
