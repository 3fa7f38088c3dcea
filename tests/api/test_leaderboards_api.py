"""Leaderboards over HTTP: orders, windows, groups, modes, pages, refusals."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api import leaderboard_schemas as schemas
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player
from osrsdiff.tracking import groups, members, players
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.members import Wanted

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

BOARDS = "/api/v1/leaderboards"
DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)


def xp(value: int) -> Reading:
    return Reading(value, 1000, level_for_xp(value), None)


@pytest.fixture
async def some(instance: Instance, look: Look) -> list[Player]:
    """Five players whose attack was seen ten days ago and today; the first three gained the same. One is paused."""
    found = []
    for name, before, after in (
        ("a", 100_000, 200_000),
        ("b", 200_000, 300_000),
        ("C", 300_000, 400_000),
        ("d", 900_000, 950_000),
        ("e", 990_000, 990_000),
    ):
        player = (await players.add_player(instance, name)).player
        await look(player, NOW - 10 * DAY, attack=xp(before))
        await look(player, NOW - timedelta(minutes=5), attack=xp(after))
        found.append(player)
    await players.pause_player(instance, "a")
    return found


def board(answer: SimpleNamespace) -> schemas.Leaderboard:
    assert answer.status == 200, answer.text
    return msgspec.convert(answer.document, schemas.Leaderboard)


def in_short(found: schemas.Leaderboard) -> list[tuple[int, str]]:
    return [(one.place, one.player.username) for one in found.items]


async def test_current_values_have_levels_and_no_window(api: Ask, some: list[Player]) -> None:
    found = board(await api("GET", f"{BOARDS}/attack"))
    assert (found.metric, found.name, found.by, found.window, found.total_gained) == (
        "attack",
        "Attack",
        "value",
        None,
        None,
    )
    assert in_short(found) == [(1, "e"), (2, "d"), (3, "c"), (4, "b"), (5, "a")]
    first = found.items[0]
    assert (first.end.value, first.end.level, first.end.rank) == (990_000, level_for_xp(990_000), 1000)
    assert (first.start, first.gained, first.improved_percent) == (None, None, None)
    assert first.last_look_at == NOW - timedelta(minutes=5)
    assert (found.count, found.next) == (5, None)


async def test_equal_gains_share_a_place_and_are_added_up(api: Ask, some: list[Player]) -> None:
    found = board(await api("GET", f"{BOARDS}/Attack?by=gained"))
    assert in_short(found) == [(1, "a"), (1, "b"), (1, "c"), (4, "d")]
    assert (found.by, found.count, found.total_gained) == ("gained", 4, 350_000)
    assert [(one.gained, one.start and one.start.value, one.end.value) for one in found.items[:2]] == [
        (100_000, 100_000, 200_000),
        (100_000, 200_000, 300_000),
    ]
    assert found.window
    assert found.window.start
    assert found.window.end - found.window.start == 7 * DAY


async def test_improvement_is_told_in_percent(api: Ask, some: list[Player]) -> None:
    found = board(await api("GET", f"{BOARDS}/attack?by=improved&period=month"))
    percents = [(one.player.username, one.improved_percent) for one in found.items]
    assert percents == [("a", 100.0), ("b", 50.0), ("c", 33.3333), ("d", 5.5555)]


async def test_pages_lead_through_a_board_and_keep_count(api: Ask, some: list[Player]) -> None:
    for query in ("by=value", "by=gained", "by=improved", "period=all", "from=2020-01-01"):
        whole = board(await api("GET", f"{BOARDS}/attack?{query}"))
        path: str | None = f"{BOARDS}/attack?{query}&limit=2"
        seen, windows = list[tuple[int, str]](), set()
        while path and len(seen) < 10:
            page = await api("GET", path)
            found = board(page)
            assert (found.count, found.total_gained) == (whole.count, whole.total_gained)
            seen += in_short(found)
            windows.add(msgspec.json.encode(found.window))
            path = page.headers["Link"].split(">")[0].strip("<") if found.next else None
        assert seen == in_short(whole)
        assert len(windows) == 1


async def test_looks_between_two_pages_move_nobody(api: Ask, some: list[Player], look: Look) -> None:
    first = await api("GET", f"{BOARDS}/attack?by=gained&limit=2")
    for player in some:
        await look(player, datetime.now(UTC) + timedelta(seconds=5), attack=xp(5_000_000))
    rest = board(await api("GET", first.headers["Link"].split(">")[0].strip("<")))
    assert [(one.player.username, one.gained) for one in rest.items] == [("c", 100_000), ("d", 50_000)]


async def test_a_window_may_lie_in_the_past_or_have_one_end(api: Ask, some: list[Player]) -> None:
    past = (NOW - 5 * DAY).date()
    assert in_short(board(await api("GET", f"{BOARDS}/attack?from=2020-01-01&to={past}"))) == []
    since = board(await api("GET", f"{BOARDS}/attack?from={past}"))
    assert [name for _, name in in_short(since)] == ["a", "b", "c", "d"]
    ever = board(await api("GET", f"{BOARDS}/attack?period=all"))
    assert ever.window
    assert (ever.window.start, ever.total_gained) == (None, 350_000)


async def test_a_group_has_a_board_of_its_own(api: Ask, instance: Instance, some: list[Player]) -> None:
    await groups.create_group(instance, "Clan")
    await members.put_members(instance, "clan", [Wanted("b"), Wanted("d"), Wanted("e")], track_unknown=False)
    found = board(await api("GET", f"{BOARDS}/attack?group=Clan&period=month"))
    assert (in_short(found), found.count, found.total_gained) == ([(1, "b"), (2, "d")], 2, 150_000)
    assert found.group
    assert (found.group.key, found.group.name) == ("clan", "Clan")
    gains = await api("GET", "/api/v1/groups/clan/gains?metric=attack&period=month&limit=1")
    assert (in_short(board(gains)), gains.document["total_gained"]) == ([(1, "b")], 150_000)
    rest = board(await api("GET", gains.headers["Link"].split(">")[0].strip("<")))
    assert in_short(rest) == [(2, "d")]
    assert board(await api("GET", "/api/v1/groups/clan/gains")).metric == "overall"


async def test_a_mode_has_a_board_of_its_own(api: Ask, some: list[Player]) -> None:
    assert len(board(await api("GET", f"{BOARDS}/attack?mode=regular")).items) == 5
    nobody = board(await api("GET", f"{BOARDS}/attack?mode=ironman&period=week"))
    assert (nobody.items, nobody.count, nobody.total_gained, nobody.mode) == ([], 0, 0, "ironman")


async def test_a_metric_of_the_game_that_nobody_has_is_an_empty_board(api: Ask, some: list[Player]) -> None:
    for query in ("", "?by=gained"):
        assert board(await api("GET", f"{BOARDS}/yama{query}")).items == []


async def test_a_client_keeps_what_it_has_within_the_minute(api: Ask, some: list[Player]) -> None:
    path = f"{BOARDS}/attack?from=2020-01-01&to={(NOW + DAY).date()}&limit=1"
    first = await api("GET", path)
    assert (await api("GET", path, headers={"If-None-Match": first.headers["ETag"]})).status == 304


REFUSED = [
    (f"{BOARDS}/nope", 404, "metric-not-found", "No metric is called 'nope'."),
    (f"{BOARDS}/%21", 404, "metric-not-found", "No metric"),
    (f"{BOARDS}/attack?by=kills", 422, "invalid-field", "one of value, gained, improved"),
    (f"{BOARDS}/attack?by=value&period=week", 422, "invalid-period", "Current values have no window"),
    (f"{BOARDS}/attack?by=value&from=2020-01-01", 422, "invalid-period", "Current values have no window"),
    (f"{BOARDS}/attack?period=fortnight", 422, "invalid-period", "is not a period"),
    (f"{BOARDS}/attack?period=week&from=2020-01-01", 422, "invalid-period", "not both"),
    (f"{BOARDS}/attack?from=2020-01-02&to=2020-01-01", 422, "invalid-period", "start before it ends"),
    (f"{BOARDS}/attack?from=yesterday", 422, "invalid-field", "from"),
    (f"{BOARDS}/attack?mode=casual", 422, "invalid-field", "one of regular, ironman"),
    (f"{BOARDS}/attack?group=nobodys", 404, "group-not-found", "nobodys"),
    (f"{BOARDS}/attack?limit=501", 422, "invalid-field", "limit"),
    (f"{BOARDS}/attack?after=x", 422, "invalid-field", "no `next` of a page"),
    ("/api/v1/groups/nobodys/gains", 404, "group-not-found", "nobodys"),
]


async def test_bad_questions_say_what_to_do(api: Ask) -> None:
    for path, status, kind, says in REFUSED:
        refused = await api("GET", path)
        assert (refused.status, refused.document["type"]) == (status, f"/docs#{kind}"), path
        assert says in refused.document["detail"], path
