"""How fast a player goes on, over HTTP."""

from datetime import tzinfo

from msgspec import convert

from osrsdiff.api import rates_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.api.following import this_minute
from osrsdiff.api.sight import why_nothing
from osrsdiff.api.sight_schemas import Window
from osrsdiff.api.spans import read_zone
from osrsdiff.game.metrics import kind_of, name_of
from osrsdiff.game.rates import Projection, Rate, Target
from osrsdiff.storage.players import Player
from osrsdiff.tracking import rates as tracking
from osrsdiff.tracking.players import see_player
from osrsdiff.tracking.rates import Rates


async def player_rates(call: Call[schemas.RatesQuery, Nothing]) -> Reply[schemas.Rates]:
    """What a day gives at the pace of the last week or month, and how long that leads to levels, 99 and 200m xp.

    Also streaks of active days, and the busiest hour of the week.
    """
    query = call.query
    zone = read_zone(query.tz)

    async def make() -> Reply[schemas.Rates]:
        player, found = await tracking.player_rates(call.instance, call.username, period=query.period, zone=zone)
        return Reply(rates_body(player, found, zone))

    # the window moves on by itself, and is taken for the same until the minute is over
    follows = await see_player(call.instance, call.username), this_minute()
    return await call.kept(follows, make, alike=(*follows, query))


def rates_body(player: Player, found: Rates, zone: tzinfo) -> schemas.Rates:
    """A player's pace as clients see it."""
    xp = found.hours.xp
    return schemas.Rates(
        player=name_document(player),
        window=Window(found.window.start.replace(microsecond=0), found.window.end.replace(microsecond=0)),
        tz=str(zone),
        days=None if found.days is None else round(found.days, 3),
        rates=[_rate(one) for one in found.rates],
        projections=[_projection(one) for one in found.projections],
        streaks=schemas.Streaks(
            convert(found.current, schemas.Streak, from_attributes=True),
            convert(found.longest, schemas.Streak, from_attributes=True),
        ),
        hours=schemas.Hours(
            [xp[first : first + 24] for first in range(0, len(xp), 24)],
            convert(found.busiest, schemas.Busiest | None, from_attributes=True),
            found.hours.counted,
            found.hours.uncertain,
        ),
        message=why_nothing(player) if found.days is None else None,
    )


def _rate(one: Rate) -> schemas.Rate:
    name, kind = name_of(one.metric), kind_of(one.metric)
    return schemas.Rate(one.metric, name, kind, one.gained, round(one.per_day, 1))


def _projection(one: Projection) -> schemas.Projection:
    return schemas.Projection(
        metric=one.metric,
        name=name_of(one.metric),
        xp=one.xp,
        level=one.level,
        per_day=round(one.per_day, 1),
        next_level=_target(one.next_level),
        level_99=_target(one.level_99),
        xp_200m=_target(one.xp_200m),
    )


def _target(one: Target | None) -> schemas.Target | None:
    if one is None:
        return None
    return schemas.Target(one.xp, one.left, None if one.days is None else round(one.days, 1), one.at)
