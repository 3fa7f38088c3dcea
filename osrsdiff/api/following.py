"""What answers about one player follow: the player as it is stored now, and where a span ends now, the minute.

A span that moves on by itself is taken to be the same until the minute is over: who asks twice in it gets the same
answer, whose window says to the second when it ended.
"""

from collections.abc import Awaitable, Callable, Hashable
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from msgspec import UNSET, Struct
from msgspec.structs import replace

from osrsdiff.api.calls import Call, Reply
from osrsdiff.api.schemas import SpanQuery
from osrsdiff.tracking.players import see_player
from osrsdiff.tracking.windows import Asked

Answer = TypeVar("Answer")
Query = TypeVar("Query", bound=Struct)
OverSpan = TypeVar("OverSpan", bound=SpanQuery)
Body = TypeVar("Body", bound=Struct)


def now() -> datetime:
    """The clock that every answer about a player goes by when it is asked what it follows."""
    return datetime.now(UTC)


def this_minute() -> int:
    """The present minute, counted from 1970."""
    return int(now().timestamp()) // 60


def this_year(zone: tzinfo) -> int:
    """The present year on the zone's clock."""
    return now().astimezone(zone).year


async def of_player(call: Call[Query, Body], make: Callable[[], Awaitable[Reply[Answer]]]) -> Reply[Answer]:
    """What `make` says of the player and the query alone. Raises InvalidUsername, PlayerNotFound."""
    return await call.kept(await see_player(call.instance, call.username), make)


async def of_player_over(
    call: Call[OverSpan, Body], asked: Asked, make: Callable[[], Awaitable[Reply[Answer]]]
) -> Reply[Answer]:
    """The same over a span. Raises InvalidUsername, PlayerNotFound."""
    return await over_span(call, asked, await see_player(call.instance, call.username), make)


async def over_span(
    call: Call[OverSpan, Body], asked: Asked, seen: Hashable, make: Callable[[], Awaitable[Reply[Answer]]]
) -> Reply[Answer]:
    """What `make` says of what was `seen` over a span.

    Spans that begin and end in the same minutes do for each other, so the tag is a weak one.
    """
    is_over = asked.start is not None and asked.end is not None
    minute = None if is_over else this_minute()
    ends = _minute(asked.start), _minute(asked.end), minute
    rest = replace(call.query, start=UNSET, to=UNSET)
    return await call.kept((seen, minute), make, alike=(seen, ends, rest))


def _minute(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp()) // 60
