"""Reads all records that are not here yet, turns each into the look that it was, and hands the looks to be stored."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from osrsdiff.errors import Malformed
from osrsdiff.storage import history
from osrsdiff.storage.engine import Database
from osrsdiff.storage.predecessor import OldRecord
from osrsdiff.tracking.move.failures import FailureList
from osrsdiff.tracking.move.report import Failure, MoveReport
from osrsdiff.tracking.move.track import Track, is_later
from osrsdiff.tracking.move.writing import Writer
from osrsdiff.tracking.progress import Progress

if TYPE_CHECKING:
    from osrsdiff.storage.predecessor_reader import Source


async def bring_in(
    db: Database,
    source: "Source",
    tracks: Sequence[Track],
    failures: FailureList,
    report: MoveReport,
    now: datetime,
    progress: Progress,
) -> None:
    """Moves every record of `tracks` that is from before `now`; in a dry run only reads and counts them.

    What is later is left as it is, so that a later run takes it.
    """
    writer = None if report.dry_run else Writer(db, failures.write)
    done = sum(track.move.records for track in tracks)
    progress(done, report.records)
    wanted = [one for place, track in enumerate(tracks) for one in track.reads_from(place)]
    async with aclosing(source.records(wanted)) as pages:
        current: Track | None = None
        async for page in pages:
            for record in page:
                track = tracks[record.place]
                if is_later(record, now):
                    track.unread += 1
                    continue
                if track is not current:
                    if current is not None and writer is not None:
                        await writer.keep(current, is_last=True)
                    await _begin(db, track)
                    current = track
                await _take(track, record, writer, failures, report)
            done += len(page)
            report.read += len(page)
            progress(done, report.records)
    if writer is not None:
        await _end(writer, current, tracks)
        for track in tracks:
            if track.is_gone:
                _tell_gone(track, failures)


async def _begin(db: Database, track: Track) -> None:
    track.is_done = False
    if not track.must_reopen:
        return
    async with db.reading() as conn:
        state = await history.load_state(conn, track.move.player_id)
    if (state.version if state else 0) == track.move.looks:
        track.reopened_from = state
        track.move = msgspec.structs.replace(track.move, state=state)
    else:
        track.close()


async def _take(
    track: Track, record: OldRecord, writer: Writer | None, failures: FailureList, report: MoveReport
) -> None:
    if track.is_gone:
        return
    try:
        found, new = track.take(record)
    except Malformed as error:
        failures.add(Failure("record", record.id, track.person.display_name, str(error)))
        return
    if found is not None and (found.changes or found.is_first_look):
        report.snapshots += 1
    if writer is None:
        track.pending.clear()
        return
    if found is not None:
        await writer.register(new, found.sheet.keys(), found.looked_at)
    await writer.keep(track)


async def _end(writer: Writer, current: Track | None, tracks: Sequence[Track]) -> None:
    """Whoever had no records left is brought to the end too."""
    if current is not None:
        await writer.keep(current, is_last=True)
    await writer.flush()
    for track in tracks:
        if not track.is_done and not track.is_gone:
            await writer.keep(track, is_last=True)
    await writer.flush()


def _tell_gone(track: Track, failures: FailureList) -> None:
    why = "was removed here while it was moved"
    failures.add(Failure("player", track.person.source_ids[0], track.person.display_name, why))
