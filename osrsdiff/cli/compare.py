"""`osrsdiff compare`: players side by side."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.api import compare_schemas as schemas
from osrsdiff.api.compare import comparison_body
from osrsdiff.cli import output, sparks, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON, over_span
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.metrics import MetricKind
from osrsdiff.tracking import compare as tracking
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.windows import Asked

_HEADINGS = {MetricKind.SKILL: "Skill", MetricKind.BOSS: "Boss", MetricKind.ACTIVITY: "Activity"}
_LINE = 60


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="NAME NAME...", required=True)
@over_span(tracking.DEFAULT_PERIOD)
@click.option("--metric", metavar="METRIC", help="Also the course of this metric: overall, attack, zulrah.")
@JSON
def compare(
    names: tuple[str, ...],
    period: str | None,
    start: datetime | None,
    end: datetime | None,
    metric: str | None,
    as_json: bool,
) -> None:
    """Show two to ten players side by side: what each has and gained, by default over the last 7 days."""

    async def look_up(instance: Instance) -> schemas.Comparison:
        seen = await tracking.see_players(instance, names)
        players = [one.player for one in seen]
        return comparison_body(await tracking.compare(instance, players, Asked(period, start, end), metric=metric))

    found = on_instance(look_up, attached=False)
    if as_json:
        output.print_json(found)
        return
    _print(found, datetime.now(UTC))


def _print(found: schemas.Comparison, now: datetime) -> None:
    window = f"from {wording.local(found.window.start, now)} to {wording.local(found.window.end, now)}"
    tables.print_title("Compared", window)
    tables.print_table(
        ("Player", "Gained xp", "Levels", "Kills", "Last look"),
        _totals(found, now),
        right=("Gained xp", "Levels", "Kills"),
    )
    begin = 0
    while begin < len(found.players):
        places = _abreast(found, begin)
        for kind in _HEADINGS:
            _print_kind(found, kind, places)
        begin = places.stop
    if found.series is not None:
        _print_series(found, found.series)
    if any(side.fell for metric in found.metrics for side in metric.sides):
        tables.print_line(Text("! fell although it can't: a rollback, or a new owner of the name", style="red"))


def _totals(found: schemas.Comparison, now: datetime) -> Iterator[list[tables.Cell]]:
    for one in found.players:
        gained = (one.totals.xp, one.totals.levels, one.totals.kills)
        seen = "never" if one.last_look_at is None else wording.ago(one.last_look_at, now)
        yield [one.player.display_name, *map(wording.signed, gained), seen]


def _abreast(found: schemas.Comparison, begin: int) -> range:
    """As many players from `begin` on as fit beside each other; at least one. The rest come in tables below."""
    ends = range(len(found.players), begin + 1, -1)
    fitting = (end for end in ends if all(_width(found, kind, range(begin, end)) <= tables.WIDTH for kind in _HEADINGS))
    return range(begin, next(fitting, begin + 1))


def _width(found: schemas.Comparison, kind: MetricKind, places: range) -> int:
    widths = tables.widths(_headings(found, kind, places), _rows(found, kind, places))
    return sum(widths) + tables.GAP * (len(widths) - 1)


def _print_kind(found: schemas.Comparison, kind: MetricKind, places: range) -> None:
    """What these players have of one kind of metric, and gained of it."""
    if rows := list(_rows(found, kind, places)):
        headings = _headings(found, kind, places)
        tables.print_line("")
        tables.print_table(headings, rows, right=headings[1:], wrapped=headings[:1])


def _headings(found: schemas.Comparison, kind: MetricKind, places: range) -> list[str]:
    names = (found.players[place].player.display_name for place in places)
    return [_HEADINGS[kind], *(cell for name in names for cell in (name, "Gained"))]


def _rows(found: schemas.Comparison, kind: MetricKind, places: range) -> Iterator[list[tables.Cell]]:
    for metric in found.metrics:
        sides = [metric.sides[place] for place in places]
        if metric.kind is kind and any(side.value for side in sides):
            most = max(side.value or 0 for side in sides)
            yield [metric.name, *(cell for side in sides for cell in (_value(side, most), _gained(side)))]


def _value(side: schemas.Side, most: int) -> Text:
    return Text(wording.number(side.value), style="bold" if side.value == most else "")


def _gained(side: schemas.Side) -> Text:
    if side.gained is None:
        return Text("-", style="dim")
    if side.fell:
        return Text(f"! {wording.signed(side.gained)}", style="red")
    return Text(wording.signed(side.gained), style="green" if side.gained > 0 else "dim")


def _print_series(found: schemas.Comparison, series: schemas.ComparedSeries) -> None:
    """The course of each player, each on a scale of its own."""
    tables.print_line(Text(f"\n{series.name}", style="bold"))
    for one, values in zip(found.players, series.values, strict=True):
        known = [(time, value) for time, value in zip(series.times, values, strict=True) if value is not None]
        if not known:
            tables.print_line(f"{one.player.display_name:<12}  nothing known")
            continue
        line = sparks.line([time for time, _ in known], [value for _, value in known], _LINE)
        tables.print_line(f"{one.player.display_name:<12}  {known[0][1]:,} → {known[-1][1]:,}")
        tables.print_line(line)
