"""Groups of players and their members: made, found, paged through, changed. Other queries are narrowed by `among`.

A player may be in any number of groups. What belongs to a group goes with it; its players stay.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Integer, Text, bindparam, cast, delete, func, insert, select, update

from osrsdiff.errors import GroupExists, NotUnique
from osrsdiff.storage import players as players_table
from osrsdiff.storage.connection import Connection, Row, Step
from osrsdiff.storage.dialects import ID, SECONDS, JsonItems, OnConflict
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import group_members, groups, players


class Group(Struct, frozen=True):
    """A set of players. `key`: identifies it outside the database."""

    id: int
    key: str
    name: str
    description: str
    created_at: datetime
    member_count: int


class Member(Struct, frozen=True):
    """A player in a group."""

    player: Player
    role: str
    joined_at: datetime


class Membership(Struct, frozen=True):
    """A group that a player is in."""

    group: Group
    role: str
    joined_at: datetime


_group_id = bindparam("group_id", type_=ID)
_player_id = bindparam("player_id", type_=ID)
_most = bindparam("most", type_=Integer)
_after = bindparam("after", type_=Text)

_member_count = select(func.count()).where(group_members.c.group_id == groups.c.id).correlate(groups).scalar_subquery()
_COLUMNS = [*groups.c, _member_count.label("member_count")]

_ADD = (
    insert(groups)
    .values({name: bindparam(name) for name in ("key", "name", "description", "created_at")})
    .ext(OnConflict(["key"]))
    .returning(groups.c.id)
)
_BY_KEY = select(*_COLUMNS).where(groups.c.key == bindparam("key"))
_LOCKED = _BY_KEY.with_for_update(of=groups)
_PAGE = select(*_COLUMNS).where(groups.c.key > _after).order_by(groups.c.key).limit(_most)
_CHANGE = (
    update(groups)
    .where(groups.c.id == _group_id)
    .values({name: bindparam(f"new_{name}", type_=Text) for name in ("key", "name", "description")})
)
_REMOVE = delete(groups).where(groups.c.id == _group_id)

_MEMBERS = (
    select(group_members.c.role, group_members.c.joined_at, *players_table.COLUMNS)
    .join_from(group_members, players, players.c.id == group_members.c.player_id)
    .where(group_members.c.group_id == _group_id, players.c.username > _after)
    .order_by(players.c.username)
    .limit(_most)
)
_OF_PLAYER = (
    select(group_members.c.role, group_members.c.joined_at, *_COLUMNS)
    .join_from(group_members, groups, groups.c.id == group_members.c.group_id)
    .where(group_members.c.player_id == _player_id)
    .order_by(groups.c.key)
)

_given = JsonItems(bindparam("given", type_=Text)).table_valued("value")
_are_given = group_members.c.player_id.in_(select(cast(_given.c.value, ID)))
_ROLES = select(group_members.c.player_id, group_members.c.role).where(
    group_members.c.group_id == _group_id, _are_given
)
# Finds no row for a group or a player that is being removed, instead of failing on it.
_PUT = (
    insert(group_members)
    .from_select(
        ["group_id", "player_id", "role", "joined_at"],
        select(groups.c.id, players.c.id, bindparam("role", type_=Text), bindparam("joined_at", type_=SECONDS))
        .where(groups.c.id == _group_id, players.c.id == _player_id)
        .with_for_update(read=True, key_share=True),
    )
    .ext(OnConflict(["group_id", "player_id"], updated=["role"]))
)
_TAKE_OUT = delete(group_members).where(group_members.c.group_id == _group_id, group_members.c.player_id == _player_id)


async def add(conn: Connection, *, key: str, name: str, description: str, now: datetime) -> Group:
    """The new group, empty. Raises GroupExists."""
    given = {"key": key, "name": name, "description": description}
    row = await conn.one(_ADD, {**given, "created_at": seconds(now)})
    if row is None:
        raise GroupExists(key)
    return Group(id=row[0], created_at=moment(seconds(now)), member_count=0, **given)


async def by_key(conn: Connection, key: str, *, locked: bool = False) -> Group | None:
    """The group of this key; `locked`: which nobody else changes until this transaction ends."""
    row = await conn.one(_LOCKED if locked else _BY_KEY, {"key": key})
    return _group(row) if row else None


async def page(conn: Connection, *, after: str | None, limit: int) -> list[Group]:
    """The next `limit` groups by key, from the first one past `after`."""
    return [_group(row) for row in await conn.all(_PAGE, {"after": after or "", "most": limit})]


async def change(conn: Connection, group: Group) -> bool:
    """Gives the group of this id the key, name and description that it has here; False where there is no such group.

    Raises GroupExists where the key is another's: nothing of the transaction can be stored then.
    """
    given = {"new_key": group.key, "new_name": group.name, "new_description": group.description}
    try:
        return await conn.run(_CHANGE, {"group_id": group.id, **given}) > 0
    except NotUnique as error:
        raise GroupExists(group.key) from error


async def remove(conn: Connection, group_id: int) -> bool:
    """Removes the group, not its players; False where there is no such group."""
    return await conn.run(_REMOVE, {"group_id": group_id}) > 0


async def members(conn: Connection, group_id: int, *, after: str | None, limit: int) -> list[Member]:
    """The next `limit` members by username, from the first one past `after`."""
    rows = await conn.all(_MEMBERS, {"group_id": group_id, "after": after or "", "most": limit})
    return [Member(players_table.of_row(row[2:]), row[0], moment(row[1])) for row in rows]


async def of_player(conn: Connection, player_id: int) -> list[Membership]:
    """The groups that the player is in, by key."""
    rows = await conn.all(_OF_PLAYER, {"player_id": player_id})
    return [Membership(_group(row[2:]), row[0], moment(row[1])) for row in rows]


async def roles(conn: Connection, group_id: int, player_ids: Collection[int]) -> dict[int, str]:
    """Those of the players who are members, with their roles."""
    return dict(await conn.all(_ROLES, {"group_id": group_id, "given": _json(player_ids)}))


async def put_members(db: Database, group_id: int, roles_by_id: Mapping[int, str], *, now: datetime) -> None:
    """Makes these players members with these roles, stored when this returns; who is one already keeps the rest."""
    common = {"group_id": group_id, "joined_at": seconds(now)}
    # in one order whoever writes: two lists with the same players would wait for each other's rows in turns
    rows = [{**common, "player_id": player_id, "role": role} for player_id, role in sorted(roles_by_id.items())]
    await db.write_together([Step(_PUT, rows)])


async def take_out(db: Database, group_id: int, player_ids: Collection[int]) -> None:
    """Takes those of the players who are members out of the group, stored when this returns."""
    rows = [{"group_id": group_id, "player_id": player_id} for player_id in sorted(player_ids)]
    if rows:
        await db.write_together([Step(_TAKE_OUT, rows)])


def _group(row: Row) -> Group:
    number, key, name, description, created_at, count = row
    return Group(number, key, name, description, moment(created_at), count)


def _json(player_ids: Collection[int]) -> str:
    return msgspec.json.encode(list(player_ids)).decode()
