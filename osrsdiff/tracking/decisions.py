"""What is decided of a flagged player, done to the rows: trusted, cut, split, split and renamed.

In the caller's transaction, which ends the review; schedules and what is said of it are the caller's part.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from osrsdiff.errors import DatabaseBusy, RenameRefused, ReviewRefused, SameName, SplitRefused
from osrsdiff.game import usernames
from osrsdiff.game.reviews import Why
from osrsdiff.storage import lineage, modes, renames
from osrsdiff.storage import players as players_table
from osrsdiff.storage import reviews as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.players import Player
from osrsdiff.storage.renames import NameChange
from osrsdiff.tracking import renames as renaming

Change = Callable[[Connection, Player, datetime, datetime], Awaitable[renaming.Done | None]]
"""What a decision does to the rows of a player who was flagged at that look, and when; what else must follow it."""


async def trust(connection: Connection, player: Player, _flagged_at: datetime, _now: datetime) -> None:
    """The flag ends. Where the mode could not be, the one before it was never right: the next check finds it."""
    review = (await table.of_player(connection, player.id))[0]
    if review.why is Why.IMPOSSIBLE_MODE:
        await connection.run_all(modes.forgotten(player.id))


async def cut(connection: Connection, player: Player, flagged_at: datetime, _now: datetime) -> None:
    """The looks are thrown away, from the flagged one on."""
    await _refuse_moving(connection, player)
    await lineage.cut(connection, player.id, flagged_at)


async def split(connection: Connection, player: Player, flagged_at: datetime, now: datetime) -> None:
    """From the flagged look on it is somebody else; the player of before has an archived name, and is paused."""
    await _split_off(connection, player, flagged_at, now)


async def split_and_rename(
    renamed_to: str, connection: Connection, player: Player, flagged_at: datetime, now: datetime
) -> renaming.Done:
    """The same, and the player of before goes on under another name. Both or nothing: what is raised undoes it all.

    Raises SameName, SplitRefused, ReviewRefused.
    """
    if usernames.canonical(renamed_to) == player.username:
        raise SameName(player.display_name)
    archived = await _split_off(connection, player, flagged_at, now)
    try:
        done = await renaming.rename_within(
            connection, archived.after, renamed_to, now=now, resume=player.is_active, shown=player.display_name
        )
    except RenameRefused as error:
        raise SplitRefused(error, archived.after_display) from error
    if done is None:
        raise DatabaseBusy(f"Somebody else renames {renamed_to} just now; try again.")
    return done


async def _split_off(connection: Connection, player: Player, flagged_at: datetime, now: datetime) -> NameChange:
    """The name that the player of before has since."""
    await _refuse_moving(connection, player)
    archived = await _archived(connection, player, now)
    await renames.call(connection, player.id, archived.after, archived.after_display)
    await renames.note(connection, player.id, archived, None)
    await players_table.set_active(connection, player.id, False)
    await lineage.split(
        connection,
        player.id,
        flagged_at,
        username=player.username,
        display_name=player.display_name,
        is_active=player.is_active,
    )
    return archived


async def _archived(connection: Connection, player: Player, now: datetime) -> NameChange:
    """The change of name that a split is to the player of before."""
    username = await renames.archived_name(connection, player.username)
    number = username.removeprefix(usernames.bare(username))
    return NameChange(
        id=0,
        at=now.replace(microsecond=0),
        before=player.username,
        before_display=player.display_name,
        after=username,
        after_display=usernames.bare(player.display_name) + number,
        joined_at=None,
        was_merged=False,
        forced=False,
        undone_at=None,
    )


async def _refuse_moving(connection: Connection, player: Player) -> None:
    """Half of an old history would be taken for all of it."""
    if what := await renames.what_brings(connection, player.id):
        raise ReviewRefused(
            f"The {what} that brings older looks of {player.display_name} has not ended; wait for it, or run it again."
        )
