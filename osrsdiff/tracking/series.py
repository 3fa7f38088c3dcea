"""The course of a player's metric: the line to draw over a window, and a year of it by days."""

from datetime import UTC, date, datetime, tzinfo
from functools import partial

from msgspec import Struct

from osrsdiff.game import calendar, series, usernames
from osrsdiff.game.calendar import Year
from osrsdiff.game.metrics import Metric
from osrsdiff.game.periods import Window
from osrsdiff.game.series import MOST_POINTS, Resolution, Seen, Series
from osrsdiff.game.zones import DAY_S, Clock, start_of
from osrsdiff.storage import series as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.metrics import metric_of
from osrsdiff.tracking.names import not_found
from osrsdiff.tracking.windows import Asked, over_window

DEFAULT_PERIOD = "year"

_HOUR_S = 3_600
_MONDAY_S = 3 * DAY_S
"""1970 began on a Thursday, three days after a Monday."""


class History(Struct, frozen=True):
    """The line of a metric over a window. `resolution`: never AUTO."""

    metric: Metric
    window: Window
    resolution: Resolution
    line: Series


class YearOf(Struct, frozen=True):
    """A year of a metric."""

    metric: Metric
    year: int
    days: Year


async def player_history(
    instance: Instance,
    name: str,
    metric: str,
    asked: Asked,
    *,
    resolution: Resolution = Resolution.AUTO,
    zone: tzinfo = UTC,
) -> tuple[Player, History]:
    """The line of a metric, which may be named by its key or as the hiscores spell it. Days and weeks are the zone's.

    Raises InvalidUsername, PlayerNotFound, MetricNotFound, InvalidPeriod.
    """
    read = partial(_history, metric=metric, resolution=resolution, zone=zone)
    return await over_window(instance, name, asked, DEFAULT_PERIOD, read)


async def player_year(
    instance: Instance, name: str, metric: str, *, year: int | None = None, zone: tzinfo = UTC
) -> tuple[Player, YearOf]:
    """What was gained on each day of a year, by default of the present one.

    Raises InvalidUsername, PlayerNotFound, MetricNotFound.
    """
    wanted = datetime.now(zone).year if year is None else year
    start, end = (seconds(start_of(date(y, 1, 1), zone)) - 1 for y in (wanted, wanted + 1))
    clock = Clock(zone, start, end)
    async with instance.db.reading() as conn:
        number, found = await metric_of(conn, metric)
        known = await table.head(conn, usernames.tracked_name(name), number, start, end)
        if known is None:
            raise await not_found(conn, name)
        player, head = known
        changes = list[Seen]()
        if head.changes:
            changes = await table.by_bucket(
                conn, player.id, number, clock.spans(), DAY_S, most=calendar.length_of(wanted)
            )
    before = None if head.before is None else head.before[1]
    days = calendar.by_day(wanted, clock, before, head.first_value, changes, head.holds_until)
    return player, YearOf(found, wanted, days)


async def _history(
    conn: Connection, username: str, window: Window, *, metric: str, resolution: Resolution, zone: tzinfo
) -> tuple[Player, History] | None:
    number, found = await metric_of(conn, metric)
    start, end = seconds(window.start), seconds(window.end)
    known = await table.head(conn, username, number, start, end)
    if known is None:
        return None
    player, head = known
    drawn = resolution
    if resolution is Resolution.AUTO:
        drawn = series.finest(MOST_POINTS, head.changes, head.hours, head.days)
    changes = list[Seen]()
    if head.oldest is not None and head.newest is not None:
        since = head.oldest - 1  # looking up a zone's clock takes its time for each year
        if head.before is None and drawn is not Resolution.RAW:
            # the line begins with the first value ever, not with the last one of its day
            changes = await table.raw(conn, player.id, number, since, head.oldest, most=1)
            since = head.oldest
        changes += await _changes(conn, player.id, number, drawn, (since, head.newest), zone)
    line = series.drawn(found.key, head.before, changes, start, head.holds_until or start)
    return player, History(found, window, drawn, line)


async def _changes(
    conn: Connection, player_id: int, metric_id: int, resolution: Resolution, ends: tuple[int, int], zone: tzinfo
) -> list[Seen]:
    """As many as may be drawn, and one more."""
    start, end = ends
    by_bucket = partial(table.by_bucket, conn, player_id, metric_id, most=MOST_POINTS + 1)
    match resolution:
        case Resolution.HOUR:
            return await by_bucket([(start + 1, end + 1, 0)], _HOUR_S)
        case Resolution.DAY:
            return await by_bucket(Clock(zone, start, end).spans(), DAY_S)
        case Resolution.WEEK:
            spans = [(since, until, ahead + _MONDAY_S) for since, until, ahead in Clock(zone, start, end).spans()]
            return await by_bucket(spans, 7 * DAY_S)
        case _:
            return await table.raw(conn, player_id, metric_id, start, end, most=MOST_POINTS + 1)
