"""Whom an export is of: some players, the members of a group, everybody; and the groups that it names. Reads only."""

from collections.abc import AsyncIterator, Iterable, Sequence

from msgspec import Struct

from osrsdiff.storage import export as table
from osrsdiff.storage import groups as groups_table
from osrsdiff.storage.engine import Database
from osrsdiff.storage.groups import Group
from osrsdiff.tracking.groups import get_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

_A_PAGE = 200


class Wanted(Struct, frozen=True):
    """Who is to be exported: the players of these names, else the members of a group, else everybody."""

    names: Sequence[str] = ()
    group: str | None = None


class Whom(Struct, frozen=True):
    """`players`: ids and usernames, None: everybody, `newest_id` being the last who was there. `groups`: all named."""

    players: Sequence[tuple[int, str]] | None
    groups: list[Group]
    count: int
    newest_id: int = 0


async def found(instance: Instance, wanted: Wanted) -> Whom:
    """Raises InvalidUsername, PlayerNotFound, GroupNotFound."""
    if wanted.names:
        some = {await _named(instance, name) for name in wanted.names}
        return Whom(sorted(some, key=_by_username), await _groups_of(instance.db, some), len(some))
    if wanted.group is not None:
        group = await get_group(instance, wanted.group)
        members = [member async for member in _members(instance.db, group)]
        return Whom(members, [group], len(members))
    async with instance.db.reading() as conn:
        count, newest_id = await table.count(conn), await table.newest_id(conn)
    return Whom(None, [group async for group in _all_groups(instance.db)], count, newest_id)


async def each(db: Database, whom: Whom) -> AsyncIterator[tuple[int, str]]:
    """The players by username, in short reads: ids and usernames as they are when it is their turn."""
    for known in whom.players or ():
        yield known
    after: str | None = None if whom.players is not None else ""
    while after is not None:
        async with db.reading() as conn:
            page = await table.page(conn, after=after, limit=_A_PAGE)
        for one in page:
            yield one
        after = page[-1][1] if page else None


async def _named(instance: Instance, name: str) -> tuple[int, str]:
    player = await get_player(instance, name)
    return player.id, player.username


def _by_username(one: tuple[int, str]) -> str:
    return one[1]


async def _groups_of(db: Database, players: Iterable[tuple[int, str]]) -> list[Group]:
    groups: dict[str, Group] = {}
    for player_id, _ in players:
        async with db.reading() as conn:
            groups |= {one.group.key: one.group for one in await groups_table.of_player(conn, player_id)}
    return sorted(groups.values(), key=lambda group: group.key)


async def _members(db: Database, group: Group) -> AsyncIterator[tuple[int, str]]:
    after: str | None = None
    while True:
        async with db.reading() as conn:
            page = await groups_table.members(conn, group.id, after=after, limit=_A_PAGE)
        for member in page:
            yield member.player.id, member.player.username
        if not page:
            return
        after = page[-1].player.username


async def _all_groups(db: Database) -> AsyncIterator[Group]:
    after: str | None = None
    while True:
        async with db.reading() as conn:
            page = await groups_table.page(conn, after=after, limit=_A_PAGE)
        for group in page:
            yield group
        if not page:
            return
        after = page[-1].key
