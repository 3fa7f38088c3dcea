"""Answers that are kept: bounded, found again only while nothing that they say has changed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from osrsdiff.api.kept import Bodies, Kept
from osrsdiff.errors import Outcome
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import players
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

LYNX = "/api/v1/players/lynx%20titan"
NOW = datetime.now(UTC).replace(microsecond=0)
sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def kept(length: int) -> Kept:
    return Kept(b"x" * length, '"tag"', {})


def ranked(value: int) -> Reading:
    return Reading(value, 1000, None, None)


def test_what_was_asked_for_last_stays_when_the_room_is_used_up() -> None:
    bodies = Bodies(most_bytes=40_000)
    for number in range(20):
        bodies.put(number, kept(1_000))
    assert bodies.get(0) is not None
    bodies.put("new", kept(1_000))
    assert [number for number in range(20) if bodies.get(number) is None] == [1]


def test_what_is_kept_anew_takes_the_place_of_the_old() -> None:
    bodies = Bodies(most_bytes=40_000)
    for _ in range(100):
        bodies.put("same", kept(1_000))
    bodies.put("other", kept(1_000))
    assert bodies.get("same") is not None


def test_what_would_drive_out_many_others_is_not_kept() -> None:
    bodies = Bodies(most_bytes=32_000)
    bodies.put("large", kept(1_500))
    assert bodies.get("large") is None


async def failed(instance: Instance, player: Player) -> None:
    async with instance.db.writing() as conn:
        await players.record_attempt(conn, player.id, at=NOW, outcome=Outcome.UNAVAILABLE)


@pytest.mark.parametrize("path", ["", "/gains?from=2020-01-01&to=2030-01-01"])
async def test_each_change_of_a_player_gives_its_answers_another_tag(
    api: Ask, lynx: Player, look: Look, instance: Instance, path: str
) -> None:
    async def tag() -> str:
        answer = await api("GET", LYNX + path)
        assert answer.status == 200
        return str(answer.headers["ETag"])

    await look(lynx, NOW - timedelta(days=2), overall=ranked(1_000))
    await look(lynx, NOW - timedelta(days=1), overall=ranked(1_500))
    seen = [await tag()]
    await look(lynx, NOW, overall=ranked(1_500))  # finds nothing new
    seen.append(await tag())
    await failed(instance, lynx)
    seen.append(await tag())
    await api("POST", f"{LYNX}/pause")
    seen.append(await tag())
    await api("PATCH", LYNX, json={"fetch_interval_minutes": 45})
    seen.append(await tag())
    await look(lynx, NOW + timedelta(seconds=5), overall=ranked(1_700))
    seen.append(await tag())
    assert len(set(seen)) == len(seen)


@sqlite
async def test_an_answer_is_made_once_and_not_at_all_for_who_has_it(
    api: Ask, lynx: Player, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(lynx, NOW, overall=ranked(1_000))
    first = await api("GET", f"{LYNX}/stats")
    monkeypatch.setattr(sight, "player_sheet", None)
    for spelling in (LYNX, "/api/v1/players/Lynx_Titan"):
        again = await api("GET", f"{spelling}/stats")
        assert (again.text, again.headers["ETag"]) == (first.text, first.headers["ETag"])
        known = await api("GET", f"{spelling}/stats", headers={"If-None-Match": first.headers["ETag"]})
        assert (known.status, known.text) == (304, "")


@sqlite
async def test_what_can_not_be_answered_is_refused_to_who_would_take_anything(api: Ask, lynx: Player) -> None:
    answer = await api("GET", f"{LYNX}/gains?period=never", headers={"If-None-Match": "*"})
    assert answer.status == 422
