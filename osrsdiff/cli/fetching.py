"""Asking workers for something now: several players enqueued, the outcomes told in the order of their names."""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

import click
from msgspec import Struct

from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.tally import Tally
from osrsdiff.errors import Outcome, RedisUnreachable, UserError
from osrsdiff.storage.players import Player
from osrsdiff.tracking import players, sight
from osrsdiff.tracking.fetch import FetchReport
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import Enqueued
from osrsdiff.tracking.status import status

MOST_WAITED_FOR = 25
"""So many names at once are waited for; with more the request budget would keep the terminal for minutes."""
PATIENCE_S = 30.0
"""Seconds that one answer may take beside the request budget's pace."""

WAIT = click.option(
    "--wait/--no-wait",
    default=None,
    help=f"Wait for how each ends; by default for up to {MOST_WAITED_FOR} names.",
)


class Saved(Struct, frozen=True):
    """A player to look at. `done`: what was done to it before, in words; empty for nothing."""

    name: str
    player: Player
    done: str


async def save_each(
    names: Iterable[str], tally: Tally, save: Callable[[str], Awaitable[tuple[Player, str]]]
) -> list[Saved]:
    """What `save` did to each name that it did not refuse."""
    done = []
    for name in names:
        try:
            done.append(Saved(name, *await save(name)))
        except UserError as error:
            tally.refused(name, error)
    return done


def finish(tally: Tally, *, fetching: bool) -> None:
    """Ends the command as the tally says. `fetching`: whether a worker runs."""
    if tally.as_json:
        output.print_json(tally.document(fetching=fetching))
    click.get_current_context().exit(tally.exit_code)


async def look_at(instance: Instance, saved: Sequence[Saved], tally: Tally, *, wait: bool | None, must: bool) -> bool:
    """Enqueues a look at each player and tallies how it ended; whether a worker is there to do it.

    `wait`: None waits for few, not for many. `must`: looks are all that was asked for, so that without a worker
    nothing was done. Raises RedisUnreachable only then.
    """
    workers, tasks = await _enqueued(instance, saved, must=must)
    if saved and not workers:
        output.note("No worker is running to look at players: fetching starts with `osrsdiff run`.")
        tally.without_data |= must
    waits = bool(workers) and (len(saved) <= MOST_WAITED_FOR if wait is None else wait)
    await _tell(instance, saved, tasks, tally, waits=waits)
    return bool(workers)


async def _enqueued(instance: Instance, saved: Sequence[Saved], *, must: bool) -> tuple[int, list[Enqueued | None]]:
    """How many workers there are, and what was enqueued for each player: nothing while Redis is away."""
    try:
        workers = (await status(instance)).workers_alive
        return workers or 0, [await players.enqueue_fetch(instance, one.player) for one in saved]
    except RedisUnreachable:
        if must:
            raise
        return 0, [None] * len(saved)


async def _tell(
    instance: Instance, saved: Sequence[Saved], tasks: Sequence[Enqueued | None], tally: Tally, *, waits: bool
) -> None:
    end = time.monotonic() + PATIENCE_S + 2 * len(saved) / instance.config.hiscores.requests_per_second
    for place, (one, task) in enumerate(zip(saved, tasks, strict=True)):
        report = None
        words = [one.done, *_asked(task, waits=waits)]
        if waits and task is not None:
            with tables.progress(f"Looking at {one.player.display_name} ({place + 1} of {len(saved)})"):
                report = await players.fetch_outcome(instance, task.task_id, max(0.1, end - time.monotonic()))
            words.append(await _how(instance, one.player, report))
            tally.without_data |= report is None
        joined = task is not None and (task.joined or (report is not None and report.joined))
        tally.done(one.name, one.player, "; ".join(filter(None, words)), report, joined=joined)


def _asked(task: Enqueued | None, *, waits: bool) -> Iterator[str]:
    """What became of asking, as far as the end does not tell."""
    if task is not None and task.joined:
        yield "joined a fetch that waits already"
    elif task is not None and not waits:
        yield "queued"


async def _how(instance: Instance, player: Player, report: FetchReport | None) -> str:
    """How a look ended, in words."""
    if report is None:
        return f"no answer yet; see: osrsdiff player show {player.display_name!r}"
    now = datetime.now(UTC)
    next_look = await sight.next_fire(instance, player)
    then = f"; next look {wording.moment(next_look, now)}" if next_look else ""
    match report.outcome:
        case Outcome.CHANGED | Outcome.UNCHANGED if report.joined:
            return f"{wording.outcome(report.outcome)}, as another fetch saw just now{then}"
        case Outcome.CHANGED if report.first_look:
            return f"first look, {wording.counted(report.changed, 'metric')} known{then}"
        case Outcome.CHANGED:
            return f"{wording.counted(report.changed, 'metric')} changed{then}"
        case Outcome.UNCHANGED:
            return f"unchanged{then}"
        case Outcome.DEFERRED:
            return f"put off: {report.message}{then}"
        case _:
            return f"{report.message or wording.outcome(report.outcome)}{then}"
