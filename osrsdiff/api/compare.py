"""Players side by side over HTTP."""

from collections.abc import Mapping, Sequence

from osrsdiff.api import compare_schemas as schemas
from osrsdiff.api import problems
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.following import over_span
from osrsdiff.api.parsing import or_none
from osrsdiff.api.problems import Refused
from osrsdiff.api.sight import gains_body
from osrsdiff.api.sight_schemas import Gains, MetricGain
from osrsdiff.api.spans import naming_the_field, read_span, read_zone
from osrsdiff.errors import CannotCompare, InvalidUsername
from osrsdiff.game.metrics import kind_of, name_of, place_of
from osrsdiff.game.snapshots import Reading
from osrsdiff.tracking import compare as tracking
from osrsdiff.tracking.compare import Comparison, Side

COMPARE = "/api/v1/compare"


async def compare_players(call: Call[schemas.CompareQuery, Nothing]) -> Reply[schemas.Comparison]:
    """What each player has and gained over the same window, and with `metric` its course at the same times."""
    query = call.query
    asked = read_span(query, read_zone(query.tz))
    try:
        seen = await tracking.see_players(call.instance, query.players.split(","))
    except CannotCompare as error:
        raise Refused(problems.INVALID_FIELD, f"players: {error}", field="players") from error
    except InvalidUsername as error:
        raise Refused(problems.INVALID_USERNAME, str(error), field="players") from error

    async def make() -> Reply[schemas.Comparison]:
        players, metric = [one.player for one in seen], or_none(query.metric)
        with naming_the_field(asked):
            found = await tracking.compare(call.instance, players, asked, metric=metric)
        return Reply(comparison_body(found))

    return await over_span(call, asked, tuple(seen), make)


def comparison_body(found: Comparison) -> schemas.Comparison:
    """The players side by side as clients see them."""
    gains = [gains_body(side.player, side.gains, None, everything=True) for side in found.sides]
    series = None
    if found.metric is not None:
        key, name, kind = found.metric.key, found.metric.name, found.metric.kind
        series = schemas.ComparedSeries(key, name, kind, found.times, [side.values for side in found.sides])
    return schemas.Comparison(
        gains[0].window,
        [_player(side, one) for side, one in zip(found.sides, gains, strict=True)],
        _metrics(found.sides, gains),
        series,
    )


def _player(side: Side, gains: Gains) -> schemas.ComparedPlayer:
    return schemas.ComparedPlayer(gains.player, side.player.last_look_at, gains.start, gains.end, gains.totals)


def _metrics(sides: Sequence[Side], gains: Sequence[Gains]) -> list[schemas.ComparedMetric]:
    gained = [{gain.metric: gain for gain in one.gains} for one in gains]
    there = {metric for side in sides for metric, reading in side.sheet.items() if reading.value}
    return [
        schemas.ComparedMetric(
            metric,
            name_of(metric),
            kind_of(metric),
            [_side(metric, side.sheet, one) for side, one in zip(sides, gained, strict=True)],
        )
        for metric in sorted(there, key=place_of)
    ]


def _side(metric: str, sheet: Mapping[str, Reading], gained: Mapping[str, MetricGain]) -> schemas.Side:
    reading, gain = sheet.get(metric, _UNKNOWN), gained.get(metric)
    return schemas.Side(
        reading.value,
        reading.level,
        reading.rank,
        None if gain is None else gain.gained,
        gain is not None and gain.fell,
    )


_UNKNOWN = Reading(None, None, None, None)
