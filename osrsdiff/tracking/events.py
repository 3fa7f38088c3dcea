"""Reading back what happened: to everybody, to a group, to one player; newest first, in pages."""

from datetime import datetime

from msgspec import Struct

from osrsdiff.game.events import EventKind
from osrsdiff.storage import events as table
from osrsdiff.storage import instance as instance_table
from osrsdiff.storage.among import EVERYBODY, Among
from osrsdiff.storage.events import Happened, Place
from osrsdiff.storage.groups import Group
from osrsdiff.storage.players import Player
from osrsdiff.tracking.cursors import cursor, read_cursor
from osrsdiff.tracking.groups import get_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

DEFAULT_LIMIT = 50
MOST_AT_ONCE = 500


class EventPage(Struct, frozen=True):
    """Some events, the newest first. `next`: the cursor of the following page, None at the end."""

    items: list[Happened]
    next: str | None


class Asked(Struct, frozen=True):
    """Which events: of one kind or of all, so many, from the cursor `after` on."""

    kind: EventKind | None = None
    limit: int = DEFAULT_LIMIT
    after: str | None = None


NEWEST = Asked()


async def list_events(instance: Instance, asked: Asked = NEWEST, *, group: str | None = None) -> EventPage:
    """What happened to everybody or to the members of the group `group`. Raises GroupNotFound, InvalidCursor."""
    if group is not None:
        return (await group_events(instance, group, asked))[1]
    return await _page(instance, asked, None, EVERYBODY)


async def player_events(instance: Instance, name: str, asked: Asked = NEWEST) -> tuple[Player, EventPage]:
    """What happened to a player. Raises InvalidUsername, PlayerNotFound, InvalidCursor."""
    player = await get_player(instance, name)
    return player, await _page(instance, asked, player.id, EVERYBODY)


async def group_events(instance: Instance, key: str, asked: Asked = NEWEST) -> tuple[Group, EventPage]:
    """What happened to those who are in a group now. Raises GroupNotFound, InvalidCursor."""
    group = await get_group(instance, key)
    return group, await _page(instance, asked, None, Among(group_id=group.id))


async def begun_at(instance: Instance) -> datetime:
    """Before when nothing can have happened: when the database was made."""
    async with instance.db.reading() as connection:
        return await instance_table.created_at(connection)


async def _page(instance: Instance, asked: Asked, player_id: int | None, among: Among) -> EventPage:
    before = None if asked.after is None else read_cursor(asked.after, Place)
    async with instance.db.reading() as connection:
        found = await table.page(
            connection, limit=asked.limit + 1, before=before, kind=asked.kind, player_id=player_id, among=among
        )
    items = found[: asked.limit]
    return EventPage(items, cursor(table.place_of(items[-1])) if len(found) > len(items) else None)
