"""Imports a file: what an instance has exported, in any of the formats, or a CSV of dated values from elsewhere.

Player by player, in small commits, while fetches go on. Players who are not here are added; who is here gets what is
missing and keeps its settings. An import that is interrupted is done again from the start, and skips what is here.
Records and achievements of whoever changed are reckoned anew afterwards, by the job for that.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path

from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.constants import RECKON_TASK
from osrsdiff.storage import plan
from osrsdiff.tracking.following import follow
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.progress import Progress
from osrsdiff.tracking.transfer import given, renamed, values
from osrsdiff.tracking.transfer.blocks import Blocks
from osrsdiff.tracking.transfer.import_report import FILE_NAME, ImportReport, RefusedRows
from osrsdiff.tracking.transfer.import_run import Run
from osrsdiff.tracking.transfer.items import Group, Header, Metric, NameChange, Player
from osrsdiff.tracking.transfer.reading import format_of, is_text, read_items
from osrsdiff.tracking.transfer.refusals import printable

Stages = Callable[[str], AbstractContextManager[Progress]]
"""Given what is done next, gives what is to be told how far it is."""

_SCHEDULED_AT_ONCE = 1_000
_AT_ONCE = 200
"""After so many rows others get on."""


async def import_file(
    instance: Instance,
    path: Path,
    *,
    stages: Stages,
    now: datetime,
    dry_run: bool = False,
    all_or_nothing: bool = False,
    paused: bool = False,
    keeps_list: bool = True,
) -> ImportReport:
    """Brings in what the file has and this instance has not; with `dry_run` only tells what that would be.

    `all_or_nothing`: reads all of the file first, and does nothing where any row is bad. `paused`: nobody who is new is
    fetched. `keeps_list`: whether bad rows beyond those that can be told go to a file. Raises FileNotUsable.
    """
    started = time.monotonic()
    report = ImportReport(dry_run, all_or_nothing)
    rows = RefusedRows(instance.config.data_dir / FILE_NAME if keeps_list and not dry_run else None)
    interval = instance.config.players.default_interval_minutes
    run = Run(instance.db, report, rows, now, interval_minutes=interval, dry_run=dry_run, paused=paused)
    bring_in = _values if _is_values(path) else _export
    async with instance.importing:
        await bring_in(instance, run, path, stages, all_or_nothing=all_or_nothing)
    rows.write()
    report.refused, report.refused_total, report.refused_file = rows.first, rows.total, rows.file
    if not dry_run:
        await _schedule(instance, run, stages)
    report.seconds = time.monotonic() - started
    return report


def _is_values(path: Path) -> bool:
    """Whether the file has dated values; else it is an export, if anything. Raises FileNotUsable."""
    if format_of(path) is not None:
        return False
    if values.is_values(path):
        return True
    if is_text(path):
        raise values.no_values(path)
    return False


async def _values(instance: Instance, run: Run, path: Path, stages: Stages, *, all_or_nothing: bool) -> None:
    """A CSV of dated values, all of which is read before anything is done."""
    found = values.Values()
    with stages("Reading"):
        for _ in values.read(path, found, await run.metrics(), run.now, run.rows.add):
            await asyncio.sleep(0)
        for username in list(found.by_player):
            first = next(values.looks(found, username))
            if why := await renamed.why_not(instance.db, username, first.at):
                run.rows.add(f"player {found.names[username]}", why)
                del found.by_player[username]
            elif all_or_nothing:
                await run.check(username, found.names[username])
    run.report.rows = found.lines
    if found.ignored:
        run.report.remarks.append(f"Columns that mean nothing here are ignored: {printable(', '.join(found.ignored))}.")
    if found.twice:
        run.report.remarks.append(f"{found.twice:,} rows say what another row says.")
    run.report.stopped = all_or_nothing and run.rows.total > 0
    if run.report.stopped:
        return
    with stages("Importing players") as progress:
        for done, username in enumerate(found.by_player, start=1):
            await run.take_in(username, found.names[username], values.looks(found, username))
            progress(done, len(found.by_player))


async def _export(instance: Instance, run: Run, path: Path, stages: Stages, *, all_or_nothing: bool) -> None:
    """What an instance has exported, which is too much to be kept at hand: what all hangs on is found out first."""
    if all_or_nothing:
        with stages("Reading all of it first") as progress:
            await _read(instance, run, path, progress, is_check=True)
        run.report.stopped = run.rows.total > 0
        if run.report.stopped:
            return
    with stages("Importing players") as progress:
        await _read(instance, run, path, progress, is_check=False)


async def _read(instance: Instance, run: Run, path: Path, progress: Progress, *, is_check: bool) -> None:
    checked = await run.checked()
    blocks = Blocks(run, checked, is_check=is_check)
    run.report.rows = total = 0
    given_up = set[str]()
    for place, item in read_items(path):
        run.report.rows += 1
        match item:
            case Header():
                total = item.players
            case NameChange():
                given_up.add(item.before)
            case Metric() | Group():
                item = given.shared(item, checked)
            case Player() if item.username not in given_up:  # else the file knows both, and that they are two
                checked.renamed[item.username] = await renamed.why_not(instance.db, item.username, item.created_at)
        await blocks.take(place, item)
        if run.report.rows % _AT_ONCE == 0:
            progress(blocks.players, max(total, blocks.players))
            await asyncio.sleep(0)
    await blocks.end()
    progress(blocks.players, blocks.players)


async def _schedule(instance: Instance, run: Run, stages: Stages) -> None:
    """Has those of the new players fetched who are active, and whoever changed reckoned."""
    scheduled = 0
    with stages("Scheduling players") as progress, suppress(RedisUnreachable):
        for start in range(0, len(run.new), _SCHEDULED_AT_ONCE):
            some = run.new[start : start + _SCHEDULED_AT_ONCE]
            await follow(instance, some)
            async with instance.db.reading() as conn:
                scheduled += len(await plan.wanted(conn, some))
            progress(start + len(some), len(run.new))
        if run.report.reckoning:
            await instance.asked.job(RECKON_TASK)
        run.report.scheduled = scheduled
