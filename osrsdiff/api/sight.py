"""What is known of a player over HTTP: its gains over a window, its current sheet."""

from datetime import datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from osrsdiff.api import problems, schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.api.parsing import read_time
from osrsdiff.api.problems import Refused
from osrsdiff.errors import InvalidPeriod
from osrsdiff.game import metrics
from osrsdiff.game.gains import Bracket, Gain, Known, PlayerGains, level_of
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight as tracking


async def player_gains(call: Call[schemas.GainsQuery, Nothing]) -> Reply[schemas.Gains]:
    """End minus start for each metric that moved, with the looks that bracket both ends.

    Gains count from the last value known at the start, or from the first one inside the window where nothing was known
    before: an unranked start is never taken for zero.
    """
    query = call.query
    start, end = _time("from", query.start), _time("to", query.to)
    period = None if query.period is UNSET else query.period
    try:
        player, gains = await tracking.player_gains(call.instance, call.username, period=period, start=start, end=end)
    except InvalidPeriod as error:
        field = "period" if period is not None else "from" if start else "to"
        raise Refused(problems.INVALID_PERIOD, str(error), field=field) from error
    body = gains_body(player, gains, None, everything=query.all)
    if body.end is None or body.end.earliest == body.first_look_at:
        body = replace(body, next_fetch_at=await tracking.next_fire(call.instance, player))
    return Reply(body, alike=replace(body, window=_by_the_minute(body.window)))


async def player_stats(call: Call[Nothing, Nothing]) -> Reply[schemas.Stats]:
    """The current sheet: each metric's value, level and rank, why it is unranked, and since when it is known."""
    player, rows = await tracking.player_sheet(call.instance, call.username)
    message = None if rows else _why_nothing(player)
    return Reply(schemas.Stats(name_document(player), player.last_look_at, [_reading(row) for row in rows], message))


def gains_body(
    player: Player, found: PlayerGains, next_fetch_at: datetime | None, *, everything: bool
) -> schemas.Gains:
    """Gains as clients see them. `everything`: also the metrics that did not move."""
    first_look_at = _first_look(found)
    return schemas.Gains(
        player=name_document(player),
        window=schemas.Window(_second(found.window.start), _second(found.window.end)),
        start=_accuracy(found.start),
        end=_accuracy(found.end),
        totals=_totals(found.gains),
        gains=[_metric(gain) for gain in found.gains if everything or _shown(gain, first_look_at)],
        first_look_at=first_look_at,
        next_fetch_at=next_fetch_at,
    )


def _why_nothing(player: Player) -> str:
    if player.last_outcome is None:
        return "Not looked at yet."
    return f"Not seen yet: the last fetch ended as {player.last_outcome}."


def _time(name: str, text: str | UnsetType) -> datetime | None:
    return None if text is UNSET else read_time(name, text)


def _first_look(gains: PlayerGains) -> datetime | None:
    """When the player was first seen, where that is inside the window."""
    if gains.start is not None or not gains.gains:
        return None
    return min(gain.start.at for gain in gains.gains)


def _shown(gain: Gain, first_look_at: datetime | None) -> bool:
    """Whether a metric moved, or appeared after a look that did not have it."""
    return gain.gained != 0 or (gain.first_seen and gain.start.at != first_look_at)


def _totals(gains: list[Gain]) -> schemas.Totals:
    overall, xp, levels, kills = None, 0, 0, 0
    for gain in gains:
        if gain.fell or not gain.gained:
            continue
        if gain.metric == OVERALL:
            overall = gain
            continue
        match kind_of(gain.metric):
            case MetricKind.SKILL:
                xp += gain.gained
                levels += gain.levels_gained or 0
            case MetricKind.BOSS:
                kills += gain.gained
    if overall is None:
        return schemas.Totals(xp, levels, kills)
    known = overall.levels_gained
    return schemas.Totals(overall.gained, levels if known is None else known, kills)


def _metric(gain: Gain) -> schemas.MetricGain:
    start, end, kind = gain.start, gain.end, kind_of(gain.metric)
    return schemas.MetricGain(
        metric=gain.metric,
        name=metrics.name_of(gain.metric),
        kind=kind,
        start=_value(gain.metric, kind, start),
        end=_value(gain.metric, kind, end),
        gained=gain.gained,
        levels_gained=gain.levels_gained,
        rank_moved=None if start.rank is None or end.rank is None else start.rank - end.rank,
        first_seen=gain.first_seen,
        fell=gain.fell,
    )


def _value(metric: str, kind: MetricKind, known: Known) -> schemas.Value:
    level = level_of(metric, known) if kind is MetricKind.SKILL else None
    return schemas.Value(known.value, level, known.rank, known.at)


def _reading(row: SheetRow) -> schemas.MetricReading:
    metric, reading = row.metric, row.reading
    return schemas.MetricReading(
        metric=metric.key,
        name=metric.name,
        kind=metric.kind,
        value=reading.value,
        level=reading.level,
        rank=reading.rank,
        unranked=reading.unranked,
        seen_at=row.seen_at,
    )


def _accuracy(bracket: Bracket | None) -> schemas.Accuracy | None:
    return None if bracket is None else schemas.Accuracy(bracket.earliest, bracket.latest)


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _by_the_minute(window: schemas.Window) -> schemas.Window:
    """A rolling window, moved on once a minute, so that clients that ask in between may keep what they have."""
    return schemas.Window(window.start.replace(second=0), window.end.replace(second=0))
