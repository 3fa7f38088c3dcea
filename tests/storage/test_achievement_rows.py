"""Achievements as rows, and their events: added with a look, put right after a whole history was reckoned anew."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import pytest

from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import EventKind
from osrsdiff.game.thresholds import Measure
from osrsdiff.storage import achievements, events
from osrsdiff.storage.engine import Database
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.players import Player

AddPlayer = Callable[..., Awaitable[Player]]

HOUR = timedelta(hours=1)


@pytest.fixture
async def ids(db: Database, now: datetime) -> Mapping[str, int]:
    async with db.writing() as conn:
        return await ids_of(conn, {"overall", "attack", "zulrah"}, (), at=now)


@pytest.fixture
async def player(add_player: AddPlayer) -> Player:
    return await add_player()


def kills(threshold: int, at: datetime | None) -> Reached:
    return Reached("zulrah", Measure.VALUE, threshold, at, at and at - HOUR)


async def add(db: Database, player: Player, ids: Mapping[str, int], *items: Reached) -> None:
    async with db.writing() as conn:
        await conn.run_all(achievements.steps(player.id, items, ids))


async def stored(db: Database, player: Player) -> dict[int, datetime | None]:
    async with db.reading() as conn:
        return {one.threshold: one.at for one in await achievements.of_player(conn, player.id)}


async def told(db: Database, player: Player) -> list[tuple[int | None, datetime]]:
    """The thresholds of the events and their times, the newest first."""
    async with db.reading() as conn:
        found = await events.page(conn, limit=50, player_id=player.id, kind=EventKind.ACHIEVEMENT)
    return [(one.event.value, one.event.at) for one in found]


async def test_what_is_stored_is_read_back_with_an_event_for_what_is_dated(
    db: Database, player: Player, ids: Mapping[str, int], now: datetime
) -> None:
    items = [
        Reached("overall", Measure.BASE_LEVEL, 70, now, now - HOUR),
        Reached("attack", Measure.LEVEL, 99, now, now - HOUR),
        Reached("overall", Measure.VALUE, 4_600_000_000, None, None),
    ]
    await add(db, player, ids, *items)
    async with db.reading() as conn:
        found = await achievements.of_player(conn, player.id)
        happened = [one.event for one in await events.page(conn, limit=9)]
    assert sorted(found, key=lambda one: one.threshold) == items
    assert {(one.metric, one.detail, one.value, one.at, one.after) for one in happened} == {
        ("overall", "base_level", 70, now, now - HOUR),
        ("attack", "level", 99, now, now - HOUR),
    }


async def test_what_has_a_row_is_not_reached_once_more(
    db: Database, player: Player, ids: Mapping[str, int], now: datetime
) -> None:
    await add(db, player, ids, kills(100, None), kills(500, now))
    await add(db, player, ids, kills(100, now + HOUR), kills(500, now + HOUR), kills(1_000, now + HOUR))
    assert await stored(db, player) == {100: None, 500: now, 1_000: now + HOUR}
    assert await told(db, player) == [(1_000, now + HOUR), (500, now)]


async def test_nothing_reached_is_nothing_to_do() -> None:
    assert achievements.steps(1, [], {}) == []


async def test_a_history_reckoned_anew_puts_rows_and_events_right(
    db: Database, player: Player, ids: Mapping[str, int], now: datetime
) -> None:
    await add(db, player, ids, kills(1, now), kills(100, now), kills(500, now + HOUR), kills(1_000, None))
    [kept_before] = [pair for pair in await told(db, player) if pair[0] == 1]
    right = [kills(1, now), kills(100, now - HOUR), kills(1_000, now + HOUR), kills(5_000, None)]
    async with db.writing() as conn:
        mended = await achievements.correction(conn, player.id, right, ids)
        await conn.run_all(mended.steps)
    assert mended.wrong == 4
    assert await stored(db, player) == {1: now, 100: now - HOUR, 1_000: now + HOUR, 5_000: None}
    assert await told(db, player) == [(1_000, now + HOUR), kept_before, (100, now - HOUR)]
    async with db.writing() as conn:
        assert await achievements.correction(conn, player.id, right, ids) == (0, [])


async def test_only_this_player_is_put_right(
    db: Database, player: Player, add_player: AddPlayer, ids: Mapping[str, int], now: datetime
) -> None:
    other = await add_player("fern gully")
    await add(db, player, ids, kills(500, now))
    await add(db, other, ids, kills(500, now))
    async with db.writing() as conn:
        await conn.run_all((await achievements.correction(conn, player.id, [], ids)).steps)
    assert (await stored(db, player), await told(db, player)) == ({}, [])
    assert (await stored(db, other), await told(db, other)) == ({500: now}, [(500, now)])
