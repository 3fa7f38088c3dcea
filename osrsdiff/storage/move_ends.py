"""The end of a player's old history: it leads to the player's state, or over to what looks here have shown.

What is stored is returned as steps; the caller stores them together. See `moves` for what comes before.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Case,
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    update,
)

from osrsdiff.errors import Outcome
from osrsdiff.game.snapshots import Sheet
from osrsdiff.storage import sheets
from osrsdiff.storage.connection import Connection, Step
from osrsdiff.storage.dialects import BLOB, ID, SECONDS, OnConflict
from osrsdiff.storage.each_metric import of_each_metric
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.moves import Move
from osrsdiff.storage.tables import changes, current_values, metrics, moves, player_states, players, snapshots

_player_id = bindparam("player_id", type_=ID)
_version = bindparam("version", type_=Integer)
_sheet = bindparam("sheet", type_=BLOB)
_looked_at = bindparam("looked_at", type_=SECONDS)
_at = bindparam("at", type_=SECONDS)

_FIRST_LOOK_AFTER = select(func.min(snapshots.c.taken_at)).where(
    snapshots.c.player_id == _player_id, snapshots.c.taken_at > bindparam("after", type_=SECONDS)
)

_JOINED = (
    update(moves)
    .where(moves.c.player_id == _player_id, moves.c.is_joined.is_(False))
    .values(is_joined=True, is_new=False, sheet=null())
)

# Finds no row for a player who is being removed, instead of failing on it.
_STATE = (
    insert(player_states)
    .from_select(
        ["player_id", "version", "looked_at", "taken_at", "sheet"],
        select(players.c.id, _version, _looked_at, bindparam("taken_at", type_=SECONDS), _sheet)
        .where(players.c.id == _player_id)
        .with_for_update(read=True, key_share=True),
    )
    .ext(OnConflict(["player_id"]))
)

_change_of_metric = and_(changes.c.player_id == _player_id, changes.c.metric_id == metrics.c.id)
_earlier = changes.alias("earlier")

# As looks leave them: the newest value of each metric that was ever above zero.
CURRENT_VALUES = (
    insert(current_values)
    .from_select(
        ["player_id", "metric_id", "value"],
        select(changes.c.player_id, changes.c.metric_id, changes.c.value)
        .select_from(of_each_metric(func.max))
        .where(
            or_(
                changes.c.value != 0,
                exists(literal(1))
                .where(
                    _earlier.c.player_id == _player_id,
                    _earlier.c.metric_id == changes.c.metric_id,
                    _earlier.c.taken_at < changes.c.taken_at,
                )
                .correlate(changes),
            ),
        ),
    )
    .ext(OnConflict(["player_id", "metric_id"], updated=["value"]))
)

_first_snapshot = select(func.min(snapshots.c.taken_at)).where(snapshots.c.player_id == _player_id).scalar_subquery()
_newest_fall = (
    select(func.max(snapshots.c.taken_at))
    .where(snapshots.c.player_id == _player_id, snapshots.c.has_fall)
    .scalar_subquery()
)
_newest_snapshot = select(func.max(snapshots.c.taken_at)).where(snapshots.c.player_id == _player_id).scalar_subquery()


def _later(kept: ColumnElement[int], given: ColumnElement[int]) -> Case[int]:
    return case((and_(kept.is_not(None), or_(given.is_(None), kept > given)), kept), else_=given)


def _earlier_of(kept: ColumnElement[int], given: ColumnElement[int]) -> Case[int]:
    return case((and_(given.is_not(None), given < kept), given), else_=kept)


_created_at = bindparam("created_at", type_=SECONDS)
_attempt_at = bindparam("attempt_at", type_=SECONDS)
_outcome = bindparam("outcome", type_=Text)
_tried_since = and_(players.c.last_attempt_at > _looked_at, players.c.last_outcome.is_not(None))

# What was reckoned from a part of the history is to be reckoned from all of it.
_SINCE = (
    update(players)
    .where(players.c.id == _player_id)
    .values(
        created_at=_earlier_of(_earlier_of(players.c.created_at, _created_at), _first_snapshot),
        fell_at=_newest_fall,
        reckoned_by=null(),
    )
)
_LOOKED = (
    update(players)
    .where(players.c.id == _player_id)
    .values(
        last_look_at=_looked_at,
        last_changed_at=bindparam("taken_at", type_=SECONDS),
        last_attempt_at=_later(players.c.last_attempt_at, _attempt_at),
        last_outcome=case((_tried_since, players.c.last_outcome), else_=_outcome),
        failures=case((_tried_since, players.c.failures), else_=0),
    )
)
_TRIED = (
    update(players)
    .where(players.c.id == _player_id)
    .values(last_attempt_at=_later(players.c.last_attempt_at, _attempt_at))
)
_ACTIVATE = (
    update(players)
    .where(
        players.c.id == _player_id,
        exists(literal(1)).where(moves.c.player_id == players.c.id, moves.c.is_new == true()).correlate(players),
    )
    .values(is_active=bindparam("is_active", type_=Boolean))
)

_FIRST_KNOWN = select(changes.c.metric_id, changes.c.taken_at, changes.c.value, changes.c.level).select_from(
    of_each_metric(func.min, changes.c.taken_at > bindparam("after", type_=SECONDS))
)
_VALUES_AT = select(changes.c.metric_id, changes.c.value).select_from(
    of_each_metric(func.max, changes.c.taken_at <= _at)
)
_LED_OVER = (
    update(player_states)
    .where(player_states.c.player_id == _player_id, player_states.c.version == _version)
    .values(version=_version + bindparam("looks", type_=Integer), sheet=_sheet)
)
_NO_CHANGE = delete(changes).where(
    changes.c.player_id == _player_id,
    changes.c.metric_id == bindparam("metric_id", type_=changes.c.metric_id.type),
    changes.c.taken_at == _at,
)
_snapshot_at = and_(snapshots.c.player_id == _player_id, snapshots.c.taken_at == _at)
_NOT_FIRST = update(snapshots).where(_snapshot_at).values(previous_look_at=_looked_at)
_FELL = update(snapshots).where(_snapshot_at).values(has_fall=True)
_EMPTY = delete(snapshots).where(
    _snapshot_at,
    ~exists(literal(1)).select_from(metrics.join(changes, and_(_change_of_metric, changes.c.taken_at == _at))),
)
_CHANGED_LAST = update(player_states).where(player_states.c.player_id == _player_id).values(taken_at=_newest_snapshot)
_PLAYER_CHANGED_LAST = (
    update(players)
    .where(players.c.id == _player_id)
    .values(
        last_changed_at=_newest_snapshot,
        last_outcome=case(
            (
                and_(players.c.last_outcome == Outcome.CHANGED.value, _newest_snapshot < players.c.last_look_at),
                Outcome.UNCHANGED.value,
            ),
            else_=players.c.last_outcome,
        ),
    )
)


async def first_look_after(conn: Connection, player_id: int, after: datetime | None) -> datetime | None:
    """The first look whose result is stored, after the old history that ends at `after`; None where there is none."""
    row = await conn.one(_FIRST_LOOK_AFTER, {"player_id": player_id, "after": _or_ever(after)})
    return moment_or_none(row[0]) if row else None


def finished(
    move: Move, ids: Mapping[str, int], *, created_at: datetime | None, fetched_at: datetime | None, is_active: bool
) -> list[Step]:
    """The end of an old history that nothing comes after: it leads to the player's state.

    Nothing is stored where the player has a state by now: see `joined`.
    """
    state = move.state
    row: dict[str, object] = {"player_id": move.player_id, "created_at": _or_none(created_at), "is_active": is_active}
    row["attempt_at"] = _or_none(fetched_at)
    if state is None:
        return [Step(_TRIED, row, must_hit=True), *_settled(row)]
    row |= {
        "version": state.version,
        "looked_at": seconds(state.looked_at),
        "taken_at": seconds(state.taken_at),
        "sheet": sheets.encode(state.sheet, ids),
        "outcome": (Outcome.CHANGED if state.taken_at == state.looked_at else Outcome.UNCHANGED).value,
        "attempt_at": seconds(max(state.looked_at, fetched_at or state.looked_at)),
    }
    return [Step(_STATE, row, must_hit=True), Step(CURRENT_VALUES, row), Step(_LOOKED, row), *_settled(row)]


async def first_known(conn: Connection, player_id: int, after: datetime) -> dict[str, tuple[datetime, int, int | None]]:
    """When each metric's first value after `after` was seen, the value, and the level where it doesn't follow."""
    rows = await conn.all(_FIRST_KNOWN, {"player_id": player_id, "after": seconds(after)})
    named = await by_id(conn, {row[0] for row in rows})
    return {named[number].key: (moment(at), value, level) for number, at, value, level in rows}


async def values_at(conn: Connection, player_id: int, at: datetime) -> dict[str, int]:
    """Each metric's value at a time, of those that had one."""
    rows = await conn.all(_VALUES_AT, {"player_id": player_id, "at": seconds(at)})
    named = await by_id(conn, {number for number, _ in rows})
    return {named[number].key: value for number, value in rows}


def joined(
    move: Move,
    ids: Mapping[str, int],
    *,
    version: int,
    first_look_at: datetime,
    unchanged: Collection[tuple[str, datetime]],
    falls: Collection[datetime],
    sheet: Sheet,
    created_at: datetime | None,
    is_active: bool,
) -> list[Step]:
    """Puts a whole old history before the looks that have led to the state of `version`, the first of them known.

    `unchanged`: changes, by metric and time, that are none. `falls`: times of looks that saw a fall. `sheet`: what is
    known now. Nothing is stored where the player has another state by now.
    """
    player = {"player_id": move.player_id}
    state = {**player, "version": version, "looks": move.looks, "sheet": sheets.encode(sheet, ids)}
    settled = {**player, "created_at": _or_none(created_at), "is_active": is_active}
    steps = [Step(_LED_OVER, state, must_hit=True)]
    if move.looked_at is not None:
        first = {**player, "at": seconds(first_look_at), "looked_at": seconds(move.looked_at)}
        steps.append(Step(_NOT_FIRST, first))
    if unchanged:
        steps.append(Step(_NO_CHANGE, [{**player, "metric_id": ids[m], "at": seconds(at)} for m, at in unchanged]))
        emptied = sorted({seconds(at) for _, at in unchanged})
        steps.append(Step(_EMPTY, [{**player, "at": at} for at in emptied]))
    if falls:
        steps.append(Step(_FELL, [{**player, "at": seconds(at)} for at in sorted(falls)]))
    moved = [Step(_CHANGED_LAST, player), Step(_PLAYER_CHANGED_LAST, player), Step(CURRENT_VALUES, player)]
    return [*steps, *moved, *_settled(settled)]


def _settled(row: Mapping[str, object]) -> list[Step]:
    """What the end of every move does: since when the player is tracked, whether it is fetched, and the note of it.

    The records and achievements of the whole history are reckoned later.
    """
    return [Step(_SINCE, row), Step(_ACTIVATE, row), Step(_JOINED, row, must_hit=True)]


def _or_none(at: datetime | None) -> int | None:
    return None if at is None else seconds(at)


def _or_ever(at: datetime | None) -> int:
    return -(2**62) if at is None else seconds(at)
