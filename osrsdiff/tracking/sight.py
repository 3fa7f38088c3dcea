"""Reading back: a player's gains, current sheet and next look."""

from datetime import UTC, datetime

from osrsdiff.errors import InvalidPeriod, RedisUnreachable
from osrsdiff.game.gains import PlayerGains
from osrsdiff.game.periods import Window, window_between, window_of
from osrsdiff.storage import history
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

DEFAULT_PERIOD = "week"


async def player_gains(
    instance: Instance,
    name: str,
    *,
    period: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> tuple[Player, PlayerGains]:
    """What a player gained in a period that ends now, or between two times.

    Raises InvalidUsername, PlayerNotFound, InvalidPeriod.
    """
    player = await get_player(instance, name)
    window = _window(player, period, start, end)
    async with instance.db.reading() as connection:
        return player, await history.gains(connection, player.id, window)


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


def _window(player: Player, period: str | None, start: datetime | None, end: datetime | None) -> Window:
    # a look may be stored as of a second later than the clock says: two looks never share one
    now = max(datetime.now(UTC), player.last_look_at or player.created_at)
    if start is None and end is None:
        return window_of(period or DEFAULT_PERIOD, now, player.created_at)
    if period is not None:
        raise InvalidPeriod("Give either a period or from and to, not both.")
    if start is None and end is not None and end <= player.created_at:
        raise InvalidPeriod(
            f"{player.display_name} is tracked since {player.created_at:%Y-%m-%d}: nothing is known before."
        )
    return window_between(start or player.created_at, end or now)
