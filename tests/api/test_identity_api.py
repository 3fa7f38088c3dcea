"""What answers about one player say of its identity: its game mode's table, builds, flags, what is not reckoned yet."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import bindparam, text, update

from osrsdiff.game.events import Event, EventKind, mode_detail
from osrsdiff.game.metrics import KNOWN, MetricKind
from osrsdiff.game.modes import GameMode, ModeChange, Pending
from osrsdiff.game.reviews import Why
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.storage import events, modes, reviews
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import players
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

LYNX = "/api/v1/players/lynx%20titan"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
HARDCORE, IRONMAN = GameMode.HARDCORE, GameMode.IRONMAN
_RECKONED_BY = update(players).values(reckoned_by=bindparam("rules", type_=players.c.reckoned_by.type))
UNTOUCHED = Reading(0, None, None, Unranked.ZERO)


def ranked(value: int, rank: int = 1000, level: int | None = None) -> Reading:
    return Reading(value, rank, level, None)


def at(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


async def change_mode(instance: Instance, when: datetime, mode: GameMode, *, after: datetime | None = None) -> None:
    player = await get_player(instance, "lynx titan")
    change = ModeChange(when, after, player.game_mode, mode)
    async with instance.db.writing() as conn:
        steps = [*modes.set_to(player, mode, at=when, after=after), *modes.changed(player.id, change)]
        assert await conn.run_all(steps)


@pytest.mark.parametrize(
    ("days_ago", "moved", "moved_today"),
    [
        ((), 100, 130),
        ((9,), 100, 130),  # before all that is compared
        ((6,), None, None),
        ((0.5,), 100, None),  # after the end's look, before today's
        ((6, 0.5), None, None),  # the newest change is not the only one
    ],
)
async def test_no_rank_moves_across_a_change_of_table(
    api: Ask,
    instance: Instance,
    lynx: Player,
    look: Look,
    days_ago: tuple[float, ...],
    moved: int | None,
    moved_today: int | None,
) -> None:
    await look(lynx, NOW - 8 * DAY, attack=ranked(1000, 500))
    await look(lynx, NOW - 2 * DAY, attack=ranked(2000, 400))
    for ago, mode in zip(days_ago, (HARDCORE, IRONMAN)[-len(days_ago) :], strict=False):
        await change_mode(instance, NOW - ago * DAY, mode)
    await look(lynx, NOW, attack=ranked(2000, 370))
    [gain] = (await api("GET", f"{LYNX}/gains")).document["gains"]
    assert (gain["gained"], gain["rank_today"]) == (1000, 370)
    assert (gain["rank_moved"], gain["rank_moved_today"]) == (moved, moved_today)
    assert (gain["start"]["rank"], gain["end"]["rank"]) == (500, 400)


async def test_the_sheet_says_which_builds_it_proves(api: Ask, lynx: Player, look: Look) -> None:
    assert (await api("GET", f"{LYNX}/stats")).document["builds"] == []
    skills = {metric.key: UNTOUCHED for metric in KNOWN if metric.kind is MetricKind.SKILL}
    await look(lynx, NOW - DAY, **{**skills, "overall": ranked(50_000), "strength": ranked(50_000)})
    answer = await api("GET", f"{LYNX}/stats")
    assert answer.document["builds"] == ["1_defence", "10_hitpoints", "free_to_play"]


async def test_a_flagged_player_is_shown_as_such_and_its_records_as_not_reckoned(
    api: Ask, instance: Instance, lynx: Player, see: Look
) -> None:
    for path in ("records", "achievements"):
        assert (await api("GET", f"{LYNX}/{path}")).document["is_reckoned"] is True
    await see(lynx, NOW - DAY, zulrah=ranked(600))
    for path in ("records", "achievements"):
        assert (await api("GET", f"{LYNX}/{path}")).document["is_reckoned"] is True
    async with instance.db.writing() as conn:
        await conn.run_all(reviews.flag_steps(lynx.id, at=NOW, after=NOW - DAY, why=Why.COLLAPSE, detail="all is gone"))
    found = (await api("GET", LYNX)).document
    assert found["flagged_at"] == at(NOW)
    [listed] = (await api("GET", "/api/v1/players")).document["items"]
    assert listed == found
    for path in ("records", "achievements"):
        assert (await api("GET", f"{LYNX}/{path}")).document["is_reckoned"] is False
    [event] = (await api("GET", f"{LYNX}/events?kind=flagged")).document["items"]
    assert event["title"] == "flagged for review: all is gone"


@pytest.mark.parametrize("reckoned_by", [None, 1])
async def test_what_is_not_reckoned_by_the_present_rules_says_so(
    api: Ask, instance: Instance, lynx: Player, see: Look, reckoned_by: int | None
) -> None:
    await see(lynx, NOW - DAY, zulrah=ranked(600))
    async with instance.db.writing() as conn:
        await conn.run(_RECKONED_BY, {"rules": reckoned_by})
    for path in ("records", "achievements"):
        assert (await api("GET", f"{LYNX}/{path}")).document["is_reckoned"] is False
    assert (await api("GET", f"{LYNX}/records")).document["message"] == "The history is not gone over yet."


async def test_modes_say_since_when_and_how_sure_that_is(api: Ask, instance: Instance, lynx: Player) -> None:
    found = await api("GET", f"{LYNX}/modes")
    assert found.document == {
        "player": {"id": lynx.id, "username": "lynx titan", "display_name": "Lynx Titan", "game_mode": "regular"},
        "game_mode": "regular",
        "since": None,
        "checked_at": None,
        "pending": None,
        "changes": [],
    }
    async with instance.db.writing() as conn:
        assert await conn.run_all(modes.pending(lynx, Pending(IRONMAN, NOW)))
    pending = (await api("GET", f"{LYNX}/modes", headers={"If-None-Match": found.headers["ETag"]})).document["pending"]
    again = at(NOW + timedelta(minutes=5))
    assert pending == {"mode": "ironman", "found_at": at(NOW), "second_look_from": again}


async def test_changes_of_mode_come_newest_first_with_both_ends(api: Ask, instance: Instance, lynx: Player) -> None:
    await change_mode(instance, NOW - 9 * DAY, HARDCORE)
    await change_mode(instance, NOW - 5 * DAY, IRONMAN, after=NOW - 6 * DAY)
    found = (await api("GET", f"{LYNX}/modes")).document
    assert (found["game_mode"], found["since"], found["checked_at"]) == ("ironman", *[at(NOW - 5 * DAY)] * 2)
    assert found["changes"] == [
        {"before": "hardcore_ironman", "mode": "ironman", "at": at(NOW - 5 * DAY), "after": at(NOW - 6 * DAY)},
        {"before": "regular", "mode": "hardcore_ironman", "at": at(NOW - 9 * DAY), "after": None},
    ]
    shown = (await api("GET", LYNX)).document
    assert (shown["mode_since"], shown["mode_checked_at"]) == (found["since"], found["checked_at"])


async def test_a_check_is_queued_once_and_only_for_admins(api: Ask, lynx: Player) -> None:
    first = await api("POST", f"{LYNX}/check-mode")
    assert (first.status, first.document["joined"]) == (202, False)
    second = await api("POST", f"{LYNX}/check-mode")
    assert (second.document["task_id"], second.document["joined"]) == (first.document["task_id"], True)
    assert (await api("POST", f"{LYNX}/check-mode", token=None)).status == 401
    assert (await api("POST", "/api/v1/players/nobody/check-mode")).status == 404


@pytest.mark.parametrize(
    ("row", "path", "kind", "words"),
    [
        ("is_active = false", LYNX, "mode-check-refused", "resume"),
        ("flagged_at = 1", LYNX, "mode-check-refused", "review"),
        ("username = 'lynx titan~1'", f"{LYNX}~1", "player-archived", "rename"),
    ],
)
async def test_who_can_not_be_checked_is_told_what_to_do(
    api: Ask, instance: Instance, lynx: Player, row: str, path: str, kind: str, words: str
) -> None:
    async with instance.db.writing() as conn:
        await conn.run(text(f"UPDATE players SET {row}"))
    refused = await api("POST", f"{path}/check-mode")
    assert (refused.status, refused.document["type"]) == (409, f"/docs#{kind}")
    assert words in refused.document["detail"]


async def test_a_change_of_mode_is_told_by_feeds(api: Ask, instance: Instance, lynx: Player) -> None:
    died = Event(EventKind.MODE_CHANGE, NOW, NOW - DAY, detail=mode_detail(HARDCORE, IRONMAN))
    async with instance.db.writing() as conn:
        await conn.run_all(events.steps(lynx.id, [died], {}))
    feed = await api("GET", "/players/lynx%20titan/feed.atom")
    assert "Lynx Titan: hardcore died, now an ironman, between " in feed.text
