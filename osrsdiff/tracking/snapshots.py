"""What each look of a player changed, and the full sheet as it was at any time."""

from datetime import UTC, datetime

from osrsdiff.game.metrics import place_of
from osrsdiff.storage import snapshots as table
from osrsdiff.storage.players import Player
from osrsdiff.storage.snapshots import SheetAt, Snapshot
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

_AFTER_ALL = datetime(9999, 12, 31, tzinfo=UTC)


async def list_snapshots(
    instance: Instance, name: str, *, before: datetime | None = None, limit: int = 20
) -> tuple[Player, list[Snapshot]]:
    """A page of the looks that changed something, the newest first, those before `before`.

    Raises InvalidUsername, PlayerNotFound.
    """
    player = await get_player(instance, name)
    async with instance.db.reading() as connection:
        return player, await table.page(connection, player.id, before=before or _AFTER_ALL, limit=limit)


async def sheet_at(instance: Instance, name: str, at: datetime) -> tuple[Player, SheetAt]:
    """The sheet as it was at a time, in the hiscores' order. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.reading() as connection:
        found = await table.sheet_at(connection, player.id, at)
    found.rows.sort(key=lambda row: place_of(row.metric.key))
    return player, found
