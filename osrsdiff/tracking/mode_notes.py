"""What a fetch says of the player's game mode: noted for the check that decides, and that is asked for where due.

Decides nothing itself: one answer is no reason to believe that a mode has changed.
"""

from msgspec.structs import replace

from osrsdiff import logs
from osrsdiff.errors import RedisUnreachable
from osrsdiff.game.modes import SECOND_LOOK_AFTER, GameMode
from osrsdiff.game.snapshots import Difference, State
from osrsdiff.storage import modes
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
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


def noticed(player: Player, answer: Answer) -> list[Step]:
    """What is stored with a look where the player was read on another table than that of the mode.

    Whom only the ironman table has is read there from now on. An ironman whose own table is silent, or stays behind, is
    checked, and not by comparing main with what is known, since that now comes from there. While a check could not tell
    the mode, silence alone asks for no other one before the next round.
    """
    if answer.table is player.game_mode:
        return []
    if player.game_mode is GameMode.REGULAR:
        return modes.guessed(player, answer.table)
    asked_at = player.mode_pending_at
    is_open = asked_at is not None and answer.at - asked_at < modes.ROUND
    if player.mode_pending is not None or (is_open and not answer.is_ahead):
        return []
    return modes.doubted(player, answer.at)


async def since_own_row(db: Database, player: Player, state: State) -> State:
    """The state as main is to be compared with it where an ironman's own row may have stayed since it was last shown.

    What main has more came since then, and not just since the last look.
    """
    async with db.reading() as connection:
        shown_at = await modes.last_shown(connection, player)
    since = max(state.taken_at, shown_at or state.taken_at)
    return replace(state, looked_at=min(since, state.looked_at))
