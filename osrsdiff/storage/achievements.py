"""The thresholds that players have passed, as they are stored, each with its event.

What was there at the first look and still is has no row. What has a row keeps it: of what is reached twice, the first
time counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Integer, Text, bindparam, cast, delete, exists, insert, select

from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import KIND_CODES, EventKind, of_achievement
from osrsdiff.game.thresholds import MEASURE_CODES
from osrsdiff.storage import events as events_table
from osrsdiff.storage.connection import Connection, Params, Step
from osrsdiff.storage.dialects import ID, JsonItems, OnConflict
from osrsdiff.storage.epoch import moment_or_none, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.tables import achievements, events

Columns = tuple[object, ...]


class Correction(NamedTuple):
    """How many achievements are missing, too many or dated otherwise, and the steps that mend them."""

    wrong: int
    steps: list[Step]


_MEASURES = {code: measure for measure, code in MEASURE_CODES.items()}

_c = achievements.c
_player_id = bindparam("player_id", type_=ID)
_KEY = ("player_id", "metric_id", "measure", "threshold")
_is_key = [_c[name] == bindparam(name, type_=_c[name].type) for name in _KEY]

_add = insert(achievements).values({column.name: bindparam(column.name) for column in _c})
_ADD = _add.ext(OnConflict(_KEY))
_SET = _add.ext(OnConflict(_KEY, updated=["reached_at", "after_at"]))
_REMOVE = delete(achievements).where(*_is_key)
_ADD_EVENT = events_table.added_where(~exists().where(*_is_key))
_OF_PLAYER = select(_c.metric_id, _c.measure, _c.threshold, _c.reached_at, _c.after_at).where(
    _c.player_id == _player_id
)

_e = events.c
_EVENTS_OF_PLAYER = select(_e.id, _e.metric_id, _e.detail, _e.value, _e.at).where(
    _e.player_id == _player_id, _e.kind == KIND_CODES[EventKind.ACHIEVEMENT]
)
_given = JsonItems(bindparam("ids", type_=Text)).table_valued("value")
_REMOVE_EVENTS = delete(events).where(_e.id.in_(select(cast(_given.c.value, Integer))))


async def of_player(conn: Connection, player_id: int) -> list[Reached]:
    """What is stored of a player, in no order."""
    rows = await conn.all(_OF_PLAYER, {"player_id": player_id})
    named = await by_id(conn, {row[0] for row in rows})
    return [
        Reached(
            named[metric_id].key, _MEASURES[measure], threshold, moment_or_none(reached_at), moment_or_none(after_at)
        )
        for metric_id, measure, threshold, reached_at, after_at in rows
    ]


def steps(player_id: int, items: Iterable[Reached], ids: Mapping[str, int]) -> list[Step]:
    """What adds these achievements, and the events of those that are dated; nothing for what has a row already."""
    rows, happened = [], []
    for one in items:
        row = _row(player_id, one, ids)
        rows.append(row)
        if one.at is not None:
            happened.append({**row, **events_table.row(player_id, of_achievement(one), ids)})
    if not rows:
        return []
    # the events first: whether one is new is told by the row that is not there yet
    return [*([Step(_ADD_EVENT, happened)] if happened else []), Step(_ADD, rows)]


async def correction(conn: Connection, player_id: int, items: Sequence[Reached], ids: Mapping[str, int]) -> Correction:
    """What makes `items`, each threshold once, the player's achievements, and their events agree with them.

    Events of what keeps its date stay as they are.
    """
    found = await conn.all(_OF_PLAYER, {"player_id": player_id})
    stored: dict[Columns, Columns] = {row[:3]: row[3:] for row in found}
    rows = {_key(row): row for row in (_row(player_id, one, ids) for one in items)}
    wrong = [row for key, row in rows.items() if stored.get(key) != _dates(row)]
    removed = [_key_params(player_id, key) for key in stored if key not in rows]
    rows_mended = [Step(statement, given) for statement, given in ((_SET, wrong), (_REMOVE, removed)) if given]
    return Correction(len(wrong) + len(removed), [*rows_mended, *await _event_steps(conn, player_id, items, ids)])


async def _event_steps(
    conn: Connection, player_id: int, items: Iterable[Reached], ids: Mapping[str, int]
) -> list[Step]:
    wanted = {}
    for one in items:
        if one.at is not None:
            event = of_achievement(one)
            wanted[_identity(events_table.row(player_id, event, ids))] = event
    stored = {row[1:]: row[0] for row in await conn.all(_EVENTS_OF_PLAYER, {"player_id": player_id})}
    stale = [number for identity, number in stored.items() if identity not in wanted]
    missing = [event for identity, event in wanted.items() if identity not in stored]
    removed = [Step(_REMOVE_EVENTS, {"ids": msgspec.json.encode(stale).decode()})] if stale else []
    return [*removed, *events_table.steps(player_id, missing, ids)]


def _identity(row: Params) -> Columns:
    """What makes two events of achievements one."""
    return row["metric_id"], row["detail"], row["value"], row["at"]


def _row(player_id: int, one: Reached, ids: Mapping[str, int]) -> dict[str, object]:
    return {
        "player_id": player_id,
        "metric_id": ids[one.metric],
        "measure": MEASURE_CODES[one.measure],
        "threshold": one.threshold,
        "reached_at": None if one.at is None else seconds(one.at),
        "after_at": None if one.after is None else seconds(one.after),
    }


def _key(row: Params) -> Columns:
    return row["metric_id"], row["measure"], row["threshold"]


def _dates(row: Params) -> Columns:
    return row["reached_at"], row["after_at"]


def _key_params(player_id: int, key: Columns) -> Params:
    return {"player_id": player_id, **dict(zip(_KEY[1:], key, strict=True))}
