"""Players side by side over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api import compare_schemas as schemas
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

COMPARE = "/api/v1/compare"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
async def zezima(instance: Instance) -> Player:
    return (await tracking.add_player(instance, "Zezima")).player


def ranked(value: int, rank: int = 1000, level: int | None = None) -> Reading:
    return Reading(value, rank, level, None)


async def test_players_stand_side_by_side_in_the_order_asked_for(
    api: Ask, lynx: Player, zezima: Player, look: Look
) -> None:
    await look(lynx, NOW - 8 * DAY, attack=ranked(1000, 500, 9), zulrah=ranked(3), vorkath=ranked(0))
    await look(lynx, NOW - DAY, attack=ranked(1500, 400, 11), zulrah=ranked(4), vorkath=ranked(0))
    await look(zezima, NOW - 8 * DAY, attack=ranked(2000, 90, 13))
    answer = await api("GET", f"{COMPARE}?players=zezima,Lynx_Titan&metric=attack")
    found = msgspec.convert(answer.document, schemas.Comparison)
    assert [one.player.username for one in found.players] == ["zezima", "lynx titan"]
    assert [metric.metric for metric in found.metrics] == ["attack", "zulrah"]
    assert found.metrics[0].sides == [
        schemas.Side(value=2000, level=13, rank=90, gained=0, fell=False),
        schemas.Side(value=1500, level=11, rank=400, gained=500, fell=False),
    ]
    assert found.metrics[1].sides[0] == schemas.Side(value=None, level=None, rank=None, gained=None, fell=False)
    assert found.players[1].totals.xp == 500
    assert found.series is not None
    assert [values[-1] for values in found.series.values] == [2000, 1500]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "status", "kind", "says"),
    [
        ("", 422, "invalid-field", "players: it is required"),
        ("?players=lynx titan", 422, "invalid-field", "2 to 10 players; 1 is given"),
        ("?players=lynx titan,LYNX-TITAN", 422, "invalid-field", "1 is given"),
        ("?players=a,b,c,d,e,f,g,h,i,j,k", 422, "invalid-field", "11 are given"),
        ("?players=lynx titan,nobody,nowhere", 404, "player-not-found", "Not tracked: nobody, nowhere."),
        ("?players=lynx titan,", 422, "invalid-username", "it has no letter or digit"),
        ("?players=lynx titan,zezima&metric=nothing", 404, "metric-not-found", "nothing"),
        ("?players=lynx titan,zezima&period=never", 422, "invalid-period", "'never' is not a period"),
    ],
)
async def test_what_can_not_be_compared_is_refused(
    api: Ask, lynx: Player, zezima: Player, query: str, status: int, kind: str, says: str
) -> None:
    answer = await api("GET", COMPARE + query)
    assert (answer.status, answer.document["type"]) == (status, f"/docs#{kind}")
    assert says in answer.document["detail"]
    assert "osrsdiff player" not in answer.document["detail"]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_look_at_any_of_them_changes_the_tag(api: Ask, lynx: Player, zezima: Player, look: Look) -> None:
    path = f"{COMPARE}?players=zezima,lynx titan&from=2026-01-01&to=2026-02-01"
    tag = (await api("GET", path)).headers["ETag"]
    assert (await api("GET", path, headers={"If-None-Match": tag})).status == 304
    await look(zezima, NOW, attack=ranked(2000))
    assert (await api("GET", path, headers={"If-None-Match": tag})).status == 200
