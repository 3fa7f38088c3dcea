"""Events over HTTP: what happened to everybody, to a group, to a player; newest first, in pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

from msgspec import UNSET

from osrsdiff.api import event_schemas as schemas
from osrsdiff.api import problems
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.groups import GROUPS
from osrsdiff.api.players import PLAYERS
from osrsdiff.api.problems import Refused
from osrsdiff.api.schemas import PlayerName
from osrsdiff.errors import InvalidCursor
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
    group = None if call.query.group is UNSET else call.query.group
    with _naming_the_field():
        page = await tracking.list_events(call.instance, _asked(call.query), group=group)
    return _reply(EVENTS, call.query, page, group)


async def player_events(call: Call[schemas.EventsQuery, Nothing]) -> Reply[schemas.EventPage]:
    """What happened to a player, the newest first. Pages are those of all events."""
    with _naming_the_field():
        player, page = await tracking.player_events(call.instance, call.username, _asked(call.query))
    return _reply(f"{PLAYERS}/{quote(player.username)}/events", call.query, page)


async def group_events(call: Call[schemas.EventsQuery, Nothing]) -> Reply[schemas.EventPage]:
    """What happened to those who are in a group now, the newest first. Pages are those of all events."""
    with _naming_the_field():
        group, page = await tracking.group_events(call.instance, call.path["group"], _asked(call.query))
    return _reply(f"{GROUPS}/{quote(group.key)}/events", call.query, page)


def page_document(page: EventPage) -> schemas.EventPage:
    """Events as clients see them."""
    return schemas.EventPage([_event(one) for one in page.items], page.next)


@contextmanager
def _naming_the_field() -> Iterator[None]:
    try:
        yield
    except InvalidCursor as error:
        raise Refused(problems.INVALID_FIELD, f"after: {error}", field="after") from error


def _asked(query: schemas.EventsQuery) -> Asked:
    kind = None if query.kind is UNSET else query.kind
    return Asked(kind, query.limit, None if query.after is UNSET else query.after)


def _reply(
    path: str, query: schemas.EventsQuery, page: EventPage, group: str | None = None
) -> Reply[schemas.EventPage]:
    body = page_document(page)
    if page.next is None:
        return Reply(body)
    parameters: dict[str, str | int] = {"limit": query.limit, "after": page.next}
    parameters |= {} if query.kind is UNSET else {"kind": query.kind.value}
    parameters |= {} if group is None else {"group": group}
    return Reply(body, {"Link": f'<{path}?{urlencode(parameters)}>; rel="next"'})


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
