"""What happened to players, as it is stored: written with the look that shows it, read newest first in pages.

Events of achievements are written by `achievements`, which knows what was reached before.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, Integer, Select, bindparam, exists, insert, literal_column, select, tuple_
from sqlalchemy.sql.dml import Insert

from osrsdiff.game.events import KIND_CODES, Event, EventKind
from osrsdiff.game.modes import GameMode
from osrsdiff.storage.among import EVERYBODY, Among, narrowed
from osrsdiff.storage.connection import Connection, Params, Row, Step
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.tables import events, players


class Happened(Struct, frozen=True):
    """An event, its id, and whose it is."""

    id: int
    event: Event
    player_id: int
    username: str
    display_name: str
    game_mode: GameMode


class Place(Struct, frozen=True, array_like=True):
    """Where a list of events has come to: the second and the id of its last one."""

    at: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    id: Annotated[int, Meta(ge=0, le=2**31 - 1)]


_KINDS = {code: kind for kind, code in KIND_CODES.items()}
_NEWEST = Place(2**62, 2**31 - 1)

_c = events.c
_STORED = ("player_id", "at", "after_at", "kind", "metric_id", "value", "before", "detail")
_player_id = bindparam("player_id", type_=ID)

_ADD = insert(events).values({name: bindparam(name) for name in _STORED}).inline()
_SHOWN = [
    *(_c[name] for name in ("id", *_STORED)),
    *(players.c[name] for name in ("username", "display_name", "game_mode")),
]


def added_where(*conditions: ColumnElement[bool]) -> Insert:
    """Adds an event, as `row` gives it, only where the conditions hold."""
    values = select(*(bindparam(name, type_=_c[name].type) for name in _STORED)).where(*conditions)
    return insert(events).from_select(list(_STORED), values)


_since = bindparam("since", type_=SECONDS)
_ADD_ONCE_SINCE = added_where(
    ~exists().where(_c.player_id == _player_id, _c.at >= _since, _c.kind == bindparam("kind", type_=_c.kind.type))
)


_kind = bindparam("kind", type_=_c.kind.type)
_before = (bindparam("before_at", type_=SECONDS), bindparam("before_id", type_=ID))


def _page(*conditions: ColumnElement[bool], by_kind: bool = False) -> Select[tuple[Any, ...]]:
    """`by_kind`: of one kind, in the order of its index, which Postgres takes only where no other has that order."""
    order, before = [_c.at, _c.id], [*_before]
    if by_kind:
        order, before, conditions = [_c.kind, *order], [_kind, *before], (_c.kind >= _kind, *conditions)
    return (
        select(*_SHOWN)
        .join_from(events, players, players.c.id == _c.player_id)
        .where(tuple_(*order) < tuple_(*before), *conditions)
        .order_by(*(column.desc() for column in order))
        .limit(bindparam("most", type_=Integer))
    )


def _pages(*conditions: ColumnElement[bool]) -> Mapping[bool, Select[tuple[Any, ...]]]:
    """The statement for all kinds of events and, under True, the one for a single kind.

    Of some players the kind is only looked at: by its index SQLite would go through everybody's events.
    """
    if not conditions:
        return {False: _page(), True: _page(by_kind=True)}
    return {False: _page(*conditions), True: _page(*conditions, _c.kind + literal_column("0", Integer) == _kind)}


_OF_MANY = narrowed(lambda conditions: _pages(*conditions), _c.player_id)
_OF_PLAYER = _pages(_c.player_id == _player_id)


def steps(player_id: int, items: Iterable[Event], ids: Mapping[str, int]) -> list[Step]:
    """What adds these events, none of which is an achievement's."""
    rows = [row(player_id, event, ids) for event in items]
    return [Step(_ADD, rows)] if rows else []


async def add_once(conn: Connection, player_id: int, event: Event, *, since: datetime) -> bool:
    """Adds an event without a metric unless the player has had one of this kind `since`; whether it was added."""
    return await conn.run(_ADD_ONCE_SINCE, {**row(player_id, event, {}), "since": seconds(since)}) > 0


async def page(
    conn: Connection,
    *,
    limit: int,
    before: Place | None = None,
    kind: EventKind | None = None,
    player_id: int | None = None,
    among: Among = EVERYBODY,
) -> list[Happened]:
    """The newest events first, from the first one past `before`: of a player, else of many, of one kind or of all."""
    place = before or _NEWEST
    params = {"before_at": place.at, "before_id": place.id, "most": limit}
    if kind is not None:
        params["kind"] = KIND_CODES[kind]
    if player_id is not None:
        rows = await conn.all(_OF_PLAYER[kind is not None], {**params, "player_id": player_id})
    else:
        rows = await conn.all(_OF_MANY[among.case][kind is not None], {**params, **among.params})
    return await _happened(conn, rows)


def place_of(happened: Happened) -> Place:
    """Where a list goes on behind this event."""
    return Place(seconds(happened.event.at), happened.id)


def row(player_id: int, event: Event, ids: Mapping[str, int]) -> Params:
    """The event as it is stored."""
    return {
        "player_id": player_id,
        "at": seconds(event.at),
        "after_at": None if event.after is None else seconds(event.after),
        "kind": KIND_CODES[event.kind],
        "metric_id": None if event.metric is None else ids[event.metric],
        "value": event.value,
        "before": event.before,
        "detail": event.detail,
    }


async def _happened(conn: Connection, rows: Sequence[Row]) -> list[Happened]:
    named = await by_id(conn, {row[5] for row in rows if row[5] is not None})
    found = []
    for number, player_id, at, after, kind, metric_id, value, before, detail, username, display_name, mode in rows:
        metric = None if metric_id is None else named[metric_id].key
        event = Event(_KINDS[kind], moment(at), moment_or_none(after), metric, value, before, detail)
        found.append(Happened(number, event, player_id, username, display_name, GameMode(mode)))
    return found
