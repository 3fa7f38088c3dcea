"""`osrsdiff player rename`, `undo-rename`, `names`: what players are called, and were called before."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import click

from osrsdiff.api.renames import names_document, renamed_document, renamed_in_words, undone_in_words
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.storage.renames import NameChange
from osrsdiff.tracking import renames
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.renames import Renamed


@click.command(cls=Command)
@click.argument("old")
@click.argument("new")
@click.option("--force", is_flag=True, help="Although what is known of the two can't be of one player.")
@JSON
def rename(old: str, new: str, force: bool, as_json: bool) -> None:
    """Call the player OLD by the name NEW from now on.

    Its history, groups and schedule stay. Where NEW is tracked too, the two become one: the history of OLD, then that
    of NEW from its first look on. That is refused where the histories contradict each other; --force does it all the
    same, and keeps looks that don't fit as an archived player. `undo-rename` takes it back.
    """
    _change(partial(renames.rename, name=old, new_name=new, force=force), renamed_in_words, as_json=as_json)


@click.command("undo-rename", cls=Command)
@click.argument("name", metavar="NAME")
@JSON
def undo_rename(name: str, as_json: bool) -> None:
    """Take back the newest change of a player's name.

    Two players who became one are two again. What was seen under the name that goes stays with that name. A
    split is not taken back like a name: `rename` the archived player to the name it had, with --force.
    """
    _change(partial(renames.undo, name=name), undone_in_words, as_json=as_json)


@click.command(cls=Command)
@click.argument("name", metavar="NAME")
@JSON
def names(name: str, as_json: bool) -> None:
    """Show the names that a player was given here."""
    found, changes = on_instance(partial(renames.names_of, name=name), attached=False)
    if as_json:
        output.print_json(names_document(found, changes))
        return
    now = datetime.now(UTC)
    tables.print_title(found.display_name, f"tracked since {wording.moment(found.created_at, now)}")
    if not changes:
        output.note("No other name is known.")
        return
    rows = [(wording.local(one.at, now), one.before_display, one.after_display, _how(one, now)) for one in changes]
    tables.print_table(("Renamed", "From", "To", ""), rows, wrapped=("",))


COMMANDS = (rename, undo_rename, names)


def _change(
    work: Callable[[Instance], Awaitable[Renamed]], in_words: Callable[[Renamed], str], *, as_json: bool
) -> None:
    done = on_instance(work)
    told = in_words(done)
    if as_json:
        output.print_json(renamed_document(done, told))
    else:
        tables.print_line(told)


def _how(change: NameChange, now: datetime) -> str:
    """What there is to say of a change besides the names."""
    said = []
    if change.joined_at is not None:
        said.append(f"joined at {wording.local(change.joined_at, now)}")
    elif change.was_merged:
        said.append("joined, never seen before")
    if change.forced:
        said.append("forced")
    if change.undone_at is not None:
        said.append(f"taken back {wording.local(change.undone_at, now)}")
    return ", ".join(said)
