"""`osrsdiff tasks`: the jobs that run by the clock, how they ended, and which fetches gave no data."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.api.documents import failure_document, job_document
from osrsdiff.api.schedule_schemas import TaskQueued
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.storage.failures import RecentFailure
from osrsdiff.storage.jobs import JobRun
from osrsdiff.tracking import jobs
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.status import status


@click.group(cls=Commands)
def tasks() -> None:
    """Show and run the regular jobs; show what failed.

    The fetches of players are no jobs: see `osrsdiff schedules`.
    """


@tasks.command("list")
@JSON
def list_(as_json: bool) -> None:
    """List the jobs with their last and next runs."""
    found = on_instance(jobs.list_jobs, attached=False)
    if as_json:
        output.print_json([job_document(one) for one in found])
        return
    now = datetime.now(UTC)
    rows = [(one.name, one.cron, _last(one.last_run, now), wording.ago(one.next_run, now)) for one in found]
    tables.print_table(("Job", "Cron (UTC)", "Last run", "Next run"), rows)
    ran = [(one.name, one.last_run) for one in found if one.last_run is not None]
    if ran:
        tables.print_line("")
    for name, last in ran:
        tables.print_line(Text(f"{name} {_ended(last)}", style="red" if last.outcome == "failed" else ""))


@tasks.command()
@click.argument("name", metavar="NAME")
@JSON
def run(name: str, as_json: bool) -> None:
    """Run a job now, besides its regular runs.

    `osrsdiff tasks list` names the jobs, and tells afterwards how it ended.
    """

    async def ask(instance: Instance) -> tuple[str, int | None]:
        return await jobs.run_job(instance, name), (await status(instance)).workers_alive

    task_id, workers = on_instance(ask)
    told = f"{name} is queued. How it ends: osrsdiff tasks list"
    if as_json:
        output.print_json(TaskQueued(name, task_id, told))
    else:
        output.say(told)
    if not workers:
        output.note("No worker is running: it waits for `osrsdiff run`.")


@tasks.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@JSON
def failures(limit: int, as_json: bool) -> None:
    """List the newest fetches that gave no data."""
    found = on_instance(lambda instance: jobs.recent_failures(instance, limit=limit), attached=False)
    if as_json:
        output.print_json([failure_document(one) for one in found])
        return
    _print_failures(found, datetime.now(UTC))


def _print_failures(found: Sequence[RecentFailure], now: datetime) -> None:
    if not found:
        output.note("No fetch has failed lately.")
        return
    rows = [(wording.ago(one.at, now), one.display_name, wording.outcome(one.outcome), one.message) for one in found]
    tables.print_table(("When", "Player", "Outcome", "Why"), rows)


def _last(run: JobRun | None, now: datetime) -> str:
    return "never" if run is None else wording.ago(run.started_at, now)


def _ended(run: JobRun) -> str:
    if run.outcome is None:
        return "not ended"
    return f"{run.outcome}: {run.detail}" if run.detail else run.outcome
