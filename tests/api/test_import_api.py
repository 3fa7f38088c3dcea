"""An import over the API: the text of an export or of dated values, with the report that the command prints."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import list_players, remove_player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]
START = datetime(2026, 10, 1, 12, tzinfo=UTC)
PATH = "/api/v1/import"
VALUES = "player,date,metric,value\nZezima,2024-01-31,Attack,1000\nZezima,2024-02-30,Attack,2000\n"


async def test_a_player_comes_back_from_its_export(api: Ask, instance: Instance, lynx: Player, look: Look) -> None:
    for hour in range(3):
        await look(lynx, START + timedelta(hours=hour), attack=Reading(hour, 1, 1, None))
    exported = (await api("GET", "/api/v1/players/lynx_titan/export")).text
    again = await api("POST", PATH, json={"content": exported})
    assert (again.status, again.document["players_known"], again.document["looks_known"]) == (200, 1, 3)
    await remove_player(instance, lynx.username)
    brought = (await api("POST", PATH, json={"content": exported})).document
    assert (brought["players_new"], brought["looks_stored"], brought["scheduled"]) == (1, 3, 1)
    assert (await api("GET", "/api/v1/players/lynx_titan/stats")).document["metrics"][0]["value"] == 2


@pytest.mark.parametrize(
    ("asked", "players", "stopped"),
    [({}, ["zezima"], False), ({"dry_run": True}, [], False), ({"all_or_nothing": True}, [], True)],
    ids=["as it is", "dry", "all or nothing"],
)
async def test_bad_rows_of_dated_values_are_told(
    api: Ask, instance: Instance, asked: dict[str, Any], players: list[str], stopped: bool
) -> None:
    report = (await api("POST", PATH, json={"content": VALUES, **asked})).document
    assert (report["stopped"], report["refused_total"], report["refused"][0]["line"]) == (stopped, 1, 3)
    assert [player.username for player in await list_players(instance)] == players


async def test_what_is_neither_is_refused(api: Ask) -> None:
    answer = await api("POST", PATH, json={"content": "dear diary"})
    assert (answer.status, answer.document["field"]) == (422, "content")
    assert "The content" in answer.document["detail"]
    assert "/" not in answer.document["detail"]


async def test_what_no_database_takes_is_a_bad_row(api: Ask, instance: Instance) -> None:
    header = {"type": "header", "format": 1, "made_by": "a test", "exported_at": "2026-10-01T12:00:00Z", "players": 1}
    group = {"type": "group", "key": "few", "name": "a\0b", "description": "", "created_at": "2026-10-01T12:00:00Z"}
    lines = [header, group, {"type": "end", "items": 2}]
    report = (await api("POST", PATH, json={"content": "\n".join(map(json.dumps, lines))})).document
    assert [one["line"] for one in report["refused"]] == [2]
    values = "player,date,metric,value\nZez\0ima,2024-01-31,Attack,5\nZezima,2024-01-31,Att\0ack,5\n"
    report = (await api("POST", PATH, json={"content": values})).document
    assert [one["line"] for one in report["refused"]] == [2, 3]
    assert await list_players(instance) == []


async def test_two_at_once_bring_in_what_one_does(api: Ask, instance: Instance, lynx: Player, look: Look) -> None:
    for hour in range(30):
        await look(lynx, START + timedelta(hours=hour), attack=Reading(hour, 1, 1, None))
    lines = (await api("GET", "/api/v1/players/lynx_titan/export")).text.splitlines()
    of = {"player": "lynx titan", "at": "2026-10-01T12:00:00Z"}
    lines[-1:] = map(json.dumps, (
        {**of, "type": "name_change", "before": "ann", "after": "lynx titan"},
        {**of, "type": "event", "kind": "flagged", "detail": "x"},
        {**of, "type": "event", "kind": "name_change", "detail": "Lynx Titan"},
        {"type": "end", "items": len(lines) + 2},
    ))  # fmt: skip
    await remove_player(instance, lynx.username)
    content = {"content": "\n".join(lines)}
    reports = await asyncio.gather(*(api("POST", PATH, json=content) for _ in range(3)))
    assert [report.status for report in reports] == [200] * 3, [report.text for report in reports]
    again = (await api("POST", PATH, json=content)).document
    assert (again["looks"], again["looks_known"], again["players_known"], again["refused_total"]) == (30, 30, 1, 0)
    there = [json.loads(line) for line in (await api("GET", "/api/v1/players/lynx_titan/export")).text.splitlines()]
    kinds = Counter(line["type"] for line in there)
    assert (kinds["look"], kinds["name_change"], kinds["event"]) == (30, 1, 2)


async def test_a_body_that_is_too_long_is_told_what_to_do(api: Ask) -> None:
    body = io.BytesIO(json.dumps({"content": "a" * 1_100_000}).encode())
    answer = await api("POST", PATH, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status, "`osrsdiff import`" in answer.document["detail"]) == (413, True)


async def test_it_takes_an_admin(api: Ask) -> None:
    assert (await api("POST", PATH, token=None, json={"content": VALUES})).status == 401
