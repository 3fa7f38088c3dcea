"""Makes Redis agree with the database again: finds five kinds of difference between players and schedules, mends them.

The database is the truth. Players and schedules are read in pages, so that a hundred thousand cost little memory.
Who has never been looked at fires at once; everybody else at the next beat.
"""

import time
from collections.abc import AsyncIterator, Iterable

from msgspec import Struct, field

from osrsdiff import logs
from osrsdiff.scheduling.constants import player_id_of, schedule_id_of
from osrsdiff.storage import players as table
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)

PAGE = 1_000
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
    """What did not agree. `mended` is False for a dry run."""

    mended: bool
    players: int = 0
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


async def reconcile(instance: Instance, *, dry_run: bool = False) -> Reconciled:
    """Compares every player with its schedule and every schedule with its player. Raises RedisUnreachable."""
    report = Reconciled(mended=not dry_run)
    async for page in _pages(instance):
        report.players += len(page)
        await _mend_page(instance, page, report)
    async for schedule_ids in instance.source.iterate_ids(PAGE):
        await _drop_orphans(instance, schedule_ids, report)
    if not dry_run:
        await instance.source.mark()
    if report.differences:
        log.warning("schedules differed", mended=report.mended, differences=report.differences)
    return report


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
    active = {player.id: player for player in page if player.is_active}
    wanted = {player.id: player.fetch_interval_minutes for player in active.values()}
    checked = await instance.schedules.check_players(wanted)
    report.missing_in_redis.add(checked.missing)
    report.different.add(checked.different)
    stale = [p.id for p in page if p.schedule_id != (schedule_id_of(p.id) if p.is_active else None)]
    report.missing_in_database.add(stale)
    if not report.mended:
        return
    now = time.time()
    never_seen = {player_id: now for player_id in checked.missing if active[player_id].last_attempt_at is None}
    wrong = {player_id: wanted[player_id] for player_id in (*checked.missing, *checked.different)}
    await instance.schedules.schedule_players(wrong, first_fires=never_seen)
    if stale:
        async with instance.db.writing() as connection:
            ids = {player_id: schedule_id_of(player_id) if player_id in active else None for player_id in stale}
            await table.set_schedule_ids(connection, ids)


async def _drop_orphans(instance: Instance, schedule_ids: list[str], report: Reconciled) -> None:
    """Schedules of nobody, and those of players who are paused: neither should be there."""
    owners = {schedule_id: player_id_of(schedule_id) for schedule_id in schedule_ids}
    async with instance.db.reading() as connection:
        active = await table.which_active(connection, [owner for owner in owners.values() if owner is not None])
    inactive = [s for s, owner in owners.items() if owner in active and not active[owner]]
    orphaned = [s for s, owner in owners.items() if owner not in active]
    report.inactive.add(player_id_of(s) or s for s in inactive)
    report.orphaned.add(orphaned)
    if report.mended:
        await instance.source.delete_schedules([*inactive, *orphaned])
