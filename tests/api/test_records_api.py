"""Records over HTTP: a player's own, and tables of the highest in pages."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api import record_schemas as schemas
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import RecordPeriod
from osrsdiff.game.snapshots import Reading
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import history
from osrsdiff.storage.players import Player
from osrsdiff.tracking import groups, looks, members
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]
Gain = Callable[..., Awaitable[None]]

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def gain(instance: Instance) -> Gain:
    """Looks at a player, an hour between two: Zulrah's kills at each."""

    async def store(player: Player, kills: Sequence[int]) -> None:
        for hour, count in enumerate(kills):
            async with instance.db.reading() as conn:
                state = await history.load_state(conn, player.id)
            sheet = {"zulrah": Reading(count, 1, None, None), "overall": Reading(count, 1, 40, None)}
            await looks.store(instance.db, player, state, Observation(sheet, ()), START + hour * HOUR)

    return store


async def added(instance: Instance, name: str) -> Player:
    return (await tracking.add_player(instance, name)).player


async def test_a_player_nobody_has_seen_has_no_records(api: Ask, lynx: Player, gain: Gain) -> None:
    answer = await api("GET", "/api/v1/players/lynx%20titan/records")
    found = msgspec.convert(answer.document, schemas.PlayerRecords)
    assert (answer.status, found.records, found.message) == (200, [], "Not looked at yet.")
    await gain(lynx, [5])
    answer = await api("GET", "/api/v1/players/lynx%20titan/records")
    assert answer.document["message"] == "Nothing has been gained since the first look."


async def test_a_players_records_come_by_metric_and_period(api: Ask, lynx: Player, gain: Gain) -> None:
    await gain(lynx, [5, 7, 7, 10])
    path = "/api/v1/players/lynx%20titan/records"
    answer = await api("GET", path)
    found = msgspec.convert(answer.document, schemas.PlayerRecords)
    assert [(one.metric, one.period) for one in found.records] == [
        (metric, period) for metric in ("overall", "zulrah") for period in RecordPeriod
    ]
    assert answer.document["records"][-1] == {
        "metric": "zulrah",
        "name": "Zulrah",
        "kind": "boss",
        "period": "year",
        "gained": 5,
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-03-01T03:00:00Z",
    }
    weekly = msgspec.convert((await api("GET", f"{path}?period=week")).document, schemas.PlayerRecords)
    assert [one.period for one in weekly.records] == [RecordPeriod.WEEK] * 2


async def test_the_tag_follows_the_players_looks(api: Ask, lynx: Player, gain: Gain) -> None:
    path = "/api/v1/players/lynx%20titan/records"
    await gain(lynx, [5, 7])
    tag = (await api("GET", path)).headers["ETag"]
    assert (await api("GET", path, headers={"If-None-Match": tag})).status == 304
    await gain(lynx, [9])
    answer = await api("GET", path, headers={"If-None-Match": tag})
    assert (answer.status, answer.document["records"][-1]["gained"]) == (200, 4)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/api/v1/players/nobody/records", "player-not-found"),
        ("/api/v1/players/lynx%20titan/records?period=hour", "invalid-field"),
        ("/api/v1/players/lynx%20titan/records?metric=zulrah", "invalid-field"),
        ("/api/v1/records/nothing", "metric-not-found"),
        ("/api/v1/records/zulrah?group=nobodys", "group-not-found"),
        ("/api/v1/records/zulrah?mode=hard", "invalid-field"),
        ("/api/v1/records/zulrah?limit=0", "invalid-field"),
        ("/api/v1/records/zulrah?after=here", "invalid-field"),
    ],
)
async def test_what_cannot_be_read_is_refused(api: Ask, lynx: Player, path: str, problem: str) -> None:
    answer = await api("GET", path)
    assert (answer.status // 100, answer.document["type"]) == (4, f"/docs#{problem}")


async def table_of(api: Ask, parameters: str = "") -> list[tuple[int, str, int]]:
    answer = await api("GET", f"/api/v1/records/zulrah?period=day{parameters}")
    assert answer.status == 200, answer.text
    found = msgspec.convert(answer.document, schemas.RecordTable)
    return [(one.place, one.player.username, one.gained) for one in found.items]


async def test_the_highest_records_come_first_in_pages(api: Ask, instance: Instance, gain: Gain) -> None:
    for name, kills in (("cow", 3), ("ant", 7), ("bee", 7), ("dog", 9), ("elk", 0), ("fox", 1)):
        await gain(await added(instance, name), [1, 1 + kills])
    whole = [(1, "dog", 9), (2, "ant", 7), (2, "bee", 7), (4, "cow", 3), (5, "fox", 1)]
    assert await table_of(api) == whole
    paged, path = [], "/api/v1/records/zulrah?period=day&limit=2"
    while True:
        answer = await api("GET", path)
        paged += [(one["place"], one["player"]["username"], one["gained"]) for one in answer.document["items"]]
        if answer.document["next"] is None:
            break
        path = answer.headers["Link"].removeprefix("<").partition(">")[0]
    assert paged == whole
    cursor = path.partition("after=")[2].partition("&")[0]
    other = await api("GET", f"/api/v1/records/zulrah?period=week&after={cursor}")
    assert (other.status, other.document["field"]) == (422, "after")


async def test_a_table_is_narrowed_to_a_group_or_a_game_mode(api: Ask, instance: Instance, gain: Gain) -> None:
    for number, name in enumerate(("ant", "bee", "cow", "dog"), start=1):
        await gain(await added(instance, name), [0, number])
    await groups.create_group(instance, "Insects")
    await members.put_members(instance, "insects", [members.Wanted("ant"), members.Wanted("bee")], track_unknown=False)
    assert await table_of(api, "&group=insects") == [(1, "bee", 2), (2, "ant", 1)]
    assert len(await table_of(api, f"&mode={GameMode.REGULAR}")) == 4
    assert await table_of(api, f"&mode={GameMode.IRONMAN}") == []
    assert len(await table_of(api, f"&group=insects&mode={GameMode.REGULAR}")) == 2
