"""Reading back: a player's gains, current sheet and next look."""

from datetime import datetime
from functools import partial

from msgspec.structs import replace

from osrsdiff.errors import RedisUnreachable
from osrsdiff.game.gains import PlayerGains
from osrsdiff.storage import gains as table
from osrsdiff.storage import history, modes
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player
from osrsdiff.tracking.windows import Asked, over_window

DEFAULT_PERIOD = "week"


async def player_gains(
    instance: Instance,
    name: str,
    *,
    period: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    everything: bool = True,
) -> tuple[Player, PlayerGains]:
    """What a player gained in a period that ends now, or between two times. `everything`: also what did not change.

    Raises InvalidUsername, PlayerNotFound, InvalidPeriod.
    """
    read = partial(table.gains_of, everything=everything)
    player, found = await over_window(instance, name, Asked(period, start, end), DEFAULT_PERIOD, read)
    since = player.mode_since
    if since is None or all(gain.start.at >= since for gain in found.gains):  # ranks are those of one table
        return player, found
    async with instance.db.reading() as connection:
        earlier = [change.at for change in await modes.of_player(connection, player.id)]
    return player, replace(found, tables_since=[*earlier, since])


async def player_sheet(instance: Instance, name: str) -> tuple[Player, list[SheetRow]]:
    """Each metric's newest reading and when its value was first seen; empty before the first look.

    Raises InvalidUsername, PlayerNotFound.
    """
    player = await get_player(instance, name)
    async with instance.db.reading() as connection:
        return player, await history.sheet(connection, player.id)


async def next_fire(instance: Instance, player: Player) -> datetime | None:
    """When the player is looked at next; None while paused, or where Redis does not say."""
    try:
        return await instance.schedules.next_fire(player.id)
    except RedisUnreachable:
        return None
