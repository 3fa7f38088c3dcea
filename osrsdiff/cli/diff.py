"""`osrsdiff diff`: what a player gained, and between which looks."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
from msgspec.structs import replace
from rich.text import Text

from osrsdiff.api import sight_schemas as schemas
from osrsdiff.api.sight import gains_body, is_nothing_to_compare
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON, over_span
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.metrics import OVERALL, MetricKind
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight
from osrsdiff.tracking.instance import Instance

_SPANS = {
    "hour": "the last hour",
    "6h": "the last 6 hours",
    "day": "the last 24 hours",
    "week": "the last 7 days",
    "month": "the last 31 days",
    "year": "the last year",
    "all": "since the first look",
}
_HEADINGS = {MetricKind.SKILL: "Skill", MetricKind.BOSS: "Boss", MetricKind.ACTIVITY: "Activity"}


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@over_span(sight.DEFAULT_PERIOD)
@click.option("--all", "everything", is_flag=True, help="Also what did not move.")
@JSON
def diff(
    name: str, period: str | None, start: datetime | None, end: datetime | None, everything: bool, as_json: bool
) -> None:
    """Show what a player gained over a period, by default the last 7 days.

    Dates are those of this machine's clock. Ranks are those at the looks that saw the values, and behind them today's.
    """

    async def look_up(instance: Instance) -> tuple[Player, schemas.Gains]:
        player, found = await sight.player_gains(
            instance, name, period=period, start=start, end=end, everything=everything
        )
        gains = gains_body(player, found, None, everything=everything)
        if is_nothing_to_compare(gains):
            gains = replace(gains, next_fetch_at=await sight.next_fire(instance, player))
        return player, gains

    player, gains = on_instance(look_up)
    if as_json:
        output.print_json(gains)
        return
    now = datetime.now(UTC)
    window = f"from {wording.local(gains.window.start, now)} to {wording.local(gains.window.end, now)}"
    asked = window if start or end else _SPANS.get(period or sight.DEFAULT_PERIOD, f"the last {period}")
    tables.print_title(player.display_name, asked)
    if is_nothing_to_compare(gains):
        tables.print_line(_nothing_to_compare(player, gains, now))
    else:
        _print_gains(gains, now)


def _nothing_to_compare(player: Player, gains: schemas.Gains, now: datetime) -> str:
    """Why there is no difference: no look yet, none in the window, or only one."""
    if player.last_look_at is None:
        tried = "" if player.last_outcome is None else f" (the last try: {wording.outcome(player.last_outcome)})"
        return f"not looked at yet{tried}, {_next(player, gains, now)}"
    if gains.end is None:
        until, since = wording.local(gains.window.end, now), wording.local(player.created_at, now)
        return f"no look before {until}; tracked since {since}"
    return f"first look at {wording.moment(gains.first_look_at, now)}, {_next(player, gains, now)}"


def _next(player: Player, gains: schemas.Gains, now: datetime) -> str:
    if gains.next_fetch_at is not None:
        return f"next at {wording.moment(gains.next_fetch_at, now)}"
    return "none scheduled while `osrsdiff run` is down" if player.is_active else "no next one while paused"


def _print_gains(gains: schemas.Gains, now: datetime) -> None:
    tables.print_facts({"from": _start(gains, now), "to": _end(gains, now)})
    for kind, heading in _HEADINGS.items():
        _print_kind(heading, [gain for gain in gains.gains if gain.kind is kind])
    if not gains.gains:
        tables.print_line("\nNothing moved.")
        return
    tables.print_line(Text(f"\nIn all {_totals(gains.totals)}", style="bold"))
    if any(gain.fell for gain in gains.gains):
        tables.print_line(Text("! fell although it can't: a rollback, or a new owner of the name", style="red"))
    if any(gain.rank_moved is None and gain.start.rank and gain.end.rank for gain in gains.gains):
        tables.print_line(Text("Where the game mode changed, ranks are of two tables and don't compare.", style="dim"))


def _start(gains: schemas.Gains, now: datetime) -> str:
    if gains.start is None:
        return f"the first look, {wording.moment(gains.first_look_at, now)}"
    return _bracket(gains.start, now)


def _end(gains: schemas.Gains, now: datetime) -> str:
    if gains.end is None or gains.end.latest is None:
        return f"the last look, {wording.moment(gains.end.earliest if gains.end else None, now)}"
    return _bracket(gains.end, now)


def _bracket(accuracy: schemas.Accuracy, now: datetime) -> str:
    earliest, latest = accuracy.earliest, accuracy.latest
    if latest is None or latest == earliest:
        return f"{wording.local(earliest, now)}, exactly"
    return f"between {wording.both(earliest, latest, now)}"


def _print_kind(heading: str, gains: Sequence[schemas.MetricGain]) -> None:
    if not gains:
        return
    levels = gains[0].kind is MetricKind.SKILL
    headings = [heading, "Gained", "From", "To", *(["Level"] if levels else []), "Rank", "Today"]
    tables.print_line("")
    tables.print_table(headings, _rows(gains, levels=levels), right=headings[1:], wrapped=(heading,))


def _rows(gains: Iterable[schemas.MetricGain], *, levels: bool) -> Iterable[list[tables.Cell]]:
    for gain in gains:
        style = "bold" if gain.metric == OVERALL else ""
        cells: list[tables.Cell] = [
            Text(gain.name, style=style),
            _gained(gain),
            "-" if gain.first_seen and not gain.gained else wording.number(gain.start.value),
            wording.number(gain.end.value),
        ]
        yield [*cells, *([_level(gain)] if levels else []), _rank(gain.rank_moved), _rank(gain.rank_moved_today)]


def _gained(gain: schemas.MetricGain) -> Text:
    if gain.first_seen and not gain.gained:
        return Text("first seen", style="cyan")
    if gain.regained and not gain.gained:
        return Text("regained", style="cyan")
    if gain.fell:
        return Text(f"! {wording.signed(gain.gained)}", style="red")
    return Text(wording.signed(gain.gained), style="green" if gain.gained > 0 else "")


def _level(gain: schemas.MetricGain) -> str:
    before, after = gain.start.level, gain.end.level
    if before is None or after is None or before == after:
        return wording.number(after)
    return f"{after:,} {after - before:+}"


def _rank(moved: int | None) -> Text:
    """A rank's way: up is better."""
    if not moved:
        return Text("-" if moved is None else "=", style="dim")
    return Text(f"{'▲' if moved > 0 else '▼'}{_short(abs(moved))}", style="green" if moved > 0 else "yellow")


def _short(places: int) -> str:
    """9,999; 10k, 123k, 2.1M, so that the widest table has 80 columns."""
    if places < 10_000:
        return f"{places:,}"
    return f"{places // 1000}k" if places < 1_000_000 else f"{places / 1_000_000:.1f}M"


def _totals(totals: schemas.Totals) -> str:
    parts = [f"{wording.signed(totals.xp)} xp"]
    parts += [f"{wording.signed(totals.levels)} {'level' if totals.levels == 1 else 'levels'}"] if totals.levels else []
    parts += [f"{wording.signed(totals.kills)} {'kill' if totals.kills == 1 else 'kills'}"] if totals.kills else []
    return ", ".join(parts)
