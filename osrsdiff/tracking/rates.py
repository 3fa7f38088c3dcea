"""How fast a player goes on: the pace of the last week or month, where it leads, and when it is played."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial

from msgspec import Struct

from osrsdiff.game import rates as rules
from osrsdiff.game.metrics import OVERALL
from osrsdiff.game.periods import Window
from osrsdiff.game.rates import HOURS_OF_WEEK, HourOfWeek, Projection, Rate, RateWindow, Streak
from osrsdiff.game.zones import Clock
from osrsdiff.storage import gains as gains_table
from osrsdiff.storage import metrics as metrics_table
from osrsdiff.storage import rates as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.players import Player
from osrsdiff.storage.rates import Hours
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.windows import Asked, over_window

HABITS = timedelta(weeks=13)
"""Over how long before the last look the hours of the week are counted: as often each of them."""


class Rates(Struct, frozen=True):
    """A player's pace. `days`: over how many it was measured, None before the first look.

    `current`, `longest`: streaks of active days, as of the last look.
    """

    window: Window
    days: float | None
    rates: list[Rate]
    projections: list[Projection]
    current: Streak
    longest: Streak
    hours: Hours
    busiest: HourOfWeek | None


async def player_rates(
    instance: Instance, name: str, *, period: RateWindow = RateWindow.WEEK, zone: tzinfo = UTC
) -> tuple[Player, Rates]:
    """The player's pace over the last week or month; days and hours are the zone's.

    Raises InvalidUsername, PlayerNotFound.
    """
    asked = Asked(period=period.value)
    return await over_window(instance, name, asked, period.value, partial(_rates, zone=zone))


async def _rates(conn: Connection, username: str, window: Window, *, zone: tzinfo) -> tuple[Player, Rates] | None:
    known = await gains_table.gains_of(conn, username, window, everything=True)
    if known is None:
        return None
    player, found = known
    if player.last_look_at is None:
        return player, Rates(window, None, [], [], Streak(), Streak(), Hours([0] * HOURS_OF_WEEK, 0, 0), None)
    days = rules.days_measured(found, player.last_look_at)
    current, longest = await _streaks(conn, player.id, player.last_look_at, zone)
    hours = await _hours(conn, player.id, player.last_look_at, zone)
    return player, Rates(
        window=window,
        days=days,
        rates=rules.rates(found.gains, days),
        projections=rules.projections(found.gains, days, player.last_look_at),
        current=current,
        longest=longest,
        hours=hours,
        busiest=rules.busiest(hours.xp),
    )


async def _streaks(conn: Connection, player_id: int, last_look: datetime, zone: tzinfo) -> tuple[Streak, Streak]:
    first_look = await table.first_look(conn, player_id)
    if first_look is None:
        return Streak(), Streak()
    clock = Clock(zone, first_look - 1, seconds(last_look))
    active = await table.active_days(conn, player_id, clock.spans())
    return rules.streaks(active, rules.day_number(clock.local(seconds(last_look))))


async def _hours(conn: Connection, player_id: int, last_look: datetime, zone: tzinfo) -> Hours:
    found = await metrics_table.find(conn, OVERALL)
    if found is None:
        return Hours([0] * HOURS_OF_WEEK, 0, 0)
    start, end = seconds(last_look - HABITS), seconds(last_look)
    return await table.hours(conn, player_id, found[0], start, end, Clock(zone, start, end).spans())
