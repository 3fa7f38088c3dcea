"""`osrsdiff migrate-from`: carries an install of OSRS Diff over into this instance."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import anyio
import click

from osrsdiff.cli import exits, output
from osrsdiff.cli.bars import bar
from osrsdiff.cli.frame import Command
from osrsdiff.cli.place import configured
from osrsdiff.cli.wording import counted
from osrsdiff.config import Config
from osrsdiff.tracking.instance import open_instance
from osrsdiff.tracking.move.moving import move_from
from osrsdiff.tracking.move.report import SHOWN, MoveReport
from osrsdiff.tracking.progress import Progress

TOLD_EVERY_S = 5.0
"""How often a line tells how far it is, where no bar can be drawn."""


@click.command("migrate-from", cls=Command)
@click.argument("url", metavar="POSTGRESQL_URL")
@click.option("--redis", "old_redis", metavar="URL", help="The old install's Redis: list what its schedulers left.")
@click.option("--dry-run", is_flag=True, help="Read everything, change nothing, print the same report.")
@click.option("--remove-old", is_flag=True, help="Then remove the old schedulers' keys from that Redis.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def migrate_from(*, url: str, old_redis: str | None, dry_run: bool, remove_old: bool, as_json: bool) -> None:
    """Carry an install of OSRS Diff over: its players, and everything their records show.

    POSTGRESQL_URL is its database, which is only read. It may run meanwhile, and so may this instance. However it is
    interrupted, the same command goes on where it was, and nothing comes twice. A player who is tracked here already
    gets the old history put before its own.

    With --remove-old, and once the move is verified, the old schedulers' keys are removed from the Redis of --redis,
    and the ids of those schedules from the old database; its tables stay. Without it the old install is as it was.
    """
    if remove_old and old_redis is None:
        raise click.UsageError("--remove-old removes what is in the old install's Redis: name that with --redis.")
    config = configured()
    with exits.stoppable("Stopped. What is moved stays; the same command goes on from there."):
        report = anyio.run(_move, config, url, old_redis, dry_run, remove_old)
    if as_json:
        output.print_json(report)
    else:
        _tell(report)
    click.get_current_context().exit(0 if report.is_whole else exits.NOT_DONE)


async def _move(config: Config, url: str, old_redis: str | None, dry_run: bool, remove_old: bool) -> MoveReport:
    async with open_instance(config) as instance:
        return await move_from(
            instance, url, stages=_stage, old_redis=old_redis, dry_run=dry_run, remove_old=remove_old
        )


def _stage(text: str) -> AbstractContextManager[Progress]:
    return bar(text) if sys.stderr.isatty() else _lines(text)


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


def _tell(report: MoveReport) -> None:
    output.say("A dry run: nothing was changed." if report.dry_run else "The move:")
    for line in _summary(report):
        output.say(f"  {line}")
    _list("Carried over otherwise than it was", [f"{r.player}: {r.text}" for r in report.remarks], len(report.remarks))
    failures = [f"{f.kind} {f.id} ({f.player}): {f.why}" for f in report.failures]
    _list("Not carried over", failures, report.failures_total)
    if report.failures_file:
        output.say(f"  All of them: {report.failures_file}")
    differences = [f"{d.player}: {d.text}" for d in report.differences or []]
    _list("Different from the source", differences, report.differences_total)
    for line in _outlook(report):
        output.say(line)


def _summary(report: MoveReport) -> Iterator[str]:
    parts = {
        "new": report.players_new,
        "moved by an earlier run": report.players_moved,
        "tracked here before": report.players_known,
    }
    told = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
    merged = f"; {report.players_merged:,} more are merged into them" if report.players_merged else ""
    yield f"{counted(report.players, 'player')}{': ' if told else ''}{told}{merged}"
    yield (
        f"{counted(report.records, 'record')}: {report.looks:,} became looks, {report.failed:,} could not, "
        f"{report.left_out:,} left out"
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
    if total > SHOWN:
        output.say(f"  and {total - SHOWN:,} more")


def _outlook(report: MoveReport) -> Iterator[str]:
    if report.differences == []:
        yield "Verified: each player's number of records and values at their end are those of the source."
    if report.scheduled is not None:
        yield f"{counted(report.scheduled, 'active player')} scheduled."
    elif not report.dry_run:
        yield "Redis does not answer: players are scheduled by `osrsdiff run` at its start, or within ten minutes."
    yield from _leftovers(report)


def _leftovers(report: MoveReport) -> Iterator[str]:
    left = report.leftovers
    if left is None:
        return
    what = ", ".join(f"{count:,} {kind.value}" for kind, count in left.counts.items()) or "nothing"
    if left.removed:
        yield f"Removed from the old install's Redis: {what}."
        yield f"Its database has forgotten {counted(report.schedule_ids_cleared, 'schedule id')}; its tables stay."
    else:
        yield f"The old install's Redis holds {what}. --remove-old removes that once the move is verified."
    if left.unrecognised_count:
        yield (
            f"{counted(left.unrecognised_count, 'key')} there are named alike and hold something else, so they stay: "
            f"{', '.join(left.unrecognised)}"
        )
