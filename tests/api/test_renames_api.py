"""Names that change over HTTP: renamed, refused with reasons, taken back, read, found by an old name."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api.rename_schemas import Names, PlayerRenamed
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import renames
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, pause_player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

PLAYERS = "/api/v1/players"
LYNX = f"{PLAYERS}/lynx%20titan"
FERN = f"{PLAYERS}/fern%20gully"
BEGIN = datetime(2026, 10, 1, 12, tzinfo=UTC)


def skill(xp: int) -> Reading:
    return Reading(xp, 10, 50, None)


async def test_a_player_is_renamed_and_its_old_name_leads_to_it(api: Ask, lynx: Player) -> None:
    answer = await api("POST", f"{LYNX}/rename", json={"name": "Fern_Gully"})
    assert answer.status == 200
    renamed = msgspec.convert(answer.document, PlayerRenamed)
    assert (renamed.id, renamed.username, renamed.display_name) == (lynx.id, "fern gully", "Fern_Gully")
    assert (renamed.before, renamed.scheduled, renamed.joined_at, renamed.apart) == ("Lynx Titan", True, None, None)
    assert renamed.fetch is not None
    assert renamed.message == "Lynx Titan is called Fern_Gully now."
    for path in (LYNX, f"{LYNX}/gains", f"{LYNX}/stats", f"{LYNX}/history/overall", f"{LYNX}/names"):
        gone = await api("GET", path)
        assert (gone.status, gone.document["type"]) == (404, "/docs#player-not-found")
        assert gone.document["detail"] == (
            "No tracked player is called 'lynx titan'. Who was called so is 'Fern_Gully' now."
        )


async def test_the_names_of_a_player_are_read_with_a_tag(api: Ask, lynx: Player) -> None:
    before = await api("GET", f"{LYNX}/names")
    assert before.document["changes"] == []
    await api("POST", f"{LYNX}/rename", json={"name": "Fern Gully"})
    answer = await api("GET", f"{FERN}/names")
    [change] = msgspec.convert(answer.document, Names).changes
    assert (change.before, change.after, change.merged, change.forced) == ("Lynx Titan", "Fern Gully", False, False)
    assert change.undone_at is None
    again = await api("GET", f"{FERN}/names", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    await api("POST", f"{FERN}/undo-rename")
    answer = await api("GET", f"{LYNX}/names", headers={"If-None-Match": before.headers["ETag"]})
    assert answer.status == 200
    assert answer.document["changes"][0]["undone_at"] is not None


async def test_a_merge_is_refused_with_its_reasons_forced_and_taken_back(
    api: Ask, instance: Instance, look: Look, lynx: Player
) -> None:
    fern = (await add_player(instance, "Fern Gully")).player
    await look(lynx, BEGIN, attack=skill(5_000), defence=skill(100))
    await look(fern, BEGIN + timedelta(hours=1), attack=skill(4_000), defence=skill(190_000_000))
    refused = await api("POST", f"{LYNX}/rename", json={"name": "Fern Gully"})
    assert (refused.status, refused.document["type"]) == (409, "/docs#rename-refused")
    detail = refused.document["detail"]
    assert "Attack from 5,000 to 4,000" in detail
    assert "Defence from 100 to 190,000,000" in detail
    assert "`force`" in detail
    forced = await api("POST", f"{LYNX}/rename", json={"name": "Fern Gully", "force": True})
    assert forced.document["joined_at"] == "2026-10-01T13:00:00Z"
    assert forced.document["message"] == (
        "Lynx Titan and Fern Gully are one player now, joined at the look of 2026-10-01 13:00 UTC."
    )
    assert (await api("GET", FERN)).document["id"] == lynx.id
    undone = await api("POST", f"{FERN}/undo-rename")
    assert (undone.document["username"], undone.document["apart"]) == ("lynx titan", "fern gully")
    assert (await api("GET", FERN)).document["id"] == fern.id
    again = await api("POST", f"{LYNX}/undo-rename")
    assert (again.status, again.document["type"]) == (409, "/docs#nothing-to-undo")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({"name": "lynx titan~1"}, "invalid-username", "name"),
        ({"name": ""}, "invalid-username", "name"),
        ({}, "invalid-field", "name"),
        ({"name": "fern", "force": "yes"}, "invalid-field", "force"),
    ],
)
async def test_what_is_no_new_name_is_refused(
    api: Ask, lynx: Player, body: dict[str, object], kind: str, field: str
) -> None:
    answer = await api("POST", f"{LYNX}/rename", json=body)
    assert (answer.status, answer.document["type"], answer.document["field"]) == (422, f"/docs#{kind}", field)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_an_archived_player_is_found_and_not_fetched(api: Ask, instance: Instance, lynx: Player) -> None:
    await pause_player(instance, "lynx titan")
    async with instance.db.writing() as conn:
        await renames.call(conn, lynx.id, "lynx titan~1", "Lynx Titan~1")
    found = await api("GET", f"{PLAYERS}/Lynx_Titan~1")
    assert (found.status, found.document["id"]) == (200, lynx.id)
    page = await api("GET", f"{PLAYERS}?limit=1&after=lynx%20titan~0")
    assert page.status == 422
    page = await api("GET", f"{PLAYERS}?limit=1&after=lynx%20titan~1")
    assert (page.status, page.document["items"]) == (200, [])
    for method, path, body in (
        ("POST", "fetch", {}), ("POST", "resume", {}), ("PATCH", "", {"json": {"is_active": True}}),
    ):  # fmt: skip
        refused = await api(method, f"{PLAYERS}/lynx%20titan~1/{path}".rstrip("/"), **body)
        assert (refused.status, refused.document["type"]) == (409, "/docs#player-archived")
    added = await api("POST", PLAYERS, json={"username": "lynx titan~2"})
    assert (added.status, added.document["type"]) == (422, "/docs#invalid-username")
