"""A player's export over the API: the lines that the command writes, with a tag that follows what is kept."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import export_looks
from osrsdiff.storage.players import Player
from osrsdiff.tracking.groups import create_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.members import Wanted, put_members
from osrsdiff.tracking.players import add_player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]
START = datetime(2026, 10, 1, 12, tzinfo=UTC)
PATH = "/api/v1/players/lynx_titan/export"


async def test_all_of_a_player_comes_as_lines(api: Ask, instance: Instance, lynx: Player, look: Look) -> None:
    await add_player(instance, "somebody")
    await look(lynx, START, attack=Reading(7, 1, 1, None))
    answer = await api("GET", PATH)
    assert (answer.status, answer.type) == (200, "application/x-ndjson")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lynx_titan.jsonl"'
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["type"] for line in lines] == ["header", "metric", "player", "look", "end"]
    assert lines[3]["changes"] == [{"metric": "attack", "value": 7, "rank": 1}]
    assert (await api("GET", "/api/v1/players/nobody/export")).status == 404


async def test_its_tag_moves_with_looks_and_groups(api: Ask, instance: Instance, lynx: Player, look: Look) -> None:
    await create_group(instance, "Few")

    async def unchanged(tag: str) -> bool:
        return bool((await api("GET", PATH, headers={"If-None-Match": tag})).status == 304)

    tags = [(await api("GET", PATH)).headers["ETag"]]
    assert await unchanged(tags[-1])
    await look(lynx, START + timedelta(hours=1), attack=Reading(7, 1, 1, None))
    assert not await unchanged(tags[-1])
    tags.append((await api("GET", PATH)).headers["ETag"])
    await put_members(instance, "few", [Wanted("lynx titan", None)], track_unknown=False)
    assert not await unchanged(tags[-1])
    assert '"group":"few"' in (await api("GET", PATH)).text


async def test_what_is_rewritten_meanwhile_is_to_be_asked_for_again(
    api: Ask, lynx: Player, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(lynx, START, attack=Reading(7, 1, 1, None))
    monkeypatch.setattr(export_looks, "page", nothing)
    answer = await api("GET", PATH)
    assert (answer.status, answer.document["type"]) == (503, "/docs#changed-meanwhile")
    assert "Retry-After" in answer.headers


async def nothing(*_: object, **__: object) -> list[object]:
    return []
