"""Reviews as rows: a player is flagged once, what is open is listed, what was decided stays decided."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from osrsdiff.game.events import EventKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import Record, RecordPeriod
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import events, groups, history, metrics, players, records, reviews
from osrsdiff.storage.among import EVERYBODY, Among
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player

HOUR = timedelta(hours=1)
AddPlayer = Callable[..., Awaitable[Player]]


def flag(player: Player, at: datetime, detail: str = "5 skills fell") -> list[Step]:
    return reviews.flag_steps(player.id, at=at, after=at - HOUR, why=Why.COLLAPSE, detail=detail)


def resolve(player: Player, flagged_at: datetime, at: datetime) -> list[Step]:
    return reviews.resolved_steps(player.id, flagged_at=flagged_at, at=at, resolution=Resolution.ACCEPTED)


async def flagged_at(db: Database, player: Player) -> datetime | None:
    async with db.reading() as conn:
        found = await players.by_username(conn, player.username)
    assert found is not None
    return found.flagged_at


async def test_a_player_is_flagged_once_until_it_is_decided(db: Database, add_player: AddPlayer, now: datetime) -> None:
    player = await add_player()
    for at in (now, now + HOUR):
        assert await db.write_together(flag(player, at))
    assert await flagged_at(db, player) == now
    assert not await db.write_together(resolve(player, now - HOUR, now + HOUR))
    assert await db.write_together(resolve(player, now, now + HOUR))
    assert not await db.write_together(resolve(player, now, now + 2 * HOUR))
    assert await flagged_at(db, player) is None
    await db.write_together(flag(player, now + 3 * HOUR, "again"))
    async with db.reading() as conn:
        found = await reviews.of_player(conn, player.id)
        told = await events.page(conn, limit=9, kind=EventKind.FLAGGED, player_id=player.id)
        assert await reviews.by_id(conn, found[1].id) == found[1]
        assert await reviews.open_of(conn, player.id) == found[0]
    assert [(one.flagged_at, one.after, one.detail, one.resolved_at, one.resolution) for one in found] == [
        (now + 3 * HOUR, now + 2 * HOUR, "again", None, None),
        (now, now - HOUR, "5 skills fell", now + HOUR, Resolution.ACCEPTED),
    ]
    assert [one.event.detail for one in told] == ["again", "5 skills fell"]


async def test_what_is_done_moves_the_state_on(
    db: Database,
    add_player: AddPlayer,
    store: Callable[..., Awaitable[bool]],
    skill: Callable[..., Reading],
    now: datetime,
) -> None:
    player = await add_player()
    await store(player, {"attack": skill(100)}, now)
    versions = []
    for steps in ([], flag(player, now), resolve(player, now, now)):
        await db.write_together(steps)
        async with db.reading() as conn:
            state = await history.load_state(conn, player.id)
        assert state is not None
        versions.append(state.version)
    assert versions == [1, 2, 3]


async def test_nobody_who_is_removed_is_flagged(db: Database, add_player: AddPlayer, now: datetime) -> None:
    player = await add_player()
    async with db.writing() as conn:
        await players.remove(conn, player.id)
    await db.write_together(flag(player, now))
    async with db.reading() as conn:
        assert await reviews.of_player(conn, player.id) == []
        assert await events.page(conn, limit=9) == []


async def test_reviews_come_in_pages_the_newest_first(db: Database, add_player: AddPlayer, now: datetime) -> None:
    listed = [await add_player(f"player {number}") for number in range(5)]
    for player in listed:
        await db.write_together(flag(player, now))
    await db.write_together(resolve(listed[3], now, now))
    async with db.reading() as conn:
        first = await reviews.page(conn, limit=2)
        second = await reviews.page(conn, limit=9, before=first[-1].review.id)
        everything = await reviews.page(conn, limit=9, only_open=False)
        assert await reviews.count_open(conn) == 4
    names = [[one.player.username for one in page] for page in (first, second, everything)]
    assert names == [
        ["player 4", "player 2"],
        ["player 1", "player 0"],
        ["player 4", "player 3", "player 2", "player 1", "player 0"],
    ]
    assert [one.review.resolution for one in everything[:2]] == [None, Resolution.ACCEPTED]


@pytest.mark.parametrize("mode", [None, GameMode.REGULAR, GameMode.ULTIMATE])
async def test_no_table_of_records_has_who_is_flagged(db: Database, now: datetime, mode: GameMode | None) -> None:
    async with db.writing() as conn:
        listed = [
            await players.add(
                conn,
                username=f"player {number}",
                display_name="",
                interval_minutes=60,
                now=now,
                game_mode=mode or GameMode.REGULAR,
            )
            for number in range(3)
        ]
        ids = await metrics.ids_of(conn, {"attack"}, (), at=now)
        for number, player in enumerate(listed):
            record = Record("attack", RecordPeriod.DAY, 10 + number, now - HOUR, now)
            await conn.run_all(records.steps(player.id, [record], ids))
        group = await groups.add(conn, key="clan", name="Clan", description="", now=now)
    await groups.put_members(db, group.id, {player.id: "member" for player in listed}, now=now)
    await db.write_together(flag(listed[2], now))
    cases = [EVERYBODY if mode is None else Among(mode=mode), Among(group_id=group.id, mode=mode)]
    async with db.reading() as conn:
        found = [
            [
                one.player.username
                for one in await records.best(conn, "attack", ids["attack"], RecordPeriod.DAY, among=among, limit=9)
            ]
            for among in cases
        ]
    assert found == [["player 1", "player 0"]] * 2
