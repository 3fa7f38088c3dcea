"""Reads what a player gained between two times, and how sure each end is, in one statement.

A metric's state at a time is its last change at or before it: one step into the key of `changes`, however long the
history. What a gain is, `game.gains` decides.

How sure an end is follows from the looks around it. Snapshots are the looks that changed something, each with the time
of the look before it. Let `next` be the first snapshot after the end. Until `next.previous_look_at` nothing had
changed, so an end up to there is exact; past it the change may have come at any time until `next.taken_at`. Without a
next snapshot, an end is exact up to the last look, and past it nobody has looked yet.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, Integer, Select, and_, bindparam, case, func, or_, select, true
from sqlalchemy.sql.selectable import NamedFromClause

from osrsdiff.game.gains import Bracket, Known, PlayerGains, gains_between
from osrsdiff.game.periods import Window
from osrsdiff.storage import players as players_table
from osrsdiff.storage import sheets
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import changes, metrics, player_states, players, snapshots

_start = bindparam("start", type_=SECONDS)
_end = bindparam("end", type_=SECONDS)
_at_start, _at_end = changes.alias("at_start"), changes.alias("at_end")
_all_metrics = select(metrics.c.id.label("metric_id")).subquery("all_metrics")
_first, _last, _at = func.min(changes.c.taken_at), func.max(changes.c.taken_at), changes.c.taken_at

Whose = ColumnElement[int]
"""A player's id, as part of a statement."""


def _gains(whose: Whose) -> Select[tuple[int, ...]]:
    """A row for each metric that changed since the start, at least one row: the looks around, then both states."""
    looks, ends = _looks(whose).cte("looks"), _ends(whose)

    def is_change(change: NamedFromClause, time: ColumnElement[int]) -> ColumnElement[bool]:
        return and_(change.c.player_id == whose, change.c.metric_id == ends.c.metric_id, change.c.taken_at == time)

    # the sheet, once: a kilobyte
    sheet = case((ends.c.metric_id == select(func.min(ends.c.metric_id)).scalar_subquery(), player_states.c.sheet))
    return select(*looks.c, sheet, ends.c.metric_id, *_known_columns(_at_end), *_known_columns(_at_start)).select_from(
        looks.join(player_states, player_states.c.player_id == whose)
        .outerjoin(ends, true())
        .outerjoin(_at_end, is_change(_at_end, ends.c.end_at))
        .outerjoin(_at_start, is_change(_at_start, ends.c.start_at))
    )


def _ends(whose: Whose) -> NamedFromClause:
    """When each metric took the values that it had at the start and at the end.

    What has not changed since the start, most metrics in most windows, needs no second search.
    """
    newest = (
        select(_all_metrics.c.metric_id, _change(whose, _all_metrics, _last, _at <= _end).label("end_at"))
        .cte("newest")
        .prefix_with("MATERIALIZED")
    )
    before = _change(whose, newest, _last, _at <= _start)
    inside = _change(whose, newest, _first, _at > _start, _at <= _end)
    start_at = case((newest.c.end_at > _start, func.coalesce(before, inside)), else_=None)
    return (
        select(newest.c.metric_id, newest.c.end_at, start_at.label("start_at"))
        .where(newest.c.end_at.is_not(None), or_(newest.c.end_at > _start, bindparam("everything", type_=Integer) != 0))
        .cte("ends")
        .prefix_with("MATERIALIZED")
    )


def _change(
    whose: Whose, of: FromClause, time: ColumnElement[int], *conditions: ColumnElement[bool]
) -> ColumnElement[int]:
    """The first or last time at which the metric at hand, a row of `of`, changed."""
    return (
        select(time)
        .where(changes.c.player_id == whose, changes.c.metric_id == of.c.metric_id, *conditions)
        .correlate(of)
        .scalar_subquery()
    )


def _known_columns(change: NamedFromClause) -> list[ColumnElement[int]]:
    return [change.c.taken_at, change.c.value, change.c.rank, change.c.level]


def _looks(whose: Whose) -> Select[tuple[int, ...]]:
    """The last look, the first one, and the next snapshots after both ends with the looks before them."""
    after_start, after_end = snapshots.alias("after_start"), snapshots.alias("after_end")

    def first(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return (
            select(func.min(snapshots.c.taken_at)).where(snapshots.c.player_id == whose, *conditions).scalar_subquery()
        )

    def follows(snapshot: NamedFromClause, time: ColumnElement[int]) -> ColumnElement[bool]:
        return and_(snapshot.c.player_id == whose, snapshot.c.taken_at == first(snapshots.c.taken_at > time))

    return (
        select(
            player_states.c.looked_at,
            first().label("first_at"),
            after_start.c.previous_look_at.label("start_from"),
            after_start.c.taken_at.label("start_to"),
            after_end.c.previous_look_at.label("end_from"),
            after_end.c.taken_at.label("end_to"),
        )
        .select_from(player_states)
        .outerjoin(after_start, follows(after_start, _start))
        .outerjoin(after_end, follows(after_end, _end))
        .where(player_states.c.player_id == whose)
    )


_named = players.c.username == bindparam("username")
_of_name = _gains(select(players.c.id).where(_named).scalar_subquery()).subquery("gains")
_PLAYER_AND_GAINS = (
    select(*players_table.COLUMNS, *_of_name.c).select_from(players).outerjoin(_of_name, true()).where(_named)
)


# What never fell between two falls stood highest right before one. For the few who have fallen.
_player_id = bindparam("player_id", type_=ID)
_falls = (
    select(snapshots.c.taken_at.label("fell_at"))
    .where(snapshots.c.player_id == _player_id, snapshots.c.has_fall, snapshots.c.taken_at <= _start)
    .subquery("falls")
)
_peaks = (
    select(
        _all_metrics.c.metric_id,
        select(_last)
        .where(
            changes.c.player_id == _player_id, changes.c.metric_id == _all_metrics.c.metric_id, _at < _falls.c.fell_at
        )
        .correlate(_all_metrics, _falls)
        .scalar_subquery()
        .label("peak_at"),
    )
    .select_from(_all_metrics.join(_falls, true()))
    .cte("peaks")
    .prefix_with("MATERIALIZED")
)
_PEAKS = select(_peaks.c.metric_id, *_known_columns(changes)).select_from(
    _peaks.join(
        changes,
        and_(
            changes.c.player_id == _player_id,
            changes.c.metric_id == _peaks.c.metric_id,
            changes.c.taken_at == _peaks.c.peak_at,
        ),
    )
)


async def gains_of(
    conn: Connection, username: str, window: Window, *, everything: bool = True
) -> tuple[Player, PlayerGains] | None:
    """The player of this canonical name, and what it gained over `window`; None where there is no such player.

    No gains and no brackets where nobody has looked yet. `everything`: also the metrics that did not change inside it.
    One trip, but for who has fallen.
    """
    ends = {"start": seconds(window.start), "end": seconds(window.end)}
    rows = await conn.all(_PLAYER_AND_GAINS, {"username": username, **ends, "everything": int(everything)})
    if not rows:
        return None
    columns = len(players_table.COLUMNS)
    player = players_table.of_row(rows[0][:columns])
    if rows[0][columns] is None:
        return player, PlayerGains(window, None, None, [])
    has_fallen = player.fell_at is not None
    peaks = await conn.all(_PEAKS, {"player_id": player.id, "start": ends["start"]}) if has_fallen else []
    return player, await _found(conn, window, [row[columns:] for row in rows], peaks)


async def _found(conn: Connection, window: Window, rows: Sequence[Row], peaks: Sequence[Row]) -> PlayerGains:
    looked_at, first_at, start_from, start_to, end_from, end_to = rows[0][:6]
    states = [row[7:] for row in rows if row[7] is not None]
    keys = await _keys(conn, {row[0] for row in states})
    at_start, first_inside, at_end = _by_metric(keys, seconds(window.start), states)
    return PlayerGains(
        window,
        bracket(window.start, first_at, looked_at, start_from, start_to),
        bracket(window.end, first_at, looked_at, end_from, end_to),
        gains_between(at_start, first_inside, at_end, _highest(keys, peaks)),
        _ranks_today(keys, rows),
    )


async def _keys(conn: Connection, ids: set[int]) -> Mapping[int, str]:
    named = await by_id(conn, ids)
    return {number: named[number].key for number in ids}


def _ranks_today(keys: Mapping[int, str], rows: Sequence[Row]) -> dict[str, int | None]:
    """By metric; the sheet is in one of the rows."""
    blob = next((row[6] for row in rows if row[6] is not None), None)
    stored = {} if blob is None else sheets.decode(blob)
    return {key: stored[number][1] for number, key in keys.items() if number in stored}


def _by_metric(keys: Mapping[int, str], start: int, states: Sequence[Row]) -> tuple[dict[str, Known], ...]:
    """The states at the start, the first ones inside where nothing was before, the states at the end."""
    at_start, first_inside, at_end = dict[str, Known](), dict[str, Known](), dict[str, Known]()
    for row in states:
        key = keys[row[0]]
        at_end[key] = Known(moment(row[1]), *row[2:5])
        if row[5] is None:
            at_start[key] = at_end[key]
        else:
            baseline = at_start if row[5] <= start else first_inside
            baseline[key] = Known(moment(row[5]), *row[6:9])
    return at_start, first_inside, at_end


def _highest(keys: Mapping[int, str], peaks: Sequence[Row]) -> dict[str, Known]:
    """The highest value of each metric before any of the falls."""
    highest = dict[str, Known]()
    for number, at, *rest in sorted(peaks, key=lambda row: (row[2], row[1])):
        if number in keys:
            highest[keys[number]] = Known(moment(at), *rest)
    return highest


def bracket(
    at: datetime, first_at: int | None, looked_at: int, before_next: int | None, next_at: int | None
) -> Bracket | None:
    """Between which looks the value at `at` may have changed, see above; None where no look came before."""
    if first_at is None or first_at > seconds(at):
        return None
    exact_until = looked_at if next_at is None else before_next
    if exact_until is None or seconds(at) <= exact_until:
        return Bracket(at, at)
    return Bracket(moment(exact_until), None if next_at is None else moment(next_at))
