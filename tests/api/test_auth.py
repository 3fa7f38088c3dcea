"""Who may read and who may change."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest

from osrsdiff.api import auth, problems
from osrsdiff.api.auth import Gate
from osrsdiff.api.calls import Access
from osrsdiff.api.problems import Refused
from osrsdiff.storage.players import Player
from osrsdiff.storage.tokens import Scope
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.tokens import create_token, revoke_token

Ask = Callable[..., Awaitable[SimpleNamespace]]

PLAYERS = "/api/v1/players"
LYNX = f"{PLAYERS}/lynx%20titan"
WRITES = [("POST", PLAYERS), ("PATCH", LYNX), ("DELETE", LYNX), ("POST", f"{LYNX}/fetch")]
READS = [PLAYERS, LYNX, f"{LYNX}/gains", f"{LYNX}/stats"]
OPEN = ["/", "/healthz", "/readyz", "/openapi.json", "/docs"]

private = pytest.mark.parametrize("public_read", [False])


@pytest.fixture
async def read_token(instance: Instance) -> str:
    return (await create_token(instance.db, "reader", Scope.READ))[1]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_changing_needs_a_token_of_the_scope_admin(
    api: Ask, lynx: Player, read_token: str, method: str, path: str
) -> None:
    without = await api(method, path, token=None)
    assert (without.status, without.document["type"]) == (401, "/docs#unauthorized")
    assert without.headers["WWW-Authenticate"] == 'Bearer realm="osrsdiff"'
    reading = await api(method, path, token=read_token)
    assert (reading.status, reading.document["type"]) == (403, "/docs#forbidden")
    assert 'error="insufficient_scope"' in reading.headers["WWW-Authenticate"]
    assert (await api("GET", LYNX)).document["is_active"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic dXNlcjpwYXNz",
        "osrsdiff_x",
        "Bearer " + "x" * 5000,
        "Bearer schlüssel",
    ],
)
async def test_a_credential_that_is_no_valid_token(api: Ask, lynx: Player, authorization: str) -> None:
    answer = await api("DELETE", LYNX, token=None, headers={"Authorization": authorization})
    assert (answer.status, answer.document["type"]) == (401, "/docs#unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_the_scheme_is_read_in_any_case(api: Ask, lynx: Player, admin_token: str) -> None:
    headers = {"Authorization": f"bearer  {admin_token}"}
    assert (await api("DELETE", LYNX, token=None, headers=headers)).status == 204


@pytest.mark.parametrize("path", READS)
async def test_reading_is_for_everybody_where_that_is_configured(api: Ask, lynx: Player, path: str) -> None:
    assert (await api("GET", path, token=None)).status == 200
    assert (await api("GET", path, token="of a proxy in front")).status == 200


@private
@pytest.mark.parametrize("path", READS)
async def test_reading_needs_any_token_otherwise(api: Ask, lynx: Player, read_token: str, path: str) -> None:
    assert (await api("GET", path, token=None)).status == 401
    assert (await api("HEAD", path, token=None)).status == 401
    answer = await api("GET", path, token=read_token)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-cache")
    assert (await api("GET", path)).status == 200


@private
@pytest.mark.parametrize("path", OPEN)
async def test_what_tells_nothing_of_players_is_always_open(api: Ask, path: str) -> None:
    assert (await api("GET", path, token=None)).status in (200, 302, 503)


async def test_a_revoked_token_ends_within_seconds(instance: Instance) -> None:
    now = [0.0]
    gate = Gate(lambda: instance.db, public_read=True, clock=lambda: now[0])
    token, plain = await create_token(instance.db, "short", Scope.ADMIN)
    await gate.admit(f"Bearer {plain}", Access.ADMIN)
    await revoke_token(instance.db, token.id)
    now[0] = 5.0
    with pytest.raises(Refused) as refused:
        await gate.admit(f"Bearer {plain}", Access.ADMIN)
    assert refused.value.kind is problems.UNAUTHORIZED


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The tokens that were looked up."""
    seen: list[object] = []
    verify = auth.verify_token

    async def counted(*arguments: object) -> object:
        seen.append(arguments)
        return await verify(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(auth, "verify_token", counted)
    return seen


@private
async def test_who_reads_is_looked_up_once_in_a_while(
    api: Ask, lynx: Player, read_token: str, asked: list[object]
) -> None:
    for _ in range(3):
        assert (await api("GET", LYNX, token=read_token)).status == 200
    assert len(asked) == 1


async def test_who_changes_something_is_looked_up_each_time(api: Ask, lynx: Player, asked: list[object]) -> None:
    for _ in range(3):
        assert (await api("PATCH", LYNX, json={"is_active": True})).status == 200
    assert len(asked) == 3
