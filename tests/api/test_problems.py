"""Every error answer is a problem document that names what was wrong."""

import io
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from osrsdiff.api import health
from osrsdiff.api.problems import Problem
from osrsdiff.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    InvalidPeriod,
    OsrsdiffError,
    RedisOfAnotherDatabase,
    RedisUnreachable,
    TokenNotFound,
)
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]

PLAYERS = "/api/v1/players"
LYNX = f"{PLAYERS}/lynx%20titan"
JSON = {"Content-Type": "application/json"}
pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def refused(answer: SimpleNamespace, status: int, slug: str) -> Problem:
    """The problem that an answer is, checked in all that every problem has."""
    assert answer.status == status, answer.text
    assert answer.type == "application/problem+json"
    problem = msgspec.convert(answer.document, Problem)
    assert problem.status == status
    assert problem.type == (f"/docs#{slug}" if slug else "about:blank")
    assert problem.title
    assert problem.detail
    assert problem.instance.startswith("/")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"]
    return problem


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/v1", "/api/v2/players", f"{PLAYERS}/", f"{LYNX}/nothing"])
async def test_an_unknown_path(api: Ask, path: str) -> None:
    assert refused(await api("GET", path), 404, "not-found").instance == path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", PLAYERS, "GET, HEAD, POST"),
        ("DELETE", PLAYERS, "GET, HEAD, POST"),
        ("OPTIONS", PLAYERS, "GET, HEAD, POST"),
        ("POST", LYNX, "DELETE, GET, HEAD, PATCH"),
        ("GET", f"{LYNX}/fetch", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_a_wrong_method(api: Ask, method: str, path: str, allowed: str) -> None:
    answer = await api(method, path)
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_player_that_is_not_tracked(api: Ask, method: str) -> None:
    answer = await api(method, LYNX, **({"json": {"is_active": True}} if method == "PATCH" else {}))
    assert "lynx titan" in refused(answer, 404, "player-not-found").detail


@pytest.mark.parametrize("name", ["thirteen-chars", "%00", "a%2Fb", "%E2%98%83", "%20", "a%0Ab", "%FF", "x" * 5000])
async def test_a_path_with_a_name_outside_the_rules(api: Ask, name: str) -> None:
    problem = refused(await api("GET", f"{PLAYERS}/{name}"), 422, "invalid-username")
    assert problem.field == "username"
    assert "1 to 12" in problem.detail
    assert len(problem.detail) < 300


@pytest.mark.parametrize("name", ["", "thirteen-char", "a/b", "☃", "___", "a\nb"])
async def test_adding_a_name_outside_the_rules(api: Ask, name: str) -> None:
    answer = await api("POST", PLAYERS, json={"username": name})
    assert refused(answer, 422, "invalid-username").field == "username"


@pytest.mark.parametrize("interval", [0, -1, 45.5, 43_201, 10**9, 10**30, "abc", "x" * 5000, True, False, None])
async def test_an_interval_out_of_range(api: Ask, lynx: Player, interval: object) -> None:
    for method, path, rest in (("PATCH", LYNX, {}), ("POST", PLAYERS, {"username": "Zezima"})):
        answer = await api(method, path, json={**rest, "fetch_interval_minutes": interval})
        problem = refused(answer, 422, "invalid-interval")
        assert problem.field == "fetch_interval_minutes"
        assert "1 to 43200" in problem.detail
        assert len(problem.detail) < 300
    assert (await api("GET", LYNX)).document["fetch_interval_minutes"] == 60
    assert (await api("GET", f"{PLAYERS}/zezima")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", PLAYERS, {}, "username"),
        ("POST", PLAYERS, {"username": 7}, "username"),
        ("POST", PLAYERS, {"username": None}, "username"),
        ("POST", PLAYERS, {"username": "Zezima", "colour": "red"}, "colour"),
        ("POST", PLAYERS, {"username": "Zezima", "fetch_interval_minutes": "60"}, "fetch_interval_minutes"),
        ("POST", PLAYERS, {"username": "Zezima", "fetch_interval_minutes": [60]}, "fetch_interval_minutes"),
        ("POST", PLAYERS, [], None),
        ("POST", PLAYERS, "Zezima", None),
        ("PATCH", LYNX, {}, None),
        ("PATCH", LYNX, {"is_active": "yes"}, "is_active"),
        ("PATCH", LYNX, {"is_active": 1}, "is_active"),
        ("PATCH", LYNX, {"is_active": None}, "is_active"),
        ("PATCH", LYNX, {"username": "other"}, "username"),
    ],
)
async def test_a_field_that_is_refused(
    api: Ask, lynx: Player, method: str, path: str, body: object, field: str | None
) -> None:
    problem = refused(await api(method, path, json=body), 422, "invalid-field")
    assert problem.field == field
    assert field is None or field in problem.detail


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("limit=9" + "9" * 5000, "limit"),
        ("limit=1&limit=2", "limit"),
        ("after=" + "x" * 13, "after"),
        ("after=", "after"),
        ("is_active=perhaps", "is_active"),
        ("active=true", "active"),
    ],
)
async def test_a_page_that_cannot_be_asked_for(api: Ask, query: str, field: str) -> None:
    problem = refused(await api("GET", f"{PLAYERS}?{query}"), 422, "invalid-field")
    assert problem.field == field
    assert len(problem.detail) < 300


@pytest.mark.parametrize(
    ("query", "slug", "field"),
    [
        ("period=fortnight", "invalid-period", "period"),
        ("period=", "invalid-field", "period"),
        ("period=0d", "invalid-period", "period"),
        ("period=week&from=2026-01-01", "invalid-period", "period"),
        ("from=2026-02-01&to=2026-01-01", "invalid-period", "from"),
        ("from=2026-01-01&to=2026-01-01", "invalid-period", "from"),
        ("from=2999-01-01", "invalid-period", "from"),
        ("to=2001-01-01", "invalid-period", "to"),
        ("from=yesterday", "invalid-field", "from"),
        ("from=2026-02-30", "invalid-field", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "invalid-field", "from"),
        ("from=2026-01-01&to=" + "9" * 5000, "invalid-field", "to"),
        ("perod=week", "invalid-field", "perod"),
        ("all=perhaps", "invalid-field", "all"),
    ],
)
async def test_a_window_that_cannot_be_asked_for(api: Ask, lynx: Player, query: str, slug: str, field: str) -> None:
    problem = refused(await api("GET", f"{LYNX}/gains?{query}"), 422, slug)
    assert problem.field == field
    assert len(problem.detail) < 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'username': 'x'}",
        b"\xff\xfe",
        b'{"username": "\xff"}',
        b"[" * 100_000,
        b"NaN",
        b'{"username": "\\ud800"}',
    ],
)
async def test_a_body_that_is_not_json(api: Ask, body: bytes) -> None:
    refused(await api("POST", PLAYERS, data=body, headers=JSON), 400, "malformed-request")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_a_body_of_another_kind(api: Ask, headers: dict[str, str]) -> None:
    body = b'{"username": "Zezima"}'
    refused(await api("POST", PLAYERS, data=body, headers=headers), 415, "unsupported-media-type")


async def test_json_with_a_charset_is_json(api: Ask) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert (await api("POST", PLAYERS, data=b'{"username": "Zezima"}', headers=headers)).status == 201


async def test_a_body_that_announces_too_much(api: Ask) -> None:
    body = io.BytesIO(b'{"username": "' + b"x" * 1_100_000 + b'"}')
    refused(await api("POST", PLAYERS, data=body, headers=JSON), 413, "too-large")


async def test_a_body_that_turns_out_too_large(api: Ask) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    refused(await api("POST", PLAYERS, data=chunks(), headers=JSON), 413, "too-large")


async def test_a_fault_tells_the_client_only_what_to_look_for_in_the_log(
    api: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_instance: object) -> None:
        raise RuntimeError("the secret is xyzzy")

    monkeypatch.setattr(health, "readiness", fail)
    answer = await api("GET", "/readyz")
    problem = refused(answer, 500, "internal-error")
    assert "xyzzy" not in answer.text
    assert problem.request_id == answer.headers["X-Request-Id"]
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "request failed"
    assert record.fields["request_id"] == problem.request_id  # type: ignore[attr-defined]
    assert record.exc_info
    assert "the secret is xyzzy" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (RedisUnreachable("at redis://user:secret@host"), 503, "redis-unreachable"),
        (DatabaseUnreachable("at postgresql://user:secret@host"), 503, "database-unreachable"),
        (DatabaseBusy("at postgresql://user:secret@host"), 503, "database-busy"),
        (RedisOfAnotherDatabase("secret"), 503, "misconfigured"),
        (InvalidPeriod("not a period"), 422, "invalid-period"),
        (TokenNotFound("no such token"), 404, "not-found"),
        (OsrsdiffError("secret"), 500, "internal-error"),
    ],
)
async def test_each_error_of_the_tree_has_its_status(
    api: Ask, monkeypatch: pytest.MonkeyPatch, error: OsrsdiffError, status: int, slug: str
) -> None:
    async def fail(_instance: object) -> None:
        raise error

    monkeypatch.setattr(health, "readiness", fail)
    answer = await api("GET", "/readyz")
    refused(answer, status, slug)
    assert "secret" not in answer.text
    assert ("Retry-After" in answer.headers) == slug.endswith(("unreachable", "busy"))
