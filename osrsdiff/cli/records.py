"""`osrsdiff records`: the most that was ever gained in a day, a week, a month, a year; reckoned anew on demand."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

import click
from rich.text import Text

from osrsdiff.api import record_schemas as schemas
from osrsdiff.api.records import records_document, table_document
from osrsdiff.cli import exits, output, tables, wording
from osrsdiff.cli.bars import bar
from osrsdiff.cli.documents import records_rebuilt
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import AFTER, GROUP, JSON, names_given
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import RecordPeriod
from osrsdiff.storage.seen import Seen
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import see_player
from osrsdiff.tracking.reckoning import Differences, Reckoned
from osrsdiff.tracking.reckoning import rebuild as reckon
from osrsdiff.tracking.records import DEFAULT_LIMIT, DEFAULT_PERIOD, MOST_AT_ONCE, Wanted, record_table, records_of

_PERIODS = click.Choice([period.value for period in RecordPeriod])
_COLUMNS = {period: period.value.capitalize() for period in RecordPeriod}


@click.group(cls=Commands)
def records() -> None:
    """Show the most that was ever gained in a day, a week, a month, a year.

    In any window of that length, wherever it lies. A gain counts where the looks around it lie inside the window.
    """


@records.command()
@click.argument("name", metavar="NAME")
@click.option("--period", type=_PERIODS, help="Only this period, with the times of its records.")
@JSON
def show(name: str, period: str | None, as_json: bool) -> None:
    """Show a player's records."""
    wanted = None if period is None else RecordPeriod(period)

    async def read(instance: Instance) -> tuple[Seen, schemas.PlayerRecords]:
        seen = await see_player(instance, name)
        return seen, records_document(seen, await records_of(instance, seen.player.id, wanted))

    seen, found = on_instance(read, attached=False)
    if as_json:
        output.print_json(found)
        return
    title = "the most gained in " + ("any window" if wanted is None else f"any {wanted}")
    tables.print_title(found.player.display_name, title)
    if not found.records:
        output.note(found.message or "No records.")
    elif wanted is None:
        _print_all(found.records)
    else:
        _print_timed(found.records, datetime.now(UTC))
    if not seen.is_reckoned:
        output.note(wording.not_reckoned(seen.player))


@records.command()
@click.argument("metric")
@click.option("--period", type=_PERIODS, default=DEFAULT_PERIOD.value, show_default=True, help="How long a window is.")
@GROUP
@click.option("--mode", type=click.Choice([mode.value for mode in GameMode]), help="Only players of this game mode.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_AT_ONCE), default=DEFAULT_LIMIT, show_default=True, help="How many at most."
)
@AFTER
@JSON
def top(
    metric: str, period: str, group: str | None, mode: str | None, limit: int, after: str | None, as_json: bool
) -> None:
    """Show whose records in METRIC are the highest: overall, zulrah, "Clue Scrolls (all)"."""
    wanted = Wanted(metric, RecordPeriod(period), group, GameMode(mode) if mode else None)
    found = on_instance(lambda instance: record_table(instance, wanted, limit=limit, after=after), attached=False)
    body = table_document(found)
    if as_json:
        output.print_json(body)
        return
    _print_table(body, datetime.now(UTC))
    if body.next:
        output.note(f"There are more: --after {body.next}, or a larger --limit.")


@records.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everybody", is_flag=True, help="All players.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@JSON
def rebuild(names: Sequence[str], everybody: bool, dry_run: bool, as_json: bool) -> None:
    """Reckon records and achievements anew.

    From the whole history; what differs is mended. Needed seldom: each look keeps them up to date, and history that was
    brought from elsewhere is reckoned by itself. Exit code 1 where a dry run finds a difference.
    """
    if bool(names) is everybody:
        raise click.UsageError("Give either names or --all.")

    async def run(instance: Instance) -> Reckoned:
        with bar("Reckoning players") as progress:
            given = None if everybody else names_given(names, None)
            return await reckon(instance, given, dry_run=dry_run, progress=progress)

    with exits.stoppable("Stopped halfway: what was reckoned stays. The same command does the rest."):
        report = on_instance(run, attached=False)
    _print_report(report, as_json=as_json)
    is_done = not report.refused and not report.busy and not (dry_run and report.differences)
    click.get_current_context().exit(0 if is_done else exits.NOT_DONE)


def _print_all(found: Iterable[schemas.PlayerRecord]) -> None:
    """A line for each metric, a column for each period."""
    rows = []
    for name, of_metric in groupby(found, key=lambda one: one.name):
        gained = {one.period: wording.signed(one.gained) for one in of_metric}
        rows.append([name, *(gained.get(period, "-") for period in RecordPeriod)])
    tables.print_table(["Metric", *_COLUMNS.values()], rows, right=_COLUMNS.values(), wrapped=("Metric",))


def _print_timed(found: Iterable[schemas.PlayerRecord], now: datetime) -> None:
    rows = [
        (one.name, Text(wording.signed(one.gained), style="green"), *_times(one.start, one.end, now)) for one in found
    ]
    tables.print_table(("Metric", "Gained", "From", "To"), rows, right=("Gained",), wrapped=("Metric",))


def _print_table(body: schemas.RecordTable, now: datetime) -> None:
    said = [f"the most gained in any {body.period}"]
    said += [] if body.group is None else [f"in {body.group.name}"]
    said += [] if body.mode is None else [f"of {body.mode.replace('_', ' ')} players"]
    tables.print_title(body.name, ", ".join(said))
    if not body.items:
        output.note("Nobody gained anything that is known.")
        return
    rows = [
        (
            str(one.place),
            Text(one.player.display_name, style="bold"),
            Text(wording.signed(one.gained), style="green"),
            *_times(one.start, one.end, now),
        )
        for one in body.items
    ]
    tables.print_table(("#", "Player", "Gained", "From", "To"), rows, right=("#", "Gained"))


def _times(start: datetime, end: datetime, now: datetime) -> tuple[str, str]:
    return wording.local(start, now), wording.local(end, now)


def _print_report(report: Reckoned, *, as_json: bool) -> None:
    for refused in report.refused:
        exits.complain(str(refused.error))
    if as_json:
        output.print_json(records_rebuilt(report))
        return
    done = "mended" if report.mended else "found"
    output.say(f"{wording.counted(report.players, 'player')} reckoned.")
    output.say(f"Records:      {_in_words(report.records, done)}")
    output.say(f"Achievements: {_in_words(report.achievements, done)}")
    if report.busy:
        output.note(f"{wording.counted(report.busy, 'player')} looked at too often meanwhile: run it again.")


def _in_words(found: Differences, done: str) -> str:
    if not found.count:
        return "no difference"
    kinds = {"missing": found.missing, "different": found.different, "superfluous": found.superfluous}
    return f"{', '.join(f'{count:,} {kind}' for kind, count in kinds.items() if count)} {done}"
