"""Groups of players: made, found, changed, deleted. Who is in them: see `members`."""

from datetime import UTC, datetime

import msgspec

from osrsdiff import logs
from osrsdiff.errors import GroupNotFound, InvalidGroup
from osrsdiff.game import groups as rules
from osrsdiff.storage import groups as table
from osrsdiff.storage.groups import Group, Membership
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

log = logs.get(__name__)


async def get_group(instance: Instance, key: str) -> Group:
    """The group of this key, or of this name as long as its key is made from it. Raises GroupNotFound."""
    wanted = _key_of(key)
    async with instance.db.reading() as connection:
        group = await table.by_key(connection, wanted)
    if group is None:
        raise GroupNotFound(key)
    return group


async def list_groups(instance: Instance, *, after: str | None = None, limit: int = 50) -> list[Group]:
    """A page of groups by key, those after `after`."""
    async with instance.db.reading() as connection:
        return await table.page(connection, after=after, limit=limit)


async def create_group(instance: Instance, name: str, *, key: str | None = None, description: str = "") -> Group:
    """A new group, empty; its key is made from `key`, else from its name. Raises InvalidGroup, GroupExists."""
    name, description = rules.group_name(name), rules.group_description(description)
    made = rules.group_key(name if key is None else key)
    async with instance.db.writing() as connection:
        group = await table.add(connection, key=made, name=name, description=description, now=datetime.now(UTC))
    log.info("group created", group=made)
    return group


async def change_group(
    instance: Instance, key: str, *, name: str | None = None, new_key: str | None = None, description: str | None = None
) -> Group:
    """The group with what is given in place of what it had; its key stays unless another is given.

    Raises GroupNotFound, InvalidGroup, GroupExists.
    """
    given: dict[str, str] = {}
    if name is not None:
        given["name"] = rules.group_name(name)
    if new_key is not None:
        given["key"] = rules.group_key(new_key)
    if description is not None:
        given["description"] = rules.group_description(description)
    wanted = _key_of(key)
    async with instance.db.writing() as connection:
        group = await table.by_key(connection, wanted, locked=True)
        if group is None:
            raise GroupNotFound(key)
        changed = msgspec.structs.replace(group, **given)
        if not await table.change(connection, changed):
            raise GroupNotFound(key)
    log.info("group changed", group=changed.key)
    return changed


async def delete_group(instance: Instance, key: str) -> Group:
    """Forgets a group; its players stay. Raises GroupNotFound."""
    group = await get_group(instance, key)
    async with instance.db.writing() as connection:
        if not await table.remove(connection, group.id):
            raise GroupNotFound(key)
    log.info("group deleted", group=group.key)
    return group


async def groups_of(instance: Instance, name: str) -> tuple[Player, list[Membership]]:
    """The groups that a player is in, by key. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.reading() as connection:
        return player, await table.of_player(connection, player.id)


def _key_of(given: str) -> str:
    """The key that is meant. Raises GroupNotFound for what can be none's."""
    try:
        return rules.group_key(given)
    except InvalidGroup as error:
        raise GroupNotFound(given) from error
