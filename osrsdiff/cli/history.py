"""`osrsdiff history`, `calendar`: the course of a player's metric, and a year of it by days."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import click
from rich.text import Text

from osrsdiff.api import history as documents
from osrsdiff.api import history_schemas as schemas
from osrsdiff.cli import output, sparks, tables, wording
from osrsdiff.cli.clock import Here
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON, over_span
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.series import Resolution
from osrsdiff.storage.epoch import moment
from osrsdiff.tracking import series
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.windows import Asked

_WIDTH = 72
_SHOWN = 20
_BY = {
    Resolution.RAW: "each change",
    Resolution.HOUR: "the last change of each hour",
    Resolution.DAY: "the last change of each day",
    Resolution.WEEK: "the last change of each week",
}


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@click.argument("metric", metavar="METRIC")
@over_span(series.DEFAULT_PERIOD)
@click.option(
    "--resolution",
    type=click.Choice([each.value for each in Resolution]),
    default=Resolution.AUTO.value,
    show_default=True,
    help="Each change, or the last of each hour, day or week; auto is the finest that is sure to fit.",
)
@click.option("--all", "everything", is_flag=True, help=f"Every change, not the newest {_SHOWN} only.")
@JSON
def history(
    name: str,
    metric: str,
    period: str | None,
    start: datetime | None,
    end: datetime | None,
    resolution: str,
    everything: bool,
    as_json: bool,
) -> None:
    """Show the course of a metric, by default over the last year.

    METRIC is a key or the hiscores' own name: overall, attack, "Chambers of Xeric". Days are those of this machine.
    """

    async def look_up(instance: Instance) -> schemas.History:
        found = await series.player_history(
            instance, name, metric, Asked(period, start, end), resolution=Resolution(resolution), zone=Here()
        )
        return documents.history_body(*found)

    found = on_instance(look_up, attached=False)
    if as_json:
        output.print_json(found)
        return
    _print_history(found, datetime.now(UTC), most=None if everything else _SHOWN)


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@click.argument("metric", metavar="METRIC")
@click.option("--year", type=click.IntRange(1971, 2100), metavar="YEAR", help="Which one; the present one by default.")
@JSON
def calendar(name: str, metric: str, year: int | None, as_json: bool) -> None:
    """Show what a metric gained on each day of a year.

    A gain is put to the day of the look that saw it. Days are those of this machine's clock.
    """

    async def look_up(instance: Instance) -> schemas.Calendar:
        return documents.calendar_body(*await series.player_year(instance, name, metric, year=year, zone=Here()))

    found = on_instance(look_up, attached=False)
    if as_json:
        output.print_json(found)
        return
    _print_calendar(found)


def _print_history(found: schemas.History, now: datetime, most: int | None) -> None:
    points = found.points
    window = f"from {wording.local(found.window.start, now)} to {wording.local(found.window.end, now)}"
    tables.print_title(f"{found.player.display_name}  {found.name}", window)
    if found.message:
        tables.print_line(found.message)
        return
    values = points.values
    tables.print_line(f"{values[0]:,} → {values[-1]:,} ({wording.signed(values[-1] - values[0])})")
    if drawn := sparks.line(points.times, values, _WIDTH):
        tables.print_line(drawn)
    changed = [place for place in range(len(values)) if not place or values[place] != values[place - 1]]
    shown = changed if most is None else changed[-most:]
    tables.print_line("")
    levels = [] if points.levels is None else ["Level"]
    headings = ["Seen", found.name, "Gained", *levels, "Rank"]
    tables.print_table(headings, (_row(points, place, now) for place in shown), right=headings[1:])
    output.note(f"Shown is {_BY[found.resolution]}." + ("" if len(shown) == len(changed) else " All of it: --all."))
    if found.next is not None:
        output.note(f"There is more: --from {found.next.astimezone():%Y-%m-%dT%H:%M:%S%z}, or a coarser --resolution.")


def _row(points: schemas.Points, place: int, now: datetime) -> list[tables.Cell]:
    gained = points.values[place] - points.values[place - 1] if place else 0
    return [
        wording.local(moment(points.times[place]), now),
        wording.number(points.values[place]),
        Text(wording.signed(gained) if place else "-", style="green" if gained > 0 else "red" if gained else "dim"),
        *([] if points.levels is None else [wording.number(points.levels[place])]),
        wording.number(points.ranks[place]),
    ]


def _print_calendar(found: schemas.Calendar) -> None:
    unit = " xp" if found.kind is MetricKind.SKILL else ""
    title = f"{found.player.display_name}  {found.name}"
    tables.print_title(title, f"{found.year}  {wording.signed(found.gained)}{unit}")
    if found.message:
        tables.print_line(found.message)
        return
    tables.print_line("")
    tables.print_table(("", "1        10        20        30", "Gained"), _months(found), right=("Gained",))
    most = max((day or 0 for day in found.days), default=0)
    tables.print_line(Text(f"\n█ {most:,}   · nothing   blank: nobody looked", style="dim"))
    if any((day or 0) < 0 for day in found.days):
        tables.print_line(Text("! fell", style="dim"))
    if found.uncertain:
        count = wording.counted(len(found.uncertain), "day")
        tables.print_line(Text(f"The gain of {count} may have come on an earlier one.", style="dim"))


def _months(found: schemas.Calendar) -> Iterable[list[tables.Cell]]:
    most = max((day or 0 for day in found.days), default=0)
    dated = ((date(found.year, 1, 1) + timedelta(days=place), gained) for place, gained in enumerate(found.days))
    for _, days in groupby(dated, key=lambda each: each[0].month):
        month = list(days)
        known = [gained for _, gained in month if gained is not None]
        cells = Text()
        for _, gained in month:
            cells.append(*_cell(gained, most))
        yield [f"{month[0][0]:%b}", cells, wording.signed(sum(known)) if known else "-"]


def _cell(gained: int | None, most: int) -> tuple[str, str]:
    if not gained:
        return (" " if gained is None else "·", "dim")
    return ("!", "red") if gained < 0 else (sparks.block(gained, most), "green")
