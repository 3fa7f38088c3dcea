"""Groups and members as rows, on both databases."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from osrsdiff.errors import GroupExists
from osrsdiff.storage import groups, newcomers, plan, players
from osrsdiff.storage.engine import Database
from osrsdiff.storage.groups import Group
from osrsdiff.storage.players import Player

AddPlayer = Callable[..., Awaitable[Player]]


async def made(db: Database, key: str, now: datetime) -> Group:
    async with db.writing() as conn:
        return await groups.add(conn, key=key, name=key.title(), description="", now=now)


async def names_in(db: Database, group: Group) -> list[tuple[str, str]]:
    async with db.reading() as conn:
        found = await groups.members(conn, group.id, after=None, limit=100)
    return [(one.player.username, one.role) for one in found]


async def test_a_key_is_given_once(db: Database, now: datetime) -> None:
    group = await made(db, "iron-squad", now)
    with pytest.raises(GroupExists):
        await made(db, "iron-squad", now)
    async with db.reading() as conn:
        assert await groups.by_key(conn, "iron-squad") == group
        assert await groups.by_key(conn, "iron") is None


async def test_pages_are_by_key(db: Database, now: datetime) -> None:
    for key in ("b", "a-b", "ab", "a"):
        await made(db, key, now)
    async with db.reading() as conn:
        first = await groups.page(conn, after=None, limit=3)
        assert [one.key for one in first] == ["a", "a-b", "ab"]
        assert [one.key for one in await groups.page(conn, after="ab", limit=3)] == ["b"]


async def test_putting_in_twice_changes_the_role_and_keeps_the_day(
    db: Database, add_player: AddPlayer, now: datetime
) -> None:
    group, lynx = await made(db, "clan", now), await add_player()
    await groups.put_members(db, group.id, {lynx.id: "member"}, now=now)
    await groups.put_members(db, group.id, {lynx.id: "captain"}, now=now + timedelta(days=1))
    async with db.reading() as conn:
        [member] = await groups.members(conn, group.id, after=None, limit=10)
        assert (member.player, member.role, member.joined_at) == (lynx, "captain", now)
        assert await groups.roles(conn, group.id, [lynx.id, 99]) == {lynx.id: "captain"}
        found = await groups.by_key(conn, "clan")
    assert found
    assert found.member_count == 1


async def test_nobody_is_put_into_a_group_that_is_gone(db: Database, add_player: AddPlayer, now: datetime) -> None:
    group, lynx = await made(db, "clan", now), await add_player()
    await groups.put_members(db, group.id, {lynx.id + 1: "member"}, now=now)
    assert await names_in(db, group) == []
    async with db.writing() as conn:
        assert await groups.remove(conn, group.id)
        assert not await groups.remove(conn, group.id)
    await groups.put_members(db, group.id, {lynx.id: "member"}, now=now)
    async with db.reading() as conn:
        assert await groups.of_player(conn, lynx.id) == []


async def test_a_removed_player_is_in_no_group_and_a_deleted_group_keeps_its_players(
    db: Database, add_player: AddPlayer, now: datetime
) -> None:
    one, other = await made(db, "one", now), await made(db, "other", now)
    lynx, zezima = await add_player("lynx titan"), await add_player("zezima")
    for group, player in itertools.product((one, other), (lynx, zezima)):
        await groups.put_members(db, group.id, {player.id: "member"}, now=now)
    async with db.writing() as conn:
        await players.remove(conn, lynx.id)
        await groups.remove(conn, other.id)
    assert await names_in(db, one) == [("zezima", "member")]
    async with db.reading() as conn:
        assert [each.group.key for each in await groups.of_player(conn, zezima.id)] == ["one"]
        assert (await plan.by_ids(conn, [zezima.id])).get(zezima.id) == zezima


async def test_taking_out_touches_no_other_group(db: Database, add_player: AddPlayer, now: datetime) -> None:
    one, other = await made(db, "one", now), await made(db, "other", now)
    lynx, zezima = await add_player("lynx titan"), await add_player("zezima")
    for group in (one, other):
        await groups.put_members(db, group.id, {lynx.id: "captain", zezima.id: "member"}, now=now)
    await groups.take_out(db, one.id, [lynx.id, 99])
    assert await names_in(db, one) == [("zezima", "member")]
    assert await names_in(db, other) == [("lynx titan", "captain"), ("zezima", "member")]


async def test_long_lists_in_opposite_orders_wait_for_each_other_in_one_order(db: Database, now: datetime) -> None:
    group, names = await made(db, "clan", now), {f"p{number:04}": "P" for number in range(1_000)}
    # each on a connection that is there already, so that they run at once
    for orders in ([{}, {}, {}, {}], [names, dict(reversed(names.items()))] * 2):
        added = await asyncio.gather(*(newcomers.add(db, order, interval_minutes=60, now=now) for order in orders))
    assert sorted(name for one in added for name in one) == sorted(names)
    ids = {name: number for one in added for name, number in one.items()}
    lists = [list(ids.values()), list(ids.values())[::-1]] * 2
    await asyncio.gather(*(groups.put_members(db, group.id, dict.fromkeys(one, "x"), now=now) for one in lists))
    async with db.reading() as conn:
        assert len(await groups.roles(conn, group.id, ids.values())) == 1_000
    await asyncio.gather(*(groups.take_out(db, group.id, one) for one in lists))
    assert await names_in(db, group) == []
