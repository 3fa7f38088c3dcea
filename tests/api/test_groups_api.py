"""Groups over HTTP: made, listed, changed, filled, emptied, refused."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from osrsdiff.api import group_schemas as schemas
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]

GROUPS = "/api/v1/groups"
CLAN = f"{GROUPS}/iron-squad"
MEMBERS = f"{CLAN}/members"


@pytest.fixture
async def clan(api: Ask) -> str:
    """The path of a group."""
    made = await api("POST", GROUPS, json={"name": "Iron Squad", "description": "Thursdays"})
    assert made.status == 201
    return str(made.headers["Location"])


async def named(api: Ask) -> dict[str, str]:
    page = await api("GET", f"{MEMBERS}?limit=500")
    return {one["player"]["username"]: one["role"] for one in page.document["items"]}


async def test_a_group_is_made_and_found_at_its_location(api: Ask, clan: str) -> None:
    found = await api("GET", clan)
    group = msgspec.convert(found.document, schemas.Group)
    assert (clan, group.key, group.name, group.description, group.member_count) == (
        CLAN,
        "iron-squad",
        "Iron Squad",
        "Thursdays",
        0,
    )
    assert (await api("GET", f"{GROUPS}/Iron%20Squad")).document == found.document
    assert (await api("GET", clan, headers={"If-None-Match": found.headers["ETag"]})).status == 304


async def test_a_name_in_other_letters_needs_a_key_of_its_own(api: Ask) -> None:
    refused = await api("POST", GROUPS, json={"name": "Лига"})
    assert (refused.status, refused.document["type"]) == (422, "/docs#invalid-group")
    made = await api("POST", GROUPS, json={"name": "Лига", "key": "Liga"})
    assert (made.document["key"], made.document["name"]) == ("liga", "Лига")


async def test_groups_are_listed_in_pages(api: Ask) -> None:
    for name in ("c", "a", "b"):
        await api("POST", GROUPS, json={"name": name})
    first = await api("GET", f"{GROUPS}?limit=2")
    assert ([one["key"] for one in first.document["items"]], first.document["next"]) == (["a", "b"], "b")
    last = await api("GET", first.headers["Link"].split(">")[0].strip("<"))
    assert ([one["key"] for one in last.document["items"]], last.document["next"]) == (["c"], None)
    assert "Link" not in last.headers


async def test_renaming_keeps_the_key_unless_another_is_given(api: Ask, clan: str) -> None:
    renamed = await api("PATCH", clan, json={"name": "Rune Squad"})
    assert (renamed.document["key"], renamed.document["name"]) == ("iron-squad", "Rune Squad")
    moved = await api("PATCH", clan, json={"key": "rune squad", "description": ""})
    assert (moved.document["key"], moved.document["description"]) == ("rune-squad", "")
    assert (await api("GET", clan)).status == 404


async def test_members_are_put_in_given_roles_and_listed_by_name(api: Ask, clan: str, lynx: Player) -> None:
    given = {"members": ["LYNX_titan", {"username": "B0aty", "role": "captain"}, "nobody!"], "track": True}
    put = await api("POST", MEMBERS, json=given)
    done = msgspec.convert(put.document, schemas.MembersPut)
    assert (put.status, done.added, done.tracked, done.scheduled, done.refused_count) == (200, 2, 1, True, 1)
    assert done.refused[0].username == "nobody!"
    assert await named(api) == {"lynx titan": "member", "b0aty": "captain"}
    changed = await api("POST", MEMBERS, json={"members": [{"username": "lynx titan", "role": "scout"}, "b0aty"]})
    assert (changed.document["changed"], changed.document["unchanged"]) == (1, 1)
    page = await api("GET", f"{MEMBERS}?limit=1")
    assert ([one["player"]["username"] for one in page.document["items"]], page.document["next"]) == (
        ["b0aty"],
        "b0aty",
    )
    last = await api("GET", page.headers["Link"].split(">")[0].strip("<"))
    assert ([one["role"] for one in last.document["items"]], last.document["next"]) == (["scout"], None)
    msgspec.convert(last.document, schemas.MemberPage)


async def test_members_come_as_a_text_too(api: Ask, clan: str, lynx: Player) -> None:
    text = "username,role\nLynx Titan,captain\nno!name,x\n\nzezima\n"
    put = await api("POST", MEMBERS, json={"text": text})
    assert (put.document["added"], put.document["bad_line_count"], put.document["refused_count"]) == (1, 1, 1)
    assert put.document["bad_lines"][0]["line"] == 3
    assert put.document["refused"] == [{"username": "zezima", "reason": "No tracked player is called 'zezima'."}]
    assert await named(api) == {"lynx titan": "captain"}


async def test_members_are_taken_out_and_stay_tracked(api: Ask, clan: str, lynx: Player) -> None:
    await api("POST", MEMBERS, json={"members": ["lynx titan", "a", "b"], "track": True})
    taken = await api("DELETE", MEMBERS, json={"usernames": ["A", "nobody"]})
    assert (taken.status, taken.document["removed"], taken.document["refused_count"]) == (200, 1, 1)
    assert (await api("DELETE", f"{MEMBERS}/Lynx_Titan")).status == 204
    again = await api("DELETE", f"{MEMBERS}/Lynx_Titan")
    assert (again.status, again.document["type"]) == (404, "/docs#not-a-member")
    assert list(await named(api)) == ["b"]
    assert (await api("GET", "/api/v1/players/lynx%20titan")).status == 200


async def test_the_groups_of_a_player(api: Ask, clan: str, lynx: Player) -> None:
    await api("POST", GROUPS, json={"name": "Other"})
    for path in (MEMBERS, f"{GROUPS}/other/members"):
        await api("POST", path, json={"members": [{"username": "lynx titan", "role": "scout"}]})
    found = msgspec.convert((await api("GET", "/api/v1/players/lynx_titan/groups")).document, schemas.Memberships)
    assert [(one.group.key, one.group.member_count, one.role) for one in found.items] == [
        ("iron-squad", 1, "scout"),
        ("other", 1, "scout"),
    ]
    assert found.player.username == "lynx titan"


async def test_a_deleted_group_is_gone_and_its_players_are_not(api: Ask, clan: str, lynx: Player) -> None:
    await api("POST", MEMBERS, json={"members": ["lynx titan"]})
    assert (await api("DELETE", clan)).status == 204
    assert (await api("GET", clan)).status == 404
    assert (await api("GET", "/api/v1/players/lynx_titan/groups")).document["items"] == []


REFUSED: list[tuple[str, str, Any, int, str, str]] = [
    ("POST", GROUPS, {"name": "iron squad"}, 409, "group-exists", "'iron-squad' already"),
    ("POST", GROUPS, {"name": ""}, 422, "invalid-group", "1 to 60 characters, not 0"),
    ("POST", GROUPS, {"name": "x" * 61}, 422, "invalid-group", "not 61"),
    ("POST", GROUPS, {"name": "a\u0000b"}, 422, "invalid-group", "can't be printed"),
    ("POST", GROUPS, {"name": "a", "description": "x" * 501}, 422, "invalid-group", "not 501"),
    ("POST", GROUPS, {"name": "a", "key": "!!"}, 422, "invalid-group", "needs a letter"),
    ("POST", GROUPS, {}, 422, "invalid-field", "name: it is required"),
    ("POST", GROUPS, {"name": "a", "color": "red"}, 422, "invalid-field", "color: it is not known here"),
    ("GET", f"{GROUPS}/nobodys", None, 404, "group-not-found", "No group has the key 'nobodys'."),
    ("GET", f"{GROUPS}/%00", None, 404, "group-not-found", "No group has the key"),
    ("GET", f"{GROUPS}?after=!", None, 422, "invalid-field", "after is no `next`"),
    ("GET", f"{GROUPS}?limit=0", None, 422, "invalid-field", "limit"),
    ("PATCH", CLAN, {}, 422, "invalid-field", "Nothing to change"),
    ("PATCH", CLAN, {"key": "other"}, 409, "group-exists", "'other'"),
    ("PATCH", f"{GROUPS}/nobodys", {"name": "a"}, 404, "group-not-found", "nobodys"),
    ("DELETE", f"{GROUPS}/nobodys", None, 404, "group-not-found", "nobodys"),
    ("GET", f"{MEMBERS}?after=!", None, 422, "invalid-field", "after is no `next`"),
    ("POST", MEMBERS, {}, 422, "invalid-field", "Say who"),
    ("POST", MEMBERS, {"members": []}, 422, "invalid-field", "Say who"),
    ("POST", MEMBERS, {"members": "lynx"}, 422, "invalid-field", "members: Expected `array`"),
    ("POST", MEMBERS, {"members": [7]}, 422, "invalid-field", "members: Expected"),
    ("POST", MEMBERS, {"members": ["nobody"]}, 404, "player-not-found", "No tracked player is called 'nobody'."),
    ("POST", MEMBERS, {"members": ["a!", "b!"]}, 422, "invalid-username", "not a player name"),
    ("POST", MEMBERS, {"members": ["a!"], "track": True}, 422, "invalid-username", "not a player name"),
    ("POST", MEMBERS, {"text": "a,b,c"}, 422, "invalid-group", "Line 1: It has 3 columns"),
    ("POST", MEMBERS, {"members": [{"username": "a", "role": "x" * 31}]}, 422, "invalid-group", "role"),
    ("POST", MEMBERS, {"text": "a\n" * 10_001}, 422, "invalid-field", "more than 10,000 names"),
    ("POST", f"{GROUPS}/nobodys/members", {"members": ["a"]}, 404, "group-not-found", "nobodys"),
    ("DELETE", MEMBERS, {"usernames": []}, 422, "invalid-field", "usernames"),
    ("DELETE", MEMBERS, {"usernames": ["nobody"]}, 404, "player-not-found", "'nobody'"),
    ("DELETE", f"{MEMBERS}/nobody", None, 404, "player-not-found", "'nobody'"),
    ("DELETE", f"{MEMBERS}/a!", None, 422, "invalid-username", "not a player name"),
    ("GET", "/api/v1/players/nobody/groups", None, 404, "player-not-found", "'nobody'"),
]


async def test_what_can_not_be_done_says_why(api: Ask, clan: str) -> None:
    await api("POST", GROUPS, json={"name": "Other"})
    for method, path, body, status, kind, says in REFUSED:
        refused = await api(method, path, **({} if body is None else {"json": body}))
        case = (method, path, body, refused.text)
        assert (refused.status, refused.document["type"]) == (status, f"/docs#{kind}"), case
        assert says in refused.document["detail"], case
    assert (await api("GET", CLAN)).document["member_count"] == 0


async def test_changing_groups_needs_an_admin(api: Ask) -> None:
    for method, path in (("POST", GROUPS), ("PATCH", CLAN), ("DELETE", CLAN), ("POST", MEMBERS), ("DELETE", MEMBERS)):
        assert (await api(method, path, token=None, json={})).status == 401
