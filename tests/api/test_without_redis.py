"""While Redis is away, reading and changing go on; what needs it says so and when to come back."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]

PLAYERS = "/api/v1/players"
pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def served_redis_url(tmp_path: Path) -> str:
    """A Redis that is not there."""
    return f"unix://{tmp_path}/absent.sock"


async def test_a_player_is_added_and_scheduled_later(api: Ask) -> None:
    added = await api("POST", PLAYERS, json={"username": "Lynx Titan"})
    assert (added.status, added.document["scheduled"], added.document["fetch"]) == (201, False, None)
    assert "Redis" in added.document["message"]
    assert (await api("GET", f"{PLAYERS}/lynx%20titan")).status == 200


async def test_changes_are_saved(api: Ask, lynx: Player) -> None:
    changed = await api("PATCH", f"{PLAYERS}/lynx%20titan", json={"is_active": False})
    assert (changed.status, changed.document["is_active"], changed.document["scheduled"]) == (200, False, False)
    assert (await api("DELETE", f"{PLAYERS}/lynx%20titan")).status == 204


async def test_a_fetch_is_refused_for_now(api: Ask, lynx: Player) -> None:
    refused = await api("POST", f"{PLAYERS}/lynx%20titan/fetch")
    assert (refused.status, refused.document["type"]) == (503, "/docs#redis-unreachable")
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["", "/lynx%20titan", "/lynx%20titan/gains", "/lynx%20titan/stats"])
async def test_reading_goes_on(api: Ask, lynx: Player, path: str) -> None:
    assert (await api("GET", PLAYERS + path)).status == 200


async def test_readiness_names_the_missing_part(api: Ask) -> None:
    ready = await api("GET", "/readyz")
    assert (ready.status, ready.document["status"]) == (503, "not ready")
    assert ready.document["parts"]["database"] == "ok"
    assert ready.document["parts"]["redis"] != "ok"
    assert (await api("GET", "/healthz")).document == {"status": "ok"}
