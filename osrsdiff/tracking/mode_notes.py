"""What a fetch says of the player's game mode: noted for the check that decides, and that is asked for where due.

Decides nothing itself: one answer is no reason to believe that a mode has changed.
"""

from osrsdiff import logs
from osrsdiff.errors import RedisUnreachable
from osrsdiff.game.modes import SECOND_LOOK_AFTER, GameMode, Pending
from osrsdiff.game.snapshots import Difference
from osrsdiff.storage import modes
from osrsdiff.storage.players import Player
from osrsdiff.tracking.asking import Answer
from osrsdiff.tracking.fetcher import Fetcher

log = logs.get(__name__)


def needs_check(player: Player, found: Difference) -> bool:
    """Whether a check is due now: the first one of a new player, or the second look that a first one asked for."""
    if player.flagged_at is not None:
        return False
    if player.mode_pending is not None and player.mode_pending_at is not None:
        return found.looked_at - player.mode_pending_at >= SECOND_LOOK_AFTER
    return found.is_first_look and player.mode_checked_at is None


async def ask_for_check(fetcher: Fetcher) -> None:
    """Asks for a run of the job; while Redis is away for none, its next beat will do."""
    try:
        await fetcher.ask_for_mode_checks()
    except RedisUnreachable as error:
        log.debug("game mode not checked, comes later", reason=error)


async def note_other_table(fetcher: Fetcher, player: Player, answer: Answer) -> None:
    """What follows where the player is not on the table of the mode, but on another one.

    Whom only the ironman table has is read there from now on. An ironman whose own table is silent is checked, and not
    by comparing main with what is known, since that now comes from there.
    """
    if player.game_mode is GameMode.REGULAR:
        steps = modes.guessed(player, answer.table)
    elif player.mode_pending is None:
        less = GameMode.REGULAR if player.game_mode is GameMode.IRONMAN else GameMode.IRONMAN
        steps = modes.pending(player, Pending(less, answer.at))
    else:
        return
    await fetcher.db.write_together(steps)
