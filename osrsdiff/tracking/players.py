"""Adding, pausing, resuming, retiming and removing players: the database row first, then the schedule that follows it.

The database is the truth. Where Redis does not answer, the change is saved all the same, `Applied.scheduled` says so,
and the next reconcile makes it effective.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import PlayerNotFound, RedisUnreachable
from osrsdiff.game import usernames
from osrsdiff.game.intervals import parse_interval
from osrsdiff.scheduling.constants import FETCH_TASK
from osrsdiff.storage import players as table
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetch import FetchReport
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)


class Applied(Struct, frozen=True):
    """A change that is saved. `scheduled`: whether it is effective; False while Redis is away."""

    player: Player
    scheduled: bool


async def get_player(instance: Instance, name: str) -> Player:
    """The tracked player of this name in any spelling. Raises InvalidUsername, PlayerNotFound."""
    async with instance.db.reading() as connection:
        player = await table.by_username(connection, usernames.canonical(name))
    if player is None:
        raise PlayerNotFound(name)
    return player


async def list_players(
    instance: Instance, *, after: str | None = None, limit: int = 50, is_active: bool | None = None
) -> list[Player]:
    """A page of players by username, those after `after`."""
    async with instance.db.reading() as connection:
        return await table.page(connection, after=after, limit=limit, is_active=is_active)


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
    return await _scheduled(instance, player, minutes)


async def pause_player(instance: Instance, name: str) -> Applied:
    """Stops scheduled fetches; history stays. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.writing() as connection:
        await table.set_active(connection, player.id, False)
    log.info("player paused", player=player.username)
    return await _unscheduled(instance, msgspec.structs.replace(player, is_active=False))


async def resume_player(instance: Instance, name: str) -> Applied:
    """Starts scheduled fetches again. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.writing() as connection:
        await table.set_active(connection, player.id, True)
    log.info("player resumed", player=player.username)
    resumed = msgspec.structs.replace(player, is_active=True)
    return await _scheduled(instance, resumed, player.fetch_interval_minutes)


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
    return await _scheduled(instance, changed, interval)


async def remove_player(instance: Instance, name: str) -> Applied:
    """Forgets a player and its whole history. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.writing() as connection:
        await table.remove(connection, player.id)
    log.info("player removed", player=player.username)
    done = await _redis_answers(instance.schedules.unschedule_player(player.id))
    return Applied(msgspec.structs.replace(player, schedule_id=None), scheduled=done)


async def enqueue_fetch(instance: Instance, player: Player) -> str:
    """Asks the workers for a look now; the task's id. Raises RedisUnreachable."""
    return await instance.broker.send(FETCH_TASK, player.id)


async def fetch_outcome(instance: Instance, task_id: str, timeout_s: float) -> FetchReport | None:
    """How an enqueued fetch ended; None when it has not within `timeout_s`. Raises RedisUnreachable."""
    value = await instance.results.wait(task_id, timeout_s)
    return None if value is None else msgspec.convert(value, FetchReport)


async def _scheduled(instance: Instance, player: Player, minutes: int) -> Applied:
    if not await _redis_answers(instance.schedules.reschedule_player(player.id, minutes)):
        return Applied(player, scheduled=False)
    return await _noted(instance, player, instance.schedules.schedule_id_of(player.id))


async def _unscheduled(instance: Instance, player: Player) -> Applied:
    if not await _redis_answers(instance.schedules.unschedule_player(player.id)):
        return Applied(player, scheduled=False)
    return await _noted(instance, player, None)


async def _noted(instance: Instance, player: Player, schedule_id: str | None) -> Applied:
    async with instance.db.writing() as connection:
        await table.set_schedule_ids(connection, {player.id: schedule_id})
    return Applied(msgspec.structs.replace(player, schedule_id=schedule_id), scheduled=True)


async def _redis_answers(change: Awaitable[object]) -> bool:
    try:
        await change
    except RedisUnreachable as error:
        log.warning("schedule not changed, reconcile will", reason=error)
        return False
    return True
