"""Renaming players: a name alone, or two tracked players whose histories join; and taking it back.

The rows change in one transaction, then the schedules follow them, a fetch is asked for, and records and achievements
are reckoned where histories were joined or taken apart. Where Redis is away the change is saved all the same,
`Renamed.scheduled` says so, and the next reconcile makes it effective.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from osrsdiff import logs
from osrsdiff.errors import NothingToUndo, PlayerExists, RedisUnreachable, RenameRefused
from osrsdiff.game import usernames
from osrsdiff.game.events import Event, EventKind, name_detail
from osrsdiff.storage import events, lineage
from osrsdiff.storage import players as players_table
from osrsdiff.storage import renames as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.players import Player
from osrsdiff.storage.renames import NameChange
from osrsdiff.storage.renames import archived_name as archived_name
from osrsdiff.tracking import merges
from osrsdiff.tracking.fetch import Clock, utc_now
from osrsdiff.tracking.following import follow_where_possible
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.names import found, locked, not_found
from osrsdiff.tracking.players import get_player

log = logs.get(__name__)

_SECOND = timedelta(seconds=1)


class Renamed(Struct, frozen=True):
    """A name that was changed. `before`: the display name until now.

    `joined_at`: the first look of who was tracked under the new name and is one with the player now; None where nobody
    was, or was never seen. `was_merged`: whether somebody was. `apart`: who stands alone: after `force` who has the
    looks that did not fit, after an undo who has the new name again; its username, `apart_display` as it is spelled.
    `task_id`: of the fetch that was asked for; None where none was. `scheduled`: whether it is effective; False while
    Redis is away.
    """

    player: Player
    before: str
    joined_at: datetime | None = None
    was_merged: bool = False
    apart: str | None = None
    apart_display: str | None = None
    task_id: str | None = None
    scheduled: bool = True


class _Wanted(Struct, frozen=True):
    """A name that a player is to get. `at`: when, later than every look of the player. `resume`: go on with fetches.

    `shown`: what the player is called where it is told.
    """

    player: Player
    shown: str
    username: str
    display_name: str
    force: bool
    resume: bool
    at: datetime


class Done(Struct, frozen=True):
    """What has become of the rows. `concerned`: the players whose schedules follow, `rebuilt`: any history changed."""

    renamed: Renamed
    concerned: Collection[int]
    rebuilt: bool


async def rename(
    instance: Instance, name: str, new_name: str, *, force: bool = False, clock: Clock = utc_now
) -> Renamed:
    """Calls the tracked player `name` `new_name`: id, schedule, groups and history stay, and a fetch is asked for.

    Where `new_name` is tracked too the two become one, with the id of `name`: its history, then that of `new_name` from
    its first look on; groups are united. Another spelling of the same name changes what is shown and nothing else.
    `force`: although the histories contradict each other; looks of `name` from the join on go to an archived player.
    Raises InvalidUsername, PlayerNotFound, RenameRefused with all reasons.
    """
    username = usernames.canonical(new_name)
    if username == usernames.tracked_name(name):
        return await _spelled(instance, username, usernames.display(new_name))
    done = None
    while done is None:  # whoever renames at the same time has come further each time
        async with instance.db.writing() as connection:
            done = await rename_within(connection, name, new_name, force=force, now=clock())
    log.info("player renamed", player=username, before=done.renamed.before, merged=done.renamed.was_merged)
    return await in_effect(instance, done, clock().timestamp())


async def rename_within(
    connection: Connection,
    name: str,
    new_name: str,
    *,
    now: datetime,
    force: bool = False,
    resume: bool = False,
    shown: str | None = None,
) -> Done | None:
    """As `rename` to another name, in the caller's transaction: `in_effect` is to follow.

    `resume`: who was paused is fetched again. `shown`: what the player is called where it is told, None: by its name.
    None where somebody was renamed before all could be locked: start anew, in another transaction.
    """
    username = usernames.canonical(new_name)
    both = await locked(connection, name, username)
    if both is None:
        return None
    player, other = both
    wanted = _Wanted(
        player,
        shown or player.display_name,
        username,
        usernames.display(new_name),
        force,
        resume,
        _after_all(player, other, now),
    )
    return await _call(connection, wanted, other)


async def undo(instance: Instance, name: str, *, clock: Clock = utc_now) -> Renamed:
    """Takes back the newest change of the player's name that stands.

    A merge is split where it was joined, and what was seen since then is that of the restored player. What was seen
    under a name that nobody else was tracked under goes to a new player of that name, who is paused. Who gets an
    archived name back is paused: nobody knows what that player is called. A split is not taken back.
    Raises InvalidUsername, PlayerNotFound, NothingToUndo, PlayerExists where a name is another's by now, RenameRefused
    where older looks are just being brought in.
    """
    done = None
    while done is None:
        async with instance.db.writing() as connection:
            both = await locked(connection, name, None)
            if both is not None:
                done = await _take_back(connection, both[0], clock())
    renamed = done.renamed
    log.info("rename undone", player=renamed.player.username, before=renamed.before, merged=renamed.was_merged)
    return await in_effect(instance, done, clock().timestamp())


async def names_of(instance: Instance, name: str) -> tuple[Player, list[NameChange]]:
    """The player, and the names that it was given, the newest first. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.reading() as connection:
        return player, await table.of_player(connection, player.id)


async def _spelled(instance: Instance, username: str, display_name: str) -> Renamed:
    """Shows a name in another spelling, and nothing else."""
    async with instance.db.writing() as connection:
        player = await found(connection, username)
        if not await table.spell(connection, player.id, username, display_name):
            raise await not_found(connection, username)
        return Renamed(await found(connection, username), player.display_name)


def _after_all(player: Player, other: Player | None, now: datetime) -> datetime:
    """Now, but after every look there is: what comes later was seen under the new name."""
    looks = [one.last_look_at for one in (player, other) if one is not None and one.last_look_at is not None]
    return max([now.replace(microsecond=0), *(look + _SECOND for look in looks)])


async def _call(connection: Connection, wanted: _Wanted, other: Player | None) -> Done:
    """Gives the name, and the history of who has it so far."""
    player = wanted.player
    doubts = await merges.doubts(connection, replace(player, display_name=wanted.shown), other)
    if doubts.are_moving:
        raise _refused(wanted, [_moving(doubts.are_moving)], may_force=False)
    if doubts.reasons and not wanted.force:
        raise _refused(wanted, doubts.reasons)
    joined = None if other is None else await merges.merge(connection, player, other, doubts.overlap_at, now=wanted.at)
    await table.call(connection, player.id, wanted.username, wanted.display_name)
    if wanted.resume:
        await players_table.set_active(connection, player.id, True)
    change = NameChange(
        id=0,
        at=wanted.at,
        before=player.username,
        before_display=player.display_name,
        after=wanted.username,
        after_display=wanted.display_name,
        joined_at=None if joined is None else joined.at,
        was_merged=joined is not None,
        forced=bool(doubts.reasons),
        undone_at=None,
    )
    await table.note(connection, player.id, change, None if joined is None else joined.merged)
    told = name_detail(wanted.shown, wanted.display_name)
    happened = Event(EventKind.NAME_CHANGE, wanted.at, None, detail=told)
    await connection.run_all(events.steps(player.id, [happened], {}))
    renamed = Renamed(await found(connection, wanted.username), player.display_name)
    if joined is None or other is None:
        return Done(renamed, [player.id], rebuilt=False)
    shown = await _display(connection, joined.apart)
    renamed = replace(renamed, joined_at=joined.at, was_merged=True, apart=joined.apart, apart_display=shown)
    concerned = [one for one in (player.id, other.id, joined.merged.archived_id) if one is not None]
    return Done(renamed, concerned, rebuilt=True)


async def _take_back(connection: Connection, player: Player, now: datetime) -> Done:
    """Gives the name before back, and to who stands alone then what is theirs."""
    newest = await table.newest(connection, player.id)
    if newest is None:
        raise NothingToUndo(player.display_name)
    change, merged = newest
    if usernames.is_archived(change.after):  # only a split gives such a name
        raise NothingToUndo(player.display_name, change.before_display)
    await _refuse_taken(connection, player, change)
    if moving := await merges.who_is_moving(connection, [player]):
        raise RenameRefused(player.display_name, change.before_display, [_moving(moving)], may_force=False)
    await table.taken_back(connection, player.id, change, now)
    await table.call(connection, player.id, change.before, change.before_display)
    if merged is None:
        apart = await _part(connection, player, change)
    else:
        apart = await merges.restore(connection, player.id, change, merged)
    if usernames.is_archived(change.before):
        await players_table.set_active(connection, player.id, False)
    after = await found(connection, change.before)
    new_name = apart[1] if apart else None
    renamed = Renamed(
        after,
        player.display_name,
        was_merged=merged is not None,
        apart=new_name,
        apart_display=await _display(connection, new_name),
    )
    others = [apart[0] if apart else None, merged.archived_id if merged else None]
    concerned = [player.id, *(other for other in others if other is not None)]
    return Done(renamed, concerned, rebuilt=apart is not None)


async def _display(connection: Connection, username: str | None) -> str | None:
    """How a player's name is spelled."""
    return None if username is None else (await found(connection, username)).display_name


def _moving(what: str) -> str:
    return f"{what} has not ended"


def _refused(wanted: _Wanted, reasons: Sequence[str], *, may_force: bool = True) -> RenameRefused:
    return RenameRefused(wanted.shown, wanted.display_name, reasons, may_force=may_force)


async def _refuse_taken(connection: Connection, player: Player, change: NameChange) -> None:
    """Raises PlayerExists where somebody else has the name that comes back."""
    other = await players_table.by_username(connection, change.before)
    if other is not None and other.id != player.id:
        raise PlayerExists(
            other.display_name,
            f"{player.display_name} can't be called {change.before_display} again while another player is called "
            f"{other.display_name}: rename or remove that one first.",
        )


async def _part(connection: Connection, player: Player, change: NameChange) -> tuple[int, str] | None:
    """Gives what was seen under a name since to a player of its own, its id and username; None where nothing was."""
    at = await lineage.first_look_since(connection, player.id, change.joined_at or change.at)
    if at is None:
        return None
    username, display_name = change.after, player.display_name
    if await players_table.by_username(connection, username) is not None:
        username = display_name = await archived_name(connection, username)
    new_id = await lineage.split(
        connection, player.id, at, username=username, display_name=display_name, is_active=False
    )
    return new_id, username


async def in_effect(instance: Instance, done: Done, at: float) -> Renamed:
    """What follows from rows that are changed, as far as Redis is there."""
    player, task_id = done.renamed.player, None
    if not await follow_where_possible(instance, done.concerned, reckon=done.rebuilt):
        return replace(done.renamed, scheduled=False)
    if not usernames.is_archived(player.username):
        try:
            task_id, _ = await instance.asked.fetch(player.id, at)
        except RedisUnreachable as error:
            log.warning("no fetch asked for, the schedule will", reason=error)
            return replace(done.renamed, scheduled=False)
    async with instance.db.reading() as connection:
        player = await players_table.by_username(connection, player.username) or player
    return replace(done.renamed, player=player, task_id=task_id)
