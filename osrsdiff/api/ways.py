"""Which route a path leads to: what aiohttp finds, asked once for each path. Knows no route by itself.

aiohttp tries the routes below a path one after the other, each with a pattern: to find the last of them costs more than
a kept answer. What leads nowhere is not remembered.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn

from aiohttp import web
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

MOST_PATHS = 20_000
_LONGEST = 200
"""Characters of a path that is remembered."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Ways(web.AbstractResource):
    """All routes of an application as one resource below `/`."""

    def __init__(self) -> None:
        super().__init__()
        self._routes = web.UrlDispatcher()
        self._found: dict[tuple[str, str], tuple[web.AbstractRoute, dict[str, str]]] = {}

    def add(self, method: str, path: str, handler: Handler, expectation: Callable[[web.Request], Any]) -> None:
        """One more route."""
        self._routes.add_route(method, path, handler, expect_handler=expectation)

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """The route and what stands in the path's braces, else the methods that are allowed there."""
        key = request.method, request.rel_url.raw_path
        found = self._found.get(key)
        if found is None:
            match = await self._routes.resolve(request)
            if (error := match.http_exception) is not None:
                return None, set(error.allowed_methods) if isinstance(error, web.HTTPMethodNotAllowed) else set()
            found = match.route, dict(match)
            self._remember(key, found)
        route, named = found
        return UrlMappingMatchInfo(named, route), set()

    def _remember(self, key: tuple[str, str], found: tuple[web.AbstractRoute, dict[str, str]]) -> None:
        if len(self._found) >= MOST_PATHS:
            self._found.clear()
        if len(key[1]) <= _LONGEST:
            self._found[key] = found

    @property
    def canonical(self) -> str:
        """Where it begins."""
        return "/"

    def get_info(self) -> Any:
        """Nothing that anybody asks for."""
        return {}

    def raw_match(self, _: str) -> bool:
        """No path is this resource's own: aiohttp would add a route to it."""
        return False

    def add_prefix(self, prefix: str) -> NoReturn:
        """It stands alone."""
        raise NotImplementedError

    def url_for(self, **kwargs: str) -> NoReturn:
        """It has no name."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._routes.routes())

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(self._routes.routes())
