"""Looking at schedules: who is fetched when, who is overdue, paused or failing; one player's in full. Changes nothing.

Steering them is in `steering`, mending and tidying in `upkeep`.
"""

from datetime import UTC, datetime

from msgspec import Struct
from taskiq import ScheduledTask

from osrsdiff.errors import InvalidCursor, InvalidUsername, RedisUnreachable
from osrsdiff.game import usernames
from osrsdiff.scheduling.constants import player_id_of
from osrsdiff.scheduling.cron import interval_to_cron, phase_s
from osrsdiff.scheduling.upcoming import Fire, redis_now, upcoming
from osrsdiff.storage import plan
from osrsdiff.storage import players as table
from osrsdiff.storage.players import Player
from osrsdiff.tracking import selection
from osrsdiff.tracking.cursors import cursor, read_cursor
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player
from osrsdiff.tracking.selection import Only


class Scheduled(Struct, frozen=True):
    """A player and its schedule. `cron`: None while paused. `next_fire`: None while paused, not scheduled, or where
    Redis does not say; past while it waits its turn, and then `is_overdue`."""

    player: Player
    cron: str | None
    next_fire: datetime | None
    is_overdue: bool


class ScheduledPage(Struct, frozen=True):
    """Some of them. `next`: what `after` takes for the page after; None at the end."""

    items: list[Scheduled]
    next: str | None


class Stored(Struct, frozen=True):
    """A player's schedule as Redis holds it. What its labels don't say is None."""

    schedule_id: str
    cron: str | None
    interval_minutes: int | None
    phase_s: int | None


class ScheduleShown(Struct, frozen=True):
    """One player's schedule in full.

    `stored`: None where there is none, or where Redis does not say. `cron`: as it should be; None while paused.
    `agrees`: whether what is stored is what should be; None where Redis does not say.
    """

    player: Player
    stored: Stored | None
    next_fire: datetime | None
    cron: str | None
    agrees: bool | None
    is_overdue: bool = False


async def list_schedules(
    instance: Instance, *, only: Only | None = None, after: str | None = None, limit: int = 50
) -> ScheduledPage:
    """A page of players with their schedules, those after the cursor `after`.

    By username; due and overdue ones by their next fire, the longest overdue first. Raises InvalidCursor, and
    RedisUnreachable for those by time.
    """
    if selection.by_time(only):
        return await _page_by_time(instance, only, after, limit)
    name = None if after is None else _name_in(after)
    async with instance.db.reading() as connection:
        players = await plan.page(connection, selection.which(only), after=name, limit=limit + 1)
    shown = players[:limit]
    fires = await _next_fires(instance, [player for player in shown if player.is_active])
    now = datetime.now(UTC)
    items = [_scheduled(player, fires.get(player.id), now) for player in shown]
    return ScheduledPage(items, cursor(shown[-1].username) if len(players) > limit else None)


async def schedule_of(instance: Instance, name: str) -> ScheduleShown:
    """A player's schedule as it is and as it should be.

    `name`: the player's in any spelling, or the schedule's id, as logs and reports name it. Raises InvalidUsername,
    PlayerNotFound.
    """
    player = await _owner(instance, name) or await get_player(instance, name)
    try:
        return await _shown(instance, player)
    except RedisUnreachable:
        return ScheduleShown(player, None, None, _cron(player), None)


async def _owner(instance: Instance, schedule_id: str) -> Player | None:
    """The player whose schedule has this id, which is too long for a player's name."""
    if player_id_of(schedule_id) is None:
        return None
    async with instance.db.reading() as connection:
        return await table.by_schedule_id(connection, schedule_id)


async def _shown(instance: Instance, player: Player) -> ScheduleShown:
    found = await instance.source.get_schedule(instance.schedules.schedule_id_of(player.id))
    fire = await instance.schedules.next_fire(player.id)
    if player.is_active:
        checked = await instance.schedules.check_players({player.id: player.fetch_interval_minutes})
        agrees = not checked.missing and not checked.different
    else:
        agrees = found is None
    stored = None if found is None else _stored(found)
    return ScheduleShown(player, stored, fire, _cron(player), agrees, _is_past(fire, datetime.now(UTC)))


def _name_in(after: str) -> str:
    """The player's name that a cursor holds. Raises InvalidCursor."""
    try:
        return usernames.tracked_name(read_cursor(after, str))
    except InvalidUsername as error:
        raise InvalidCursor from error


async def _page_by_time(instance: Instance, only: Only | None, after: str | None, limit: int) -> ScheduledPage:
    start = None if after is None else Fire(*read_cursor(after, tuple[float, str]))
    now = await redis_now(instance.redis)
    until = now + selection.within_s(only)
    found = await upcoming(instance.redis, instance.prefix, after=start, until=until, limit=limit + 1)
    fires = found[:limit]
    owners = {fire: player_id_of(fire.schedule_id) for fire in fires}
    async with instance.db.reading() as connection:
        players = await plan.by_ids(connection, [owner for owner in owners.values() if owner is not None])
    items = [
        _scheduled(player, datetime.fromtimestamp(fire.at, UTC), datetime.fromtimestamp(now, UTC))
        for fire, owner in owners.items()
        if owner is not None and (player := players.get(owner)) is not None and player.is_active
    ]
    return ScheduledPage(items, cursor(tuple(fires[-1])) if len(found) > limit else None)


async def _next_fires(instance: Instance, players: list[Player]) -> dict[int, datetime]:
    try:
        return await instance.schedules.next_fires(player.id for player in players)
    except RedisUnreachable:
        return {}


def _scheduled(player: Player, next_fire: datetime | None, now: datetime) -> Scheduled:
    return Scheduled(player, _cron(player), next_fire, _is_past(next_fire, now))


def _is_past(fire: datetime | None, now: datetime) -> bool:
    return fire is not None and fire < now


def _cron(player: Player) -> str | None:
    minutes = player.fetch_interval_minutes
    return interval_to_cron(minutes, phase_s(player.id, minutes)) if player.is_active else None


def _stored(schedule: ScheduledTask) -> Stored:
    return Stored(
        schedule.schedule_id, schedule.cron, _number(schedule, "interval_minutes"), _number(schedule, "phase_s")
    )


def _number(schedule: ScheduledTask, label: str) -> int | None:
    text = str(schedule.labels.get(label, ""))
    return int(text) if text.isdecimal() else None
