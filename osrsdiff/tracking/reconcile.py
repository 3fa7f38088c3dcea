"""Makes Redis agree with the database again: finds five kinds of difference between players and schedules, mends them.

The database is the truth. Players and schedules are read in pages, so that a hundred thousand cost little memory.
Who has never been looked at fires at once; everybody else at the next beat.
"""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from osrsdiff import logs
from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.constants import player_id_of, schedule_id_of
from osrsdiff.scheduling.overview import count_stored
from osrsdiff.scheduling.witness import Witness
from osrsdiff.storage import plan
from osrsdiff.storage import players as table
from osrsdiff.storage.players import Player
from osrsdiff.tracking.following import follow, note
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.progress import Progress, Steps

log = logs.get(__name__)

PAGE = 500
"""So many players at once: an event loop that has other work, too, is not kept from it for long."""
_MOST_ROUNDS = 3
SHOWN = 20
"""How many ids of each kind a report names."""


class Found(Struct):
    """One kind of difference. `ids`: the first few players, or schedules for orphans."""

    count: int = 0
    ids: list[int | str] = []

    def add(self, ids: Iterable[int | str]) -> None:
        """Counts further ones."""
        for one in ids:
            self.count += 1
            if len(self.ids) < SHOWN:
                self.ids.append(one)


class Reconciled(Struct):
    """What did not agree. `mended` is False for a dry run.

    `new`: players who had no schedule and whose row names none, each a difference of two kinds with nothing wrong.
    """

    mended: bool
    players: int = 0
    new: int = 0
    missing_in_redis: Found = field(default_factory=Found)
    missing_in_database: Found = field(default_factory=Found)
    different: Found = field(default_factory=Found)
    inactive: Found = field(default_factory=Found)
    orphaned: Found = field(default_factory=Found)

    @property
    def differences(self) -> int:
        """How many in all."""
        kinds = (self.missing_in_redis, self.missing_in_database, self.different, self.inactive, self.orphaned)
        return sum(kind.count for kind in kinds)

    def log(self) -> None:
        """Says what was found: schedules that were not as they had been are worth a warning, first ones are not."""
        if self.differences > 2 * self.new:
            log.warning("schedules differed", mended=self.mended, differences=self.differences)
        elif self.new and self.mended:
            log.info("schedules made", players=self.new)


class Unneeded(NamedTuple):
    """Ids of schedules that should not be: of players who are paused, and of nobody."""

    inactive: list[str]
    orphaned: list[str]

    @property
    def all(self) -> list[str]:
        """Both."""
        return [*self.inactive, *self.orphaned]


async def reconcile(instance: Instance, *, dry_run: bool = False, progress: Progress | None = None) -> Reconciled:
    """Compares every player with its schedule and every schedule with its player. Raises RedisUnreachable.

    Players may be added, paused and removed meanwhile, and other reconciles run: what is found is looked at again
    before it is called a difference, and what is mended follows the rows as they are then. Where Redis loses everything
    meanwhile, it begins again, a few times.
    """
    for _ in range(_MOST_ROUNDS):
        witness = Witness(instance.redis, instance.prefix)
        await witness.place()
        report = await _compared(instance, Reconciled(mended=not dry_run), progress)
        if await witness.saw_no_loss() or dry_run:
            break
        log.warning("redis was emptied during a reconcile")
    else:
        raise RedisUnreachable("Redis loses what is written to it. It must not evict: maxmemory-policy noeviction.")
    if not dry_run:
        await instance.source.mark()
    report.log()
    return report


async def _compared(instance: Instance, report: Reconciled, progress: Progress | None) -> Reconciled:
    stored = await count_stored(instance.redis, instance.prefix)
    steps = Steps(progress, await _count_players(instance) + stored)
    active = 0
    async for page in _pages(instance):
        report.players += len(page)
        active += sum(player.is_active for player in page)
        await _mend_page(instance, page, report)
        steps.add(len(page))
    # where every active player had one and there are as many, each is an active player's
    if report.missing_in_redis.count or await count_stored(instance.redis, instance.prefix) != active:
        async for schedule_ids in instance.source.iterate_ids(PAGE):
            await _drop_unneeded(instance, schedule_ids, report)
            steps.add(len(schedule_ids))
    steps.end()
    return report


async def unneeded(instance: Instance, schedule_ids: Iterable[str]) -> Unneeded:
    """Which of these schedules should not be there."""
    owners = {schedule_id: _owner(schedule_id) for schedule_id in schedule_ids}
    async with instance.db.reading() as connection:
        active = await table.which_active(connection, [owner for owner in owners.values() if owner is not None])
    return Unneeded(
        [s for s, owner in owners.items() if owner in active and not active[owner]],
        [s for s, owner in owners.items() if owner not in active],
    )


async def drop(instance: Instance, schedule_ids: Sequence[str]) -> None:
    """Removes schedules that should not be there, but those of players who were resumed meanwhile."""
    owners = {schedule_id: _owner(schedule_id) for schedule_id in schedule_ids}
    await instance.source.delete_schedules(s for s, owner in owners.items() if owner is None)
    await follow(instance, [owner for owner in owners.values() if owner is not None])


def _owner(schedule_id: str) -> int | None:
    """The player whose schedule this may be; None for an id that no player can have."""
    owner = player_id_of(schedule_id)
    return owner if owner is not None and owner <= plan.LARGEST_ID else None


async def _count_players(instance: Instance) -> int:
    async with instance.db.reading() as connection:
        return await plan.count(connection, plan.Which.ALL)


async def _pages(instance: Instance) -> AsyncIterator[list[Player]]:
    after = 0
    while True:
        async with instance.db.reading() as connection:
            page = await table.page_by_id(connection, after=after, limit=PAGE)
        if not page:
            return
        yield page
        after = page[-1].id


async def _mend_page(instance: Instance, page: list[Player], report: Reconciled) -> None:
    found = await _differences(instance, page)
    if not any(found):
        return
    found = found.without(await _changed(instance, page))
    report.new += len({*found.missing} & {*found.unnoted})
    report.missing_in_redis.add(found.missing)
    report.different.add(found.different)
    report.missing_in_database.add(found.unnoted)
    if report.mended:
        now = time.time()
        missing = set(found.missing)
        never_seen = {player.id: now for player in page if player.id in missing and player.last_attempt_at is None}
        await follow(instance, {*found.missing, *found.different}, first_fires=never_seen)
        await note(instance, found.unnoted)


async def _changed(instance: Instance, page: list[Player]) -> set[int]:
    """Who was paused, resumed, retimed or removed since the page was read: whoever did that sees to the schedule."""
    async with instance.db.reading() as connection:
        wanted = await plan.wanted(connection, [player.id for player in page])
    return {p.id for p in page if wanted.get(p.id) != (p.fetch_interval_minutes if p.is_active else None)}


class _Differences(NamedTuple):
    """Ids of players whose schedule is missing or different, and of those whose row names another one."""

    missing: list[int]
    different: list[int]
    unnoted: list[int]

    def without(self, others: set[int]) -> "_Differences":
        """All but those of some players."""
        return _Differences(*([player_id for player_id in kind if player_id not in others] for kind in self))


async def _differences(instance: Instance, players: Iterable[Player]) -> _Differences:
    wanted, unnoted = dict[int, int](), list[int]()
    for player in players:
        if player.is_active:
            wanted[player.id] = player.fetch_interval_minutes
        if player.schedule_id != (schedule_id_of(player.id) if player.is_active else None):
            unnoted.append(player.id)
    checked = await instance.schedules.check_players(wanted)
    return _Differences(checked.missing, checked.different, unnoted)


async def _drop_unneeded(instance: Instance, schedule_ids: list[str], report: Reconciled) -> None:
    found = await unneeded(instance, schedule_ids)
    report.inactive.add(player_id_of(s) or s for s in found.inactive)
    report.orphaned.add(found.orphaned)
    if report.mended:
        await drop(instance, found.all)
