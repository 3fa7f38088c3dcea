"""Pausing and resuming many players: the rows first, in batches, then the schedules that follow them.

Where Redis goes away in the middle, the rows are changed all the same, `Steered.scheduled` says so, and the next
reconcile makes it effective.
"""

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import PlayerArchived, RedisUnreachable
from osrsdiff.storage import plan
from osrsdiff.storage.plan import BATCH
from osrsdiff.tracking import selection
from osrsdiff.tracking.following import follow
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.progress import Progress, Steps
from osrsdiff.tracking.selection import Only, RefusedName

log = logs.get(__name__)


class Steered(Struct, frozen=True):
    """What a change of many players came to.

    `matched` players were meant, `changed` of them were not so already. `scheduled`: whether it is effective; False
    where Redis went away. `refused`: the names that are nobody's, each once.
    """

    matched: int
    changed: int
    scheduled: bool
    refused: list[RefusedName]


async def pause_players(
    instance: Instance,
    *,
    names: Sequence[str] = (),
    only: Only | None = None,
    everybody: bool = False,
    progress: Progress | None = None,
) -> Steered:
    """Stops the scheduled fetches of those named, of those that `only` says, or of everybody; history stays.

    Exactly one of the three is given. Raises RedisUnreachable only where it is Redis that knows whom `only` means.
    """
    return await _steer(instance, False, names, only, everybody, progress)


async def resume_players(
    instance: Instance,
    *,
    names: Sequence[str] = (),
    only: Only | None = None,
    everybody: bool = False,
    progress: Progress | None = None,
) -> Steered:
    """Starts the scheduled fetches again, each at its next beat; not those of archived players.

    Archived ones that are named are refused. For the rest see `pause_players`.
    """
    return await _steer(instance, True, names, only, everybody, progress)


async def _steer(
    instance: Instance,
    is_active: bool,
    names: Sequence[str],
    only: Only | None,
    everybody: bool,
    progress: Progress | None,
) -> Steered:
    if sum((bool(names), only is not None, everybody)) != 1:
        raise ValueError("give names, a part of the players, or everybody: exactly one of them")
    player_ids, refused = await selection.named(instance, names)
    total = len(player_ids) if names else await selection.count(instance, only)
    steps = Steps(progress, total)
    matched, changed, follows = 0, 0, True
    async for page in _batches(player_ids) if names else selection.pages(instance, only):
        archived = await _archived(instance, page) if is_active else {}
        if names:
            refused += [RefusedName(name, PlayerArchived(name)) for name in archived.values()]
        batch = [player_id for player_id in page if player_id not in archived]
        changed += await plan.set_active(instance.db, batch, is_active)
        follows = follows and await _followed(instance, batch)
        matched += len(batch)
        steps.add(len(page))
    steps.end()
    log.info("players resumed" if is_active else "players paused", matched=matched, changed=changed, scheduled=follows)
    return Steered(matched, changed, follows, refused)


async def _archived(instance: Instance, player_ids: Sequence[int]) -> dict[int, str]:
    async with instance.db.reading() as connection:
        return await plan.archived(connection, player_ids)


async def _batches(player_ids: Sequence[int]) -> AsyncIterator[list[int]]:
    for start in range(0, len(player_ids), BATCH):
        yield list(player_ids[start : start + BATCH])


async def _followed(instance: Instance, player_ids: list[int]) -> bool:
    """Once Redis is away nobody asks it for the batches after: each would wait for it anew."""
    try:
        await follow(instance, player_ids)
    except RedisUnreachable as error:
        log.warning("schedules not changed, reconcile will", reason=error)
        return False
    return True
