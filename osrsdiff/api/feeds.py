"""The newest events as Atom feeds: of everybody, of a group, of a player.

Links are relative to the feed's own address, which only the client knows: what stands in front of this server may
serve it under any name. Ids are made from the database's id, so that they stay the same when it moves.
"""

from datetime import datetime
from urllib.parse import quote, urlencode

from msgspec import UNSET, Struct

from osrsdiff.api.atom import Entry, Feed, identity_of, written
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.event_schemas import FeedQuery
from osrsdiff.api.events import EVENTS
from osrsdiff.api.groups import GROUPS
from osrsdiff.api.parsing import or_none
from osrsdiff.api.players import PLAYERS
from osrsdiff.game.events import title, when
from osrsdiff.storage.events import Happened
from osrsdiff.tracking import events as tracking
from osrsdiff.tracking.events import DEFAULT_LIMIT, Asked, EventPage
from osrsdiff.tracking.instance import Instance


class _Subject(Struct, frozen=True):
    """What a feed is about. `path`: in front of its own address. `events`: where the same is as JSON."""

    key: str
    name: str
    path: str
    events: str
    begun_at: datetime


async def all_feed(call: Call[FeedQuery, Nothing]) -> Reply[bytes]:
    """The newest events of everybody, for feed readers; each title says when it happened, and how sure that is."""
    page = await tracking.list_events(call.instance, _asked(call.query))
    begun_at = await tracking.begun_at(call.instance)
    return _feed(call, _Subject("all", "everybody", "", EVENTS, begun_at), page)


async def player_feed(call: Call[FeedQuery, Nothing]) -> Reply[bytes]:
    """The newest events of a player, for feed readers."""
    player, page = await tracking.player_events(call.instance, call.username, _asked(call.query))
    name = quote(player.username)
    subject = _Subject(
        f"player {player.id}", player.display_name, f"/players/{name}", f"{PLAYERS}/{name}/events", player.created_at
    )
    return _feed(call, subject, page)


async def group_feed(call: Call[FeedQuery, Nothing]) -> Reply[bytes]:
    """The newest events of a group's members, for feed readers."""
    group, page = await tracking.group_events(call.instance, call.path["group"], _asked(call.query))
    key = quote(group.key)
    subject = _Subject(f"group {group.id}", group.name, f"/groups/{key}", f"{GROUPS}/{key}/events", group.created_at)
    return _feed(call, subject, page)


def _asked(query: FeedQuery) -> Asked:
    return Asked(or_none(query.kind), query.limit)


def _feed(call: Call[FeedQuery, Nothing], subject: _Subject, page: EventPage) -> Reply[bytes]:
    parameters: dict[str, str | int] = {}
    if call.query.kind is not UNSET:
        parameters["kind"] = call.query.kind.value
    if call.query.limit != DEFAULT_LIMIT:
        parameters["limit"] = call.query.limit
    query = f"?{urlencode(parameters)}" if parameters else ""
    feed = Feed(
        identity=identity_of(call.instance.prefix, "feed", subject.key, query),
        title=f"osrsdiff: {subject.name}",
        href=f"{subject.path}/feed.atom{query}",
        alternate=subject.events + query,
        begun_at=subject.begun_at,
        entries=[_entry(call.instance, one) for one in page.items],
    )
    return Reply(written(feed))


def _entry(instance: Instance, one: Happened) -> Entry:
    return Entry(
        identity=identity_of(instance.prefix, "event", one.id),
        title=f"{one.display_name}: {title(one.event)}, {when(one.event)}",
        updated=one.event.at,
        href=f"{PLAYERS}/{quote(one.username)}/events",
        category=one.event.kind.value,
    )
