"""Where a list goes on: what is bound to it, and that nothing made by hand gets further than the edge."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.cursors import cursor, read_cursor
from osrsdiff.tracking.instance import Instance

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

NOW = datetime.now(UTC).replace(microsecond=0)
EVENTS, RECORDS, BOARD = "/api/v1/events?", "/api/v1/records/attack?", "/api/v1/leaderboards/attack?"
GAINS = f"{BOARD}by=gained&"
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"

FORGED: list[tuple[str, int | None, list[object]]] = [
    (EVENTS, None, [[1180591620717411303424, 1], [1, 1099511627776], [-(2**63) - 1, 1], [1, -1], [1.5, 1], [1], {}]),
    (RECORDS, 1, [[2**63, "a"], [1, "a\x00"], [1.5, "a"], [1], 7]),
    (RECORDS, 2, [-1, 0, 2**31, 0.5, None]),
    (RECORDS, 3, [-7, 0, 2**31]),
    (BOARD, 1, [[2**63, 0, "a"], [1, -(2**70), "a"], [1, 0, "a\x00"], [1.5, 0, "a"], [1, 0]]),
    (BOARD, 4, [[EARLY, LATE]]),
    (GAINS, 2, [-1, 0, 2**31]),
    (GAINS, 3, [-7, 0, 2**31]),
    (GAINS, 4, [None, [LATE, EARLY], [EARLY, EARLY], [EARLY, "2026-01-01"], ["0001-01-01T00:00:00+14:00", LATE], [1]]),
]


@pytest.fixture
async def two(instance: Instance, see: Look, lynx: Player) -> None:
    """Two players who have gained, and to whom things have happened."""
    for player in (lynx, (await tracking.add_player(instance, "zezima")).player):
        for hours, xp in ((9, 100_000), (3, 200_000)):
            await see(player, NOW - timedelta(hours=hours), attack=Reading(xp, 1000, None, None))


async def following(api: Ask, path: str) -> str:
    first = await api("GET", f"{path}limit=1")
    assert first.document["next"], first.text
    return str(first.document["next"])


async def test_a_cursor_that_was_tampered_with_is_refused(api: Ask, two: None) -> None:
    for path, place, forgeries in FORGED:
        after = await following(api, path)
        whole = read_cursor(after, list[Any])
        for forged in forgeries:
            bad = forged if place is None else [*whole[:place], forged, *whole[place + 1 :]]
            answer = await api("GET", f"{path}after={cursor(bad)}")
            assert (answer.status, answer.document.get("field")) == (422, "after"), (path, place, forged, answer.text)
        assert (await api("GET", f"{path}after={cursor(whole)}")).status == 200


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("leaderboards/attack?by=gained&", "leaderboards/Attack?period=WEEK&"),
        ("leaderboards/attack?period=week&", "leaderboards/attack?period=7d&"),
        ("leaderboards/attack?by=value&", "leaderboards/ATTACK?"),
        ("leaderboards/attack?from=2020-01-01&", "leaderboards/attack?from=2020-01-01T02:00:00%2B02:00&by=gained&"),
        ("records/attack?", "records/Attack?period=week&"),
    ],
)
async def test_a_list_goes_on_however_it_is_spelled(api: Ask, two: None, one: str, other: str) -> None:
    for here, there in ((one, other), (other, one)):
        after = await following(api, f"/api/v1/{here}")
        answer = await api("GET", f"/api/v1/{there}after={after}")
        assert (answer.status, len(answer.document["items"])) == (200, 1), answer.text


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("leaderboards/attack?by=gained&", "leaderboards/attack?"),
        ("leaderboards/attack?by=gained&", "leaderboards/attack?by=improved&"),
        ("leaderboards/attack?period=week&", "leaderboards/attack?period=day&"),
        ("leaderboards/attack?period=all&", "leaderboards/attack?period=week&"),
        ("leaderboards/attack?from=2020-01-01&", "leaderboards/attack?from=2020-01-02&"),
        ("leaderboards/attack?from=2020-01-01&", "leaderboards/attack?period=all&"),
        ("leaderboards/attack?", "leaderboards/strength?"),
        ("leaderboards/attack?", "leaderboards/attack?mode=regular&"),
        ("records/attack?", "records/attack?period=day&"),
        ("records/attack?", "records/attack?mode=regular&"),
    ],
)
async def test_another_list_is_not_continued(api: Ask, two: None, one: str, other: str) -> None:
    after = await following(api, f"/api/v1/{one}")
    answer = await api("GET", f"/api/v1/{other}after={after}")
    assert (answer.status, answer.document["field"]) == (422, "after")
