"""Reads the course of one metric: what is known before it is drawn, and the changes to draw, reduced by the database.

The changes come in the order of their key. Where a line is drawn by hours, days or weeks, the last change of each
stands for all of them, and the look before is that before the first one.
"""

from msgspec import Struct
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.selectable import NamedFromClause, ScalarSelect

from osrsdiff.game.series import MOST_POINTS, Seen
from osrsdiff.game.zones import DAY_S
from osrsdiff.storage import players as players_table
from osrsdiff.storage.clocks import Spans, param, spans
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS, SMALL_ID
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import changes, player_states, players, snapshots

_HOUR_S = 3_600
MOST_COUNTED = MOST_POINTS // 2


class Head(Struct, frozen=True):
    """What is known of a metric around a window that ends at the given time or at the last look.

    `before`: the value at the window's start. `changes` inside, in so many `hours` and at most so many `days`, from
    `oldest` to `newest`, None where there are none. Changes and hours are counted up to `MOST_COUNTED`: more than that
    are too many to draw each of them.
    `first_value`: the first one ever.
    `holds_until`: up to when the value at the end is known to hold, at most the last look; None before the first look.
    """

    before: Seen | None
    changes: int
    hours: int
    days: int
    oldest: int | None
    newest: int | None
    first_value: int | None
    holds_until: int | None


_metric_id = bindparam("metric_id", type_=SMALL_ID)
_start = bindparam("start", type_=SECONDS)
_end = bindparam("end", type_=SECONDS)
_player_id = bindparam("player_id", type_=ID)
_most = bindparam("most", type_=Integer)


def _of_metric(player_id: ColumnElement[int], change: NamedFromClause = changes) -> ColumnElement[bool]:
    return and_(change.c.player_id == player_id, change.c.metric_id == _metric_id)


def _of_changes(asked: ColumnElement[int], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """What is asked of the metric's changes that fulfil the conditions."""
    found = select(asked).select_from(changes).where(_of_metric(players.c.id), *conditions)
    return found.correlate(players).scalar_subquery()


def _count_of_changes(asked: ColumnElement[int], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many different ones that gives, up to `MOST_COUNTED`: a year of hourly looks is not read to its end."""
    found = select(asked).select_from(changes).where(_of_metric(players.c.id), *conditions).distinct()
    some = found.correlate(players).limit(literal_column(str(MOST_COUNTED), Integer)).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_at = changes.c.taken_at
_before, _following = changes.alias("before"), snapshots.alias("following")
_last_before = _of_changes(func.max(_at), _at <= _start)
_first_after = _of_changes(func.min(_at), _at > _end)
_inside = (_at > _start, _at <= _end)
_first_value = (
    select(changes.c.value).where(_of_metric(players.c.id)).order_by(_at).limit(1).correlate(players).scalar_subquery()
)
# One row: the player, then what `_head_of` takes.
_HEAD = (
    select(
        *players_table.COLUMNS,
        _before.c.taken_at,
        _before.c.value,
        _before.c.rank,
        _before.c.level,
        _count_of_changes(_at, *_inside),
        _count_of_changes(_at // _HOUR_S, *_inside),
        _of_changes(func.min(_at), *_inside),
        _of_changes(func.max(_at), *_inside),
        _first_value,
        _following.c.taken_at,
        _following.c.previous_look_at,
        player_states.c.looked_at,
    )
    .select_from(players)
    .outerjoin(player_states, player_states.c.player_id == players.c.id)
    .outerjoin(_before, and_(_of_metric(players.c.id, _before), _before.c.taken_at == _last_before))
    .outerjoin(_following, and_(_following.c.player_id == players.c.id, _following.c.taken_at == _first_after))
    .where(players.c.username == bindparam("username"))
)

_taken = snapshots.alias("taken")
_RAW = (
    select(changes.c.taken_at, changes.c.value, changes.c.rank, changes.c.level, _taken.c.previous_look_at)
    .join(_taken, and_(_taken.c.player_id == changes.c.player_id, _taken.c.taken_at == changes.c.taken_at))
    .where(_of_metric(_player_id), changes.c.taken_at > _start, changes.c.taken_at <= _end)
    .order_by(changes.c.taken_at)
    .limit(_most)
)


_length_s = bindparam("length_s", type_=BigInteger)


def _number(of: FromClause) -> ColumnElement[int]:
    """The bucket that begins with a row's change `first_at`; the clock is `ahead`."""
    return (of.c.first_at + of.c.ahead) // _length_s


def _ends_at(of: FromClause) -> ColumnElement[int]:
    """Where it ends: itself, or the span that the row is about."""
    end = (_number(of) + literal_column("1", BigInteger)) * _length_s - of.c.ahead
    return case((end < of.c.until, end), else_=of.c.until)


def _inside_of(of: FromClause, asked: ColumnElement[int], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """What is asked of the metric's changes that fulfil the conditions, for a row of `of`."""
    return select(asked).where(_of_metric(_player_id), *conditions).correlate(of).scalar_subquery()


def _by_bucket() -> Select[tuple[int, ...]]:
    """The last change of each bucket, the look before its first one, and that one's value.

    From the first change of a bucket it is one step to the first one past its end, however many lie between. A bucket
    that reaches from one span into the next is found in both.
    """
    first = _inside_of(spans, func.min(_at), _at >= spans.c.since, _at < spans.c.until)
    found = select(spans.c.until, spans.c.ahead, first.label("first_at")).cte("found", recursive=True)
    following = _inside_of(found, func.min(_at), _at >= _ends_at(found), _at < found.c.until)
    found = found.union_all(select(found.c.until, found.c.ahead, following).where(found.c.first_at.is_not(None)))
    last = _inside_of(found, func.max(_at), _at < _ends_at(found))
    part = (
        select(_number(found).label("number"), found.c.first_at, last.label("last_at"))
        .where(found.c.first_at.is_not(None))
        .subquery("part")
    )
    buckets = (
        select(func.min(part.c.first_at).label("first_at"), func.max(part.c.last_at).label("last_at"))
        .group_by(part.c.number)
        .cte("buckets")
        .prefix_with("MATERIALIZED")
    )
    return _shown(buckets)


def _shown(buckets: CTE) -> Select[tuple[int, ...]]:
    """The changes and looks of buckets, in order."""
    last, first = changes.alias("last"), snapshots.alias("first")
    return (
        select(last.c.taken_at, last.c.value, last.c.rank, last.c.level, first.c.previous_look_at)
        .select_from(buckets)
        .join(last, and_(_of_metric(_player_id, last), last.c.taken_at == buckets.c.last_at))
        .join(first, and_(first.c.player_id == _player_id, first.c.taken_at == buckets.c.first_at))
        .order_by(buckets.c.last_at)
        .limit(_most)
    )


_BY_BUCKET = _by_bucket()


async def head(conn: Connection, username: str, metric_id: int, start: int, end: int) -> tuple[Player, Head] | None:
    """The player of this canonical name, and what is known of the metric; None where there is no such player."""
    row = await conn.one(_HEAD, {"username": username, "metric_id": metric_id, "start": start, "end": end})
    if row is None:
        return None
    columns = len(players_table.COLUMNS)
    return players_table.of_row(row[:columns]), _head_of(row[columns:], end)


def _head_of(row: Row, end: int) -> Head:
    at, value, rank, level, count, hours, oldest, newest, first_value, next_at, look_before_next, looked_at = row
    before = None if at is None else (at, value, rank, level, None)
    holds = looked_at if next_at is None else look_before_next
    days = 0 if oldest is None else (newest - oldest) // DAY_S + 2
    holds_until = None if looked_at is None else min(end, holds or end)
    return Head(before, count, hours, days, oldest, newest, first_value, holds_until)


async def raw(conn: Connection, player_id: int, metric_id: int, start: int, end: int, *, most: int) -> list[Seen]:
    """The changes after `start` up to and with `end`, the first `most` of them."""
    params = {"player_id": player_id, "metric_id": metric_id, "start": start, "end": end, "most": most}
    return await conn.all(_RAW, params)


async def by_bucket(
    conn: Connection, player_id: int, metric_id: int, clock: Spans, length_s: int, *, most: int
) -> list[Seen]:
    """The last change of each bucket, of `length_s` seconds on the clock, inside the clock's spans."""
    params = {
        "player_id": player_id,
        "metric_id": metric_id,
        "spans": param(clock),
        "length_s": length_s,
        "most": most,
    }
    return await conn.all(_BY_BUCKET, params)
