"""Moves a whole install of OSRS Diff into this instance, step by step; each can be interrupted and done again.

Players first, paused until their history is whole; then all records in the order of players and times; then a
verification against the source; then schedules. The source is only read. What the old install has left in its Redis is
listed; it is removed, and forgotten in its database, where that was asked for and the verification found nothing.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from redis.asyncio import Redis

from osrsdiff import redis_client
from osrsdiff.config import masked
from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.identity import check_login
from osrsdiff.scheduling.leftovers import find_leftovers
from osrsdiff.scheduling.outage import reaching_redis
from osrsdiff.storage import plan, predecessor
from osrsdiff.tracking.following import follow
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.move.beginning import Begun, begin
from osrsdiff.tracking.move.bringing import bring_in
from osrsdiff.tracking.move.failures import FILE_NAME, FailureList
from osrsdiff.tracking.move.people import People, people_of
from osrsdiff.tracking.move.report import SHOWN, Failure, MoveReport, Remark
from osrsdiff.tracking.move.track import Track
from osrsdiff.tracking.move.verifying import verify
from osrsdiff.tracking.progress import Progress

if TYPE_CHECKING:
    from osrsdiff.storage.predecessor_reader import Source

Stages = Callable[[str], AbstractContextManager[Progress]]
"""Given what is done next, gives what is to be told how far it is."""

SCHEDULED_AT_ONCE = 1_000

T = TypeVar("T")


async def move_from(
    instance: Instance,
    url: str,
    *,
    stages: Stages,
    old_redis: str | None = None,
    dry_run: bool = False,
    remove_old: bool = False,
) -> MoveReport:
    """Carries everything over that is not here yet; with `dry_run` only tells what that would be.

    Raises as `predecessor.open_source` does, and RedisUnreachable where the old install's Redis does not answer.
    """
    started = time.monotonic()
    report = MoveReport(dry_run=dry_run)
    async with _opened(old_redis) as redis:
        async with predecessor.open_source(url) as source:
            tracks = await _moved(instance, source, report, stages)
        if not dry_run:
            report.scheduled = await _schedule(instance, tracks, stages)
        if redis is not None:
            may_remove = remove_old and not dry_run and report.differences == []
            report.leftovers = await find_leftovers(redis, remove=may_remove)
            if may_remove:
                report.schedule_ids_cleared = await predecessor.clear_schedules(url)
    report.seconds = time.monotonic() - started
    return report


async def _moved(instance: Instance, source: "Source", report: MoveReport, stages: Stages) -> list[Track]:
    now = datetime.now(UTC)
    name = await source.name()
    with stages("Counting records"):
        people = people_of(await source.players(), default_interval=instance.config.players.default_interval_minutes)
        counts = await source.record_counts()
    failures = FailureList(None if report.dry_run else instance.config.data_dir / FILE_NAME, name)
    _tell_people(people, counts, failures, report)
    with stages("Adding players") as progress:
        begun = await begin(instance.db, people.everybody, name, now, dry_run=report.dry_run, progress=progress)
    _tell_begun(begun, failures, report)
    with stages("Moving records") as progress:
        await bring_in(instance.db, source, begun.tracks, failures, report, now, progress)
    failures.write()
    if not report.dry_run:
        with stages("Verifying players") as progress:
            moved = [track.person for track in begun.tracks if not track.is_gone]
            differences = await verify(instance.db, source, moved, counts, progress)
        report.differences, report.differences_total = differences[:SHOWN], len(differences)
    _tell_records(begun.tracks, failures, report)
    return begun.tracks


async def _schedule(instance: Instance, tracks: Sequence[Track], stages: Stages) -> int | None:
    """Schedules everybody who is active; how many that is, None where Redis is away and the next reconcile does it."""
    here = [track for track in tracks if not track.is_gone]
    scheduled = 0
    with stages("Scheduling players") as progress:
        for done, some in _chunks(here, SCHEDULED_AT_ONCE):
            ids = [track.move.player_id for track in some]
            never_seen = [t.move.player_id for t in some if not t.move.looks and t.person.fetched_at is None]
            try:
                await follow(instance, ids, first_fires=dict.fromkeys(never_seen, time.time()))
            except RedisUnreachable:
                return None
            async with instance.db.reading() as conn:
                scheduled += len(await plan.wanted(conn, ids))
            progress(done, len(here))
    return scheduled


def _tell_people(people: People, counts: Mapping[int, int], failures: FailureList, report: MoveReport) -> None:
    owned = {source_id for person in people.everybody for source_id in person.source_ids}
    refused = {failure.id for failure in people.refused}
    for failure in people.refused:
        lost = counts.get(failure.id, 0)
        why = f"{failure.why} Its {lost:,} records stay there." if lost else failure.why
        failures.add(Failure(failure.kind, failure.id, failure.player, why))
    report.players = len(people.everybody)
    report.players_merged = people.merged
    report.records = sum(count for player_id, count in counts.items() if player_id in owned)
    report.remarks += people.remarks
    if nobodys := sum(count for player_id, count in counts.items() if player_id not in owned | refused):
        report.remarks.append(Remark("-", f"{nobodys:,} records belong to no player and stay there"))


def _tell_begun(begun: Begun, failures: FailureList, report: MoveReport) -> None:
    report.players_new, report.players_moved, report.players_known = begun.new, begun.moved, begun.known
    for failure in begun.refused:
        failures.add(failure)


def _tell_records(tracks: Sequence[Track], failures: FailureList, report: MoveReport) -> None:
    for track in tracks:
        report.looks += track.move.looks
        report.failed += track.move.failed
        report.left_out += track.move.left_out
        if track.move.left_out:
            since = f" ({track.own_since:%Y-%m-%d %H:%M} UTC)" if track.own_since else ""
            text = f"{track.move.left_out:,} records left out: from after this instance's own first look{since}"
            report.remarks.append(Remark(track.person.display_name, text))
    report.failures, report.failures_total, report.failures_file = failures.first, failures.total, failures.file


def _chunks(items: Sequence[T], size: int) -> Iterator[tuple[int, Sequence[T]]]:
    """So many at a time, each with how many are done after it."""
    for start in range(0, len(items), size):
        yield min(start + size, len(items)), items[start : start + size]


@asynccontextmanager
async def _opened(url: str | None) -> AsyncIterator[Redis | None]:
    """The old install's Redis, which answers."""
    if url is None:
        yield None
        return
    async with redis_client.create(url) as redis:
        await check_login(redis)
        try:
            with reaching_redis():
                await redis.ping()
        except RedisUnreachable as error:
            raise RedisUnreachable(f"The old install's Redis, {masked(url)}: {error}") from error
        yield redis
