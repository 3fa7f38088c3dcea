"""Reviews over HTTP: listed, looked at, decided, refused."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.reviews import Why
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player
from osrsdiff.storage.reviews import flag_steps
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

REVIEWS = "/api/v1/reviews"
LYNX = "/api/v1/players/lynx%20titan"
START = datetime(2026, 2, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DETAIL = "1 skill fell, by 11,950,000 of 12,000,000 xp; 1 boss fell"


def skill(xp: int) -> Reading:
    return Reading(xp, 1000, level_for_xp(xp), None)


def kills(count: int) -> Reading:
    return Reading(count, 1000, None, None)


@pytest.fixture
def collapse(see: Look) -> Callable[[Player], Awaitable[None]]:
    """A player who is known for two days is somebody else at the third look."""

    async def play(player: Player) -> None:
        for at, xp, count in (
            (START - 48 * HOUR, 12_000_000, 400),
            (START, 12_000_000, 401),
            (START + HOUR, 50_000, 0),
        ):
            await see(player, at, attack=skill(xp), zulrah=kills(count))

    return play


async def test_an_open_review_is_listed_and_says_what_fell(
    api: Ask, lynx: Player, collapse: Callable[[Player], Awaitable[None]]
) -> None:
    assert (await api("GET", f"{LYNX}/reviews")).document["items"] == []
    await collapse(lynx)
    listed = await api("GET", REVIEWS)
    review = {
        "id": 1,
        "player": {"id": lynx.id, "username": "lynx titan", "display_name": "Lynx Titan", "game_mode": "regular"},
        "flagged_at": "2026-02-01T11:00:00Z",
        "after": "2026-02-01T10:00:00Z",
        "why": "collapse",
        "detail": DETAIL,
        "resolved_at": None,
        "resolution": None,
    }
    assert listed.document == {"items": [review], "next": None}
    shown = await api("GET", f"{LYNX}/reviews")
    moved = shown.document["items"][0].pop("moved")
    assert shown.document == {"player": review["player"], "items": [review]}
    assert moved == [
        {"metric": "attack", "name": "Attack", "kind": "skill",
         "before": 12_000_000, "after": 50_000, "now": 50_000, "fell": True},
        {"metric": "zulrah", "name": "Zulrah", "kind": "boss", "before": 401, "after": 0, "now": 0, "fell": True},
    ]  # fmt: skip
    tag = {"If-None-Match": shown.headers["ETag"]}
    assert (await api("GET", f"{LYNX}/reviews", headers=tag)).status == 304
    looks = (await api("GET", f"{LYNX}/snapshots")).document["items"]
    assert [(look["has_fall"], look["in_review"]) for look in looks] == [(True, True), (False, False), (False, False)]
    assert (await api("POST", f"{LYNX}/review", json={"action": "accept"})).status == 200
    assert (await api("GET", f"{LYNX}/reviews", headers=tag)).document["items"][0]["resolution"] == "accepted"
    looks = (await api("GET", f"{LYNX}/snapshots")).document["items"]
    assert [(look["has_fall"], look["in_review"]) for look in looks] == [(True, False), (False, False), (False, False)]


async def test_lists_lead_on_and_leave_out_what_was_decided(
    api: Ask, instance: Instance, collapse: Callable[[Player], Awaitable[None]]
) -> None:
    for number in range(3):
        await collapse((await tracking.add_player(instance, f"Player {number}")).player)
    await api("POST", "/api/v1/players/player%201/review", json={"action": "accept"})
    for asked, expected in (
        ("limit=1", ["player 2", "player 0"]),
        ("limit=2&all=true", ["player 2", "player 1", "player 0"]),
    ):
        path, found = f"{REVIEWS}?{asked}", []
        while path:
            answer = await api("GET", path)
            found += [one["player"]["username"] for one in answer.document["items"]]
            path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert found == expected
    assert (await api("GET", f"{REVIEWS}?after=nonsense")).document["field"] == "after"


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("accept", "Lynx Titan is the same player; the flag has ended."),
        ("discard", "What was seen of Lynx Titan from 2026-02-01 11:00 UTC on is thrown away."),
        (
            "split",
            (
                "Lynx Titan is somebody else from 2026-02-01 11:00 UTC on. "
                "What was seen before is kept as Lynx Titan~1, which is paused."
            ),
        ),
    ],
)
async def test_a_review_is_decided_once(
    api: Ask, lynx: Player, collapse: Callable[[Player], Awaitable[None]], action: str, says: str
) -> None:
    await collapse(lynx)
    answer = await api("POST", f"{LYNX}/review", json={"action": action})
    assert (answer.status, answer.document["message"]) == (200, says)
    assert answer.document["player"]["id"] == lynx.id
    assert answer.document["review"]["resolution"] == {"accept": "accepted", "discard": "discarded"}.get(
        action, "split"
    )
    apart = answer.document["apart"]
    assert (apart and apart["username"]) == ("lynx titan" if action == "split" else None)
    again = await api("POST", f"{LYNX}/review", json={"action": action})
    assert (again.status, again.document["type"]) == (409, "/docs#nothing-to-review")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_the_body_that_the_documentation_gives_is_taken(
    api: Ask, lynx: Player, collapse: Callable[[Player], Awaitable[None]]
) -> None:
    document = (await api("GET", "/openapi.json")).document
    content = document["paths"]["/api/v1/players/{username}/review"]["post"]["requestBody"]["content"]
    await collapse(lynx)
    answer = await api("POST", f"{LYNX}/review", json=content["application/json"]["example"])
    assert (answer.status, answer.document["player"]["display_name"]) == (200, "Fern Gully")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "forget"}, "action"),
        ({"action": "accept", "renamed_to": "Zezima"}, "renamed_to"),
        ({"action": "split", "renamed_to": "no such name!"}, "renamed_to"),
        ({"action": "split", "renamed_to": "Lynx_Titan"}, "renamed_to"),
    ],
)
async def test_bad_input_is_refused(
    api: Ask, lynx: Player, collapse: Callable[[Player], Awaitable[None]], body: dict[str, str], field: str
) -> None:
    await collapse(lynx)
    answer = await api("POST", f"{LYNX}/review", json=body)
    assert (answer.status, answer.document["field"]) == (422, field)
    assert len((await api("GET", REVIEWS)).document["items"]) == 1
    assert (await api("POST", f"{LYNX}/review", token=None, json={"action": "accept"})).status == 401


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_where_the_player_can_not_be_renamed_nothing_is_done_and_it_is_said(
    api: Ask, instance: Instance, lynx: Player, see: Look, collapse: Callable[[Player], Awaitable[None]]
) -> None:
    await collapse(lynx)
    zezima = (await tracking.add_player(instance, "Zezima")).player
    await see(zezima, START, attack=skill(7))
    answer = await api("POST", f"{LYNX}/review", json={"action": "split", "renamed_to": "Zezima"})
    assert (answer.status, answer.document["type"]) == (409, "/docs#rename-refused")
    detail = answer.document["detail"]
    assert detail.startswith("Lynx Titan can't be made Zezima: both were seen: ")
    assert detail.endswith(
        "Nothing was done. Split it without `renamed_to`; then, where you know better, rename 'Lynx Titan~1' with "
        "`force`."
    )
    assert len((await api("GET", REVIEWS)).document["items"]) == 1
    assert (await api("POST", f"{LYNX}/review", json={"action": "split"})).status == 200
    archived = "/api/v1/players/lynx%20titan~1"
    undone = await api("POST", f"{archived}/undo-rename")
    assert (undone.status, undone.document["type"]) == (409, "/docs#nothing-to-undo")
    assert undone.document["detail"].endswith("rename it to 'Lynx Titan' with `force`.")
    fetch = await api("POST", f"{archived}/fetch")
    assert fetch.document["detail"].endswith("To give it its name, rename it.")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_mode_that_can_not_be_is_not_discarded(api: Ask, instance: Instance, lynx: Player) -> None:
    async with instance.db.writing() as conn:
        await conn.run_all(flag_steps(lynx.id, at=START, after=None, why=Why.IMPOSSIBLE_MODE, detail="was regular"))
    refused = await api("POST", f"{LYNX}/review", json={"action": "discard"})
    assert (refused.status, refused.document["type"]) == (409, "/docs#review-refused")
    assert "Accept it where it is the same player; else split it." in refused.document["detail"]
    assert (await api("POST", f"{LYNX}/review", json={"action": "accept"})).status == 200
