"""Players' game modes: asking for a check, how it ended, and which changes are known."""

import msgspec

from osrsdiff.game.modes import ModeChange
from osrsdiff.storage import modes
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.mode_checks import ModeChecked as ModeChecked
from osrsdiff.tracking.mode_checks import check_mode as check_mode
from osrsdiff.tracking.mode_checks import refused
from osrsdiff.tracking.mode_rounds import ModesChecked as ModesChecked
from osrsdiff.tracking.mode_rounds import check_modes as check_modes
from osrsdiff.tracking.mode_tables import MOST_REQUESTS as MOST_REQUESTS
from osrsdiff.tracking.players import Enqueued, get_player


async def mode_history(instance: Instance, name: str) -> list[ModeChange]:
    """A player's changes of game mode, the newest first. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.reading() as connection:
        return await modes.of_player(connection, player.id)


async def enqueue_check(instance: Instance, player: Player, *, spare: bool = False) -> Enqueued:
    """Asks the workers for a check now, or joins who asked before and has not been served.

    `spare`: as the lower class of the request budget. Raises PlayerArchived, ModeCheckRefused, RedisUnreachable.
    """
    refuse_check(player)
    return Enqueued(*await instance.asked.mode_check(player.id, spare=spare))


def refuse_check(player: Player) -> None:
    """Raises PlayerArchived, ModeCheckRefused where the player's mode can't be checked as the player is."""
    if refusal := refused(player):
        raise refusal


async def check_outcome(instance: Instance, task_id: str, timeout_s: float) -> ModeChecked | None:
    """How an enqueued check ended; None when it has not within `timeout_s`. Raises RedisUnreachable."""
    value = await instance.results.wait(task_id, timeout_s)
    return None if value is None else msgspec.convert(value, ModeChecked)
