"""Moves a whole install of OSRS Diff into this instance, step by step; each can be interrupted and done again.

Players first, paused until their history is whole; then all records in the order of players and times; then a
verification against the source; then schedules. The source is only read. What the old install has left in its Redis is
listed; it is removed, and forgotten in its database, where that was asked for and the move is whole.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from redis.asyncio import Redis

from osrsdiff import redis_client
from osrsdiff.config import UNREADABLE, is_torn, masked
from osrsdiff.errors import OsrsdiffError, RedisRefused, RedisUnreachable, UserError
from osrsdiff.scheduling.constants import RECKON_TASK
from osrsdiff.scheduling.leftovers import check_is_idle, find_leftovers, reaching_old_redis
from osrsdiff.storage import plan, predecessor
from osrsdiff.tracking.following import follow
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.move.beginning import Begun, begin
from osrsdiff.tracking.move.bringing import bring_in
from osrsdiff.tracking.move.failures import FILE_NAME, FailureList
from osrsdiff.tracking.move.people import People, people_of
from osrsdiff.tracking.move.report import SHOWN, About, Failure, MoveReport, Remark
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
    source_timezone: str | None = None,
    dry_run: bool = False,
    remove_old: bool = False,
) -> MoveReport:
    """Carries everything over that is not here yet; with `dry_run` only tells what that would be.

    Raises as `predecessor.open_source` does, and Unreachable or RedisRefused where the old install's Redis does not
    answer at the start. With `remove_old` raises before anything is done where the old install is still at work, or
    may not be changed; what fails in the end is in the report.
    """
    started = time.monotonic()
    report = MoveReport(dry_run=dry_run)
    may_remove = remove_old and not dry_run
    async with _opened(old_redis) as redis:
        if redis is not None and may_remove:
            await check_is_idle(redis)
            await predecessor.check_may_clear(url)
        async with predecessor.open_source(url, source_timezone) as source:
            tracks = await _moved(instance, source, report, stages)
        if not dry_run:
            report.scheduled = await _schedule(instance, tracks, stages)
        if redis is not None:
            await _tidy_up(redis, url, report, may_remove=may_remove)
    report.seconds = time.monotonic() - started
    return report


async def _tidy_up(redis: Redis, url: str, report: MoveReport, *, may_remove: bool) -> None:
    """Lists what the old install has left, and removes it where all of the move is whole."""
    try:
        report.leftovers = await find_leftovers(redis)
        if may_remove and report.is_whole:
            await check_is_idle(redis)
            report.schedule_ids_cleared = await predecessor.clear_schedules(url)
            report.leftovers = await find_leftovers(redis, remove=True)
    except OsrsdiffError as error:
        report.not_removed = str(error)


async def _moved(instance: Instance, source: "Source", report: MoveReport, stages: Stages) -> list[Track]:
    now = datetime.now(UTC)
    name = await source.name()
    if zone := await source.doubtful_timezone():
        report.remark(_doubtful(zone))
    interval = instance.config.players.default_interval_minutes
    with stages("Counting records"):
        people = people_of(await source.players(), default_interval=interval, now=now)
        counts = await source.record_counts()
    failures = FailureList(instance.config.data_dir / FILE_NAME, name, is_kept=not report.dry_run)
    _tell_people(people, counts, failures, report)
    with stages("Adding players") as progress:
        begun = await begin(instance.db, people.everybody, name, now, dry_run=report.dry_run, progress=progress)
    _tell_begun(begun, counts, failures, report)
    with stages("Moving records") as progress:
        await bring_in(instance.db, source, begun.tracks, failures, report, now, progress)
    failures.write()
    if not report.dry_run:
        with stages("Verifying players") as progress:
            here = [track for track in begun.tracks if not track.is_gone]
            _tell_differences(await verify(instance.db, source, here, counts, progress), failures, report)
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
    with suppress(RedisUnreachable):
        await instance.asked.job(RECKON_TASK)
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
    for remark in people.remarks:
        report.remark(remark)
    if nobodys := sum(count for player_id, count in counts.items() if player_id not in owned | refused):
        report.remark(Remark("-", f"{nobodys:,} records belong to no player and stay there", About.NOBODY))


def _tell_begun(begun: Begun, counts: Mapping[int, int], failures: FailureList, report: MoveReport) -> None:
    report.players_new, report.players_moved, report.players_known = begun.new, begun.moved, begun.known
    report.players_removed = begun.removed
    report.players -= begun.removed
    report.records = sum(counts.get(number, 0) for track in begun.tracks for number in track.person.source_ids)
    for remark in begun.remarks:
        report.remark(remark)
    for failure in begun.refused:
        failures.add(failure)


def _tell_differences(differences: list[Remark], failures: FailureList, report: MoveReport) -> None:
    report.differences, report.differences_total = differences[:SHOWN], len(differences)
    for one in differences:
        failures.differ(one.player, one.text)
    failures.write()


def _tell_records(tracks: Sequence[Track], failures: FailureList, report: MoveReport) -> None:
    for track in tracks:
        name, move = track.person.display_name, track.move
        report.looks += move.looks
        report.failed += move.failed
        report.left_out += move.left_out
        report.unread += track.unread
        if move.left_out:
            since = f" ({track.own_since:%Y-%m-%d %H:%M} UTC)" if track.own_since else ""
            text = f"{move.left_out:,} records left out: from after this instance's own first look{since}"
            report.remark(Remark(name, text, About.OVERLAP))
        if track.unread:
            text = f"{track.unread:,} records are from a time that is yet to come: left for a later run"
            report.remark(Remark(name, text, About.LATER))
    report.failures, report.failures_total = failures.first, report.failed + failures.players
    report.failures_file = failures.file


def _doubtful(zone: str) -> Remark:
    text = (
        f"its times are stored without a timezone, and its server's is {zone}: they are read as UTC. Where they are "
        f"local times, move with --source-timezone {zone}"
    )
    return Remark("-", text, About.TIMEZONE)


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
    async with _client(url) as redis:
        with reaching_old_redis():
            await redis.ping()
        yield redis


def _client(url: str) -> Redis:
    is_url = "://" in url  # without a scheme nobody knows what to hide
    unreadable = f"--redis: {masked(url) if is_url else 'it'} {UNREADABLE}"
    if not is_url or is_torn(url):
        raise UserError(unreadable)
    try:
        return redis_client.create(url)
    except RedisRefused:
        # whatever it says may quote the password
        raise UserError(unreadable) from None
