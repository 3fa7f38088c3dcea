"""Which route a path leads to, asked for the first time and again."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from osrsdiff.api import ways
from osrsdiff.api.ways import Ways
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]

LYNX = "/api/v1/players/lynx%20titan"
sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


async def nobody(_: web.Request) -> web.Response:
    raise AssertionError


async def led_to(routes: Ways, method: str, path: str) -> tuple[str, dict[str, str]] | set[str]:
    """The route's own path and what stands in its braces, else the methods that are allowed."""
    match, allowed = await routes.resolve(make_mocked_request(method, path))
    if match is None:
        return allowed
    assert match.route.resource is not None
    return match.route.resource.canonical, dict(match)


@pytest.fixture
def routes() -> Ways:
    made = Ways()
    for method, path in (("GET", "/"), ("GET", "/p/{name}"), ("POST", "/p/{name}/fetch"), ("GET", "/p/{name}/h/{key}")):
        made.add(method, path, nobody, nobody)
    return made


async def test_each_path_leads_to_the_same_route_every_time(routes: Ways) -> None:
    for _ in range(2):
        assert await led_to(routes, "GET", "/") == ("/", {})
        assert await led_to(routes, "GET", "/p/lynx%20titan?x=1") == ("/p/{name}", {"name": "lynx titan"})
        assert await led_to(routes, "GET", "/p/lynx%20titan/h/a") == (
            "/p/{name}/h/{key}",
            {"name": "lynx titan", "key": "a"},
        )
        assert await led_to(routes, "POST", "/p/zezima/fetch") == ("/p/{name}/fetch", {"name": "zezima"})
        assert await led_to(routes, "GET", "/p/zezima/fetch") == {"POST"}
        assert await led_to(routes, "GET", "/elsewhere") == set()


async def test_so_many_paths_are_remembered_and_none_that_is_long(
    routes: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "MOST_PATHS", 3)
    for name in ("a", "b", "c", "d", "x" * 300):
        assert await led_to(routes, "GET", f"/p/{name}") == ("/p/{name}", {"name": name})
        assert len(routes._found) <= 3
    assert [path for _, path in routes._found] == ["/p/d"]


@sqlite
async def test_a_path_asked_for_again_is_answered_the_same(api: Ask, lynx: Player) -> None:
    for path, status in ((LYNX, 200), (f"{LYNX}/records", 200), (f"{LYNX}/nothing", 404), ("/nothing", 404)):
        assert [(await api("GET", path)).status for _ in range(2)] == [status, status]
    assert [(await api("PUT", LYNX)).status for _ in range(2)] == [405, 405]
