"""The OpenAPI 3.1 document, made from the table of routes and the very types that validate. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Struct

from osrsdiff.api import problems
from osrsdiff.api.calls import JSON, Access, Nothing, Route
from osrsdiff.api.problems import Kind, Problem

Node = dict[str, Any]
"""A node of the document: JSON is what it is."""

_ABOUT = (
    "Times are ISO 8601 in UTC. Every error is a problem document (RFC 9457, `application/problem+json`), also for "
    "unknown paths and malformed bodies; `type` leads to its kind at `/docs`. Reads carry an `ETag` and answer "
    "`If-None-Match` with 304. Unknown fields and parameters are refused. Ranks are those of the table of the player's "
    "game mode: those of ironmen say how they stand among ironmen."
)
_TOKENS = (
    "A token made with `osrsdiff token create`, of the scope read or admin. The first one, of the scope admin, is "
    "printed at the first start."
)
_IN_PATH: Mapping[str, tuple[str, str]] = {
    "username": (
        "The player's name, percent-encoded, in any spelling: `lynx%20titan` and `Lynx_Titan` are the same.",
        "lynx titan",
    ),
    "name": ("The task's name.", "reconcile_schedules"),
    "metric": ("The metric's key, as sheets and gains name it.", "overall"),
    "at": ("A time in ISO 8601, UTC where it has no offset.", "2026-01-31T12:00:00Z"),
    "group": ("The group's key, as the list of groups gives it.", "iron-squad"),
}
"""What stands in a path, and an example of it."""
_ETAG = "Send it as `If-None-Match` to learn cheaply whether anything changed."
_HEADERS: Mapping[int, Mapping[str, str]] = {
    201: {"Location": "Where to find what was added."},
    302: {"Location": "Where to go."},
    401: {"WWW-Authenticate": "How to send a token, and what was wrong with the one that came."},
    405: {"Allow": "The methods that the path takes."},
    503: {"Retry-After": "Seconds to wait before trying again."},
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def document(routes: Iterable[Route], *, public_read: bool) -> Node:
    """The whole document. `public_read`: whether reading needs no token here."""
    listed = list(routes)
    schemas = _schemas(listed)
    paths: dict[str, Node] = {}
    for route in listed:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, public_read=public_read)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "osrsdiff",
            "version": version("osrsdiff"),
            "summary": "What Old School RuneScape players gained, since when, how sure.",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "players", "description": "Who is tracked, and what is known of them."},
            {
                "name": "schedules",
                "description": "When players are fetched: looking, pausing, verifying, many at a time.",
            },
            {"name": "groups", "description": "Clans and other sets of players: who is in them, what they gained."},
            {"name": "leaderboards", "description": "Who is first: of everybody, of a game mode, of a group."},
            {"name": "records", "description": "The most that anybody ever gained in a day, a week, a month, a year."},
            {"name": "compare", "description": "Players side by side."},
            {"name": "reviews", "description": "Players whose sheet collapsed or whose game mode can't be."},
            {"name": "import", "description": "What other instances have exported, and dated values from elsewhere."},
            {"name": "events", "description": "What happened, as pages of JSON and as Atom feeds."},
            {"name": "tasks", "description": "What belongs to no player and runs by the clock."},
            {"name": "service", "description": "How this instance is, and what it can do."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {kind.slug: _problem_response(kind) for kind in problems.KINDS},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _TOKENS}},
        },
    }


def example_of(schema: Node, schemas: Mapping[str, Node]) -> object:
    """A value that fits `schema`, from its examples where it has some."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for choice in schema.get("anyOf", ()):
        return example_of(choice, schemas)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: example_of(part, schemas) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example_of(schema["items"], schemas)]
        case kind:
            return {"string": "text", "integer": 1, "number": 1.0, "boolean": True}.get(str(kind))


def _schemas(routes: list[Route]) -> dict[str, Node]:
    types: set[Any] = {Problem}
    for route in routes:
        types |= {t for t in (route.body, route.answer) if _is_struct(t)}
    _, components = msgspec.json.schema_components(
        sorted(types, key=lambda t: str(t.__name__)), ref_template="#/components/schemas/{name}"
    )
    examples = {t.__name__: {"examples": [t.EXAMPLE]} for t in types if hasattr(t, "EXAMPLE")}
    return {name: _plain(components[name]) | examples.get(name, {}) for name in sorted(components)}


def _is_struct(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, Struct) and given is not Nothing


def _plain(schema: Node) -> Node:
    """The schema without its title, which only repeats the name."""
    return {key: value for key, value in schema.items() if key != "title"}


def _operation(route: Route, schemas: Mapping[str, Node], *, public_read: bool) -> Node:
    operation: Node = {
        "operationId": route.name,
        "summary": route.summary,
        "description": route.details,
        "tags": [_tag(route.path)],
        "security": _security(route.access, public_read=public_read),
    }
    if parameters := [*_path_parameters(route), *_query_parameters(route)]:
        operation["parameters"] = parameters
    if route.body is not Nothing:
        operation["requestBody"] = {"required": True, "content": _content(JSON, route.body, schemas)}
    operation["responses"] = _responses(route, schemas, public_read=public_read)
    return operation


def _tag(path: str) -> str:
    """The part of the API that a path belongs to: what comes after the version."""
    if path.endswith("/feed.atom"):
        return "events"
    part = path.removeprefix("/api/v1/").partition("/")[0]
    return part if path.startswith("/api/v1/") else "service"


def _security(access: Access, *, public_read: bool) -> list[Node]:
    match access:
        case Access.ANYONE:
            return []
        case Access.READ:
            return [{}, {"bearer": ["read"]}] if public_read else [{"bearer": ["read"]}]
        case Access.ADMIN:
            return [{"bearer": ["admin"]}]


def _path_parameters(route: Route) -> Iterator[Node]:
    for name in re.findall(r"{(\w+)}", route.path):
        description, example = _IN_PATH[name]
        schema = {"type": "string", "minLength": 1, "examples": [example]}
        yield {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _query_parameters(route: Route) -> Iterator[Node]:
    if route.query is Nothing:
        return
    components = msgspec.json.schema_components([route.query])[1]
    struct = components[route.query.__name__]
    for name, given in struct["properties"].items():
        schema = _in_place(given, components)
        description = schema.pop("description", "")
        required = name in struct["required"]
        yield {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def _in_place(schema: Node, components: Mapping[str, Node]) -> Node:
    """The schema with what it refers to."""
    if "$ref" not in schema:
        return schema
    referred = _plain(components[schema["$ref"].rpartition("/")[2]])
    return {**referred, **{key: value for key, value in schema.items() if key != "$ref"}}


def _content(media_type: str, answer: Any, schemas: Mapping[str, Node]) -> Node:
    if not _is_struct(answer):
        return {media_type: {"schema": {"type": "object" if media_type == JSON else "string"}}}
    schema = {"$ref": f"#/components/schemas/{answer.__name__}"}
    return {media_type: {"schema": schema, "example": example_of(schema, dict(schemas))}}


def _responses(route: Route, schemas: Mapping[str, Node], *, public_read: bool) -> Node:
    said = (route.answer.__doc__ or "") if _is_struct(route.answer) else f"{HTTPStatus(route.status).phrase}."
    done: Node = {"description": said, **_headers(route.status)}
    if route.answer is not Nothing:
        done["content"] = _content(route.media_type, route.answer, schemas)
    responses = {route.status: done}
    if route.method == "GET" and route.status == 200:
        done["headers"] = {"ETag": {"description": _ETAG, "schema": {"type": "string"}}}
        responses[304] = {"description": "Nothing changed since the `ETag` that was sent as `If-None-Match`."}
    for status, meaning in route.also.items():
        responses[status] = {"description": meaning, "content": done["content"]}
    for kind in _problems_of(route, public_read=public_read):
        responses[kind.status] = _merged(responses.get(kind.status), kind)
    return {str(status): responses[status] for status in sorted(responses)}


def _problems_of(route: Route, *, public_read: bool) -> list[Kind]:
    """The problems that a route may answer with, besides those of any request."""
    kinds = list(route.problems)
    fields = {field.encode_name for t in (route.body, route.query) for field in msgspec.structs.fields(t)}
    if route.access is not Access.ANYONE:
        kinds += [problems.INTERNAL, problems.DATABASE_UNREACHABLE, problems.DATABASE_BUSY]
    if route.access is Access.ADMIN or (route.access is Access.READ and not public_read):
        kinds.append(problems.UNAUTHORIZED)
    if route.access is Access.ADMIN:
        kinds.append(problems.FORBIDDEN)
    if "{username}" in route.path:
        kinds += [problems.PLAYER_NOT_FOUND, problems.INVALID_USERNAME]
    if "{metric}" in route.path:
        kinds.append(problems.METRIC_NOT_FOUND)
    if route.body is not Nothing:
        kinds += [problems.MALFORMED, problems.TOO_SLOW, problems.TOO_LARGE, problems.MEDIA_TYPE_REFUSED]
    if fields:
        kinds.append(problems.INVALID_FIELD)
    kinds += [kind for field, kind in _BY_FIELD.items() if field in fields and kind not in kinds]
    return kinds


_BY_FIELD: Mapping[str, Kind] = {
    "username": problems.INVALID_USERNAME,
    "fetch_interval_minutes": problems.INVALID_INTERVAL,
    "period": problems.INVALID_PERIOD,
}


def _merged(there: Node | None, kind: Kind) -> Node:
    """A response that stands for one more kind of problem."""
    if there is None:
        return {"$ref": f"#/components/responses/{kind.slug}"}
    if "$ref" in there:
        there = _problem_response(next(k for k in problems.KINDS if there["$ref"].endswith(f"/{k.slug}")))
    return {**there, "description": f"{there['description']} Or: {kind.title}. {kind.meaning}"}


def _problem_response(kind: Kind) -> Node:
    return {"description": f"{kind.title}. {kind.meaning}", **_headers(kind.status), "content": _PROBLEM}


def _headers(status: int) -> Node:
    named = _HEADERS.get(status)
    if not named:
        return {}
    return {"headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in named.items()}}
