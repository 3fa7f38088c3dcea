"""Players over HTTP: added, listed, found, changed, removed, fetched."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api import schemas
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]

PLAYERS = "/api/v1/players"


async def test_an_added_player_is_scheduled_and_its_first_fetch_queued(api: Ask, instance: Instance) -> None:
    answer = await api("POST", PLAYERS, json={"username": " Lynx_Titan ", "fetch_interval_minutes": 45})
    assert answer.status == 201
    added = msgspec.convert(answer.document, schemas.PlayerAdded)
    assert (added.username, added.display_name, added.fetch_interval_minutes) == ("lynx titan", "Lynx_Titan", 45)
    assert (added.scheduled, added.is_active, added.schedule_id) == (True, True, f"player_fetch_{added.id}")
    assert added.fetch
    assert added.fetch.task_id
    assert added.last_look_at is None
    assert await instance.schedules.next_fire(added.id) is not None
    assert await instance.redis.xlen(f"{instance.prefix}queue") == 1


async def test_the_location_of_an_added_player_leads_to_it(api: Ask) -> None:
    added = await api("POST", PLAYERS, json={"username": "Lynx Titan"})
    assert added.headers["Location"] == "/api/v1/players/lynx%20titan"
    found = await api("GET", added.headers["Location"])
    assert found.status == 200
    assert found.document["id"] == added.document["id"]


async def test_an_added_player_gets_the_configured_interval(api: Ask, instance: Instance) -> None:
    added = await api("POST", PLAYERS, json={"username": "Lynx Titan"})
    assert added.document["fetch_interval_minutes"] == instance.config.players.default_interval_minutes


async def test_a_player_is_not_added_twice_under_another_spelling(api: Ask, lynx: Player) -> None:
    answer = await api("POST", PLAYERS, json={"username": "LYNX-titan"})
    assert (answer.status, answer.document["type"]) == (409, "/docs#player-exists")


async def test_times_are_iso_8601_in_utc(api: Ask, lynx: Player) -> None:
    found = await api("GET", f"{PLAYERS}/lynx%20titan")
    assert found.document["created_at"] == lynx.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("spelling", ["lynx%20titan", "Lynx_Titan", "LYNX-TITAN", "lynx%C2%A0titan", "%20Lynx%20titan"])
async def test_any_spelling_of_a_name_finds_the_player(api: Ask, lynx: Player, spelling: str) -> None:
    found = await api("GET", f"{PLAYERS}/{spelling}")
    assert (found.status, found.document["id"]) == (200, lynx.id)


async def test_pages_lead_through_all_players_in_order(api: Ask) -> None:
    names = ["e", "a", "d", "c", "b"]
    for name in names:
        await api("POST", PLAYERS, json={"username": name})
    seen: list[str] = []
    path: str | None = f"{PLAYERS}?limit=2"
    while path:
        page = await api("GET", path)
        msgspec.convert(page.document, schemas.PlayerPage)
        seen += [item["username"] for item in page.document["items"]]
        following = page.headers.get("Link")
        path = following.split(">")[0].strip("<") if following else None
        assert (path is None) == (page.document["next"] is None)
    assert seen == sorted(names)


async def test_a_full_last_page_has_no_next(api: Ask, lynx: Player) -> None:
    page = await api("GET", f"{PLAYERS}?limit=1")
    assert (len(page.document["items"]), page.document["next"]) == (1, None)


async def test_the_list_can_be_of_active_or_of_paused_players(api: Ask) -> None:
    for name in ("a", "b", "c"):
        await api("POST", PLAYERS, json={"username": name})
    await api("PATCH", f"{PLAYERS}/b", json={"is_active": False})
    active = await api("GET", f"{PLAYERS}?is_active=true&limit=1")
    paused = await api("GET", f"{PLAYERS}?is_active=false")
    assert [item["username"] for item in paused.document["items"]] == ["b"]
    assert active.headers["Link"] == f'<{PLAYERS}?limit=1&after=a&is_active=true>; rel="next"'


async def test_the_list_can_be_of_a_game_mode(api: Ask, lynx: Player) -> None:
    assert (await api("GET", f"{PLAYERS}?mode=ironman")).document["items"] == []
    [found] = (await api("GET", f"{PLAYERS}?mode=regular&is_active=true")).document["items"]
    assert found["username"] == "lynx titan"


async def test_pausing_unschedules_and_resuming_schedules(api: Ask, instance: Instance, lynx: Player) -> None:
    paused = await api("PATCH", f"{PLAYERS}/lynx%20titan", json={"is_active": False})
    assert (paused.status, paused.document["is_active"], paused.document["schedule_id"]) == (200, False, None)
    assert await instance.schedules.next_fire(lynx.id) is None
    resumed = await api("PATCH", f"{PLAYERS}/lynx%20titan", json={"is_active": True})
    saved = msgspec.convert(resumed.document, schemas.PlayerSaved)
    assert (saved.is_active, saved.scheduled, saved.schedule_id) == (True, True, f"player_fetch_{lynx.id}")
    assert await instance.schedules.next_fire(lynx.id) is not None


async def test_a_new_interval_and_a_pause_go_together(api: Ask, lynx: Player) -> None:
    changes = {"is_active": False, "fetch_interval_minutes": 90}
    changed = await api("PATCH", f"{PLAYERS}/lynx%20titan", json=changes)
    found = await api("GET", f"{PLAYERS}/lynx%20titan")
    assert changed.status == 200
    assert {name: found.document[name] for name in changes} == changes


async def test_a_new_interval_reschedules(api: Ask, instance: Instance, lynx: Player) -> None:
    await api("PATCH", f"{PLAYERS}/lynx%20titan", json={"fetch_interval_minutes": 43_200})
    first = await instance.schedules.next_fire(lynx.id)
    await api("PATCH", f"{PLAYERS}/lynx%20titan", json={"fetch_interval_minutes": 1})
    second = await instance.schedules.next_fire(lynx.id)
    assert first
    assert second
    assert second < first


async def test_a_removed_player_is_gone(api: Ask, instance: Instance, lynx: Player) -> None:
    removed = await api("DELETE", f"{PLAYERS}/Lynx_Titan")
    assert (removed.status, removed.text) == (204, "")
    assert (await api("GET", f"{PLAYERS}/lynx%20titan")).status == 404
    assert (await api("DELETE", f"{PLAYERS}/lynx%20titan")).status == 404
    assert await instance.schedules.next_fire(lynx.id) is None


async def test_a_fetch_is_queued_for_paused_players_too(api: Ask, instance: Instance, lynx: Player) -> None:
    await api("PATCH", f"{PLAYERS}/lynx%20titan", json={"is_active": False})
    queued = await api("POST", f"{PLAYERS}/lynx%20titan/fetch")
    assert queued.status == 202
    assert msgspec.convert(queued.document, schemas.FetchAccepted).task_id
    assert await instance.redis.xlen(f"{instance.prefix}queue") == 1
