"""What is known of a player over HTTP: its gains over a window, its current sheet."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import asdict, replace

from osrsdiff.api import sight_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.api.following import of_player, of_player_over
from osrsdiff.api.spans import naming_the_field, read_span, read_zone
from osrsdiff.game import metrics
from osrsdiff.game.builds import Build, builds_of
from osrsdiff.game.gains import Bracket, Gain, Known, PlayerGains, level_of
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight as tracking


async def player_gains(call: Call[schemas.GainsQuery, Nothing]) -> Reply[schemas.Gains]:
    """End minus start for each metric that moved, with the looks that bracket both ends; of the last week by default.

    Gains count from the last value known at the start, or from the first one inside the window where nothing was known
    before: an unranked start is never taken for zero.
    """
    query = call.query
    asked = read_span(query, read_zone(query.tz))

    async def make() -> Reply[schemas.Gains]:
        with naming_the_field(asked):
            player, gains = await tracking.player_gains(
                call.instance, call.username, **asdict(asked), everything=query.all
            )
        body = gains_body(player, gains, None, everything=query.all)
        if not is_nothing_to_compare(body):
            return Reply(body)
        body = replace(body, next_fetch_at=await tracking.next_fire(call.instance, player))
        return Reply(body, alike=replace(body, window=_by_the_minute(body.window)), is_fleeting=True)

    return await of_player_over(call, asked, make)


async def player_stats(call: Call[Nothing, Nothing]) -> Reply[schemas.Stats]:
    """The current sheet: each metric's value, level and rank, why it is unranked, and since when it is known.

    Ranks are those of the game mode's own table, as everywhere.
    """

    async def make() -> Reply[schemas.Stats]:
        player, rows = await tracking.player_sheet(call.instance, call.username)
        message = None if rows else why_nothing(player)
        readings = [reading_document(row) for row in rows]
        builds = builds_document(rows)
        return Reply(schemas.Stats(name_document(player), player.last_look_at, builds, readings, message))

    return await of_player(call, make)


def gains_body(
    player: Player, found: PlayerGains, next_fetch_at: datetime | None, *, everything: bool
) -> schemas.Gains:
    """Gains as clients see them. `everything`: also the metrics that did not move."""
    first_look_at = _first_look(found)
    return schemas.Gains(
        player=name_document(player),
        window=schemas.Window(_second(found.window.start), _second(found.window.end)),
        start=accuracy_document(found.start),
        end=accuracy_document(found.end),
        totals=_totals(found.gains),
        gains=[
            _metric(gain, found, player.last_look_at or found.window.end)
            for gain in found.gains
            if everything or _shown(gain, first_look_at)
        ],
        first_look_at=first_look_at,
        next_fetch_at=next_fetch_at,
    )


def is_nothing_to_compare(gains: schemas.Gains) -> bool:
    """Whether there is no difference yet: no look until the window's end, or the first one alone."""
    return gains.end is None or gains.end.earliest == gains.first_look_at


def why_nothing(player: Player) -> str:
    """Why nothing is known of a player who has not been seen yet."""
    tried = "" if player.last_outcome is None else f" The last fetch ended as {player.last_outcome}."
    return f"Not looked at yet.{tried}"


def _first_look(gains: PlayerGains) -> datetime | None:
    """When the player was first seen, where that is inside the window."""
    if gains.start is not None or not gains.gains:
        return None
    return min(gain.start.at for gain in gains.gains)


def _shown(gain: Gain, first_look_at: datetime | None) -> bool:
    """Whether a metric moved, or appeared after a look that did not have it."""
    return gain.gained != 0 or gain.regained > 0 or (gain.first_seen and gain.start.at != first_look_at)


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


def _metric(gain: Gain, found: PlayerGains, last_look_at: datetime) -> schemas.MetricGain:
    start, end, kind = gain.start, gain.end, kind_of(gain.metric)
    rank_today = found.ranks_today.get(gain.metric)
    return schemas.MetricGain(
        metric=gain.metric,
        name=metrics.name_of(gain.metric),
        kind=kind,
        start=_value(gain.metric, kind, start),
        end=_value(gain.metric, kind, end),
        gained=gain.gained,
        levels_gained=gain.levels_gained,
        rank_moved=found.climbed((start.at, start.rank), (end.at, end.rank)),
        rank_today=rank_today,
        rank_moved_today=found.climbed((start.at, start.rank), (last_look_at, rank_today)),
        first_seen=gain.first_seen,
        fell=gain.fell,
        regained=gain.regained,
    )


def _value(metric: str, kind: MetricKind, known: Known) -> schemas.Value:
    level = level_of(metric, known) if kind is MetricKind.SKILL else None
    return schemas.Value(known.value, level, known.rank, known.at)


def builds_document(rows: Sequence[SheetRow]) -> list[Build]:
    """The builds that a sheet proves."""
    return builds_of({row.metric.key: row.reading for row in rows})


def reading_document(row: SheetRow) -> schemas.MetricReading:
    """A line of a sheet as clients see it."""
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


def accuracy_document(bracket: Bracket | None) -> schemas.Accuracy | None:
    """How sure a time is, as clients see it."""
    return None if bracket is None else schemas.Accuracy(bracket.earliest, bracket.latest)


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _by_the_minute(window: schemas.Window) -> schemas.Window:
    """A rolling window, moved on once a minute, so that clients that ask in between may keep what they have."""
    return schemas.Window(window.start.replace(second=0), window.end.replace(second=0))
