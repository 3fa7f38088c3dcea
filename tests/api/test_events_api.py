"""Events over HTTP: pages of JSON, and Atom feeds."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import groups
from osrsdiff.storage.players import Player
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

EVENTS = "/api/v1/events"
OF_LYNX = "/api/v1/players/lynx%20titan/events"
START = datetime(2026, 2, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
ATOM = "{http://www.w3.org/2005/Atom}"


def ranked(value: int) -> Reading:
    return Reading(value, 1000, None, None)


@pytest.fixture
async def fern(instance: Instance) -> Player:
    return (await tracking.add_player(instance, "Fern_Gully 7")).player


@pytest.fixture
async def happened(instance: Instance, lynx: Player, fern: Player, see: Look) -> None:
    """Five events of Lynx Titan, two of Fern Gully 7, who is in a group."""
    await see(lynx, START, attack=ranked(101_000), zulrah=ranked(0), brand_new_boss=ranked(1))
    await see(fern, START + HOUR, zulrah=ranked(400))
    await see(fern, START + 2 * HOUR, zulrah=ranked(500))
    await see(lynx, START + 6 * HOUR, attack=ranked(101_400), zulrah=ranked(1), brand_new_boss=ranked(500))
    async with instance.db.writing() as connection:
        group = await groups.add(connection, key="iron-squad", name="Iron <Squad>", description="", now=START)
    await groups.put_members(instance.db, group.id, {fern.id: "member"}, now=START)


async def test_events_are_listed_with_what_happened(api: Ask, happened: None) -> None:
    answer = await api("GET", f"{OF_LYNX}?kind=level_up")
    [event] = answer.document["items"]
    assert event == {
        "id": event["id"],
        "kind": "level_up",
        "at": "2026-02-01T16:00:00Z",
        "after": "2026-02-01T10:00:00Z",
        "player": {"id": 1, "username": "lynx titan", "display_name": "Lynx Titan", "game_mode": "regular"},
        "title": "level 50 in Attack, from 49",
        "metric": "attack",
        "name": "Attack",
        "value": 50,
        "before": 49,
        "detail": None,
    }
    assert answer.document["next"] is None


async def test_pages_lead_on_to_the_end(api: Ask, happened: None) -> None:
    path, titles = f"{EVENTS}?limit=3", []
    while path:
        answer = await api("GET", path)
        titles += [(one["player"]["display_name"], one["title"]) for one in answer.document["items"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<")
        assert bool(path) == (answer.document["next"] is not None)
    assert titles[:4] != sorted(titles[:4])
    assert sorted(titles[:4]) == [
        ("Lynx Titan", "50 Attack"),
        ("Lynx Titan", "500 Brand-New Boss kills"),
        ("Lynx Titan", "First Zulrah kill"),
        ("Lynx Titan", "level 50 in Attack, from 49"),
    ]
    assert titles[4:] == [
        ("Fern_Gully 7", "500 Zulrah kills"),
        ("Fern_Gully 7", "first seen"),
        ("Lynx Titan", "first seen"),
    ]


@pytest.mark.parametrize("path", [f"{EVENTS}?group=iron-squad&limit=1", "/api/v1/groups/iron-squad/events?limit=1"])
async def test_a_group_has_the_events_of_its_members(api: Ask, happened: None, path: str) -> None:
    first = await api("GET", path)
    following = first.headers["Link"].partition(">")[0].removeprefix("<")
    second = await api("GET", following)
    assert [one["title"] for answer in (first, second) for one in answer.document["items"]] == [
        "500 Zulrah kills",
        "first seen",
    ]
    assert second.document["next"] is None


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        (f"{EVENTS}?kind=birthday", 422, "invalid-field"),
        (f"{EVENTS}?after=nonsense", 422, "invalid-field"),
        (f"{EVENTS}?limit=501", 422, "invalid-field"),
        (f"{EVENTS}?group=nobody", 404, "group-not-found"),
        ("/api/v1/groups/nobody/events", 404, "group-not-found"),
        ("/groups/nobody/feed.atom", 404, "group-not-found"),
        ("/players/nobody/feed.atom", 404, "player-not-found"),
    ],
)
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_what_there_is_not_is_refused(api: Ask, path: str, status: int, slug: str) -> None:
    answer = await api("GET", path)
    assert (answer.status, answer.document["type"]) == (status, f"/docs#{slug}")


async def test_feeds_say_what_happened_when_and_how_sure_that_is(api: Ask, happened: None) -> None:
    answers = [await api("GET", f"{path}/feed.atom") for path in ("", "/players/Lynx_Titan", "/groups/iron-squad")]
    assert {(answer.status, answer.type) for answer in answers} == {(200, "application/atom+xml")}
    everybody, lynx, squad = (ET.fromstring(answer.text) for answer in answers)
    assert [feed.findtext(f"{ATOM}title") for feed in (everybody, lynx, squad)] == [
        "osrsdiff: everybody",
        "osrsdiff: Lynx Titan",
        "osrsdiff: Iron <Squad>",
    ]
    titles = [entry.findtext(f"{ATOM}title") for entry in squad.iter(f"{ATOM}entry")]
    assert titles == [
        "Fern_Gully 7: 500 Zulrah kills, between 11:00 and 12:00 UTC on 2026-02-01",
        "Fern_Gully 7: first seen, 2026-02-01 11:00 UTC",
    ]
    ids = [entry.findtext(f"{ATOM}id") for feed in (everybody, lynx, squad) for entry in feed.iter(f"{ATOM}entry")]
    assert (len(ids), len(set(ids))) == (14, 7)
    assert len({feed.findtext(f"{ATOM}id") for feed in (everybody, lynx, squad)}) == 3
    assert [feed.findtext(f"{ATOM}updated") for feed in (lynx, squad)] == [
        "2026-02-01T16:00:00Z",
        "2026-02-01T12:00:00Z",
    ]
    links = {link.get("rel"): link.get("href") for link in lynx.findall(f"{ATOM}link")}
    assert links == {"self": "/players/lynx%20titan/feed.atom", "alternate": OF_LYNX}
    for answer in answers:
        path = {link.get("rel"): link.get("href") for link in ET.fromstring(answer.text).findall(f"{ATOM}link")}
        assert (await api("GET", path["self"])).text == answer.text
        assert (await api("GET", path["alternate"])).status == 200


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_feed_of_one_kind_is_a_feed_of_its_own(api: Ask, happened: None) -> None:
    whole, some = [
        ET.fromstring((await api("GET", f"/feed.atom{query}")).text) for query in ("", "?kind=achievement&limit=2")
    ]
    assert whole.findtext(f"{ATOM}id") != some.findtext(f"{ATOM}id")
    assert [node.get("term") for node in some.iter(f"{ATOM}category")] == ["achievement", "achievement"]
    links = {link.get("rel"): link.get("href") for link in some.findall(f"{ATOM}link")}
    assert links == {
        "self": "/feed.atom?kind=achievement&limit=2",
        "alternate": f"{EVENTS}?kind=achievement&limit=2",
    }


async def test_a_feed_is_sent_again_only_when_something_happened(api: Ask, lynx: Player, see: Look) -> None:
    empty = await api("GET", "/players/lynx%20titan/feed.atom")
    assert ET.fromstring(empty.text).findtext(f"{ATOM}updated")
    known = {"If-None-Match": empty.headers["ETag"]}
    assert (await api("GET", "/players/lynx%20titan/feed.atom", headers=known)).status == 304
    await see(lynx, START, zulrah=ranked(1))
    assert (await api("GET", "/players/lynx%20titan/feed.atom", headers=known)).status == 200


@pytest.mark.parametrize("public_read", [False])
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_feeds_need_a_token_where_reads_do(api: Ask) -> None:
    assert (await api("GET", "/feed.atom", token=None)).status == 401
    assert (await api("GET", "/feed.atom")).status == 200
