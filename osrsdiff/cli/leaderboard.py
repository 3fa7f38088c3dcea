"""`osrsdiff leaderboard`: who is first, of everybody, of a game mode, of a group."""

from collections.abc import Iterable
from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.api import leaderboard_schemas as schemas
from osrsdiff.api.leaderboards import leaderboard_body
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import AFTER, GROUP, JSON, over_span
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.leaderboards import By
from osrsdiff.game.metrics import OVERALL, MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.tracking import leaderboards
from osrsdiff.tracking.leaderboards import DEFAULT_LIMIT, MOST_AT_ONCE, Wanted
from osrsdiff.tracking.windows import Asked

_TITLES = {By.VALUE: "the highest", By.GAINED: "gained the most", By.IMPROVED: "improved the most"}
_RIGHT = ("#", "Xp", "Kills", "Score", "Gained", "Improved", "From", "To", "Level")


@click.command(cls=Command)
@click.argument("metric", default=OVERALL)
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    help="What is current, what was gained, or gained in percent.  [default: gained with a period, else value]",
)
@over_span(f"{leaderboards.DEFAULT_PERIOD} with --by gained or improved")
@GROUP
@click.option("--mode", type=click.Choice([mode.value for mode in GameMode]), help="Only players of this game mode.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_AT_ONCE), default=DEFAULT_LIMIT, show_default=True, help="How many at most."
)
@AFTER
@JSON
def leaderboard(
    metric: str,
    by: str | None,
    period: str | None,
    start: datetime | None,
    end: datetime | None,
    group: str | None,
    mode: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """Show who is first in METRIC, by default overall: attack, zulrah, "Clue Scrolls (all)"."""
    wanted = Wanted(metric, By(by) if by else None, Asked(period, start, end), group, GameMode(mode) if mode else None)
    found = on_instance(
        lambda instance: leaderboards.leaderboard(instance, wanted, limit=limit, after=after), attached=False
    )
    body = leaderboard_body(found)
    if as_json:
        output.print_json(body)
    else:
        _print(body, datetime.now(UTC))


def _print(board: schemas.Leaderboard, now: datetime) -> None:
    tables.print_title(board.name, _title(board, now))
    if not board.items:
        output.note(_nobody(board))
        return
    tables.print_line("")
    tables.print_table(_headings(board), _rows(board, now), right=_RIGHT)
    tables.print_line(Text(f"\n{_totals(board)}", style="bold"))
    if board.next:
        output.note("There are more: a larger --limit, or --json and --after.")


def _title(board: schemas.Leaderboard, now: datetime) -> str:
    said = [_TITLES[board.by]]
    if board.window is not None:
        end = wording.local(board.window.end, now)
        start = board.window.start
        said.append(f"until {end}" if start is None else f"from {wording.local(start, now)} to {end}")
    if board.group is not None:
        said.append(f"in {board.group.name}")
    if board.mode is not None:
        said.append(f"of {board.mode.replace('_', ' ')} players")
    return ", ".join(said)


def _nobody(board: schemas.Leaderboard) -> str:
    return "Nobody was seen with it." if board.by is By.VALUE else "Nobody gained anything that is known."


def _headings(board: schemas.Leaderboard) -> list[str]:
    level = ["Level"] if _has_levels(board) else []
    unit = "Xp" if board.kind is MetricKind.SKILL else "Kills" if board.kind is MetricKind.BOSS else "Score"
    if board.by is By.VALUE:
        return ["#", "Player", unit, *level, "Last look"]
    improved = ["Improved"] if board.by is By.IMPROVED else []
    return ["#", "Player", *improved, "Gained", "To", *level, "Last look"]


def _rows(board: schemas.Leaderboard, now: datetime) -> Iterable[list[tables.Cell]]:
    for one in board.items:
        name: list[tables.Cell] = [str(one.place), Text(one.player.display_name, style="bold")]
        level = [_level(one)] if _has_levels(board) else []
        seen = "never" if one.last_look_at is None else wording.ago(one.last_look_at, now)
        if one.gained is None:
            yield [*name, wording.number(one.end.value), *level, seen]
            continue
        improved = [] if one.improved_percent is None else [f"{one.improved_percent:,.2f} %"]
        gained = Text(wording.signed(one.gained), style="green")
        yield [*name, *improved, gained, wording.number(one.end.value), *level, seen]


def _has_levels(board: schemas.Leaderboard) -> bool:
    """Whether a column has the levels: improvements take their place."""
    return board.kind is MetricKind.SKILL and board.by is not By.IMPROVED


def _level(one: schemas.BoardPlace) -> str:
    before, after = None if one.start is None else one.start.level, one.end.level
    if before is None or before == after:
        return wording.number(after)
    return f"{wording.number(before)} → {wording.number(after)}"


def _totals(board: schemas.Leaderboard) -> str:
    players = wording.counted(board.count, "player")
    if board.total_gained is None:
        return players
    unit = " xp" if board.kind is MetricKind.SKILL else ""
    return f"{players} gained {wording.signed(board.total_gained)}{unit} together"
