"""Names that change over HTTP: renaming a player, taking it back, the names that it had."""

from collections.abc import Iterable

from msgspec.structs import asdict

from osrsdiff.api import rename_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document, player_document
from osrsdiff.api.problems import INVALID_USERNAME, Refused
from osrsdiff.api.schemas import FetchQueued
from osrsdiff.errors import InvalidUsername
from osrsdiff.game.usernames import canonical
from osrsdiff.storage.players import Player
from osrsdiff.storage.renames import NameChange
from osrsdiff.tracking import renames as tracking
from osrsdiff.tracking.renames import Renamed


async def rename_player(call: Call[Nothing, schemas.RenamePlayer]) -> Reply[schemas.PlayerRenamed]:
    """Calls a player otherwise. Its id, schedule, groups and history stay, and a fetch is queued.

    Where the new name is tracked too, the two become one: the history of the first, then that of the second from its
    first look on; they are in each other's groups. That is refused, with all reasons, where the histories contradict
    each other: metrics that fell, more gained than anybody gains in the time between, both seen at once. With
    `force` it is done all the same, and looks that don't fit are kept by an archived player. Another spelling of the
    name changes only what is shown.
    """
    try:
        canonical(call.body.name)
    except InvalidUsername as error:
        raise Refused(INVALID_USERNAME, str(error), field="name") from error
    renamed = await tracking.rename(call.instance, call.username, call.body.name, force=call.body.force)
    return Reply(renamed_document(renamed, renamed_in_words(renamed)))


async def undo_rename(call: Call[Nothing, Nothing]) -> Reply[schemas.PlayerRenamed]:
    """Takes back the newest change of a player's name that stands, also after further looks.

    Two players who became one are two again: what was seen from the join on is the second one's. What was seen under a
    name that nobody else was tracked under goes to a new player of that name, who is paused. A split is not
    taken back like a name: where both are one player after all, rename the archived one to the other's, with `force`.
    """
    undone = await tracking.undo(call.instance, call.username)
    return Reply(renamed_document(undone, undone_in_words(undone)))


async def player_names(call: Call[Nothing, Nothing]) -> Reply[schemas.Names]:
    """Each name that the player was given here, the newest first; also those that were taken back."""
    # not kept: a player who was never seen is stored just as before when a name is given and taken back
    return Reply(names_document(*await tracking.names_of(call.instance, call.username)))


def renamed_document(renamed: Renamed, message: str) -> schemas.PlayerRenamed:
    """A change of a player's name as clients see it. `message`: the same in words."""
    return schemas.PlayerRenamed(
        **asdict(player_document(renamed.player)),
        scheduled=renamed.scheduled,
        message=message,
        before=renamed.before,
        joined_at=renamed.joined_at,
        apart=renamed.apart,
        fetch=None if renamed.task_id is None else FetchQueued(renamed.task_id),
    )


def names_document(player: Player, changes: Iterable[NameChange]) -> schemas.Names:
    """The names of a player as clients see them."""
    return schemas.Names(
        name_document(player),
        [
            schemas.NameChange(
                before=one.before_display,
                after=one.after_display,
                at=one.at,
                merged=one.was_merged,
                joined_at=one.joined_at,
                forced=one.forced,
                undone_at=one.undone_at,
            )
            for one in changes
        ],
    )


def renamed_in_words(renamed: Renamed) -> str:
    """What became of a player that was renamed."""
    now = renamed.player.display_name
    if not renamed.was_merged:
        said = f"{renamed.before} is called {now} now."
    elif renamed.joined_at is None:
        said = f"{renamed.before} and {now} are one player now; nobody had looked at the second one yet."
    else:
        at = f"{renamed.joined_at:%Y-%m-%d %H:%M} UTC"
        said = f"{renamed.before} and {now} are one player now, joined at the look of {at}."
    kept = f" Looks that did not fit are kept by {renamed.apart_display}." if renamed.apart else ""
    return said + kept + _later(renamed)


def undone_in_words(undone: Renamed) -> str:
    """What became of a player whose renaming was taken back."""
    said = f"{undone.before} is called {undone.player.display_name} again."
    if undone.apart is None:
        return said + _later(undone)
    paused = "" if undone.was_merged else ", who is paused"
    return f"{said} What was seen since then is that of {undone.apart_display}{paused}." + _later(undone)


def _later(renamed: Renamed) -> str:
    return "" if renamed.scheduled else " Redis does not answer, so schedules follow by themselves once it does."
