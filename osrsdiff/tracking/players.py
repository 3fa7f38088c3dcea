"""Adding, pausing, resuming, retiming and removing players: the database row first, then the schedule that follows it.

The database is the truth. Where Redis does not answer, the change is saved all the same, `Applied.scheduled` says so,
and the next reconcile makes it effective.
"""

import time
from collections.abc import Awaitable
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import PlayerArchived, RedisUnreachable
from osrsdiff.game import usernames
from osrsdiff.game.intervals import parse_interval
from osrsdiff.game.modes import GameMode
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.storage import plan
from osrsdiff.storage import players as table
from osrsdiff.storage import seen as seen_players
from osrsdiff.storage.players import Player
from osrsdiff.storage.seen import Seen
from osrsdiff.tracking.fetch import FetchReport
from osrsdiff.tracking.following import follow, note_as
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.names import not_found

log = logs.get(__name__)


class Applied(Struct, frozen=True):
    """A change that is saved. `scheduled`: whether it is effective; False while Redis is away."""

    player: Player
    scheduled: bool


class Enqueued(Struct, frozen=True):
    """A fetch that was asked for by hand. `joined`: it was asked for before and has not ended."""

    task_id: str
    joined: bool


async def get_player(instance: Instance, name: str) -> Player:
    """The tracked player of this name in any spelling. Raises InvalidUsername, PlayerNotFound."""
    async with instance.db.reading() as connection:
        player = await table.by_username(connection, usernames.tracked_name(name))
        if player is None:
            raise await not_found(connection, name)
    return player


async def see_player(instance: Instance, name: str) -> Seen:
    """The tracked player of this name in any spelling, as what all that is known of it follows.

    Raises InvalidUsername, PlayerNotFound.
    """
    async with instance.db.reading() as connection:
        found = await seen_players.by_username(connection, usernames.tracked_name(name))
        if found is None:
            raise await not_found(connection, name)
    return found


async def list_players(
    instance: Instance,
    *,
    after: str | None = None,
    limit: int = 50,
    is_active: bool | None = None,
    game_mode: GameMode | None = None,
) -> list[Player]:
    """A page of players by username, those after `after`."""
    async with instance.db.reading() as connection:
        return await table.page(connection, after=after, limit=limit, is_active=is_active, game_mode=game_mode)


async def add_player(instance: Instance, name: str, *, interval_minutes: int | None = None) -> Applied:
    """Starts tracking a player. Raises InvalidUsername, InvalidInterval, PlayerExists."""
    username = usernames.canonical(name)
    default = instance.config.players.default_interval_minutes
    minutes = parse_interval(default if interval_minutes is None else interval_minutes)
    async with instance.db.writing() as connection:
        player = await table.add(
            connection,
            username=username,
            display_name=usernames.display(name),
            interval_minutes=minutes,
            now=datetime.now(UTC),
        )
    log.info("player added", player=username, interval_minutes=minutes)
    return await _in_effect(instance, player, instance.schedules.schedule_player(player.id, minutes))


async def pause_player(instance: Instance, name: str) -> Applied:
    """Stops scheduled fetches; history stays. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.writing() as connection:
        await table.set_active(connection, player.id, False)
    log.info("player paused", player=player.username)
    paused = msgspec.structs.replace(player, is_active=False)
    return await _in_effect(instance, paused, instance.schedules.unschedule_player(player.id))


async def resume_player(instance: Instance, name: str) -> Applied:
    """Starts scheduled fetches again. Raises InvalidUsername, PlayerNotFound, PlayerArchived."""
    player = await get_player(instance, name)
    _refuse_archived(player)
    async with instance.db.writing() as connection:
        await table.set_active(connection, player.id, True)
    log.info("player resumed", player=player.username)
    resumed = msgspec.structs.replace(player, is_active=True)
    ensured = instance.schedules.ensure_player_scheduled(player.id, player.fetch_interval_minutes)
    return await _in_effect(instance, resumed, ensured)


async def set_interval(instance: Instance, name: str, minutes: object) -> Applied:
    """Fetches a player every so many minutes. Raises InvalidUsername, InvalidInterval, PlayerNotFound."""
    interval = parse_interval(minutes)
    player = await get_player(instance, name)
    async with instance.db.writing() as connection:
        await table.set_interval(connection, player.id, interval)
    log.info("player interval changed", player=player.username, interval_minutes=interval)
    changed = msgspec.structs.replace(player, fetch_interval_minutes=interval)
    if not player.is_active:
        return Applied(changed, scheduled=True)
    return await _in_effect(instance, changed, instance.schedules.reschedule_player(player.id, interval))


async def remove_player(instance: Instance, name: str) -> Applied:
    """Forgets a player and its whole history. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.writing() as connection:
        await table.remove(connection, player.id)
    log.info("player removed", player=player.username)
    gone = msgspec.structs.replace(player, is_active=False)
    applied = await _in_effect(instance, gone, instance.schedules.unschedule_player(player.id))
    return Applied(msgspec.structs.replace(player, schedule_id=None), applied.scheduled)


async def enqueue_fetch(instance: Instance, player: Player) -> Enqueued:
    """Asks the workers for a look now, or joins who asked before and has not been served.

    Raises PlayerArchived, RedisUnreachable.
    """
    _refuse_archived(player)
    return Enqueued(*await instance.asked.fetch(player.id, time.time()))


async def fetch_outcome(instance: Instance, task_id: str, timeout_s: float) -> FetchReport | None:
    """How an enqueued fetch ended; None when it has not within `timeout_s`. Raises RedisUnreachable."""
    value = await instance.results.wait(task_id, timeout_s)
    return None if value is None else msgspec.convert(value, FetchReport)


def _refuse_archived(player: Player) -> None:
    if usernames.is_archived(player.username):
        raise PlayerArchived(player.display_name)


async def _in_effect(instance: Instance, player: Player, change: Awaitable[object]) -> Applied:
    """Awaits the change of a player's schedule, which its row as it is in `player` asks for, and notes it in the row.

    Whoever changed the row at the same time may have been quicker with the schedule: then it follows the row once more.
    """
    noted = msgspec.structs.replace(player, schedule_id=schedule_id_of(player.id) if player.is_active else None)
    try:
        await change
        await note_as(instance, [player.id], [player.id] if player.is_active else [])
        if await _has_changed(instance, player):
            await follow(instance, [player.id])
    except RedisUnreachable as error:
        log.warning("schedule not changed, reconcile will", reason=error)
        return Applied(player, scheduled=False)
    return Applied(noted, scheduled=True)


async def _has_changed(instance: Instance, player: Player) -> bool:
    """Whether the row asks for another schedule by now, or is gone."""
    async with instance.db.reading() as connection:
        wanted = await plan.wanted(connection, [player.id])
    return wanted.get(player.id) != (player.fetch_interval_minutes if player.is_active else None)
