"""Reads a player's snapshots, the looks that changed something, and the full sheet as it was at any time."""

from collections import defaultdict
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Integer, and_, bindparam, func, select

from osrsdiff.game.gains import Bracket
from osrsdiff.game.levels import level_at
from osrsdiff.game.metrics import Metric
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.gains import bracket
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.sheets import UNRANKED_CODES
from osrsdiff.storage.tables import changes, metrics, player_states, snapshots


class Changed(Struct, frozen=True):
    """A metric that a snapshot changed. `before`: the value until then, None where it was first seen."""

    metric: Metric
    value: int
    level: int | None
    rank: int | None
    before: int | None


class Snapshot(Struct, frozen=True):
    """A look that changed something. `previous_look_at`: None at the first look of all."""

    taken_at: datetime
    previous_look_at: datetime | None
    has_fall: bool
    changes: list[Changed]


class SheetAt(Struct, frozen=True):
    """The sheet at a time. `accuracy`: None, and no rows, where nobody had looked yet."""

    at: datetime
    accuracy: Bracket | None
    rows: list[SheetRow]


_player_id = bindparam("player_id", type_=ID)
_at = bindparam("at", type_=SECONDS)

_PAGE = (
    select(snapshots.c.taken_at, snapshots.c.previous_look_at, snapshots.c.has_fall)
    .where(snapshots.c.player_id == _player_id, snapshots.c.taken_at < bindparam("before", type_=SECONDS))
    .order_by(snapshots.c.taken_at.desc())
    .limit(bindparam("most", type_=Integer))
)

_earlier = changes.alias("earlier")
_value_before = (
    select(_earlier.c.value)
    .where(
        _earlier.c.player_id == changes.c.player_id,
        _earlier.c.metric_id == changes.c.metric_id,
        _earlier.c.taken_at < changes.c.taken_at,
    )
    .order_by(_earlier.c.taken_at.desc())
    .limit(1)
    .correlate(changes)
    .scalar_subquery()
)
# `in`: else SQLite reads all changes of the player, instead of a few of each metric
_CHANGES = select(
    changes.c.taken_at, changes.c.metric_id, changes.c.value, changes.c.rank, changes.c.level, _value_before
).where(
    changes.c.player_id == _player_id,
    changes.c.metric_id.in_(select(metrics.c.id)),
    changes.c.taken_at >= bindparam("first", type_=SECONDS),
    changes.c.taken_at <= bindparam("last", type_=SECONDS),
)

_newest = (
    select(
        metrics.c.id.label("metric_id"),
        select(func.max(changes.c.taken_at))
        .where(changes.c.player_id == _player_id, changes.c.metric_id == metrics.c.id, changes.c.taken_at <= _at)
        .correlate(metrics)
        .scalar_subquery()
        .label("taken_at"),
    )
    .cte("newest")
    .prefix_with("MATERIALIZED")
)
_SHEET = (
    select(
        changes.c.metric_id, changes.c.taken_at, changes.c.value, changes.c.rank, changes.c.level, changes.c.unranked
    )
    .select_from(_newest)
    .join(
        changes,
        and_(
            changes.c.player_id == _player_id,
            changes.c.metric_id == _newest.c.metric_id,
            changes.c.taken_at == _newest.c.taken_at,
        ),
    )
)

_following = snapshots.alias("following")
_first_at = select(func.min(snapshots.c.taken_at)).where(snapshots.c.player_id == _player_id)
_next_at = _first_at.where(snapshots.c.taken_at > _at)
_LOOKS = (
    select(
        _first_at.scalar_subquery(),
        player_states.c.looked_at,
        _following.c.previous_look_at,
        _following.c.taken_at,
    )
    .select_from(player_states)
    .outerjoin(
        _following,
        and_(_following.c.player_id == _player_id, _following.c.taken_at == _next_at.scalar_subquery()),
    )
    .where(player_states.c.player_id == _player_id)
)

_UNRANKED = {code: unranked for unranked, code in UNRANKED_CODES.items()}


async def page(conn: Connection, player_id: int, *, before: datetime, limit: int) -> list[Snapshot]:
    """The newest `limit` snapshots before a time, the newest first; what each changed, in no order."""
    rows = await conn.all(_PAGE, {"player_id": player_id, "before": seconds(before), "most": limit})
    if not rows:
        return []
    span = {"player_id": player_id, "first": rows[-1][0], "last": rows[0][0]}
    found = await conn.all(_CHANGES, span)
    named = await by_id(conn, {row[1] for row in found})
    changed = defaultdict[int, list[Changed]](list)
    for at, number, value, rank, level, value_before in found:
        metric = named[number]
        changed[at].append(Changed(metric, value, level_at(metric.key, value, level), rank, value_before))
    return [Snapshot(moment(at), moment_or_none(looked), bool(fell), changed[at]) for at, looked, fell in rows]


async def sheet_at(conn: Connection, player_id: int, at: datetime) -> SheetAt:
    """The last known value of each metric at a time, its rank as it was when the value was first seen."""
    params = {"player_id": player_id, "at": seconds(at)}
    looks = await conn.one(_LOOKS, params)
    if looks is None:
        return SheetAt(at, None, [])
    rows = await conn.all(_SHEET, params)
    named = await by_id(conn, {row[0] for row in rows})
    sheet = []
    for number, seen_at, value, rank, level, unranked in rows:
        metric = named[number]
        reading = Reading(value, rank, level_at(metric.key, value, level), _UNRANKED[unranked])
        sheet.append(SheetRow(metric, reading, moment(seen_at)))
    return SheetAt(at, bracket(at, *looks), sheet)
