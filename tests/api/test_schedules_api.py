"""Schedules over HTTP: listed, looked at, paused and resumed one by one and many at a time, verified."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api import schedule_schemas as schemas
from osrsdiff.api.schemas import FetchAccepted, PlayerSaved
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.scheduling.keys import Keys
from osrsdiff.storage.players import Player
from osrsdiff.tracking.cursors import cursor
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player

Ask = Callable[..., Awaitable[SimpleNamespace]]

PLAYERS = "/api/v1/players"
SCHEDULES = "/api/v1/schedules"
LYNX = f"{PLAYERS}/lynx%20titan"


@pytest.fixture
async def ids(instance: Instance) -> dict[str, int]:
    return {name: (await add_player(instance, name)).player.id for name in "edcba"}


async def pages(api: Ask, path: str | None) -> list[str]:
    """The usernames of all pages, following the links."""
    found: list[str] = []
    while path:
        page = await api("GET", path)
        assert page.status == 200
        body = msgspec.convert(page.document, schemas.SchedulePage)
        found += [item.player.username for item in body.items]
        following = page.headers.get("Link")
        assert (following is None) == (body.next is None)
        path = following.split(">")[0].strip("<") if following else None
    return found


async def test_schedules_are_listed_page_by_page(api: Ask, instance: Instance, ids: dict[str, int]) -> None:
    assert await pages(api, f"{SCHEDULES}?limit=2") == list("abcde")
    (item, *_) = (await api("GET", SCHEDULES)).document["items"]
    first = msgspec.convert(item, schemas.Schedule)
    assert (first.player.username, first.schedule_id) == ("a", schedule_id_of(ids["a"]))
    assert (first.fetch_interval_minutes, first.is_active, first.is_overdue) == (60, True, False)
    assert first.next_fetch_at == await instance.schedules.next_fire(ids["a"])
    assert first.cron


@pytest.mark.parametrize(
    ("only", "names"), [("due", "bca"), ("overdue", "bc"), ("paused", "de"), ("failing", "")], ids=str
)
async def test_a_part_of_the_schedules(
    api: Ask, instance: Instance, ids: dict[str, int], only: str, names: str
) -> None:
    await api("POST", f"{SCHEDULES}/pause", json={"usernames": ["d", "e"]})
    now = time.time()
    fires = {"a": now + 20, "b": now - 200, "c": now - 100}
    due = Keys(instance.prefix).due
    await instance.redis.zadd(due, {schedule_id_of(ids[name]): at for name, at in fires.items()})
    assert await pages(api, f"{SCHEDULES}?limit=1&only={only}") == list(names)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_lists_have_an_etag(api: Ask, ids: dict[str, int]) -> None:
    first = await api("GET", SCHEDULES)
    again = await api("GET", SCHEDULES, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.text) == (304, "")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("only=late", "only"),
        ("after=nonsense", "after"),
        ("after=", "after"),
        (f"after={cursor(chr(0))}", "after"),
        ("only=due&after=ImEi", "after"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("colour=red", "colour"),
    ],
)
async def test_a_query_that_is_refused(api: Ask, query: str, field: str) -> None:
    answer = await api("GET", f"{SCHEDULES}?{query}")
    assert (answer.status, answer.type) == (422, "application/problem+json")
    assert (answer.document["type"], answer.document["field"]) == ("/docs#invalid-field", field)
    assert field in answer.document["detail"]
    assert only_named(answer) == (field == "only")


def only_named(answer: SimpleNamespace) -> bool:
    """Whether a refusal says what `only` takes."""
    return all(part in answer.document["detail"] for part in ("due", "overdue", "paused", "failing"))


async def test_a_players_schedule(api: Ask, instance: Instance, lynx: Player) -> None:
    answer = await api("GET", f"{PLAYERS}/Lynx_Titan/schedule")
    shown = msgspec.convert(answer.document, schemas.PlayerSchedule)
    assert shown.stored is not None
    assert (shown.stored.schedule_id, shown.stored.cron, shown.agrees) == (lynx.schedule_id, shown.cron, True)
    assert shown.next_fetch_at == await instance.schedules.next_fire(lynx.id)
    await instance.source.delete_schedule(schedule_id_of(lynx.id))
    lost = msgspec.convert((await api("GET", f"{LYNX}/schedule")).document, schemas.PlayerSchedule)
    assert (lost.stored, lost.agrees, lost.next_fetch_at) == (None, False, None)
    assert "verify" in lost.message


async def test_one_is_paused_and_resumed(api: Ask, instance: Instance, lynx: Player) -> None:
    paused = await api("POST", f"{LYNX}/pause")
    saved = msgspec.convert(paused.document, PlayerSaved)
    assert (paused.status, saved.is_active, saved.scheduled, saved.schedule_id) == (200, False, True, None)
    assert await instance.schedules.next_fire(lynx.id) is None
    shown = msgspec.convert((await api("GET", f"{LYNX}/schedule")).document, schemas.PlayerSchedule)
    assert (shown.is_active, shown.stored, shown.cron, shown.agrees) == (False, None, None, True)
    resumed = msgspec.convert((await api("POST", f"{LYNX}/resume")).document, PlayerSaved)
    assert (resumed.is_active, resumed.schedule_id) == (True, schedule_id_of(lynx.id))
    assert await instance.schedules.next_fire(lynx.id) is not None


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("method", "verb"), [("GET", "schedule"), ("POST", "pause"), ("POST", "resume")])
async def test_a_schedule_of_nobody(api: Ask, method: str, verb: str) -> None:
    answer = await api(method, f"{LYNX}/{verb}")
    assert (answer.status, answer.document["type"]) == (404, "/docs#player-not-found")
    assert "osrsdiff" not in answer.document["detail"]
    for name in ("way%20too%20long%20a%20name", f"player_fetch_{'9' * 4_400}"):
        answer = await api(method, f"{PLAYERS}/{name}/{verb}")
        assert (answer.status, answer.document["type"]) == (422, "/docs#invalid-username")


async def test_many_are_paused_and_resumed_by_name(api: Ask, ids: dict[str, int]) -> None:
    names = ["A", "b", "nobody", "way too long a name", "nobody", "way too long a name"]
    answer = await api("POST", f"{SCHEDULES}/pause", json={"usernames": names})
    done = msgspec.convert(answer.document, schemas.Steered)
    assert (answer.status, done.matched, done.changed, done.scheduled) == (200, 2, 2, True)
    assert {one.username for one in done.refused} == {"nobody", "way too long a name"}
    assert done.refused_count == len(done.refused) == 2
    assert all(one.reason and "osrsdiff" not in one.reason for one in done.refused)
    assert await pages(api, f"{SCHEDULES}?only=paused") == ["a", "b"]
    resumed = await api("POST", f"{SCHEDULES}/resume", json={"usernames": ["a", "c"]})
    assert (resumed.document["matched"], resumed.document["changed"]) == (2, 1)
    assert await pages(api, f"{SCHEDULES}?only=paused") == ["b"]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_of_many_refused_names_the_first_are_listed(api: Ask, ids: dict[str, int]) -> None:
    names = [f"n{number}" for number in range(50)]
    answer = await api("POST", f"{SCHEDULES}/pause", json={"usernames": ["a", *names]})
    done = msgspec.convert(answer.document, schemas.Steered)
    assert (answer.status, done.matched, done.refused_count) == (200, 1, 50)
    assert [one.username for one in done.refused] == names[:20]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("names", "status", "kind"),
    [
        (["nobody"], 404, "player-not-found"),
        (["nobody", "lynx!titan"], 404, "player-not-found"),
        (["lynx!titan", "way too long a name"], 422, "invalid-username"),
        ([f"n{number}" for number in range(10_000)], 404, "player-not-found"),
    ],
)
@pytest.mark.parametrize("verb", ["pause", "resume"])
async def test_where_every_name_is_refused_nothing_is_called_done(
    api: Ask, ids: dict[str, int], verb: str, names: list[str], status: int, kind: str
) -> None:
    answer = await api("POST", f"{SCHEDULES}/{verb}", json={"usernames": names})
    assert (answer.status, answer.document["type"]) == (status, f"/docs#{kind}")
    assert answer.document["field"] == "usernames"
    assert all(name in answer.document["detail"] for name in names[:20])
    assert ("9,980 more" in answer.document["detail"]) == (len(names) > 20)
    assert "osrsdiff" not in answer.document["detail"]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_where_nobody_fits_nothing_is_called_in_effect(api: Ask, ids: dict[str, int]) -> None:
    answer = await api("POST", f"{SCHEDULES}/resume", json={"only": "paused"})
    assert (answer.status, answer.document["matched"]) == (200, 0)
    assert "effect" not in answer.document["message"]


async def test_everybody_is_paused_and_the_paused_are_resumed(
    api: Ask, instance: Instance, ids: dict[str, int]
) -> None:
    paused = await api("POST", f"{SCHEDULES}/pause", json={"everybody": True})
    assert (paused.document["matched"], paused.document["changed"]) == (5, 5)
    assert await instance.schedules.next_fires(ids.values()) == {}
    resumed = await api("POST", f"{SCHEDULES}/resume", json={"only": "paused"})
    assert (resumed.document["matched"], resumed.document["changed"]) == (5, 5)
    assert set(await instance.schedules.next_fires(ids.values())) == set(ids.values())


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"everybody": False}, None),
        ({"usernames": ["a"], "everybody": True}, None),
        ({"usernames": ["a"], "only": "due"}, None),
        ({"only": "due", "everybody": True}, None),
        ({"usernames": []}, "usernames"),
        ({"usernames": "a"}, "usernames"),
        ({"usernames": ["a"] * 10_001}, "usernames"),
        ({"usernames": [1]}, "usernames"),
        ({"only": "late"}, "only"),
        ({"everybody": "yes"}, "everybody"),
        ({"everybody": True, "colour": "red"}, "colour"),
    ],
)
@pytest.mark.parametrize("verb", ["pause", "resume"])
async def test_a_body_that_does_not_say_who_is_meant(api: Ask, verb: str, body: object, field: str | None) -> None:
    answer = await api("POST", f"{SCHEDULES}/{verb}", json=body)
    assert (answer.status, answer.document["type"]) == (422, "/docs#invalid-field")
    assert answer.document.get("field") == field


async def test_verifying_finds_and_mends(api: Ask, instance: Instance, ids: dict[str, int]) -> None:
    await instance.source.delete_schedule(schedule_id_of(ids["a"]))
    await instance.schedules.schedule_player(4711, 60)
    dry = msgspec.convert((await api("POST", f"{SCHEDULES}/verify?dry_run=true")).document, schemas.Verified)
    assert (dry.mended, dry.players, dry.differences) == (False, 5, 2)
    wet = msgspec.convert((await api("POST", f"{SCHEDULES}/verify")).document, schemas.Verified)
    assert (wet.mended, wet.differences) == (True, 2)
    assert (wet.missing_in_redis.ids, wet.orphaned.ids) == ([ids["a"]], [schedule_id_of(4711)])
    again = msgspec.convert((await api("POST", f"{SCHEDULES}/verify")).document, schemas.Verified)
    assert again.differences == 0


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_fetch_says_what_to_expect(api: Ask, instance: Instance, ids: dict[str, int]) -> None:
    first = msgspec.convert((await api("POST", f"{PLAYERS}/a/fetch")).document, FetchAccepted)
    assert (first.joined, first.expected_at) == (False, None)
    assert "No worker" in first.message
    joined = msgspec.convert((await api("POST", f"{PLAYERS}/a/fetch")).document, FetchAccepted)
    assert (joined.task_id, joined.joined) == (first.task_id, True)
    await instance.redis.zadd(Keys(instance.prefix).workers, {"alive": time.time() + 60})
    asked_at = datetime.now(UTC)
    second = msgspec.convert((await api("POST", f"{PLAYERS}/b/fetch")).document, FetchAccepted)
    assert second.expected_at is not None
    pace = timedelta(seconds=1 / instance.config.hiscores.requests_per_second)
    assert abs(second.expected_at - asked_at - pace) < timedelta(seconds=1.5)
    assert "1 other" in second.message
    await instance.budget().troubled(300)
    later = msgspec.convert((await api("POST", f"{PLAYERS}/c/fetch")).document, FetchAccepted)
    assert later.expected_at is not None
    assert later.expected_at - asked_at > timedelta(seconds=290)
    assert "trouble" in later.message


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{LYNX}/pause"),
        ("POST", f"{LYNX}/resume"),
        ("POST", f"{SCHEDULES}/pause"),
        ("POST", f"{SCHEDULES}/resume"),
        ("POST", f"{SCHEDULES}/verify"),
        ("POST", "/api/v1/tasks/reconcile_schedules/run"),
    ],
)
async def test_changes_need_a_token_of_the_scope_admin(api: Ask, lynx: Player, method: str, path: str) -> None:
    answer = await api(method, path, token=None, json={"everybody": True})
    assert (answer.status, answer.document["type"]) == (401, "/docs#unauthorized")
