"""Pausing and resuming many players at once: which are meant, whether to ask first, what became of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import click
from msgspec import Struct

from osrsdiff.api.documents import steered_document
from osrsdiff.cli import asking, exits, output, tables, wording
from osrsdiff.cli.bars import bar
from osrsdiff.cli.inputs import FILE, JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.storage import plan
from osrsdiff.storage.plan import Which
from osrsdiff.tracking import schedules, steering
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.progress import Progress
from osrsdiff.tracking.selection import Only, RefusedName
from osrsdiff.tracking.steering import Steered

ASKED_FROM = 100
"""Beyond so many players that nobody has named, it is asked first, or `--yes` said."""

_REFUSED_SHOWN = 20

F = TypeVar("F", bound=Callable[..., None])


class Work(Protocol):
    """`pause_players` or `resume_players`."""

    def __call__(
        self,
        instance: Instance,
        *,
        names: Sequence[str] = (),
        only: Only | None = None,
        everybody: bool = False,
        progress: Progress | None = None,
    ) -> Awaitable[Steered]:
        """Does it."""


class Verb(Struct, frozen=True):
    """Pausing or resuming, in words and in deed."""

    word: str
    doing: str
    done: str
    already: str
    consequence: str
    work: Work


class Choice(Struct, frozen=True):
    """Which players: exactly one of the three says so."""

    names: list[str]
    only: Only | None
    everybody: bool


PAUSE = Verb(
    "Pause",
    "Pausing",
    "paused",
    "paused already",
    "They are not looked at until they are resumed.",
    steering.pause_players,
)
RESUME = Verb(
    "Resume",
    "Resuming",
    "resumed",
    "active already",
    "Those paused for a reason are looked at again too.",
    steering.resume_players,
)


def choosing(command: F) -> F:
    """The arguments and options that say which players, as both commands take them."""
    filters = click.Choice([only.value for only in Only])
    for option in (
        JSON,
        click.option(
            "--yes",
            is_flag=True,
            help=f"Don't ask. Needed where nobody can be asked, for more than {ASKED_FROM} players that are not named.",
        ),
        click.option("--all", "everybody", is_flag=True, help="All players."),
        click.option("--only", type=filters, help="Those due within a minute, late, paused, or failing lately."),
        FILE,
        click.argument("names", nargs=-1, metavar="[NAME]..."),
    ):
        command = option(command)
    return command


def choice_of(names: list[str], only: str | None, everybody: bool) -> Choice:
    """The choice of a command line. Raises UsageError unless it is one."""
    if sum((bool(names), only is not None, everybody)) != 1:
        raise click.UsageError("Say which players: names, --file FILE, --only FILTER or --all; one of these.")
    return Choice(names, None if only is None else Only(only), everybody)


def steer(verb: Verb, choice: Choice, *, yes: bool, as_json: bool) -> None:
    """Pauses or resumes, tells what became of it, and ends the command."""
    if not yes and not choice.names:
        _ask(verb, choice, on_instance(lambda instance: _how_many(instance, verb, choice), attached=False))
    with exits.stoppable(f"Stopped halfway: who is {verb.done} by now stays so. The same command does the rest."):
        steered = on_instance(lambda instance: _steered(instance, verb, choice))
    told = _in_words(verb, choice, steered)
    if as_json:
        output.print_json(steered_document(steered, told))
    elif steered.matched:
        tables.print_line(told)
    elif not steered.refused:
        output.note(told)
    if steered.matched and not steered.scheduled:
        output.note("Saved; takes effect when `osrsdiff run` has a Redis again.")
    _refuse(steered.refused)
    click.get_current_context().exit(_exit_code(steered))


async def _steered(instance: Instance, verb: Verb, choice: Choice) -> Steered:
    with bar(f"{verb.doing} players") as progress:
        return await verb.work(
            instance, names=choice.names, only=choice.only, everybody=choice.everybody, progress=progress
        )


async def _how_many(instance: Instance, verb: Verb, choice: Choice) -> int:
    """How many players would change, counted no further than matters where that takes reading them."""
    if choice.only is None or choice.only is Only.PAUSED:
        async with instance.db.reading() as connection:
            paused = await plan.count(connection, Which.PAUSED)
            return paused if verb is RESUME else await plan.count(connection, Which.ALL) - paused
    page = await schedules.list_schedules(instance, only=choice.only, limit=ASKED_FROM + 1)
    return len(page.items)


def _ask(verb: Verb, choice: Choice, count: int) -> None:
    if count <= ASKED_FROM:
        return
    if choice.only is None:
        whom = f"all {count:,} players"
    else:
        whom = f"the more than {ASKED_FROM} players who are {_FILTERS[choice.only]}"
    asking.ask(f"{verb.word} {whom}? {verb.consequence}", otherwise=f"{verb.doing} {whom} is a lot at once")


_FILTERS = {
    Only.DUE: "due within a minute",
    Only.OVERDUE: "late",
    Only.PAUSED: "paused",
    Only.FAILING: "failing",
}


def nobody(only: Only | None) -> str:
    """What is said where no player fits."""
    return "No players here. Add one with: osrsdiff player add NAME" if only is None else f"Nobody is {_FILTERS[only]}."


def _in_words(verb: Verb, choice: Choice, steered: Steered) -> str:
    if not steered.matched:
        return "No player was found." if choice.names else nobody(choice.only)
    unchanged = steered.matched - steered.changed
    if not steered.changed:
        return f"Nothing to do: {wording.counted(unchanged, 'player')} {verb.already}."
    more = f", {unchanged:,} {verb.already}" if unchanged else ""
    return f"{wording.counted(steered.changed, 'player')} {verb.done}{more}."


def _refuse(refused: Sequence[RefusedName]) -> None:
    for one in refused[:_REFUSED_SHOWN]:
        exits.report(one.error)
    if len(refused) > _REFUSED_SHOWN:
        exits.complain(f"{len(refused) - _REFUSED_SHOWN:,} more names are refused; --json lists all.")


def _exit_code(steered: Steered) -> int:
    """0 where nothing was refused; bad input where everything was; else done in part."""
    if not steered.refused:
        return 0
    return exits.NOT_DONE if steered.matched else exits.BAD_INPUT
