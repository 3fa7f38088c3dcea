"""Leaderboards over HTTP: of everybody, a game mode, a group; what a group gained."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from msgspec import UnsetType

from osrsdiff.api import leaderboard_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.api.group_schemas import GroupName
from osrsdiff.api.groups import GROUPS
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import or_none
from osrsdiff.api.sight_schemas import Value
from osrsdiff.api.spans import naming_the_field, read_span, read_zone
from osrsdiff.game.gains import Known, level_of
from osrsdiff.game.leaderboards import PARTS, By
from osrsdiff.game.metrics import Metric
from osrsdiff.storage.leaderboards import Standing
from osrsdiff.tracking import leaderboards as tracking
from osrsdiff.tracking.leaderboards import EVER, Wanted

LEADERBOARDS = "/api/v1/leaderboards"


async def leaderboard(call: Call[schemas.LeaderboardQuery, Nothing]) -> Reply[schemas.Leaderboard]:
    """Sorted, the highest first; equal ones share a place and are sorted by total level (of Overall), then by name.

    Gains count as those of a player do. Paused players are on it with what was seen of them. `next` and the header
    `Link` lead to the following page, which has the window of the first.
    """
    query = call.query
    wanted = Wanted(
        call.path["metric"],
        or_none(query.by),
        read_span(query, read_zone(query.tz)),
        or_none(query.group),
        or_none(query.mode),
    )
    given = {"by": query.by, "group": query.group, "mode": query.mode}
    return await _reply(call, wanted, f"{LEADERBOARDS}/{quote(call.path['metric'], safe='')}", given)


async def group_gains(call: Call[schemas.GroupGainsQuery, Nothing]) -> Reply[schemas.Leaderboard]:
    """What the members gained together and each, who gained the most first: the leaderboard of the group."""
    query = call.query
    asked = read_span(query, read_zone(query.tz))
    wanted = Wanted(query.metric, By.GAINED, asked, call.path["group"])
    path = f"{GROUPS}/{quote(call.path['group'], safe='')}/gains"
    return await _reply(call, wanted, path, {"metric": query.metric})


def leaderboard_body(found: tracking.Leaderboard) -> schemas.Leaderboard:
    """A leaderboard as clients see it."""
    placed = zip(found.places, found.standings, strict=True)
    return schemas.Leaderboard(
        metric=found.metric.key,
        name=found.metric.name,
        kind=found.metric.kind,
        by=found.by,
        window=_window(found),
        group=None if found.group is None else GroupName(found.group.key, found.group.name),
        mode=found.mode,
        count=found.count,
        total_gained=found.total_gained,
        items=[_place(found.metric, found.by, place, standing) for place, standing in placed],
        next=found.next,
    )


async def _reply(
    call: Call[schemas.LeaderboardQuery, Nothing] | Call[schemas.GroupGainsQuery, Nothing],
    wanted: Wanted,
    path: str,
    given: Mapping[str, str | UnsetType],
) -> Reply[schemas.Leaderboard]:
    query = call.query
    after = or_none(query.after)
    with naming_the_field(wanted.asked):
        found = await tracking.leaderboard(call.instance, wanted, limit=query.limit, after=after)
    body = leaderboard_body(found)
    window = body.window and (_minute(body.window.start), _minute(body.window.end))
    alike = (window, body.metric, body.by, body.group, body.mode, body.count, body.total_gained, body.items)
    span = {"period": query.period, "from": query.start, "to": query.to, "tz": query.tz}
    return Reply(body, leading_on(path, query.limit, body.next, {**span, **given}), alike=alike)


def _place(metric: Metric, by: By, place: int, standing: Standing) -> schemas.BoardPlace:
    start, end = standing.start, standing.end
    return schemas.BoardPlace(
        place=place,
        player=name_document(standing.player),
        gained=None if start is None else end.value - start.value,
        improved_percent=100 * standing.score / PARTS if by is By.IMPROVED else None,
        start=None if start is None else _value(metric, start),
        end=_value(metric, end),
        last_look_at=standing.player.last_look_at,
    )


def _value(metric: Metric, known: Known) -> Value:
    return Value(known.value, level_of(metric.key, known), known.rank, known.at)


def _window(found: tracking.Leaderboard) -> schemas.BoardWindow | None:
    if found.window is None:
        return None
    start, end = found.window.start, found.window.end
    return schemas.BoardWindow(None if start == EVER else start.replace(microsecond=0), end.replace(microsecond=0))


def _minute(at: datetime | None) -> datetime | None:
    """A rolling window moves on once a minute, so that clients that ask in between may keep what they have."""
    return None if at is None else at.replace(second=0)
