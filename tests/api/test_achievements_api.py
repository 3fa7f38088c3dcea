"""Achievements over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

ACHIEVEMENTS = "/api/v1/players/lynx%20titan/achievements"
START = datetime(2026, 2, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ranked(value: int) -> Reading:
    return Reading(value, 1000, None, None)


async def test_a_player_never_looked_at_has_reached_nothing(api: Ask, lynx: Player) -> None:
    answer = await api("GET", ACHIEVEMENTS)
    assert (answer.status, answer.document["player"]["display_name"]) == (200, "Lynx Titan")
    assert (answer.document["achievements"], answer.document["ahead"]) == ([], [])
    assert answer.document["message"] == "Not looked at yet."


async def test_achievements_say_between_which_looks_and_what_is_next(api: Ask, lynx: Player, see: Look) -> None:
    await see(lynx, START, attack=ranked(101_000), zulrah=ranked(600))
    await see(lynx, START + 6 * HOUR, attack=ranked(101_400), zulrah=ranked(600))
    answer = await api("GET", ACHIEVEMENTS)
    assert answer.document["achievements"][0] == {
        "title": "50 Attack",
        "metric": "attack",
        "name": "Attack",
        "kind": "skill",
        "measure": "level",
        "threshold": 50,
        "reached_at": "2026-02-01T16:00:00Z",
        "after": "2026-02-01T10:00:00Z",
    }
    assert [(one["title"], one["reached_at"], one["after"]) for one in answer.document["achievements"][1:]] == [
        ("500 Zulrah kills", None, None),
        ("First Zulrah kill", None, None),
    ]
    assert [(one["title"], one["value"], one["percent"]) for one in answer.document["ahead"]] == [
        ("1,000 Zulrah kills", 600, 60.0),
        ("60 Attack", 50, 37.0),
        ("50m Attack xp", 101_400, 0.2),
    ]
    assert answer.document["message"] is None
    unchanged = await api("GET", ACHIEVEMENTS, headers={"If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status, unchanged.text) == (304, "")


async def test_achievements_of_nobody_are_a_problem(api: Ask, lynx: Player) -> None:
    answer = await api("GET", "/api/v1/players/nobody/achievements")
    assert (answer.status, answer.document["type"]) == (404, "/docs#player-not-found")
