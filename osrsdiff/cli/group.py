"""`osrsdiff group`: make, list, show, rename and delete groups of players; put players in and take them out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import IO

import click
from rich.text import Text

from osrsdiff.api import group_schemas as schemas
from osrsdiff.api.group_documents import (
    group_document,
    member_document,
    memberships_document,
    put_document,
    put_in_words,
    taken_out_document,
)
from osrsdiff.cli import asking, exits, output, tables, wording
from osrsdiff.cli.bars import bar
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import JSON, NAMES_FILE
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.groups import BadLine, group_key, read_members, role_of
from osrsdiff.game.usernames import tracked_name
from osrsdiff.storage.groups import Group
from osrsdiff.tracking import groups, members
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.members import Put, Wanted
from osrsdiff.tracking.selection import RefusedName

KEY = click.argument("key", metavar="GROUP")
LIST = click.option(
    "--file",
    type=NAMES_FILE,
    metavar="FILE",
    help="One name a line, its role after a comma or tab; or CSV with a heading. # starts a comment, - is stdin.",
)
TRACK = click.option("--track", is_flag=True, help="Track who is not tracked yet.")
_SHOWN = 20
_LONGEST_NAME = 12


@click.group(cls=Commands)
def group() -> None:
    """Make groups of players, such as clans, and say who is in them.

    A player may be in several. GROUP is a group's key, or its name where the key was made from it.
    """


@group.command()
@click.argument("name", metavar="NAME")
@click.option("--key", metavar="KEY", help="What identifies it; made from the name where it is left out.")
@click.option("--description", default="", metavar="TEXT", help="What it is.")
@JSON
def create(name: str, key: str | None, description: str, as_json: bool) -> None:
    """Make a group, empty."""
    made = on_instance(
        lambda instance: groups.create_group(instance, name, key=key, description=description), attached=False
    )
    if as_json:
        output.print_json(group_document(made))
    else:
        tables.print_line(_line(made, f"made, its key is {made.key}"))


@group.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--after", metavar="GROUP", help="Those that follow this key.")
@click.option("--player", metavar="NAME", help="Those that this player is in, with its role in each.")
@JSON
def list_(limit: int, after: str | None, player: str | None, as_json: bool) -> None:
    """List the groups by key."""
    if player is not None:
        if after is not None:
            raise click.UsageError("Give either --player or --after, not both.")
        _list_of(player, as_json=as_json)
        return
    follows = None if after is None else group_key(after)
    found = on_instance(partial(groups.list_groups, after=follows, limit=limit + 1), attached=False)
    shown, further = found[:limit], len(found) > limit
    if as_json:
        items = [group_document(one) for one in shown]
        output.print_json(schemas.GroupPage(items, items[-1].key if further else None))
        return
    if shown:
        rows = [(one.key, one.name, wording.number(one.member_count), _shortened(one.description)) for one in shown]
        wrapped = "Name", "Description"
        tables.print_table(("Group", "Name", "Members", "Description"), rows, right=("Members",), wrapped=wrapped)
    else:
        output.note("No groups here. Make one with: osrsdiff group create NAME")
    if further:
        output.note(f"There are more: --after {shown[-1].key}, or a larger --limit.")


@group.command()
@KEY
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--after", metavar="NAME", help="Members that follow this name.")
@JSON
def show(key: str, limit: int, after: str | None, as_json: bool) -> None:
    """Show a group and who is in it, by name."""
    follows = None if after is None else tracked_name(after)
    read = partial(members.list_members, key=key, after=follows, limit=limit + 1)
    found, listed = on_instance(read, attached=False)
    shown, further = [member_document(one) for one in listed[:limit]], len(listed) > limit
    if as_json:
        following = shown[-1].player.username if further else None
        output.print_json(schemas.MemberPage(group_document(found), shown, following))
        return
    now = datetime.now(UTC)
    made = f"{wording.counted(found.member_count, 'member')}, made {wording.ago(found.created_at, now)}"
    tables.print_title(found.name, f"{found.key}, {made}")
    if found.description:
        tables.print_paragraph(found.description)
    if shown:
        tables.print_line("")
        tables.print_table(("Player", "Role", "Since", "Last look"), [_member_row(one, now) for one in shown])
    if further:
        output.note(f"There are more: --after {shown[-1].player.username!r}, or a larger --limit.")


@group.command()
@KEY
@click.argument("names", nargs=-1, metavar="[NAME]...")
@LIST
@click.option(
    "--role", metavar="ROLE", help="Of those named, and of lines without one.  [default: member, or as it is]"
)
@TRACK
@JSON
def add(key: str, names: Sequence[str], file: IO[str] | None, role: str | None, track: bool, as_json: bool) -> None:
    """Put players into a group, or give members another role.

    What can't be done is reported, and does not stop the rest.
    """
    if not names and file is None:
        raise click.UsageError("Give at least one name, or --file.")
    _put(key, names, file, role, track=track, as_json=as_json)


@group.command("import")
@KEY
@click.argument("file", type=NAMES_FILE)
@click.option("--role", metavar="ROLE", help="Of lines without one.  [default: member, or as it is]")
@click.option("--no-track", is_flag=True, help="Leave out who is not tracked yet, instead of tracking them.")
@JSON
def import_(key: str, file: IO[str], role: str | None, no_track: bool, as_json: bool) -> None:
    """Put those that FILE lists into a group, and track them: one name a line, or CSV; - is stdin."""
    _put(key, (), file, role, track=not no_track, as_json=as_json)


@group.command()
@KEY
@click.argument("names", nargs=-1, metavar="[NAME]...")
@LIST
@JSON
def remove(key: str, names: Sequence[str], file: IO[str] | None, as_json: bool) -> None:
    """Take players out of a group; they stay tracked."""
    read = read_members(file.read() if file else "")
    given = [*names, *(one.name for one in read.members)]
    if not given and not read.bad:
        raise click.UsageError("Give at least one name, or --file.")
    taken = on_instance(lambda instance: members.take_out(instance, key, given), attached=False)
    if as_json:
        output.print_json(taken_out_document(taken))
    elif taken.removed:
        tables.print_line(_line(taken.group, f"{wording.counted(len(taken.removed), 'player')} taken out"))
    _end(taken.refused, read.bad, done=bool(taken.removed))


@group.command()
@KEY
@click.option("--name", metavar="NAME", help="Another name.")
@click.option("--key", "new_key", metavar="KEY", help="Another key; a new name alone leaves the key as it is.")
@click.option("--description", metavar="TEXT", help="Another description; '' for none.")
@JSON
def rename(key: str, name: str | None, new_key: str | None, description: str | None, as_json: bool) -> None:
    """Give a group another name, key or description."""
    if name is None and new_key is None and description is None:
        raise click.UsageError("Give --name, --key or --description.")
    changed = on_instance(
        lambda instance: groups.change_group(instance, key, name=name, new_key=new_key, description=description),
        attached=False,
    )
    if as_json:
        output.print_json(group_document(changed))
    else:
        tables.print_line(_line(changed, f"changed, its key is {changed.key}"))


@group.command()
@KEY
@asking.YES
def delete(key: str, yes: bool) -> None:
    """Forget a group; its players stay, with their history."""
    found = on_instance(partial(groups.get_group, key=key), attached=False)
    if not yes:
        held = wording.counted(found.member_count, "member")
        asking.ask(f"Delete {found.name} with its list of {held}?", otherwise="Deleting forgets who is in it")
    on_instance(partial(groups.delete_group, key=found.key), attached=False)
    tables.print_line(_line(found, "deleted; its players stay"))


def _list_of(name: str, *, as_json: bool) -> None:
    """The groups of a player."""
    found, listed = on_instance(partial(groups.groups_of, name=name), attached=False)
    if as_json:
        output.print_json(memberships_document(found, listed))
        return
    tables.print_title(found.display_name)
    if not listed:
        output.note("In no group.")
        return
    now = datetime.now(UTC)
    rows = [(one.group.key, one.group.name, one.role, wording.day(one.joined_at, now)) for one in listed]
    tables.print_table(("Group", "Name", "Role", "Since"), rows, wrapped=("Name", "Role"))


def _put(key: str, names: Sequence[str], file: IO[str] | None, role: str | None, *, track: bool, as_json: bool) -> None:
    usual = None if role is None else role_of(role)
    read = read_members(file.read() if file else "")
    wanted = [Wanted(name, usual) for name in names]
    wanted += [Wanted(one.name, one.role or usual) for one in read.members]
    if not wanted and not read.bad:
        raise click.UsageError("The file names nobody.")

    async def work(instance: Instance) -> Put:
        with bar("Putting players in") as progress:
            return await members.put_members(instance, key, wanted, track_unknown=track, progress=progress)

    with exits.stoppable("Stopped halfway: who is in by now stays in. The same command does the rest."):
        put = on_instance(work, attached=track)
    done = bool(put.added or put.changed or put.unchanged)
    if as_json:
        output.print_json(put_document(put, read.bad))
    elif done:
        _print_each(put)
        tables.print_line(_line(put.group, put_in_words(put)))
    _end(put.refused, read.bad, done=done)


def _print_each(put: Put) -> None:
    """What became of each name, where they are few."""
    words = dict.fromkeys(put.added, "added") | dict.fromkeys(put.changed, "has another role now")
    words |= dict.fromkeys(put.unchanged, "is in it already")
    for name in sorted(words) if len(words) <= _SHOWN else ():
        tracked = ", tracked from now on" if name in put.tracked else ""
        tables.print_line(
            Text(f"{name:<{_LONGEST_NAME}}  ", style="bold").append(words[name] + tracked, style="not bold")
        )


def _end(refused: Sequence[RefusedName], bad: Sequence[BadLine], *, done: bool) -> None:
    """Says what was refused, and ends: 0 where nothing was, bad input where all was, else done in part."""
    said = [f"line {one.line}: {one.reason}" for one in bad] + [str(one.error) for one in refused]
    for text in said[:_SHOWN]:
        exits.complain(text)
    if (more := len(said) - _SHOWN) > 0:
        exits.complain(f"{more:,} more are refused; --json lists all.")
    click.get_current_context().exit((exits.NOT_DONE if done else exits.BAD_INPUT) if said else 0)


def _line(found: Group, words: str) -> Text:
    return Text(f"{found.name}  ", style="bold").append(words, style="not bold")


def _member_row(one: schemas.Member, now: datetime) -> list[tables.Cell]:
    seen = "never" if one.last_look_at is None else wording.ago(one.last_look_at, now)
    paused = "" if one.is_active else ", paused"
    return [one.player.display_name, one.role, wording.day(one.joined_at, now), seen + paused]


def _shortened(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
