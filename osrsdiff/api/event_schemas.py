"""The JSON of events. As in `schemas`, the OpenAPI document is made from the types that validate."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.schemas import PlayerName, Request, Time
from osrsdiff.game.events import EventKind
from osrsdiff.tracking.events import DEFAULT_LIMIT, MOST_AT_ONCE


class FeedQuery(Request, frozen=True):
    """How many events, and of which kind."""

    kind: Annotated[EventKind, Meta(description="Only events of this kind.")] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE, description="How many at most.")] = DEFAULT_LIMIT


class EventsQuery(FeedQuery, frozen=True):
    """Which page of the events, and of which kind."""

    after: (
        Annotated[str, Meta(min_length=1, description="The `next` of the page before: what happened before that.")]
        | UnsetType
    ) = UNSET


class AllEventsQuery(EventsQuery, frozen=True):
    """Which page of the events, of which kind, of whom."""

    group: (
        Annotated[str, Meta(min_length=1, description="Only of who is in this group.", examples=["iron-squad"])]
        | UnsetType
    ) = UNSET


class Event(Struct, frozen=True):
    """Something that happened to a player between two looks."""

    id: Annotated[int, Meta(description="Of this event alone.", examples=[1])]
    kind: EventKind
    at: Annotated[Time, Meta(description="The look that showed it.")]
    after: Annotated[
        Time | None,
        Meta(
            description="Since when it may have happened: the look before, of a record the one that it counts from; "
            "null where nobody knows."
        ),
    ]
    player: PlayerName
    title: Annotated[str, Meta(description="What happened, in a few words.", examples=["99 Attack"])]
    metric: Annotated[str | None, Meta(examples=["attack"])]
    name: Annotated[str | None, Meta(description="The metric's name, as the hiscores spell it.", examples=["Attack"])]
    value: Annotated[
        int | None, Meta(description="The new level, the threshold reached, or the record's gain.", examples=[99])
    ]
    before: Annotated[int | None, Meta(description="The level before, or the gain that was beaten.", examples=[98])]
    detail: Annotated[
        str | None,
        Meta(
            description="An achievement's measure, a record's period, the game modes or the names before and after, "
            "why somebody was flagged.",
            examples=["level"],
        ),
    ]


class EventPage(Struct, frozen=True):
    """Some events, the newest first."""

    items: list[Event]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]
