"""Game modes over HTTP: a player's mode and those that it had; checking it now."""

from collections.abc import Iterable

from osrsdiff.api import mode_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.game.modes import SECOND_LOOK_AFTER, ModeChange
from osrsdiff.storage.players import Player
from osrsdiff.tracking import modes as tracking
from osrsdiff.tracking.players import get_player, see_player


async def player_modes(call: Call[Nothing, Nothing]) -> Reply[schemas.Modes]:
    """The player's game mode, since when and how sure that is, and each change between which looks it came.

    The mode says on which table of the hiscores the player is looked up, so all ranks are those of that table. Another
    mode counts where two looks at the tables, some minutes apart, find the same.
    """
    seen = await see_player(call.instance, call.username)

    async def make() -> Reply[schemas.Modes]:
        return Reply(modes_document(seen.player, await tracking.mode_history(call.instance, call.username)))

    return await call.kept(seen, make)


async def check_mode(call: Call[Nothing, Nothing]) -> Reply[schemas.CheckAccepted]:
    """Looks at the tables of the hiscores now, at as many as it takes. `checked_at` of the modes tells when it is done.

    Nobody who is paused, archived or flagged for review can be checked. Players are checked by themselves: ironmen
    daily, others once after they were added.
    """
    player = await get_player(call.instance, call.username)
    queued = await tracking.enqueue_check(call.instance, player)
    joined = "Joined the check that waits already." if queued.joined else "Queued."
    message = f"{joined} A worker does it as soon as the request budget lets it."
    return Reply(schemas.CheckAccepted(queued.task_id, queued.joined, message))


def modes_document(player: Player, changes: Iterable[ModeChange]) -> schemas.Modes:
    """A player's game modes as clients see them."""
    return schemas.Modes(
        player=name_document(player),
        game_mode=player.game_mode,
        since=player.mode_since,
        checked_at=player.mode_checked_at,
        pending=_pending(player),
        changes=[schemas.ModeChange(one.before, one.mode, one.at, one.after) for one in changes],
    )


def _pending(player: Player) -> schemas.PendingMode | None:
    if player.mode_pending is None or player.mode_pending_at is None:
        return None
    found_at = player.mode_pending_at
    return schemas.PendingMode(player.mode_pending, found_at, found_at + SECOND_LOOK_AFTER)
