"""Making all schedules anew, and tidying what nobody needs. Neither takes anything from an active player for long."""

from msgspec import Struct, field

from osrsdiff import logs
from osrsdiff.scheduling import sweep
from osrsdiff.scheduling.overview import count_stored
from osrsdiff.storage.plan import BATCH
from osrsdiff.tracking import selection
from osrsdiff.tracking.following import follow
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.progress import Progress, Steps
from osrsdiff.tracking.reconcile import Found, drop, unneeded

log = logs.get(__name__)


class Rebuilt(Struct, frozen=True):
    """How many schedules were dropped, and how many there are now."""

    removed: int
    scheduled: int


class CleanedUp(Struct):
    """What nobody needed. `removed` is False for a dry run.

    `orphaned`: schedules of nobody, and those of paused players. `dead_workers`, `dead_schedulers`: processes that are
    gone and left their names behind. `stale`: next fires and claims without a schedule.
    """

    removed: bool
    orphaned: Found = field(default_factory=Found)
    dead_workers: Found = field(default_factory=Found)
    dead_schedulers: Found = field(default_factory=Found)
    stale: Found = field(default_factory=Found)


async def rebuild_schedules(instance: Instance, *, progress: Progress | None = None) -> Rebuilt:
    """Drops all schedules of this instance and makes them anew from the database; each fires at its next beat.

    Batch by batch: where it breaks off, nobody is without a schedule for longer than until the next reconcile.
    Raises RedisUnreachable.
    """
    removed, scheduled = 0, 0
    steps = Steps(progress, await selection.count(instance, None))
    async for player_ids in selection.pages(instance, None):
        removed += await instance.schedules.unschedule_players(player_ids)
        scheduled += await follow(instance, player_ids)
        steps.add(len(player_ids))
    async for schedule_ids in instance.source.iterate_ids(BATCH):
        superfluous = await unneeded(instance, schedule_ids)
        removed += len(superfluous.all)
        await drop(instance, superfluous.all)
    async for _ in sweep.stale_entries(instance.redis, instance.prefix, remove=True):
        pass
    await instance.source.mark()
    steps.end()
    log.warning("schedules rebuilt", removed=removed, scheduled=scheduled)
    return Rebuilt(removed, scheduled)


async def clean_up(instance: Instance, *, dry_run: bool = False, progress: Progress | None = None) -> CleanedUp:
    """Removes what removed players, lost schedules and dead processes have left in Redis. Raises RedisUnreachable."""
    cleaned = CleanedUp(removed=not dry_run)
    scheduled = await count_stored(instance.redis, instance.prefix)
    steps = Steps(progress, 2 * scheduled)
    async for schedule_ids in instance.source.iterate_ids(BATCH):
        found = (await unneeded(instance, schedule_ids)).all
        cleaned.orphaned.add(found)
        if not dry_run:
            await drop(instance, found)
        steps.add(len(schedule_ids))
    stale = set[str]()
    async for count, ids in sweep.stale_entries(instance.redis, instance.prefix, remove=not dry_run):
        stale.update(ids)
        steps.add(count)
    cleaned.stale.add(sorted(stale))
    cleaned.dead_workers.add(await sweep.dead_workers(instance.redis, instance.prefix, remove=not dry_run))
    cleaned.dead_schedulers.add(await sweep.dead_schedulers(instance.redis, instance.prefix, remove=not dry_run))
    steps.end()
    log.info("cleaned up", removed=cleaned.removed, orphaned=cleaned.orphaned.count, stale=cleaned.stale.count)
    return cleaned
