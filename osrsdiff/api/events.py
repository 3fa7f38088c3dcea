"""Events over HTTP: what happened to everybody, to a group, to a player; newest first, in pages."""

from urllib.parse import quote

from osrsdiff.api import event_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.groups import GROUPS
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import or_none
from osrsdiff.api.players import PLAYERS
from osrsdiff.api.schemas import PlayerName
from osrsdiff.game.events import title
from osrsdiff.game.metrics import name_of
from osrsdiff.storage.events import Happened
from osrsdiff.tracking import events as tracking
from osrsdiff.tracking.events import Asked, EventPage

EVENTS = "/api/v1/events"


async def list_events(call: Call[schemas.AllEventsQuery, Nothing]) -> Reply[schemas.EventPage]:
    """What happened to everybody or to a group, the newest first. `next` and the header `Link` lead to what was before.

    What happens while somebody pages comes first and moves no page: nothing is left out, nothing comes twice.
    """
    group = or_none(call.query.group)
    page = await tracking.list_events(call.instance, _asked(call.query), group=group)
    return _reply(EVENTS, call.query, page, group)


async def player_events(call: Call[schemas.EventsQuery, Nothing]) -> Reply[schemas.EventPage]:
    """What happened to a player, the newest first. Pages are those of all events."""
    player, page = await tracking.player_events(call.instance, call.username, _asked(call.query))
    return _reply(f"{PLAYERS}/{quote(player.username)}/events", call.query, page)


async def group_events(call: Call[schemas.EventsQuery, Nothing]) -> Reply[schemas.EventPage]:
    """What happened to those who are in a group now, the newest first. Pages are those of all events."""
    group, page = await tracking.group_events(call.instance, call.path["group"], _asked(call.query))
    return _reply(f"{GROUPS}/{quote(group.key)}/events", call.query, page)


def page_document(page: EventPage) -> schemas.EventPage:
    """Events as clients see them."""
    return schemas.EventPage([_event(one) for one in page.items], page.next)


def _asked(query: schemas.EventsQuery) -> Asked:
    kind = or_none(query.kind)
    return Asked(kind, query.limit, or_none(query.after))


def _reply(
    path: str, query: schemas.EventsQuery, page: EventPage, group: str | None = None
) -> Reply[schemas.EventPage]:
    return Reply(page_document(page), leading_on(path, query.limit, page.next, {"kind": query.kind, "group": group}))


def _event(one: Happened) -> schemas.Event:
    event = one.event
    return schemas.Event(
        id=one.id,
        kind=event.kind,
        at=event.at,
        after=event.after,
        player=PlayerName(one.player_id, one.username, one.display_name, one.game_mode),
        title=title(event),
        metric=event.metric,
        name=None if event.metric is None else name_of(event.metric),
        value=event.value,
        before=event.before,
        detail=event.detail,
    )
