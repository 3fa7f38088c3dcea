"""`osrsdiff achievements`: what a player has reached, and when; what comes next."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

from osrsdiff.api.achievements import achievements_document
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.achievements import Reached
from osrsdiff.game.metrics import MetricKind, kind_of
from osrsdiff.game.progress import Progress
from osrsdiff.game.thresholds import Measure
from osrsdiff.tracking.achievements import PlayerAchievements, player_achievements

_NEAREST = 20
_UNITS = {MetricKind.SKILL: " xp", MetricKind.BOSS: "", MetricKind.ACTIVITY: ""}


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@click.option("--next", "ahead", is_flag=True, help=f"What comes next instead, the {_NEAREST} nearest.")
@JSON
def achievements(name: str, ahead: bool, as_json: bool) -> None:
    """Show what a player has reached, and between which looks.

    What was there when it was first seen has no date.
    """
    found = on_instance(lambda instance: player_achievements(instance, name), attached=False)
    body = achievements_document(found)
    if as_json:
        output.print_json(body)
        return
    tables.print_title(found.player.display_name)
    if body.message:
        tables.print_line(body.message)
    elif ahead:
        _print_ahead(found.ahead)
    else:
        _print_reached(found, datetime.now(UTC))
    if not found.is_reckoned:
        output.note(wording.not_reckoned(found.player))


def _print_reached(found: PlayerAchievements, now: datetime) -> None:
    dated = [one for one in found.reached if one.at is not None]
    if dated:
        rows = ([_between(one, now), one.rule.name] for one in dated)
        tables.print_table(["Reached between", "Achievement"], rows, wrapped=("Achievement",))
    else:
        tables.print_line("Nothing reached since the first look.")
    if undated := _highest([one for one in found.reached if one.at is None]):
        tables.print_line("\nThere when first seen, the highest of each:")
        tables.print_paragraph(", ".join(one.rule.name for one in undated))


def _between(one: Reached, now: datetime) -> str:
    if one.at is None or one.after is None:
        return wording.local(one.at, now) if one.at else "-"
    return wording.both(one.after, one.at, now)


def _highest(reached: Iterable[Reached]) -> list[Reached]:
    highest: dict[tuple[str, Measure], Reached] = {}
    for one in reached:
        there = highest.setdefault((one.metric, one.measure), one)
        if one.threshold > there.threshold:
            highest[one.metric, one.measure] = one
    return list(highest.values())


def _print_ahead(ahead: Sequence[Progress]) -> None:
    if not ahead:
        tables.print_line("Everything reached that is known.")
        return
    rows = ([one.rule.name, _now(one), f"{one.percent:.1f} %"] for one in ahead[:_NEAREST])
    tables.print_table(["Next", "Now", "Done"], rows, right=("Now", "Done"), wrapped=("Next",))
    if len(ahead) > _NEAREST:
        output.note(f"and {len(ahead) - _NEAREST:,} more: --json lists them all.")


def _now(one: Progress) -> str:
    unit = _UNITS[kind_of(one.rule.metric)] if one.rule.measure is Measure.VALUE else ""
    return f"{one.value:,}{unit}"
