"""Reads the course of one metric: what is known before it is drawn, and the changes to draw, reduced by the database.

The changes come in the order of their key. Where a line is drawn by hours, days or weeks, the last change of each
stands for all of them, and the look before is that before the first one.
"""

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    distinct,
    func,
    select,
)
from sqlalchemy.sql.selectable import NamedFromClause

from osrsdiff.game.series import Seen
from osrsdiff.game.zones import DAY_S
from osrsdiff.storage import players as players_table
from osrsdiff.storage.clocks import Spans, is_in_span, param, spans
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS, SMALL_ID
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import changes, player_states, players, snapshots

_HOUR_S = 3_600


class Head(Struct, frozen=True):
    """What is known of a metric around a window that ends at the given time or at the last look.

    `before`: the value at the window's start. `changes` inside, in so many `hours` and at most so many `days`.
    `first_value`: the first one ever.
    `holds_until`: up to when the value at the end is known to hold, at most the last look; None before the first look.
    """

    before: Seen | None
    changes: int
    hours: int
    days: int
    first_value: int | None
    holds_until: int | None


_metric_id = bindparam("metric_id", type_=SMALL_ID)
_start = bindparam("start", type_=SECONDS)
_end = bindparam("end", type_=SECONDS)
_player_id = bindparam("player_id", type_=ID)
_most = bindparam("most", type_=Integer)


def _of_metric(player_id: ColumnElement[int], change: NamedFromClause = changes) -> ColumnElement[bool]:
    return and_(change.c.player_id == player_id, change.c.metric_id == _metric_id)


def _head() -> Select[tuple[int, ...]]:
    """One row: the player, then the columns of `Head`."""
    mine = _of_metric(players.c.id)
    before, following = changes.alias("before"), snapshots.alias("following")
    last = select(func.max(changes.c.taken_at)).where(mine, changes.c.taken_at <= _start).correlate(players)
    after = select(func.min(changes.c.taken_at)).where(mine, changes.c.taken_at > _end).correlate(players)
    inside = changes.c.taken_at > _start, changes.c.taken_at <= _end
    first = select(changes.c.value).where(mine).order_by(changes.c.taken_at).limit(1).correlate(players)
    count = select(func.count()).select_from(changes).where(mine, *inside).correlate(players)
    newest, oldest = (
        select(end(changes.c.taken_at)).where(mine, *inside).correlate(players) for end in (func.max, func.min)
    )
    hours = select(func.count(distinct(changes.c.taken_at // _HOUR_S))).where(mine, *inside).correlate(players)
    return (
        select(
            *players_table.COLUMNS,
            before.c.taken_at,
            before.c.value,
            before.c.rank,
            before.c.level,
            count.scalar_subquery(),
            hours.scalar_subquery(),
            newest.scalar_subquery() - oldest.scalar_subquery(),
            first.scalar_subquery(),
            following.c.taken_at,
            following.c.previous_look_at,
            player_states.c.looked_at,
        )
        .select_from(players)
        .outerjoin(player_states, player_states.c.player_id == players.c.id)
        .outerjoin(before, and_(_of_metric(players.c.id, before), before.c.taken_at == last.scalar_subquery()))
        .outerjoin(
            following,
            and_(following.c.player_id == players.c.id, following.c.taken_at == after.scalar_subquery()),
        )
        .where(players.c.username == bindparam("username"))
    )


_HEAD = _head()

_taken = snapshots.alias("taken")
_RAW = (
    select(changes.c.taken_at, changes.c.value, changes.c.rank, changes.c.level, _taken.c.previous_look_at)
    .join(_taken, and_(_taken.c.player_id == changes.c.player_id, _taken.c.taken_at == changes.c.taken_at))
    .where(_of_metric(_player_id), changes.c.taken_at > _start, changes.c.taken_at <= _end)
    .order_by(changes.c.taken_at)
    .limit(_most)
)


def _by_bucket() -> Select[tuple[int, ...]]:
    """The last change of each bucket, the look before its first one, and that one's value."""
    bucket = (changes.c.taken_at + spans.c.ahead) // bindparam("length_s", type_=BigInteger)
    buckets = (
        select(func.min(changes.c.taken_at).label("first_at"), func.max(changes.c.taken_at).label("last_at"))
        .select_from(spans)
        .join(changes, and_(_of_metric(_player_id), is_in_span(changes.c.taken_at)))
        .group_by(bucket)
        .cte("buckets")
        .prefix_with("MATERIALIZED")
    )
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
    at, value, rank, level, count, hours, span_s, first_value, next_at, look_before_next, looked_at = row
    before = None if at is None else (at, value, rank, level, None)
    holds = looked_at if next_at is None else look_before_next
    days = 0 if span_s is None else span_s // DAY_S + 2
    return Head(before, count, hours, days, first_value, None if looked_at is None else min(end, holds or end))


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
