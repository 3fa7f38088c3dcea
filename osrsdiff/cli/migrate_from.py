"""`osrsdiff migrate-from`: carries an install of OSRS Diff over into this instance."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from osrsdiff.cli import exits, output
from osrsdiff.cli.bars import bar, can_draw
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.cli.wording import counted
from osrsdiff.tracking.move.moving import move_from
from osrsdiff.tracking.move.report import SHOWN, MoveReport
from osrsdiff.tracking.progress import Progress

TOLD_EVERY_S = 5.0
"""How often a line tells how far it is, where no bar can be drawn."""


@click.command("migrate-from", cls=Command)
@click.argument("url", metavar="POSTGRESQL_URL")
@click.option("--redis", "old_redis", metavar="URL", help="The old install's Redis: list what its schedulers left.")
@click.option("--source-timezone", metavar="NAME", help="Where its times have no timezone: the one they are of.")
@click.option("--dry-run", is_flag=True, help="Read everything, change nothing, print the same report.")
@click.option("--remove-old", is_flag=True, help="Then remove the old schedulers' keys from that Redis.")
@click.option("--yes", is_flag=True, help="Don't ask before that.")
@JSON
def migrate_from(
    *,
    url: str,
    old_redis: str | None,
    source_timezone: str | None,
    dry_run: bool,
    remove_old: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Carry an install of OSRS Diff over: its players, and everything their records show.

    POSTGRESQL_URL is its database, which is only read. It may run meanwhile, and so may this instance. However it is
    interrupted, the same command goes on where it was, and nothing comes twice. A player who is tracked here already
    gets the old history put before its own; one who was removed here after its move stays removed.

    With --remove-old, once the move is whole and the old install stands still, the old schedulers' keys are removed
    from the Redis of --redis, and the ids of those schedules from the old database; its tables stay. Without it the
    old install is as it was.

    PGPASSWORD, or ~/.pgpass, keeps the password off the command line.
    """
    if remove_old and old_redis is None:
        raise click.UsageError("--remove-old removes what is in the old install's Redis: name that with --redis.")
    _check_timezone(source_timezone)
    if remove_old and not dry_run and not yes:
        _confirm_removal()
    move = partial(
        move_from,
        url=url,
        stages=bar if can_draw() else _lines,
        old_redis=old_redis,
        source_timezone=source_timezone,
        dry_run=dry_run,
        remove_old=remove_old,
    )
    with exits.stoppable("Stopped. What is moved stays; the same command goes on from there."):
        report = on_instance(move)
    if as_json:
        output.print_json(report)
    else:
        _tell(report, remove_old=remove_old)
    click.get_current_context().exit(0 if report.is_whole and report.not_removed is None else exits.NOT_DONE)


def _confirm_removal() -> None:
    if _is_at_a_terminal():
        click.confirm(
            "Remove what the old schedulers left in that Redis, once the move is whole?", abort=True, err=True
        )


def _is_at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _check_timezone(name: str | None) -> None:
    try:
        if name is not None:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.BadParameter(
            f"{name!r} is no timezone; one is Europe/Berlin.", param_hint="--source-timezone"
        ) from error


@contextmanager
def _lines(text: str) -> Iterator[Progress]:
    """A line now and then on standard error, and one at the end of what took a while."""
    began = told = time.monotonic()
    first: int | None = None

    def tell(done: int, total: int) -> None:
        nonlocal told, first
        now = time.monotonic()
        first = done if first is None else first
        if now - told >= TOLD_EVERY_S:
            told = now
            output.note(f"{text}: {done:,} of {total:,}{_pace(done - first, total - done, now - began)}")

    yield tell


def _pace(done: int, left: int, took_s: float) -> str:
    rate = done / took_s if took_s else 0.0
    return f", {rate:,.0f}/s, about {left / rate:,.0f} s left" if rate else ""


def _tell(report: MoveReport, *, remove_old: bool) -> None:
    output.say("A dry run: nothing was changed." if report.dry_run else "The move:")
    for line in _summary(report):
        output.say(f"  {line}")
    remarks = [f"{r.player}: {r.text}" for r in report.remarks]
    _list("Carried over otherwise than it was", remarks, sum(report.remarks_about.values()))
    failures = [f"{f.kind} {f.id} ({f.player}): {f.why}" for f in report.failures]
    _list("Not carried over", failures, report.failures_total)
    differences = [f"{d.player}: {d.text}" for d in report.differences or []]
    _list("Different from the source", differences, report.differences_total)
    if report.failures_file:
        output.say(f"All of what is not carried over, or differs: {report.failures_file}")
    for line in _outlook(report, remove_old=remove_old):
        output.say(line)


def _summary(report: MoveReport) -> Iterator[str]:
    parts = {
        "new": report.players_new,
        "moved by an earlier run": report.players_moved,
        "tracked here before": report.players_known,
    }
    told = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
    merged = f"; {report.players_merged:,} more are merged into them" if report.players_merged else ""
    removed = f"; {report.players_removed:,} were removed here since and stay so" if report.players_removed else ""
    yield f"{counted(report.players, 'player')}{': ' if told else ''}{told}{merged}{removed}"
    yield (
        f"{counted(report.records, 'record')}: {report.looks:,} became looks, {report.failed:,} could not, "
        f"{report.left_out:,} left out{f', {report.unread:,} left for later' if report.unread else ''}"
    )
    rate = f", {report.read / report.seconds:,.0f}/s" if report.seconds and report.read else ""
    yield (
        f"this run: {counted(report.read, 'record')}, {report.snapshots:,} of them changed something, "
        f"{report.seconds:,.1f} s{rate}"
    )


def _list(heading: str, lines: list[str], total: int) -> None:
    if not total:
        return
    output.say(f"{heading} ({total:,}):")
    for line in lines[:SHOWN]:
        output.say(f"  {line}")
    if total > len(lines[:SHOWN]):
        output.say(f"  and {total - len(lines[:SHOWN]):,} more")


def _outlook(report: MoveReport, *, remove_old: bool) -> Iterator[str]:
    if report.differences is not None and report.is_whole:
        yield "Verified: each player's number of records and values at their end are those of the source."
    elif report.differences is not None:
        yield f"Not all of it is here: {', '.join(_missing(report))}."
    if report.scheduled is not None:
        yield f"{counted(report.scheduled, 'active player')} scheduled."
    elif not report.dry_run:
        yield "Redis does not answer: players are scheduled by `osrsdiff run` at its start, or within ten minutes."
    yield from _leftovers(report, remove_old=remove_old)


def _missing(report: MoveReport) -> Iterator[str]:
    if players := report.failures_total - report.failed:
        yield f"{counted(players, 'player')} could not be carried over"
    if report.failed:
        yield f"{counted(report.failed, 'record')} could not become looks"
    if report.unread:
        yield f"{counted(report.unread, 'record')} yet to come left for a later run"
    if report.differences_total:
        yield f"{counted(report.differences_total, 'difference')} from the source"


def _leftovers(report: MoveReport, *, remove_old: bool) -> Iterator[str]:
    if report.schedule_ids_cleared:
        yield f"Its database has forgotten {counted(report.schedule_ids_cleared, 'schedule id')}; its tables stay."
    if report.not_removed is not None:
        what = "Not all was removed" if remove_old else "What it has left could not be listed"
        yield f"{what}: {report.not_removed} The same command tries again."
    left = report.leftovers
    if left is None:
        return
    what = ", ".join(f"{count:,} {kind.value}" for kind, count in left.counts.items()) or "nothing"
    if left.removed:
        yield f"Removed from the old install's Redis: {what}."
    else:
        waits = remove_old and not report.is_whole
        then = "Nothing of it is removed before the move is whole." if waits else "--remove-old removes that."
        yield f"The old install's Redis holds {what}. {then if report.not_removed is None else ''}".rstrip()
    if left.unrecognised_count:
        yield (
            f"{counted(left.unrecognised_count, 'key')} there are named alike and hold something else, so they stay: "
            f"{', '.join(left.unrecognised)}"
        )
