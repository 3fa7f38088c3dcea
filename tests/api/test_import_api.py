"""An import over the API: the text of an export or of dated values, with the report that the command prints."""

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


async def test_it_takes_an_admin(api: Ask) -> None:
    assert (await api("POST", PATH, token=None, json={"content": VALUES})).status == 401
