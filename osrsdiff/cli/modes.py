"""`osrsdiff player modes`, `check-mode`: a player's game mode and those that it had; checking modes now."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.api import mode_schemas as schemas
from osrsdiff.api.modes import modes_document
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.documents import checked
from osrsdiff.cli.fetching import MOST_WAITED_FOR, PATIENCE_S, WAIT, Saved, finish, save_each
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON, NAMES, names_given
from osrsdiff.cli.instances import on_instance
from osrsdiff.cli.tally import Tally
from osrsdiff.game.events import mode_detail, mode_title
from osrsdiff.game.modes import Verdict
from osrsdiff.scheduling.constants import CHECK_MODES_TASK
from osrsdiff.storage.players import Player
from osrsdiff.tracking import modes as tracking
from osrsdiff.tracking import players
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.modes import ModeChecked
from osrsdiff.tracking.players import Enqueued
from osrsdiff.tracking.status import status

MOST_AT_ONCE = 10
"""Each name's check keeps a worker's place while it waits for the request budget."""


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@JSON
def modes(name: str, as_json: bool) -> None:
    """Show a player's game mode, how sure it is, and those before it."""

    async def read(instance: Instance) -> schemas.Modes:
        return modes_document(await players.get_player(instance, name), await tracking.mode_history(instance, name))

    body = on_instance(read, attached=False)
    if as_json:
        output.print_json(body)
        return
    now = datetime.now(UTC)
    tables.print_title(body.player.display_name, wording.mode(body.game_mode))
    tables.print_facts(_facts(body, now))
    if not body.changes:
        output.note("No change of game mode is known.")
        return
    tables.print_line("")
    rows = ([_between(one, now), mode_title(mode_detail(one.before, one.mode))] for one in body.changes)
    tables.print_table(("Between", "What"), rows)


@click.command(
    "check-mode",
    cls=Command,
    help=f"""Check players' game modes now.

    Each takes up to {tracking.MOST_REQUESTS} requests to the hiscores; those of several names, {MOST_AT_ONCE} at the
    most, wait until no fetch is due. Players are checked by themselves too: ironmen daily, others once after they were
    added.
    """,
)
@NAMES
@WAIT
@JSON
def check_mode(names: Sequence[str], wait: bool | None, as_json: bool) -> None:
    given = names_given(names, None)
    if len(given) > MOST_AT_ONCE:
        raise click.UsageError(
            f"{len(given)} names are too many: give {MOST_AT_ONCE} at the most. "
            f"All whose check is due are checked by: osrsdiff tasks run {CHECK_MODES_TASK}"
        )
    tally = Tally(as_json)

    async def check_all(instance: Instance) -> bool:
        async def found(name: str) -> tuple[Player, str]:
            player = await players.get_player(instance, name)
            tracking.refuse_check(player)
            return player, ""

        wanted = await save_each(given, tally, found)
        spare = len(wanted) > 1
        tasks = [await tracking.enqueue_check(instance, one.player, spare=spare) for one in wanted]
        workers = (await status(instance)).workers_alive
        if wanted and not workers:
            output.note("No worker is running to check game modes: that starts with `osrsdiff run`.")
            tally.without_data = True
        waits = bool(workers) and (len(wanted) <= MOST_WAITED_FOR if wait is None else wait)
        await _tell(instance, wanted, tasks, tally, waits=waits)
        return bool(workers)

    finish(tally, fetching=on_instance(check_all))


async def _tell(
    instance: Instance, wanted: Sequence[Saved], tasks: Sequence[Enqueued], tally: Tally, *, waits: bool
) -> None:
    slots_s = tracking.MOST_REQUESTS * len(wanted) / instance.config.hiscores.requests_per_second
    end = time.monotonic() + PATIENCE_S + 2 * slots_s
    for place, (one, task) in enumerate(zip(wanted, tasks, strict=True)):
        asked = "joined a check that waits already" if task.joined else "" if waits else "queued"
        report = None
        if waits:
            with tables.progress(f"Checking {one.player.display_name} ({place + 1} of {len(wanted)})"):
                report = await tracking.check_outcome(instance, task.task_id, max(0.1, end - time.monotonic()))
            tally.without_data |= report is None
        ended = in_words(one.player.display_name, report, datetime.now(UTC)) if waits else ""
        words = "; ".join(filter(None, (asked, ended)))
        tally.done(one.name, one.player, words, joined=task.joined, check=checked(report))


def in_words(display_name: str, report: ModeChecked | None, now: datetime) -> str:
    """How a check ended; `report` None: it has not in time."""
    if report is None:
        return f"no answer yet; see: osrsdiff player modes {display_name!r}"
    mode = wording.mode(report.mode)
    match report.verdict:
        case None:
            return f"{mode} as far as known: {report.message}"
        case Verdict.RIGHT:
            return f"{mode}, confirmed"
        case Verdict.FIRST:
            return f"{mode}, found for the first time"
        case Verdict.CHANGED if report.changed_from is not None:
            return mode_title(mode_detail(report.changed_from, report.mode))
        case Verdict.PENDING if report.pending is not None and report.second_look_at is not None:
            then = f"a second look has to find it too, from {wording.local(report.second_look_at, now)} on"
            so_far = "" if report.pending is report.mode else f", {mode} until then"
            return f"{wording.mode(report.pending)} found{so_far}: {then}"
        case Verdict.IMPOSSIBLE if report.found is not None:
            return f"flagged for review: {wording.mode(report.found)} found, which a {mode} account can't become"
        case _:
            return mode


def _facts(body: schemas.Modes, now: datetime) -> dict[str, tables.Cell]:
    facts: dict[str, tables.Cell] = {
        "Since": wording.moment(body.since, now, "the first look"),
        "Last checked": wording.moment(body.checked_at, now, "never yet: it is what it was taken for"),
    }
    if body.pending is not None:
        found_at, again = body.pending.found_at, wording.local(body.pending.second_look_from, now)
        what = f"{wording.mode(body.pending.mode)}, found {wording.ago(found_at, now)}"
        facts["Pending"] = Text(f"{what}; a second look from {again} on", style="yellow")
    return facts


def _between(one: schemas.ModeChange, now: datetime) -> str:
    return f"until {wording.local(one.at, now)}" if one.after is None else wording.both(one.after, one.at, now)
