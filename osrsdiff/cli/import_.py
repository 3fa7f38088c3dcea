"""`osrsdiff import`: brings in what another instance has exported, or dated values from elsewhere."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from osrsdiff.cli import exits, output
from osrsdiff.cli.bars import bar
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.cli.wording import counted
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.transfer.import_report import ImportReport
from osrsdiff.tracking.transfer.importing import import_file

_TOLD = 20
"""So many bad rows are printed; the JSON document has more."""


@click.command("import", cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Read everything, change nothing, tell what would be done.")
@click.option("--all-or-nothing", is_flag=True, help="Do nothing where any row is bad: the file is read twice.")
@click.option("--paused", is_flag=True, help="Add new players without fetching them.")
@JSON
def import_(*, file: Path, dry_run: bool, all_or_nothing: bool, paused: bool, as_json: bool) -> None:
    """Bring in what `osrsdiff export` has written, or dated values from elsewhere.

    An export may be of any format. Players who are not here are added, as they were there; who is here keeps its
    settings and gets what is missing. The same file again changes nothing, and an import that is interrupted goes on
    with the same command. Records and achievements are worked out anew afterwards.

    Dated values are a CSV whose first line names its columns, in any order:

    \b
    player,date,metric,value,rank,level
    Lynx Titan,2024-01-31,Attack,200000000,15,99
    Lynx Titan,2024-01-31T18:00:00+01:00,zulrah,1200,,

    Rank and level may be missing or empty. A date without a zone is UTC; epoch seconds will do. Rows of one player and
    date are one look, which says nothing of metrics that it does not name.

    A row that can't be true is left out and told, with its line and the reason; the others are imported.
    """

    async def work(instance: Instance) -> ImportReport:
        return await import_file(
            instance,
            file,
            stages=bar,
            now=datetime.now(UTC),
            dry_run=dry_run,
            all_or_nothing=all_or_nothing,
            paused=paused,
        )

    with exits.stoppable("Stopped. What is imported stays; the same command goes on from there."):
        report = on_instance(work)
    if as_json:
        output.print_json(report)
    else:
        for line in _told(report):
            output.say(line)
    click.get_current_context().exit(0 if report.is_whole else exits.NOT_DONE)


def _told(report: ImportReport) -> Iterator[str]:
    if report.stopped:
        yield f"Nothing is imported: {counted(report.refused_total, 'bad row')} of {report.rows:,}."
    else:
        yield from _summary(report)
    yield from report.remarks
    if report.refused_total:
        yield f"Left out ({report.refused_total:,}):"
        for refused in report.refused[:_TOLD]:
            where = f"line {refused.place}" if isinstance(refused.place, int) else refused.place
            yield f"  {where}: {refused.reason}"
        if (more := report.refused_total - _TOLD) > 0:
            yield f"  and {more:,} more"
    if report.refused_file:
        yield f"All of them: {report.refused_file}"
    if not report.stopped and not report.dry_run:
        yield from _outlook(report)


def _summary(report: ImportReport) -> Iterator[str]:
    if report.dry_run:
        yield "Nothing is changed. What an import would do:"
    players = report.players_new + report.players_known
    yield f"{counted(players, 'player')}: {report.players_new:,} new, {report.players_known:,} here before"
    yield (
        f"{counted(report.looks, 'look')}: {report.looks_stored:,} stored, "
        f"{report.looks_unchanged:,} changed nothing, {report.looks_known:,} here before"
    )
    added = {
        "metric": report.added.metrics,
        "group": report.added.groups,
        "membership": report.added.memberships,
        "game mode change": report.added.mode_changes,
        "name change": report.added.name_changes,
        "review": report.added.reviews,
        "event": report.added.events,
    }
    if told := ", ".join(counted(count, thing) for thing, count in added.items() if count):
        yield f"Added: {told}"


def _outlook(report: ImportReport) -> Iterator[str]:
    if report.scheduled is None:
        yield "Redis does not answer: `osrsdiff run` schedules the players and reckons their records."
        return
    if report.scheduled:
        yield f"{counted(report.scheduled, 'new player')} scheduled."
    if report.reckoning:
        yield "Records and achievements are being worked out anew."
