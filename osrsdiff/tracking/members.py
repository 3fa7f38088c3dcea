"""Who is in a group: listed, put in, given another role, taken out, many at a time.

Work is done in batches, each a transaction of its own: what is stopped halfway is done in part, and doing it again does
the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import InvalidUsername, NotAMember, PlayerNotFound
from osrsdiff.game import usernames
from osrsdiff.game.groups import DEFAULT_ROLE
from osrsdiff.storage import groups as table
from osrsdiff.storage import plan
from osrsdiff.storage.groups import Group, Member
from osrsdiff.tracking.groups import get_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.newcomers import track
from osrsdiff.tracking.progress import Progress, Steps
from osrsdiff.tracking.selection import RefusedName, batches

log = logs.get(__name__)


class Wanted(Struct, frozen=True):
    """Who is to be a member. `role`: None leaves the one that there is, and is the usual one for who is new."""

    name: str
    role: str | None = None


class Put(Struct, frozen=True):
    """What became of a list of members, by username: who is new, who has another role now, who was in just so.

    `tracked`: those of them who were not tracked before. `scheduled`: whether these are fetched from now on; False
    while Redis is away. `refused`: the names that nothing was done about, each once.
    """

    group: Group
    added: list[str]
    changed: list[str]
    unchanged: list[str]
    tracked: list[str]
    scheduled: bool
    refused: list[RefusedName]


class TakenOut(Struct, frozen=True):
    """What became of taking players out: who is no member any more, and the names that were none's."""

    group: Group
    removed: list[str]
    refused: list[RefusedName]


async def list_members(
    instance: Instance, key: str, *, after: str | None = None, limit: int = 50
) -> tuple[Group, list[Member]]:
    """A page of a group's members by username, those after `after`. Raises GroupNotFound."""
    group = await get_group(instance, key)
    async with instance.db.reading() as connection:
        return group, await table.members(connection, group.id, after=after, limit=limit)


async def put_members(
    instance: Instance, key: str, wanted: Sequence[Wanted], *, track_unknown: bool, progress: Progress | None = None
) -> Put:
    """Makes players members, gives members other roles. Who is named twice gets the last role that is given.

    `track_unknown`: who is not tracked is from now on; otherwise such a name is refused. Raises GroupNotFound.
    """
    group = await get_group(instance, key)
    asked, refused = _by_username(wanted)
    tracked, scheduled = list[str](), True
    if track_unknown:
        tracked, scheduled = await track(
            instance, {username: one.name for username, one in asked.items() if not usernames.is_archived(username)}
        )
    put = Put(group, [], [], [], tracked, scheduled, refused)
    steps = Steps(progress, len(asked))
    for batch in batches(asked):
        await _put(instance, put, {username: asked[username] for username in batch})
        steps.add(len(batch))
    steps.end()
    counts = {"added": len(put.added), "changed": len(put.changed), "refused": len(refused)}
    log.info("group members put", group=group.key, **counts)
    return put


async def take_out(instance: Instance, key: str, names: Sequence[str]) -> TakenOut:
    """Takes players out of a group. Raises GroupNotFound."""
    group = await get_group(instance, key)
    asked, refused = _by_username(map(Wanted, names))
    removed = list[str]()
    for batch in batches(asked):
        ids, roles = await _found(instance, group, batch)
        members = {username: number for username, number in ids.items() if number in roles}
        await table.take_out(instance.db, group.id, members.values())
        removed += [username for username in batch if username in members]
        refused += [
            _no_member(asked[username].name, group, ids, username) for username in batch if username not in members
        ]
    log.info("group members taken out", group=group.key, removed=len(removed), refused=len(refused))
    return TakenOut(group, removed, refused)


async def _put(instance: Instance, put: Put, asked: Mapping[str, Wanted]) -> None:
    """Puts one batch in, and notes in `put` what became of it."""
    ids, roles = await _found(instance, put.group, list(asked))
    changes: dict[int, str] = {}
    for username, one in asked.items():
        number = ids.get(username)
        if number is None:
            put.refused.append(RefusedName(one.name, PlayerNotFound(one.name)))
            continue
        before = roles.get(number)
        after = one.role or before or DEFAULT_ROLE
        (put.added if before is None else put.unchanged if before == after else put.changed).append(username)
        if before != after:
            changes[number] = after
    if changes:
        await table.put_members(instance.db, put.group.id, changes, now=datetime.now(UTC))


async def _found(instance: Instance, group: Group, names: Sequence[str]) -> tuple[dict[str, int], dict[int, str]]:
    """The ids of those who are tracked, by username, and the roles of those who are members, by id."""
    async with instance.db.reading() as connection:
        ids = await plan.ids_by_username(connection, names)
        return ids, await table.roles(connection, group.id, ids.values())


def _by_username(wanted: Iterable[Wanted]) -> tuple[dict[str, Wanted], list[RefusedName]]:
    """Each player once, with the first spelling and the last role given; each name that is no name, once."""
    asked: dict[str, Wanted] = {}
    refused: dict[str, RefusedName] = {}
    for one in wanted:
        try:
            username = usernames.tracked_name(one.name)
        except InvalidUsername as error:
            refused.setdefault(one.name, RefusedName(one.name, error))
            continue
        before = asked.get(username, one)
        asked[username] = Wanted(before.name, one.role or before.role)
    return asked, list(refused.values())


def _no_member(name: str, group: Group, ids: Mapping[str, int], username: str) -> RefusedName:
    return RefusedName(name, NotAMember(name, group.key) if username in ids else PlayerNotFound(name))
