"""One call of the API: what a route is, what its handler is given, and what it gives back. No HTTP beyond that."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from msgspec import Struct

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
class Call(Generic[Query, Body]):
    """What a handler is given, parsed and allowed. `path`: what stands in the URL's braces, unchecked."""

    instance: Instance
    path: Mapping[str, str]
    query: Query
    body: Body

    @property
    def username(self) -> str:
        """Which player the path names."""
        return self.path["username"]


@dataclass(slots=True)
class Reply(Generic[Answer]):
    """What a handler gives back.

    `alike`: what stands for the body when clients ask whether it changed, where the body itself always does.
    """

    body: Answer
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    alike: object = None


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
