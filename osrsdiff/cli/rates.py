"""`osrsdiff rates`: how fast a player goes on, where that leads, and when it is played."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import click
from rich.text import Text

from osrsdiff.api import rates_schemas as schemas
from osrsdiff.api.rates import rates_body
from osrsdiff.cli import output, sparks, tables, wording
from osrsdiff.cli.clock import Here
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.rates import RateWindow
from osrsdiff.tracking import rates as tracking
from osrsdiff.tracking.instance import Instance

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONG = 365.0


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@click.option(
    "--period",
    type=click.Choice([each.value for each in RateWindow]),
    default=RateWindow.WEEK.value,
    show_default=True,
    help="At the pace of the last week or the last month.",
)
@JSON
def rates(name: str, period: str, as_json: bool) -> None:
    """Show what a player gains a day, how long to the next levels, streaks, and the busiest hour.

    Days and hours are those of this machine's clock.
    """

    async def look_up(instance: Instance) -> schemas.Rates:
        zone = Here()
        player, found = await tracking.player_rates(instance, name, period=RateWindow(period), zone=zone)
        return rates_body(player, found, zone)

    found = on_instance(look_up, attached=False)
    if as_json:
        output.print_json(found)
        return
    tables.print_title(found.player.display_name, f"at the pace of the last {period}")
    if found.message:
        tables.print_line(found.message)
        return
    _print_rates(found)
    _print_projections(found, datetime.now(UTC))
    _print_habits(found)


def _print_rates(found: schemas.Rates) -> None:
    rows = [(one.name, wording.signed(one.gained), _per_day(one.per_day)) for one in found.rates if one.gained]
    if not rows:
        tables.print_line("\nNothing moved.")
        return
    tables.print_line("")
    tables.print_table(("Metric", "Gained", "A day"), rows, right=("Gained", "A day"), wrapped=("Metric",))


def _print_projections(found: schemas.Rates, now: datetime) -> None:
    rows = [_projection(one, now) for one in found.projections if one.per_day]
    if rows:
        headings = ("Skill", "Level", "Next level", "To 99", "To 200m")
        tables.print_line("")
        tables.print_table(headings, rows, right=headings[1:])


def _projection(one: schemas.Projection, now: datetime) -> list[tables.Cell]:
    targets = (one.next_level, one.level_99, one.xp_200m)
    return [one.name, wording.number(one.level), *(_target(target, now) for target in targets)]


def _target(target: schemas.Target | None, now: datetime) -> tables.Cell:
    if target is None:
        return Text("there", style="dim")
    if target.days is None:
        return "-"
    if target.days > _LONG or target.at is None:
        return f"{target.days / _LONG:,.1f} years"
    return f"{wording.span(timedelta(days=target.days))}, {wording.day(target.at, now)}"


def _per_day(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _print_habits(found: schemas.Rates) -> None:
    hours = found.hours
    facts: dict[str, tables.Cell] = {
        "Streak": _streak(found.streaks.current),
        "Longest streak": _streak(found.streaks.longest),
    }
    if hours.busiest is not None:
        at = f"{_DAYS[hours.busiest.weekday]} {hours.busiest.hour:02}:00"
        facts["Busiest hour"] = f"{at}, {hours.busiest.xp:,} xp in 13 weeks"
    tables.print_line("")
    tables.print_facts(facts)
    if hours.busiest is not None:
        tables.print_line("")
        tables.print_table(("", "0     6     12    18    "), _week(hours.xp, hours.busiest.xp))
    if hours.uncertain:
        left_out = wording.counted(hours.uncertain, "gain")
        output.note(
            f"{left_out} of {hours.counted + hours.uncertain:,} left out of the hours: the looks are too far apart."
        )


def _week(xp: list[list[int]], most: int) -> Iterable[list[tables.Cell]]:
    for day, hours in zip(_DAYS, xp, strict=True):
        yield [day[:3], "".join(sparks.block(hour, most) if hour else "·" for hour in hours)]


def _streak(streak: schemas.Streak) -> str:
    if streak.first is None or streak.last is None:
        return "none"
    return f"{wording.counted(streak.days, 'day')} ({streak.first} to {streak.last})"
