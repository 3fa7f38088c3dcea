"""`osrsdiff status`: whether everything runs, and whether it keeps up."""

from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.cli import exits, output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.instances import on_instance
from osrsdiff.tracking import status as tracking


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def status(as_json: bool) -> None:
    """Show whether everything runs and keeps up; exit code 1 where it does not."""
    seen = on_instance(tracking.status)
    if as_json:
        output.print_json(seen)
    else:
        _print(seen, datetime.now(UTC))
    click.get_current_context().exit(0 if seen.ready else exits.NOT_DONE)


def _print(seen: tracking.Status, now: datetime) -> None:
    tables.print_line(Text("ready", style="bold green") if seen.ready else Text("not ready", style="bold red"))
    facts: dict[str, tables.Cell] = {
        part: Text(says, style="green" if says == tracking.OK else "red") for part, says in seen.parts.items()
    }
    paused = f", {seen.players_paused:,} paused" if seen.players_paused else ""
    facts["players"] = f"{seen.players_active:,} active{paused}"
    facts["requests"] = _requests(seen)
    if seen.queue_length is not None:
        facts["fetches"] = f"{seen.due:,} due within a minute, {seen.overdue:,} late, {seen.queue_length:,} queued"
        facts["processes"] = (
            f"{wording.counted(seen.workers_alive or 0, 'worker')}, "
            f"{wording.counted(seen.schedulers_alive or 0, 'scheduler')}"
        )
    if seen.breaker_open_until is not None:
        until = wording.moment(seen.breaker_open_until, now)
        facts["hiscores"] = Text(f"in trouble: no requests until {until}", style="yellow")
    facts["reconciled"] = wording.moment(seen.last_reconcile, now)
    tables.print_facts(facts)


def _requests(seen: tracking.Status) -> Text:
    """What the plan asks of the budget; a warning where that is more than there is."""
    text = f"{seen.requests_needed:.2f} of {seen.requests_allowed:.2f} a second needed"
    if seen.requests_needed <= seen.requests_allowed:
        return Text(text)
    return Text(f"{text}: the plan exceeds the budget, looks come late", style="yellow")
