"""`osrsdiff schedules`: when players are fetched; looked at, steered in numbers, compared with the database, mended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import IO

import click

from osrsdiff.api.documents import player_schedule_document, schedule_document, verified_document
from osrsdiff.api.schedule_schemas import SchedulePage
from osrsdiff.cli import asking, exits, findings, output, steering, timetable
from osrsdiff.cli.bars import bar
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import JSON, names_given
from osrsdiff.cli.instances import on_instance
from osrsdiff.errors import RedisUnreachable
from osrsdiff.tracking import schedules as tracking
from osrsdiff.tracking import upkeep
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.jobs import run_reconcile
from osrsdiff.tracking.reconcile import Reconciled
from osrsdiff.tracking.selection import Only
from osrsdiff.tracking.upkeep import CleanedUp, Rebuilt

DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.group(cls=Commands)
def schedules() -> None:
    """Show, pause, resume, verify and mend the players' schedules.

    The database says who is fetched how often; the schedules in Redis follow from it and can be made again.
    """


@schedules.command("list")
@click.option("--due", is_flag=True, help="Only who falls due within a minute or is late, longest overdue first.")
@click.option("--overdue", is_flag=True, help="Only who is late, longest overdue first.")
@click.option("--paused", is_flag=True, help="Only the paused.")
@click.option("--failing", is_flag=True, help="Only the active whose last fetch gave no data.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--after", metavar="CURSOR", help="What follows a page: the `next` of the one before.")
@JSON
def list_(*, limit: int, after: str | None, as_json: bool, **filters: bool) -> None:
    """List players with their next and last fetches."""
    only = _only(filters)
    page, redis_answers = on_instance(partial(timetable.read, only=only, after=after, limit=limit))
    if as_json:
        output.print_json(SchedulePage([schedule_document(one) for one in page.items], page.next))
        return
    timetable.print_page(page.items, datetime.now(UTC), redis_answers=redis_answers)
    if not redis_answers:
        output.note("Redis does not answer: when fetches come next is not known.")
    if not page.items:
        output.note(steering.nobody(only) if page.next is None else "Nobody on this page any more.")
    if page.next is not None:
        narrowed = f"--{only} " if only else ""
        output.note(f"There are more: {narrowed}--after {page.next}, or a larger --limit.")


@schedules.command()
@click.argument("name", metavar="NAME")
@JSON
def show(name: str, as_json: bool) -> None:
    """Show one player's schedule in full.

    As the database has it, as Redis has it, and whether they agree.
    """
    shown = on_instance(lambda instance: tracking.schedule_of(instance, name))
    if as_json:
        output.print_json(player_schedule_document(shown, f"Redis {timetable.verdict(shown)}."))
    else:
        timetable.print_schedule(shown, datetime.now(UTC))


@schedules.command()
@steering.choosing
def pause(
    names: Sequence[str], file: IO[str] | None, only: str | None, everybody: bool, yes: bool, as_json: bool
) -> None:
    """Stop fetching many players.

    Those named, those of a filter, or all. Their history stays.
    """
    choice = steering.choice_of(names_given(names, file), only, everybody)
    steering.steer(steering.PAUSE, choice, yes=yes, as_json=as_json)


@schedules.command()
@steering.choosing
def resume(
    names: Sequence[str], file: IO[str] | None, only: str | None, everybody: bool, yes: bool, as_json: bool
) -> None:
    """Fetch many paused players again.

    Those named, those of a filter, or all; each at its next regular time.
    """
    choice = steering.choice_of(names_given(names, file), only, everybody)
    steering.steer(steering.RESUME, choice, yes=yes, as_json=as_json)


@schedules.command()
@DRY_RUN
@JSON
def verify(dry_run: bool, as_json: bool) -> None:
    """Compare schedules with the database, mend them.

    `osrsdiff run` does this at its start and every ten minutes. Exit code 1 where a dry run finds a difference.
    """

    async def compare(instance: Instance) -> tuple[Reconciled, findings.Names]:
        with bar("Comparing players") as progress:
            report = await run_reconcile(instance, dry_run=dry_run, progress=progress)
        return report, {} if as_json else await findings.names_of(instance, report)

    with _mendable("Stopped halfway: what was mended stays."):
        report, names = on_instance(compare)
    if as_json:
        output.print_json(verified_document(report))
    else:
        findings.print_differences(report, names)
    click.get_current_context().exit(exits.NOT_DONE if dry_run and report.differences else 0)


@schedules.command()
@DRY_RUN
@JSON
def cleanup(dry_run: bool, as_json: bool) -> None:
    """Remove from Redis what nobody needs.

    Schedules of nobody and of paused players, what dead processes left, entries without a schedule. Nothing of an
    active player.
    """

    async def clean(instance: Instance) -> CleanedUp:
        with bar("Looking through Redis") as progress:
            return await upkeep.clean_up(instance, dry_run=dry_run, progress=progress)

    with _mendable("Stopped halfway: what is removed was not needed."):
        cleaned = on_instance(clean)
    if as_json:
        output.print_json(cleaned)
    else:
        findings.print_cleaned(cleaned)


@schedules.command()
@asking.YES
@JSON
def rebuild(yes: bool, as_json: bool) -> None:
    """Make all schedules again from the database.

    Each player is fetched next at its next regular time. Needed seldom: `verify` mends what differs.
    """
    if not yes:
        question = "Drop all schedules and make them again? Who is late now waits for the next regular time."
        asking.ask(question, otherwise="Rebuilding drops all schedules first")

    async def build(instance: Instance) -> Rebuilt:
        with bar("Scheduling players") as progress:
            return await upkeep.rebuild_schedules(instance, progress=progress)

    with _mendable("Stopped halfway: some players are not scheduled."):
        rebuilt = on_instance(build)
    if as_json:
        output.print_json(rebuilt)
    else:
        output.say(f"{rebuilt.removed:,} schedules dropped, {rebuilt.scheduled:,} made.")


def _only(filters: dict[str, bool]) -> Only | None:
    given = [name for name, is_given in filters.items() if is_given]
    if len(given) > 1:
        raise click.UsageError("Give at most one of --due, --overdue, --paused, --failing.")
    return Only(given[0]) if given else None


@contextmanager
def _mendable(stopped: str) -> Iterator[None]:
    """Around work on schedules in Redis: however it ends early, says that nothing is lost and what mends the rest."""
    try:
        with exits.stoppable(f"{stopped} `osrsdiff schedules verify` does the rest, and so does the next reconcile."):
            yield
    except RedisUnreachable as error:
        raise RedisUnreachable(
            f"{error}\nThe database holds all players; their schedules are made right again within ten minutes "
            "of Redis answering."
        ) from error
