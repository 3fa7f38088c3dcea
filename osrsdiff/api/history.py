"""What was, over HTTP: the course of a metric, a year of it by days, each look that changed something, old sheets."""

from datetime import datetime
from urllib.parse import quote

from msgspec import UNSET

from osrsdiff.api import history_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.api.following import of_player, of_player_over, this_year
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import read_time
from osrsdiff.api.players import PLAYERS
from osrsdiff.api.sight import accuracy_document, reading_document, why_nothing
from osrsdiff.api.sight_schemas import Window
from osrsdiff.api.spans import naming_the_field, read_span, read_zone
from osrsdiff.game.metrics import Metric, may_fall, place_of
from osrsdiff.storage.epoch import moment_or_none
from osrsdiff.storage.players import Player
from osrsdiff.storage.snapshots import Changed, SheetAt, Snapshot
from osrsdiff.tracking import series, snapshots
from osrsdiff.tracking.players import see_player
from osrsdiff.tracking.series import History, YearOf


async def player_history(call: Call[schemas.HistoryQuery, Nothing]) -> Reply[schemas.History]:
    """A line to draw: the value at the start, each change with the end of the plateau before it, the last look.

    Of the last year by default. The metric may also be named as the hiscores spell it.
    Between the look before a change and the change itself nobody knows the value: the line runs straight. Where more
    than 2,000 points are needed, the first ones come, and `next` tells where to go on.
    """
    query = call.query
    zone = read_zone(query.tz)
    asked = read_span(query, zone)

    async def make() -> Reply[schemas.History]:
        with naming_the_field(asked):
            player, found = await series.player_history(
                call.instance, call.username, call.path["metric"], asked, resolution=query.resolution, zone=zone
            )
        return Reply(history_body(player, found))

    return await of_player_over(call, asked, make)


async def player_calendar(call: Call[schemas.CalendarQuery, Nothing]) -> Reply[schemas.Calendar]:
    """What was gained on each day of a year, as a grid of days shows it. Days are those of the zone `tz`."""
    query = call.query
    zone = read_zone(query.tz)
    year = this_year(zone) if query.year is UNSET else query.year

    async def make() -> Reply[schemas.Calendar]:
        found = await series.player_year(call.instance, call.username, call.path["metric"], year=year, zone=zone)
        return Reply(calendar_body(*found))

    return await call.kept((await see_player(call.instance, call.username), year), make)


async def player_snapshots(call: Call[schemas.SnapshotsQuery, Nothing]) -> Reply[schemas.SnapshotPage]:
    """Each look that changed something, the newest first, with what it changed.

    Looks that saw the same are not listed. `next` and the header `Link` lead to the following page.
    """
    query = call.query
    zone = read_zone(query.tz)
    before = None if query.after is UNSET else read_time("after", query.after, zone)

    async def make() -> Reply[schemas.SnapshotPage]:
        player, found = await snapshots.list_snapshots(
            call.instance, call.username, before=before, limit=query.limit + 1
        )
        body = snapshots_body(player, found, query.limit)
        following = None if body.next is None else f"{body.next:%Y-%m-%dT%H:%M:%SZ}"
        return Reply(body, leading_on(f"{PLAYERS}/{quote(player.username)}/snapshots", query.limit, following))

    return await of_player(call, make)


async def player_sheet_at(call: Call[schemas.AtQuery, Nothing]) -> Reply[schemas.SheetAt]:
    """The full sheet at any time: each metric's last known value, since when it is known, and how sure that is."""
    at = read_time("at", call.path["at"], read_zone(call.query.tz))

    async def make() -> Reply[schemas.SheetAt]:
        return Reply(sheet_body(*await snapshots.sheet_at(call.instance, call.username, at)))

    return await of_player(call, make)


def history_body(player: Player, found: History) -> schemas.History:
    """A line as clients see it."""
    line = found.line
    return schemas.History(
        player=name_document(player),
        metric=found.metric.key,
        name=found.metric.name,
        kind=found.metric.kind,
        window=Window(found.window.start.replace(microsecond=0), found.window.end.replace(microsecond=0)),
        resolution=found.resolution,
        points=schemas.Points(line.times, line.values, line.ranks, line.levels),
        next=moment_or_none(line.next),
        message=None if line.times else _why_no_value(player, found.metric),
    )


def calendar_body(player: Player, found: YearOf) -> schemas.Calendar:
    """A year by days as clients see it."""
    days = found.days
    known = [gained for gained in days.gained if gained is not None]
    return schemas.Calendar(
        player=name_document(player),
        metric=found.metric.key,
        name=found.metric.name,
        kind=found.metric.kind,
        year=found.year,
        days=days.gained,
        uncertain=days.uncertain,
        gained=sum(known),
        message=None if known else _why_no_value(player, found.metric),
    )


def snapshots_body(player: Player, found: list[Snapshot], limit: int) -> schemas.SnapshotPage:
    """A page of `limit` snapshots as clients see it; `found` has one more where another page follows."""
    items = [_snapshot(one, player.flagged_at) for one in found[:limit]]
    following = items[-1].taken_at if len(found) > limit else None
    return schemas.SnapshotPage(name_document(player), items, following, None if items else _why_no_look(player))


def sheet_body(player: Player, found: SheetAt) -> schemas.SheetAt:
    """An old sheet as clients see it."""
    message = None if found.rows else why_nothing(player) if player.last_look_at is None else _before_the_first(found)
    rows = [reading_document(row) for row in found.rows]
    return schemas.SheetAt(name_document(player), found.at, accuracy_document(found.accuracy), rows, message)


def _why_no_look(player: Player) -> str:
    return why_nothing(player) if player.last_look_at is None else "Nobody had looked yet by then."


def _before_the_first(found: SheetAt) -> str:
    return f"Nobody had looked yet at {found.at:%Y-%m-%d %H:%M} UTC."


def _why_no_value(player: Player, metric: Metric) -> str:
    if player.last_look_at is None:
        return why_nothing(player)
    return f"No value of {metric.name} is known of this player in this span."


def _snapshot(one: Snapshot, flagged_at: datetime | None) -> schemas.Snapshot:
    changes = [_change(each) for each in sorted(one.changes, key=lambda each: place_of(each.metric.key))]
    in_review = flagged_at is not None and one.taken_at >= flagged_at
    return schemas.Snapshot(one.taken_at, one.previous_look_at, one.has_fall, in_review, changes)


def _change(each: Changed) -> schemas.Change:
    metric = each.metric
    gained = 0 if each.before is None else each.value - each.before
    return schemas.Change(
        metric=metric.key,
        name=metric.name,
        kind=metric.kind,
        value=each.value,
        level=each.level,
        rank=each.rank,
        gained=gained,
        first_seen=each.before is None,
        fell=gained < 0 and not may_fall(metric.key),
    )
