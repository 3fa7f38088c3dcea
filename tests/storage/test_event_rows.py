"""Events as rows: what is written is read newest first, in pages that leave nothing out."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta

import pytest

from osrsdiff.game.events import Event, EventKind, not_found
from osrsdiff.game.modes import GameMode
from osrsdiff.storage import events, groups, players
from osrsdiff.storage.among import Among
from osrsdiff.storage.engine import Database
from osrsdiff.storage.events import Happened, Place
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.players import Player

AddPlayer = Callable[..., Awaitable[Player]]

HOUR = timedelta(hours=1)


async def add(db: Database, player: Player, *items: Event) -> None:
    async with db.writing() as conn:
        ids = await ids_of(conn, {"attack"}, (), at=items[0].at)
        await conn.run_all(events.steps(player.id, items, ids))


def level_up(level: int, at: datetime) -> Event:
    return Event(EventKind.LEVEL_UP, at, at - HOUR, "attack", level, level - 1)


def levels(found: Iterable[Happened]) -> list[int | None]:
    return [one.event.value for one in found]


async def test_an_event_is_read_back_with_whose_it_is(db: Database, add_player: AddPlayer, now: datetime) -> None:
    player = await add_player("Lynx Titan")
    all_kinds = [
        Event(EventKind.RECORD, now, now - HOUR, "attack", 9_000_000_000, 5_000_000_000, "week"),
        Event(EventKind.NAME_CHANGE, now - HOUR, None, detail="Lynx"),
    ]
    await add(db, player, *all_kinds)
    async with db.reading() as conn:
        found = await events.page(conn, limit=9)
    assert [one.event for one in found] == all_kinds
    assert {(one.player_id, one.username, one.display_name, one.game_mode) for one in found} == {
        (player.id, player.username, player.display_name, GameMode.REGULAR)
    }


async def test_pages_leave_nothing_out_while_more_happens(db: Database, add_player: AddPlayer, now: datetime) -> None:
    player, other = await add_player("lynx titan"), await add_player("fern gully")
    # several at the same second, of both
    await add(db, player, *(level_up(level, now + level // 3 * HOUR) for level in range(2, 8)))
    await add(db, other, *(level_up(level, now + level // 3 * HOUR) for level in range(12, 18)))
    async with db.reading() as conn:
        everything = await events.page(conn, limit=50)
    seen: list[Happened] = []
    place: Place | None = None
    for _ in range(4):
        async with db.reading() as conn:
            page = await events.page(conn, limit=5, before=place)
        if not page:
            break
        seen += page
        place = events.place_of(page[-1])
        await add(db, player, level_up(90 + len(seen), page[0].event.at), level_up(99, now + 100 * HOUR))
    assert seen == everything
    assert levels(seen) == [17, 16, 15, 14, 13, 12, 7, 6, 5, 4, 3, 2]


async def test_pages_of_a_player_a_group_a_mode_and_a_kind(db: Database, add_player: AddPlayer, now: datetime) -> None:
    one, two, three = [await add_player(name) for name in ("one", "two", "three")]
    for number, player in enumerate((one, two, three)):
        await add(db, player, level_up(10 + number, now), Event(EventKind.FIRST_SEEN, now - HOUR, None))
    async with db.writing() as conn:
        group = await groups.add(conn, key="few", name="Few", description="", now=now)
    await groups.put_members(db, group.id, {one.id: "member", three.id: "member"}, now=now)
    among = Among(group_id=group.id)
    async with db.reading() as conn:
        assert levels(await events.page(conn, limit=9, kind=EventKind.LEVEL_UP)) == [12, 11, 10]
        assert levels(await events.page(conn, limit=9, player_id=two.id)) == [11, None]
        assert levels(await events.page(conn, limit=9, player_id=two.id, kind=EventKind.RECORD)) == []
        assert levels(await events.page(conn, limit=9, among=among)) == [12, 10, None, None]
        assert levels(await events.page(conn, limit=1, among=among, kind=EventKind.FIRST_SEEN)) == [None]
        assert await events.page(conn, limit=9, among=Among(mode=GameMode.IRONMAN)) == []
    async with db.writing() as conn:
        await players.remove(conn, three.id)
    async with db.reading() as conn:
        assert levels(await events.page(conn, limit=9, among=among)) == [10, None]


@pytest.mark.parametrize(("since_h", "again"), [(-1, False), (0, False), (1, True)])
async def test_what_may_happen_once_since_a_time_is_added_once(
    db: Database, add_player: AddPlayer, now: datetime, since_h: int, again: bool
) -> None:
    player, other = await add_player("one"), await add_player("two")
    await add(db, player, level_up(2, now + 2 * HOUR))
    async with db.writing() as conn:
        assert await events.add_once(conn, player.id, not_found(now, None), since=now)
        assert await events.add_once(conn, other.id, not_found(now, None), since=now)
        later = not_found(now + 2 * HOUR, now)
        assert await events.add_once(conn, player.id, later, since=now + since_h * HOUR) is again
    async with db.reading() as conn:
        assert len(await events.page(conn, limit=9, player_id=player.id, kind=EventKind.NOT_FOUND)) == 1 + again
