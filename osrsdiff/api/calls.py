"""One call of the API: what a route is, what its handler is given, and what it gives back. No HTTP beyond that.

A handler whose answer follows something that is cheap to read, as all that is known of a player follows the player's
row, gives `call.kept(…)` back: the answer is computed and encoded once for each state of what it follows.
"""

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Generic, TypeVar

from msgspec import Struct, json

from osrsdiff.api.kept import Bodies, Kept
from osrsdiff.api.problems import Kind
from osrsdiff.tracking.instance import Instance

JSON = "application/json"
HTML = "text/html"


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No query, no body."""


class Access(StrEnum):
    """Who may call a route."""

    ANYONE = "anyone"
    READ = "read"
    """Anyone where `api.public_read` is on, else who has a token."""
    ADMIN = "admin"
    """Who has a token of the scope admin."""


Query = TypeVar("Query", bound=Struct)
Body = TypeVar("Body", bound=Struct)
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Reply(Generic[Answer]):
    """What a handler gives back. `body`: bytes are sent as they are.

    `tag`: stands for the body, as the header ETag has it; None leaves that to the body itself. `alike`: what stands for
    the body when clients ask whether it changed, where parts of it move on by themselves. `is_fleeting`: it also says
    what it was not said to follow, and is not kept.
    """

    body: Answer | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    alike: object = None
    tag: str | None = None
    is_fleeting: bool = False


@dataclass(slots=True)
class Call(Generic[Query, Body]):
    """What a handler is given, parsed and allowed. `path`: what stands in the URL's braces, unchecked.

    `operation`: the route's name. `has`: the tags that the client has an answer for, weak ones without their mark.
    """

    instance: Instance
    path: Mapping[str, str]
    query: Query
    body: Body
    operation: str = ""
    has: Collection[str] = ()
    bodies: Bodies = field(default_factory=Bodies)

    @property
    def username(self) -> str:
        """Which player the path names."""
        return self.path["username"]

    def known(self, tag: str) -> bool:
        """Whether the client has the answer of this tag: then any reply with the tag does, its body is not sent."""
        return bool(self.has) and (tag.removeprefix("W/") in self.has or "*" in self.has)

    async def kept(
        self, follows: Hashable, make: Callable[[], Awaitable[Reply[Answer]]], *, alike: Hashable = None
    ) -> Reply[Answer]:
        """What `make` gives, not made again while `follows` and the query are the same; not at all for who has it.

        `follows`: everything that the answer says anything of, besides the query and what the path names; but for the
        player, who is to be in it. `alike`: what stands for it and the query where answers that differ may do for each
        other; the tag is a weak one then.
        """
        place = self.operation, *(text for name, text in self.path.items() if name != "username")
        key = place, self.query, follows
        kept = self.bodies.get(key)
        tag = kept.tag if kept else _tag(key) if alike is None else f"W/{_tag((place, alike))}"
        if tag.removeprefix("W/") in self.has:
            return Reply(b"", tag=tag)
        if kept is None:
            reply = await make()
            if reply.is_fleeting:
                return reply
            kept = Kept(encoded(reply.body), tag, reply.headers)
            self.bodies.put(key, kept)
        return Reply(kept.body, kept.headers, tag=tag)


_encoder = json.Encoder()
_VERSION = version("osrsdiff")


def encoded(body: object) -> bytes:
    """A body as it is sent."""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else _encoder.encode(body)


def tag_of(body: bytes) -> str:
    """A strong tag that stands for these bytes."""
    return f'"{sha256(body).hexdigest()[:24]}"'


def _tag(follows: tuple[object, ...]) -> str:
    """The same in every process of this version, and another one for anything else."""
    return tag_of(repr((_VERSION, follows)).encode())


@dataclass(frozen=True, kw_only=True)
class Route:
    """One line of the table of routes. Made by `route`, which checks that the types belong together."""

    method: str
    path: str
    handler: Callable[[Call[Any, Any]], Awaitable[Reply[Any]]]
    query: type[Struct]
    body: type[Struct]
    answer: object
    access: Access
    summary: str
    status: int
    media_type: str
    problems: tuple[Kind, ...]
    also: Mapping[int, str]
    """Other statuses that come with the answer's body or without one, and what they mean."""

    @property
    def name(self) -> str:
        """The operation's name, unique over all routes."""
        return self.handler.__name__

    @property
    def details(self) -> str:
        """What the handler's docstring says."""
        return " ".join((self.handler.__doc__ or "").split())


def route(
    method: str,
    path: str,
    handler: Callable[[Call[Query, Body]], Awaitable[Reply[Answer]]],
    *,
    answer: type[Answer],
    access: Access,
    summary: str,
    query: type[Query],
    body: type[Body],
    status: int = 200,
    media_type: str = JSON,
    problems: tuple[Kind, ...] = (),
    also: Mapping[int, str] | None = None,
) -> Route:
    """A route whose handler takes `query` and `body` and gives `answer`."""
    return Route(
        method=method,
        path=path,
        handler=handler,
        query=query,
        body=body,
        answer=answer,
        access=access,
        summary=summary,
        status=status,
        media_type=media_type,
        problems=problems,
        also=also or {},
    )
