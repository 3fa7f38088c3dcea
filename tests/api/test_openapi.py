"""The OpenAPI document says what the server does."""

import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from osrsdiff.api import openapi, problems
from osrsdiff.api.calls import Access, Nothing, Route
from osrsdiff.api.routes import ROUTES
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import reviews
from osrsdiff.storage.players import Player
from osrsdiff.tracking.groups import create_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.members import Wanted, put_members
from osrsdiff.tracking.players import add_player

Ask = Callable[..., Awaitable[SimpleNamespace]]

DOCUMENT = openapi.document(ROUTES, public_read=True)
PLAYERS = "/api/v1/players"
SCHEDULES, TASKS = "/api/v1/schedules", "/api/v1/tasks"


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return found


def resolved(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def fits(value: object, schema: dict[str, Any]) -> bool:
    """Whether a JSON value fits a schema, in the keywords that this document uses."""
    if "$ref" in schema:
        return fits(value, resolved(schema["$ref"]))
    if "anyOf" in schema:
        return any(fits(value, choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    match schema.get("type"):
        case "object":
            return isinstance(value, dict) and _object_fits(value, schema)
        case "array":
            return isinstance(value, list) and all(fits(item, schema["items"]) for item in value)
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case kind:
            raise AssertionError(f"no rule for {kind}")


def _object_fits(value: dict[str, object], schema: dict[str, Any]) -> bool:
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties", False)
    return set(schema.get("required", ())) <= set(value) and all(
        fits(part, properties[name]) if name in properties else bool(rest) and fits(part, rest)
        for name, part in value.items()
    )


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_described(route: Route) -> None:
    described = operation(route)
    assert described["operationId"] == route.name
    assert described["summary"]
    assert described["description"]
    assert str(route.status) in described["responses"]
    in_path = [p["name"] for p in described.get("parameters", ()) if p["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", route.path)
    in_query = {p["name"] for p in described.get("parameters", ()) if p["in"] == "query"}
    assert in_query == {field.encode_name for field in msgspec.structs.fields(route.query)}
    assert ("requestBody" in described) == (route.body is not Nothing)


def test_nothing_else_is_described() -> None:
    described = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(route.path, route.method) for route in ROUTES}


def test_operations_have_names_of_their_own() -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        assert resolved(reference)


def test_the_document_has_the_shape_of_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert set(DOCUMENT["info"]["license"]) == {"name", "identifier"}
    assert set(DOCUMENT) == {"openapi", "info", "servers", "tags", "paths", "components"}
    assert set(DOCUMENT["components"]) == {"schemas", "responses", "securitySchemes"}
    for route in ROUTES:
        for response in operation(route)["responses"].values():
            assert "$ref" in response or response["description"]
        for parameter in operation(route).get("parameters", ()):
            assert set(parameter) == {"name", "in", "required", "description", "schema"}
    for name in DOCUMENT["components"]["schemas"]:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


def test_every_example_fits_its_schema() -> None:
    contents = [
        content
        for route in ROUTES
        for described in (operation(route),)
        for part in (described.get("requestBody", {}), *described["responses"].values())
        for content in part.get("content", {}).values()
        if "example" in content
    ]
    assert len(contents) >= 10
    for content in contents:
        assert fits(content["example"], content["schema"])


@pytest.mark.parametrize("public_read", [True, False])
def test_security_says_who_may_call(public_read: bool) -> None:
    document = openapi.document(ROUTES, public_read=public_read)
    expected = {
        Access.ANYONE: [],
        Access.READ: [{}, {"bearer": ["read"]}] if public_read else [{"bearer": ["read"]}],
        Access.ADMIN: [{"bearer": ["admin"]}],
    }
    for route in ROUTES:
        described = document["paths"][route.path][route.method.lower()]
        assert described["security"] == expected[route.access]
        needs_token = bool(described["security"]) and {} not in described["security"]
        assert ("401" in described["responses"]) == needs_token


def test_every_kind_of_problem_is_described() -> None:
    assert list(DOCUMENT["components"]["responses"]) == [kind.slug for kind in problems.KINDS]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_the_document_is_served(api: Ask) -> None:
    answer = await api("GET", "/openapi.json", token=None)
    assert (answer.status, answer.type) == (200, "application/json")
    assert answer.document == DOCUMENT


def asked(route: Route) -> str:
    """A route's URL with what its description gives as examples."""
    given = {
        one["name"]: one["schema"]["examples"][0] for one in operation(route).get("parameters", ()) if one["required"]
    }
    in_path = {name: quote(given.pop(name)) for name in re.findall(r"{(\w+)}", route.path)}
    return f"{route.path.format(**in_path)}?{urlencode(given)}"


async def flag_both(instance: Instance, lynx: Player, now: datetime) -> None:
    """Everybody is flagged; only of this player it is decided."""
    for player_id in (lynx.id, lynx.id + 1):
        steps = reviews.flag_steps(player_id, at=now, after=None, why=Why.COLLAPSE, detail="1 skill fell")
        await instance.db.write_together(steps)
    decided = reviews.resolved_steps(lynx.id, flagged_at=now, at=now, resolution=Resolution.ACCEPTED)
    await instance.db.write_together(decided)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_whatever_is_read_fits_what_is_described(
    api: Ask, instance: Instance, lynx: Player, see: Callable[..., Awaitable[None]]
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for days, more in ((2, 0), (1, 5_000_000)):
        kills, xp = Reading(49 + more, 9, None, None), Reading(100_000 + more, 9, None, None)
        overall = Reading(200_000 + more, 9, 100 + days, None)
        await see(lynx, now - timedelta(days=days), overall=overall, attack=xp, zulrah=kills)
    await add_player(instance, "Zezima")
    await create_group(instance, "Iron Squad")
    await put_members(instance, "iron-squad", [Wanted("Lynx Titan")], track_unknown=False)
    await flag_both(instance, lynx, now)
    reads = [route for route in ROUTES if route.method == "GET" and route.answer not in (bytes, str, Nothing)]
    assert len(reads) >= 24
    for route in reads:
        answer = await api("GET", asked(route))
        assert answer.status in {route.status, *route.also}, route.path
        content = operation(route)["responses"][str(answer.status)]["content"]
        assert fits(answer.document, content[answer.type]["schema"]), route.path
        assert answer.document.get("items", True), f"{route.path}: what items are like is not seen"


@pytest.mark.parametrize(
    ("method", "path", "rest"),
    [
        ("POST", PLAYERS, {"json": {"username": "Zezima"}}),
        ("PATCH", f"{PLAYERS}/lynx%20titan", {"json": {"is_active": False}}),
        ("POST", f"{PLAYERS}/lynx%20titan/fetch", {}),
        ("POST", f"{PLAYERS}/lynx%20titan/check-mode", {}),
        ("POST", f"{PLAYERS}/lynx%20titan/pause", {}),
        ("POST", f"{PLAYERS}/lynx%20titan/resume", {}),
        ("GET", f"{SCHEDULES}?only=due", {}),
        ("GET", f"{SCHEDULES}?only=nobody", {}),
        ("POST", f"{SCHEDULES}/pause", {"json": {"usernames": ["Lynx Titan", "nobody"]}}),
        ("POST", f"{SCHEDULES}/resume", {"json": {"everybody": True}}),
        ("POST", f"{SCHEDULES}/resume", {"json": {"usernames": ["nobody"]}}),
        ("POST", f"{SCHEDULES}/resume", {"json": {"usernames": ["no!body"]}}),
        ("POST", f"{SCHEDULES}/pause", {"json": {}}),
        ("POST", f"{SCHEDULES}/verify?dry_run=true", {}),
        ("POST", f"{TASKS}/prune_failures/run", {}),
        ("POST", f"{TASKS}/nothing/run", {}),
        ("GET", f"{PLAYERS}/nobody", {}),
        ("GET", f"{PLAYERS}?limit=0", {}),
    ],
)
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_what_is_done_or_refused_fits_what_is_described(
    api: Ask, lynx: Player, method: str, path: str, rest: dict[str, Any]
) -> None:
    answer = await api(method, path, **rest)
    template = path.partition("?")[0].replace("lynx%20titan", "{username}").replace("nobody", "{username}")
    template = template.replace("prune_failures", "{name}").replace("nothing", "{name}")
    response = DOCUMENT["paths"][template][method.lower()]["responses"][str(answer.status)]
    content = (resolved(response["$ref"]) if "$ref" in response else response)["content"]
    assert fits(answer.document, content[answer.type]["schema"])
