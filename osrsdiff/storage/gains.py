"""Reads what a player gained between two times, and how sure each end is, in one statement.

A metric's state at a time is its last change at or before it: one step into the key of `changes`, however long the
history. What a gain is, `game.gains` decides.

How sure an end is follows from the looks around it. Snapshots are the looks that changed something, each with the time
of the look before it. Let `next` be the first snapshot after the end. Until `next.previous_look_at` nothing had
changed, so an end up to there is exact; past it the change may have come at any time until `next.taken_at`. Without a
next snapshot, an end is exact up to the last look, and past it nobody has looked yet.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, case, func, select, true
from sqlalchemy.sql.selectable import NamedFromClause

from osrsdiff.game.gains import Bracket, Known, PlayerGains, gains_between
from osrsdiff.game.periods import Window
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.tables import changes, metrics, player_states, snapshots

_player_id = bindparam("player_id", type_=ID)
_start = bindparam("start", type_=SECONDS)
_end = bindparam("end", type_=SECONDS)


def _change(of: FromClause, time: ColumnElement[int], *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """The first or last time at which the metric at hand, a row of `of`, changed."""
    return (
        select(time)
        .where(changes.c.player_id == _player_id, changes.c.metric_id == of.c.metric_id, *conditions)
        .correlate(of)
        .scalar_subquery()
    )


def _first_snapshot(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return (
        select(func.min(snapshots.c.taken_at)).where(snapshots.c.player_id == _player_id, *conditions).scalar_subquery()
    )


_first, _last, _at = func.min(changes.c.taken_at), func.max(changes.c.taken_at), changes.c.taken_at

_all_metrics = select(metrics.c.id.label("metric_id")).subquery("all_metrics")
_newest = (
    select(_all_metrics.c.metric_id, _change(_all_metrics, _last, _at <= _end).label("end_at"))
    .cte("newest")
    .prefix_with("MATERIALIZED")
)
# What has not changed since the start, most metrics in most windows, needs no second search.
_ends = (
    select(
        _newest.c.metric_id,
        _newest.c.end_at,
        case(
            (
                _newest.c.end_at > _start,
                func.coalesce(
                    _change(_newest, _last, _at <= _start), _change(_newest, _first, _at > _start, _at <= _end)
                ),
            ),
            else_=None,
        ).label("start_at"),
    )
    .where(_newest.c.end_at.is_not(None))
    .cte("ends")
    .prefix_with("MATERIALIZED")
)

_after_start, _after_end = snapshots.alias("after_start"), snapshots.alias("after_end")
_looks = (
    select(
        player_states.c.looked_at,
        _first_snapshot().label("first_at"),
        _after_start.c.previous_look_at.label("start_from"),
        _after_start.c.taken_at.label("start_to"),
        _after_end.c.previous_look_at.label("end_from"),
        _after_end.c.taken_at.label("end_to"),
    )
    .select_from(player_states)
    .outerjoin(
        _after_start,
        and_(
            _after_start.c.player_id == player_states.c.player_id,
            _after_start.c.taken_at == _first_snapshot(snapshots.c.taken_at > _start),
        ),
    )
    .outerjoin(
        _after_end,
        and_(
            _after_end.c.player_id == player_states.c.player_id,
            _after_end.c.taken_at == _first_snapshot(snapshots.c.taken_at > _end),
        ),
    )
    .where(player_states.c.player_id == _player_id)
    .cte("looks")
)

_at_start, _at_end = changes.alias("at_start"), changes.alias("at_end")


def _is_change(change: NamedFromClause, time: ColumnElement[int]) -> ColumnElement[bool]:
    return and_(change.c.player_id == _player_id, change.c.metric_id == _ends.c.metric_id, change.c.taken_at == time)


def _known_columns(change: NamedFromClause) -> list[ColumnElement[int]]:
    return [change.c.taken_at, change.c.value, change.c.rank, change.c.level]


_GAINS = select(*_looks.c, _ends.c.metric_id, *_known_columns(_at_end), *_known_columns(_at_start)).select_from(
    _looks.outerjoin(_ends, true())
    .outerjoin(_at_end, _is_change(_at_end, _ends.c.end_at))
    .outerjoin(_at_start, _is_change(_at_start, _ends.c.start_at))
)


async def gains(conn: Connection, player_id: int, window: Window) -> PlayerGains:
    """What the player gained over `window`; no gains and no brackets where nobody has looked yet."""
    start, end = seconds(window.start), seconds(window.end)
    rows = await conn.all(_GAINS, {"player_id": player_id, "start": start, "end": end})
    if not rows:
        return PlayerGains(window, None, None, [])
    looked_at, first_at, start_from, start_to, end_from, end_to = rows[0][:6]
    at_start, first_inside, at_end = await _states_by_metric(conn, start, rows)
    return PlayerGains(
        window,
        _bracket(window.start, first_at, looked_at, start_from, start_to),
        _bracket(window.end, first_at, looked_at, end_from, end_to),
        gains_between(at_start, first_inside, at_end),
    )


async def _states_by_metric(conn: Connection, start: int, rows: Sequence[Row]) -> tuple[dict[str, Known], ...]:
    """The states at the start, the first ones inside where nothing was before, the states at the end."""
    found = [row[6:] for row in rows if row[6] is not None]
    named = await by_id(conn, {row[0] for row in found})
    at_start, first_inside, at_end = dict[str, Known](), dict[str, Known](), dict[str, Known]()
    for row in found:
        key = named[row[0]].key
        at_end[key] = Known(moment(row[1]), *row[2:5])
        if row[5] is None:
            at_start[key] = at_end[key]
        else:
            baseline = at_start if row[5] <= start else first_inside
            baseline[key] = Known(moment(row[5]), *row[6:9])
    return at_start, first_inside, at_end


def _bracket(
    at: datetime, first_at: int | None, looked_at: int, before_next: int | None, next_at: int | None
) -> Bracket | None:
    """Between which looks the value at `at` may have changed, see above; None where no look came before."""
    if first_at is None or first_at > seconds(at):
        return None
    exact_until = looked_at if next_at is None else before_next
    if exact_until is None or seconds(at) <= exact_until:
        return Bracket(at, at)
    return Bracket(moment(exact_until), None if next_at is None else moment(next_at))
