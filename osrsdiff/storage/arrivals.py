"""Looks brought in from a file: what a player's history holds from a time on, and the steps that merge others into it.

`game.merging` says what the result is. What is stored together is returned as steps, of which the first misses where
the player has another state by now. The caller owns the transactions.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Executable,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from osrsdiff.errors import Outcome
from osrsdiff.game.events import KIND_CODES, EventKind
from osrsdiff.game.levels import level_at
from osrsdiff.game.merged import Batch, Known, Put, Row
from osrsdiff.game.snapshots import Reading, State
from osrsdiff.storage import history, sheets
from osrsdiff.storage.connection import Connection, Params, Step
from osrsdiff.storage.dialects import BLOB, ID, SECONDS, OnConflict
from osrsdiff.storage.each_metric import of_each_metric
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.move_ends import CURRENT_VALUES
from osrsdiff.storage.sheets import UNRANKED_CODES
from osrsdiff.storage.tables import changes, events, metrics, player_states, players, snapshots

_UNRANKED = {code: unranked for unranked, code in UNRANKED_CODES.items()}

_player_id = bindparam("player_id", type_=ID)
_at = bindparam("at", type_=SECONDS)
_since = bindparam("since", type_=SECONDS)

_of_metric = and_(changes.c.player_id == _player_id, changes.c.metric_id == metrics.c.id)
_reading = (changes.c.value, changes.c.rank, changes.c.level, changes.c.unranked)
_BEFORE = select(changes.c.metric_id, changes.c.taken_at, *_reading).select_from(
    of_each_metric(func.max, changes.c.taken_at < _since)
)
# `in`: else SQLite reads all changes of the player, instead of the last ones of each metric
_CHANGES = select(changes.c.metric_id, changes.c.taken_at, *_reading).where(
    changes.c.player_id == _player_id,
    changes.c.metric_id.in_(select(metrics.c.id)),
    changes.c.taken_at >= _since,
)
# Metrics that looks at the whole sheet have shown: in a history without other looks, which is nearly every one, all.
_is_whole = or_(snapshots.c.is_partial.is_(None), snapshots.c.is_partial.is_(False))
_HAS_PARTIAL = (
    select(snapshots.c.taken_at)
    .where(snapshots.c.player_id == _player_id, snapshots.c.taken_at < _since, snapshots.c.is_partial)
    .limit(1)
)
_OWN = select(metrics.c.id).where(
    exists(literal_column("1"))
    .select_from(
        changes.join(
            snapshots,
            and_(snapshots.c.player_id == changes.c.player_id, snapshots.c.taken_at == changes.c.taken_at, _is_whole),
        )
    )
    .where(_of_metric, changes.c.taken_at < _since)
    .correlate(metrics)
)
_ROWS = (
    select(snapshots.c.taken_at, snapshots.c.previous_look_at, snapshots.c.has_fall, snapshots.c.is_partial)
    .where(snapshots.c.player_id == _player_id, snapshots.c.taken_at >= _since)
    .order_by(snapshots.c.taken_at)
)
_LAST = select(func.max(snapshots.c.taken_at)).where(snapshots.c.player_id == _player_id, snapshots.c.taken_at < _since)
_LAST_WHOLE = _LAST.where(_is_whole)

_state_values = {
    name: bindparam(name, type_=type_)
    for name, type_ in (("version", Integer), ("looked_at", SECONDS), ("taken_at", SECONDS), ("sheet", BLOB))
}
# Finds no row for a player who is being removed, instead of failing on it.
_FIRST_STATE = (
    insert(player_states)
    .from_select(
        ["player_id", *_state_values],
        select(players.c.id, *_state_values.values())
        .where(players.c.id == _player_id)
        .with_for_update(read=True, key_share=True),
    )
    .ext(OnConflict(["player_id"]))
)
_NEXT_STATE = (
    update(player_states)
    .where(
        player_states.c.player_id == _player_id,
        player_states.c.version == bindparam("expected_version", type_=Integer),
    )
    .values(_state_values)
)

_ADD_ROW = insert(snapshots).values({column.name: bindparam(column.name) for column in snapshots.c})
_of_row = and_(snapshots.c.player_id == _player_id, snapshots.c.taken_at == _at)
_SET_ROW = (
    update(snapshots)
    .where(_of_row)
    .values(previous_look_at=bindparam("previous", type_=SECONDS), has_fall=bindparam("falls", type_=Boolean))
)
_REMOVE_ROW = delete(snapshots).where(_of_row)
# What had become known by then is no change any more: its event tells of the change before, which showed the same.
_moved_at = (
    select(func.max(changes.c.taken_at))
    .where(
        changes.c.player_id == _player_id,
        changes.c.metric_id == bindparam("metric_id", type_=changes.c.metric_id.type),
        changes.c.taken_at < _at,
    )
    .scalar_subquery()
)
_moved_after = select(snapshots.c.previous_look_at).where(
    snapshots.c.player_id == _player_id, snapshots.c.taken_at == _moved_at
)
_MOVE_LEVEL_UP = (
    update(events)
    .where(
        events.c.player_id == _player_id,
        events.c.metric_id == bindparam("metric_id", type_=events.c.metric_id.type),
        events.c.at == _at,
        events.c.kind == KIND_CODES[EventKind.LEVEL_UP],
        _moved_at.is_not(None),
    )
    .values(at=_moved_at, after_at=_moved_after.scalar_subquery())
)
_PUT_CHANGE = (
    insert(changes)
    .values({column.name: bindparam(column.name) for column in changes.c})
    .ext(OnConflict(["player_id", "metric_id", "taken_at"], updated=["value", "rank", "level", "unranked"]))
)
_REMOVE_CHANGE = delete(changes).where(
    changes.c.player_id == _player_id,
    changes.c.metric_id == bindparam("metric_id", type_=changes.c.metric_id.type),
    changes.c.taken_at == _at,
)

_looked_at = bindparam("looked_at", type_=SECONDS)
_first_at = bindparam("first_at", type_=SECONDS)
_c = players.c
_tried_since = and_(_c.last_attempt_at >= _looked_at, _c.last_outcome.is_not(None))
# What was reckoned from a part of the history is to be reckoned from all of it.
_LOOKED = (
    update(players)
    .where(_c.id == _player_id)
    .values(
        created_at=case((_c.created_at > _first_at, _first_at), else_=_c.created_at),
        last_look_at=_looked_at,
        last_changed_at=bindparam("taken_at", type_=SECONDS),
        last_attempt_at=case((_c.last_attempt_at > _looked_at, _c.last_attempt_at), else_=_looked_at),
        last_outcome=case((_tried_since, _c.last_outcome), else_=bindparam("outcome", type_=Text)),
        failures=case((_tried_since, _c.failures), else_=0),
        missing_since=case((_c.missing_since <= _looked_at, null()), else_=_c.missing_since),
        reckoned_by=null(),
    )
)
_newest_fall = select(func.max(snapshots.c.taken_at)).where(snapshots.c.player_id == _player_id, snapshots.c.has_fall)
_FELL = update(players).where(_c.id == _player_id).values(fell_at=_newest_fall.scalar_subquery())


async def known(conn: Connection, player_id: int, since: datetime) -> Known:
    """What is stored of a player; its looks from `since` on."""
    state = await history.load_state(conn, player_id)  # first: a look that comes meanwhile has another version
    given = {"player_id": player_id, "since": seconds(since)}
    before = await conn.all(_BEFORE, given)
    last, whole = await conn.one(_LAST, given), await conn.one(_LAST_WHOLE, given)
    has_partial = await conn.one(_HAS_PARTIAL, given) is not None
    own = {row[0] for row in (await conn.all(_OWN, given) if has_partial else before)}
    rows = await conn.all(_ROWS, given)
    found = await conn.all(_CHANGES, given)
    named = await by_id(conn, {row[0] for row in (*before, *found)})
    readings: dict[int, dict[str, Reading]] = {}
    for number, at, *stored in found:
        key = named[number].key
        readings.setdefault(at, {})[key] = _read(key, *stored)
    return Known(
        state,
        {named[number].key: _read(named[number].key, *stored) for number, _, *stored in before},
        {named[number].key: moment(at) for number, at, *_ in before},
        frozenset(named[number].key for number in own),
        moment_or_none(whole[0] if whole else None),
        moment_or_none(last[0] if last else None),
        tuple(
            Row(moment(at), moment_or_none(previous), bool(fall), bool(partial), readings.get(at, {}))
            for at, previous, fall, partial in rows
        ),
    )


def stored(player_id: int, batch: Batch, ids: Mapping[str, int]) -> list[Step]:
    """Puts the looks of a batch where they belong; misses where the player has another state by now, or is gone."""
    state = batch.state
    row: dict[str, object] = {
        "player_id": player_id,
        "expected_version": batch.expected_version,
        "version": state.version,
        "looked_at": seconds(state.looked_at),
        "taken_at": seconds(state.taken_at),
        "sheet": sheets.encode(state.sheet, ids),
        "outcome": _outcome(state).value,
        "first_at": seconds(min((put.row.at for put in batch.puts), default=state.looked_at)),
    }
    first = _NEXT_STATE if batch.expected_version else _FIRST_STATE
    player = [Step(CURRENT_VALUES, row), Step(_LOOKED, row), *([Step(_FELL, row)] if batch.falls else [])]
    return [Step(first, row, must_hit=True), *_rows(player_id, batch.puts, ids), *player]


def _rows(player_id: int, puts: Sequence[Put], ids: Mapping[str, int]) -> list[Step]:
    added = [_row_of(player_id, put.row) for put in puts if put.stored is None]
    gone = [put for put in puts if put.stored is not None and put.is_empty]
    others = [put for put in puts if put.stored is not None and not put.is_empty]
    removed = [row for put in puts for row in _removed(player_id, put, ids)]
    steps: list[tuple[Executable, Sequence[Params]]] = [
        (_ADD_ROW, added),
        (_SET_ROW, [_setting(player_id, put.row) for put in others]),
        (_REMOVE_CHANGE, removed),
        (_REMOVE_ROW, [{"player_id": player_id, "at": seconds(put.row.at)} for put in gone]),
        (_PUT_CHANGE, [row for put in puts for row in _changed(player_id, put, ids)]),
        (_MOVE_LEVEL_UP, removed),
    ]
    return [Step(statement, rows) for statement, rows in steps if rows]


def _row_of(player_id: int, row: Row) -> Params:
    return {
        "player_id": player_id,
        "taken_at": seconds(row.at),
        "previous_look_at": _plain(row.previous_at),
        "has_fall": row.has_fall,
        "is_partial": row.is_partial or None,
    }


def _setting(player_id: int, row: Row) -> Params:
    previous = _plain(row.previous_at)
    return {"player_id": player_id, "at": seconds(row.at), "previous": previous, "falls": row.has_fall}


def _removed(player_id: int, put: Put, ids: Mapping[str, int]) -> Iterable[Params]:
    gone = put.stored.readings.keys() - put.row.readings.keys() if put.stored else ()
    return [{"player_id": player_id, "metric_id": ids[metric], "at": seconds(put.row.at)} for metric in gone]


def _changed(player_id: int, put: Put, ids: Mapping[str, int]) -> Iterable[Params]:
    at = seconds(put.row.at)
    stood: Mapping[str, Reading] = put.stored.readings if put.stored else {}
    return [
        {
            "player_id": player_id,
            "metric_id": ids[metric],
            "taken_at": at,
            "value": reading.value,
            "rank": reading.rank,
            "level": _own_level(metric, reading),
            "unranked": UNRANKED_CODES[reading.unranked],
        }
        for metric, reading in put.row.readings.items()
        if stood.get(metric) != reading
    ]


def _own_level(metric: str, reading: Reading) -> int | None:
    expected = None if reading.value is None else level_at(metric, reading.value, None)
    return None if reading.level == expected else reading.level


def _read(metric: str, value: int, rank: int | None, level: int | None, unranked: int | None) -> Reading:
    return Reading(value, rank, level_at(metric, value, level), _UNRANKED[unranked])


def _outcome(state: State) -> Outcome:
    return Outcome.CHANGED if state.taken_at == state.looked_at else Outcome.UNCHANGED


def _plain(value: object) -> object:
    return seconds(value) if isinstance(value, datetime) else value
