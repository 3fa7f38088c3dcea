"""Reads on which days and in which hours of the week a player has been active, on the clock of a zone."""

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    select,
    true,
    union,
    union_all,
)

from osrsdiff.game.rates import HOURS_OF_WEEK
from osrsdiff.game.zones import DAY_S
from osrsdiff.storage.clocks import Spans, is_in_span, param, spans
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.dialects import ID, SECONDS, SMALL_ID
from osrsdiff.storage.tables import changes, metrics, snapshots

SURE_WITHIN_S = 2 * 3_600
"""A gain between two looks that are further apart than this belongs to no hour."""

_HOUR_S = 3_600
_MONDAY_S = 3 * DAY_S
_NO_HOUR = -1


class Hours(Struct, frozen=True):
    """Xp by the hour of the week, from Monday 0:00 on; how many gains that took, and how many were too uncertain."""

    xp: list[int]
    counted: int
    uncertain: int


_player_id = bindparam("player_id", type_=ID)
_metric_id = bindparam("metric_id", type_=SMALL_ID)
_start = bindparam("start", type_=SECONDS)
_end = bindparam("end", type_=SECONDS)


_mine = snapshots.c.player_id == _player_id
_earlier = changes.alias("earlier")
_value_before = (
    select(_earlier.c.value)
    .where(
        _earlier.c.player_id == _player_id,
        _earlier.c.metric_id == changes.c.metric_id,
        _earlier.c.taken_at < changes.c.taken_at,
    )
    .order_by(_earlier.c.taken_at.desc())
    .limit(1)
    .correlate(changes)
    .scalar_subquery()
)

_first_times = (
    select(
        select(func.min(changes.c.taken_at))
        .where(changes.c.player_id == _player_id, changes.c.metric_id == metrics.c.id)
        .correlate(metrics)
        .scalar_subquery()
        .label("taken_at")
    )
    .select_from(metrics)
    .distinct()
    .cte("first_times")
    .prefix_with("MATERIALIZED")
)
# A snapshot tells by itself that something was gained or a rating moved, but where metrics were first seen or fell:
# there only a gain counts. A total level that moved alone is taken for activity: to tell it apart costs more than that.
_plain = select(snapshots.c.taken_at).where(
    _mine,
    snapshots.c.previous_look_at.is_not(None),
    snapshots.c.has_fall == false(),
    snapshots.c.taken_at.not_in(select(_first_times.c.taken_at).where(_first_times.c.taken_at.is_not(None))),
)
_with_falls = select(snapshots.c.taken_at).where(_mine, snapshots.c.has_fall == true())
_doubtful = union(select(_first_times.c.taken_at), _with_falls).cte("doubtful").prefix_with("MATERIALIZED")
_gained = select(changes.c.taken_at).where(
    changes.c.player_id == _player_id,
    changes.c.metric_id.in_(select(metrics.c.id)),  # else SQLite reads all changes of the player each time
    changes.c.taken_at == _doubtful.c.taken_at,
    changes.c.value > _value_before,
)
_active = union_all(_plain, _gained).subquery("active")
_day = ((_active.c.taken_at + spans.c.ahead) // DAY_S).label("day")
_ACTIVE_DAYS = (
    select(_day).select_from(_active).join(spans, is_in_span(_active.c.taken_at)).group_by(_day).order_by(_day)
)


def _hours() -> Select[tuple[int, int, int]]:
    """By hour of the week what a metric gained and in how many gains; those of no hour together.

    A gain belongs to the hour in the middle between its two looks.
    """
    of_metric = and_(changes.c.player_id == _player_id, changes.c.metric_id == _metric_id)
    baseline = select(func.max(changes.c.taken_at)).where(of_metric, changes.c.taken_at <= _start).scalar_subquery()
    values = (
        select(
            changes.c.taken_at,
            (changes.c.value - func.lag(changes.c.value).over(order_by=changes.c.taken_at)).label("gained"),
        )
        .where(of_metric, changes.c.taken_at >= func.coalesce(baseline, _start), changes.c.taken_at <= _end)
        .subquery("values_seen")
    )
    between = values.c.taken_at - snapshots.c.previous_look_at
    middle = values.c.taken_at - between // 2 + spans.c.ahead + _MONDAY_S
    hour = case((between <= SURE_WITHIN_S, (middle // _HOUR_S) % HOURS_OF_WEEK), else_=_NO_HOUR).label("hour")
    return (
        select(hour, func.sum(values.c.gained, type_=BigInteger), func.count())
        .select_from(values)
        .join(snapshots, and_(snapshots.c.player_id == _player_id, snapshots.c.taken_at == values.c.taken_at))
        .join(spans, is_in_span(values.c.taken_at))
        .where(values.c.taken_at > _start, values.c.gained > 0)
        .group_by(hour)
    )


_FIRST_LOOK = select(func.min(snapshots.c.taken_at)).where(snapshots.c.player_id == _player_id)
_HOURS = _hours()


async def first_look(conn: Connection, player_id: int) -> int | None:
    """When the player was first seen."""
    row = await conn.one(_FIRST_LOOK, {"player_id": player_id})
    return row[0] if row else None


async def active_days(conn: Connection, player_id: int, clock: Spans) -> list[int]:
    """The days since 1970 on which the player did something, in order; those of the look that saw it."""
    params = {"player_id": player_id, "spans": param(clock)}
    return [row[0] for row in await conn.all(_ACTIVE_DAYS, params)]


async def hours(conn: Connection, player_id: int, metric_id: int, start: int, end: int, clock: Spans) -> Hours:
    """When in the week a metric gained, after `start` up to and with `end`."""
    params = {
        "player_id": player_id,
        "metric_id": metric_id,
        "start": start,
        "end": end,
        "spans": param(clock),
    }
    rows = await conn.all(_HOURS, params)
    xp, counted, uncertain = [0] * HOURS_OF_WEEK, 0, 0
    for hour, gained, count in rows:
        if hour == _NO_HOUR:
            uncertain = count
        else:
            xp[hour] = int(gained)
            counted += count
    return Hours(xp, counted, uncertain)
