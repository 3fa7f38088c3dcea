"""`osrsdiff status`: whether everything runs, and whether it keeps up."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.cli import exits, output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import NOTHING_RUNS, nothing_runs, on_instance
from osrsdiff.cli.place import configured
from osrsdiff.tracking import status as tracking
from osrsdiff.tracking.status import PlanGroup

_GROUPS_SHOWN = 3


@click.command(cls=Command)
@JSON
def status(as_json: bool) -> None:
    """Show whether everything runs and keeps up; exit code 1 where it does not."""
    seen = on_instance(tracking.status)
    if as_json:
        output.print_json(seen)
    else:
        _print(seen, datetime.now(UTC))
        if not seen.ready and nothing_runs(configured()):
            output.note(NOTHING_RUNS)
    click.get_current_context().exit(0 if seen.ready else exits.NOT_DONE)


def _print(seen: tracking.Status, now: datetime) -> None:
    tables.print_line(Text("ready", style="bold green") if seen.ready else Text("not ready", style="bold red"))
    facts: dict[str, tables.Cell] = {
        part: Text(says, style="green" if says == tracking.OK else "red") for part, says in seen.parts.items()
    }
    facts["players"] = _players(seen)
    if seen.reviews_open:
        open_ones = wording.counted(seen.reviews_open, "review")
        facts["reviews"] = Text(f"{open_ones} open; see: osrsdiff review list", style="yellow")
    facts["requests"] = _requests(seen)
    if seen.queue_length is not None:
        facts["fetches"] = f"{seen.due:,} due within a minute, {seen.overdue:,} late, {seen.queue_length:,} queued"
        facts["processes"] = (
            f"{wording.counted(seen.workers_alive or 0, 'worker')}, "
            f"{wording.counted(seen.schedulers_alive or 0, 'scheduler')}"
        )
        facts["breaker"] = _breaker(seen, now)
    found = f": {seen.last_reconcile_detail}" if seen.last_reconcile_detail else ""
    facts["reconciled"] = wording.moment(seen.last_reconcile, now) + found
    tables.print_facts(facts)


def _players(seen: tracking.Status) -> str:
    others = {
        "paused": seen.players_paused,
        "failing": seen.players_failing,
        "never seen": seen.players_never_seen,
        "not found": seen.players_not_found,
    }
    return ", ".join([f"{seen.players_active:,} active", *(f"{n:,} {words}" for words, n in others.items() if n)])


def _requests(seen: tracking.Status) -> Text:
    """What the plan asks of the budget; a warning where that is more than there is."""
    need = "needs" if seen.players_active == 1 else "need"
    sums_up = f"{need} {wording.rate(seen.requests_needed)} of {wording.rate(seen.requests_allowed)} requests a second"
    if len(seen.plan) == 1:
        text = Text(f"{_group(seen.plan[0])} {sums_up}")
    else:
        text = Text(f"{wording.counted(seen.players_active, 'player')} {sums_up}")
        text.append("".join(f"\n  {line}" for line in _groups(seen.plan)))
    if seen.requests_needed > seen.requests_allowed:
        text.append("\nmore than the budget: looks come late", style="yellow")
    return text


def _groups(plan: Sequence[PlanGroup]) -> list[str]:
    """The largest loads, and the others together."""
    # one left over is shown as it is: a line for it is a line either way
    shown = len(plan) if len(plan) <= _GROUPS_SHOWN + 1 else _GROUPS_SHOWN
    lines = [f"{_group(group)}: {wording.rate(group.requests_per_second)}" for group in plan[:shown]]
    if rest := plan[shown:]:
        players = wording.counted(sum(group.players for group in rest), "player")
        load = sum(group.requests_per_second for group in rest)
        lines.append(f"{players} at {len(rest)} other intervals: {wording.rate(load)}")
    return lines


def _group(group: PlanGroup) -> str:
    return f"{wording.counted(group.players, 'player')} every {wording.every(group.interval_minutes)}"


def _breaker(seen: tracking.Status, now: datetime) -> Text:
    """Whether the hiscores are asked, or given a rest."""
    failures = f", {wording.counted(seen.breaker_failures, 'failure')} in a row" if seen.breaker_failures else ""
    if seen.breaker_open_until is not None:
        until = wording.moment(seen.breaker_open_until, now)
        return Text(f"open: no requests until {until}{failures}", style="yellow")
    if failures:
        return Text(f"half open: one request tries again{failures}", style="yellow")
    return Text("closed: the hiscores are asked as planned")
