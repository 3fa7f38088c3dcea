"""While Redis is away, reading and changing go on; what needs it says so and when to come back."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]

PLAYERS = "/api/v1/players"
SCHEDULES, TASKS = "/api/v1/schedules", "/api/v1/tasks"
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


async def test_many_are_paused_and_resumed_later(api: Ask, lynx: Player) -> None:
    for verb in ("pause", "resume"):
        answer = await api("POST", f"{SCHEDULES}/{verb}", json={"usernames": ["lynx titan"]})
        assert (answer.status, answer.document["changed"], answer.document["scheduled"]) == (200, 1, False)
        assert "takes effect by itself" in answer.document["message"]


@pytest.mark.parametrize(
    ("method", "path", "rest"),
    [
        ("GET", f"{SCHEDULES}?only=due", {}),
        ("GET", f"{SCHEDULES}?only=overdue", {}),
        ("POST", f"{SCHEDULES}/pause", {"json": {"only": "overdue"}}),
        ("POST", f"{SCHEDULES}/verify", {}),
        ("POST", f"{TASKS}/reconcile_schedules/run", {}),
    ],
)
async def test_what_only_redis_knows_is_refused_for_now(
    api: Ask, lynx: Player, method: str, path: str, rest: dict[str, Any]
) -> None:
    refused = await api(method, path, **rest)
    assert (refused.status, refused.document["type"]) == (503, "/docs#redis-unreachable")
    assert int(refused.headers["Retry-After"]) > 0


async def test_schedules_are_shown_without_their_next_fetch(api: Ask, lynx: Player) -> None:
    listed = await api("GET", SCHEDULES)
    assert (listed.status, listed.document["items"][0]["next_fetch_at"]) == (200, None)
    shown = await api("GET", f"{PLAYERS}/lynx%20titan/schedule")
    assert (shown.status, shown.document["agrees"], shown.document["stored"]) == (200, None, None)
    assert "Redis" in shown.document["message"]
    assert (await api("GET", TASKS)).status == 200


async def test_why_a_task_failed_names_no_host_or_path(api: Ask, lynx: Player, served_redis_url: str) -> None:
    await api("POST", f"{SCHEDULES}/verify")
    listed = await api("GET", TASKS, token=None)
    (run,) = [task["last_run"] for task in listed.document["tasks"] if task["last_run"]]
    assert (run["outcome"], run["detail"]) == ("failed", "This instance's log says why.")
    assert served_redis_url.removeprefix("unix://") not in listed.text


@pytest.mark.parametrize("path", ["", "/lynx%20titan", "/lynx%20titan/gains", "/lynx%20titan/stats"])
async def test_reading_goes_on(api: Ask, lynx: Player, path: str) -> None:
    assert (await api("GET", PLAYERS + path)).status == 200


async def test_readiness_names_the_missing_part(api: Ask) -> None:
    ready = await api("GET", "/readyz")
    assert (ready.status, ready.document["status"]) == (503, "not ready")
    assert ready.document["parts"]["database"] == "ok"
    assert ready.document["parts"]["redis"] != "ok"
    assert (await api("GET", "/healthz")).document == {"status": "ok"}
