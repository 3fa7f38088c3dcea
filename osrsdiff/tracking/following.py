"""Makes schedules follow the players' rows, whatever changes meanwhile. For many players at a time.

Rows are read, schedules are written, rows are read again: whoever changed in between is done once more. So of all who
write at the same time, each after its own change of the row, the last one to write a schedule writes what the row says.
"""

from collections.abc import Collection, Mapping

from osrsdiff import logs
from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.constants import RECKON_TASK, SCHEDULE_PREFIX
from osrsdiff.storage import plan
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)


async def follow(
    instance: Instance, player_ids: Collection[int], *, first_fires: Mapping[int, float] | None = None
) -> int:
    """Schedules those of the players who are active, unschedules the others, and notes it in their rows.

    `first_fires`: the epoch second at which some fire first where they are not scheduled yet. How many are active.
    Raises RedisUnreachable.
    """
    if not player_ids:
        return 0
    left = set(player_ids)
    wanted = await _wanted(instance, left)
    while left:
        await instance.schedules.schedule_players(_of(left, wanted), first_fires=first_fires)
        await instance.schedules.unschedule_players(left - wanted.keys())
        before, wanted = wanted, await _wanted(instance, player_ids)
        left = {player_id for player_id in player_ids if before.get(player_id) != wanted.get(player_id)}
    await note_as(instance, player_ids, wanted)
    return len(wanted)


async def follow_where_possible(instance: Instance, player_ids: Collection[int], *, reckon: bool) -> bool:
    """Schedules follow these players' rows, and `reckon`: the reckoning job is asked for.

    Whether both could be done: where Redis does not answer the next reconcile does them.
    """
    try:
        await follow(instance, player_ids)
        if reckon:
            await instance.asked.job(RECKON_TASK)
    except RedisUnreachable as error:
        log.warning("schedules not changed, reconcile will", reason=error)
        return False
    return True


async def note(instance: Instance, player_ids: Collection[int]) -> None:
    """Notes in the players' rows which schedule each should have. Touches no schedule."""
    if player_ids:
        await note_as(instance, player_ids, await _wanted(instance, player_ids))


async def note_as(instance: Instance, player_ids: Collection[int], wanted: Collection[int]) -> None:
    """Notes that those `wanted` of the players have their schedules, and that the others have none."""
    await plan.note_scheduled(instance.db, wanted, SCHEDULE_PREFIX)
    await plan.note_unscheduled(instance.db, [player_id for player_id in player_ids if player_id not in wanted])


def _of(player_ids: Collection[int], wanted: Mapping[int, int]) -> dict[int, int]:
    return {player_id: wanted[player_id] for player_id in player_ids if player_id in wanted}


async def _wanted(instance: Instance, player_ids: Collection[int]) -> dict[int, int]:
    async with instance.db.reading() as connection:
        return await plan.wanted(connection, player_ids)
