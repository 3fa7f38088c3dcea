"""`osrsdiff export`: what is kept of players, as a file."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec import Struct

from osrsdiff.cli import exits, output
from osrsdiff.cli.bars import bar
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.cli.wording import counted
from osrsdiff.errors import FileNotUsable
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.transfer.exporting import Exported, Wanted, export_file, export_lines
from osrsdiff.tracking.transfer.reading import Format
from osrsdiff.tracking.transfer.writing import format_named

_KIB = 1024


class ExportReport(Struct, frozen=True):
    """What was written where; `items`: how many of each kind."""

    file: str
    format: Format
    players: int
    looks: int
    changes: int
    items: dict[str, int]
    size_bytes: int


@click.command(cls=Command)
@click.option("--player", "names", multiple=True, metavar="NAME", help="Only this player; may be given again.")
@click.option("--group", metavar="GROUP", help="Only who is in this group.")
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where to; - is standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    help="What the file is, where its name does not say so.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@JSON
def export(
    *, names: tuple[str, ...], group: str | None, target: Path, form: str | None, force: bool, as_json: bool
) -> None:
    """Write what is kept of players into a file: of all, or of some.

    \b
    clan.jsonl, clan.jsonl.gz  JSON Lines: one item a line
    clan.zip                   CSV, a file for each kind of item
    clan.sqlite, clan.db       SQLite, plain tables

    Each holds all of it: players with every look and what it changed, records, achievements, events, groups; no tokens.
    `osrsdiff import` takes each. Fetches go on meanwhile. The file is there once it is whole.
    """
    if names and group is not None:
        raise click.UsageError("Give either --player or --group, not both.")
    wanted = Wanted(names, group)
    with exits.stoppable("Stopped. Nothing was written."):
        if str(target) == "-":
            _stream(wanted, form, as_json=as_json)
        else:
            _write(wanted, target, _format(target, form), force=force, as_json=as_json)


def _format(target: Path, given: str | None) -> Format:
    form = Format(given) if given else format_named(target.name)
    if form is None:
        raise click.BadParameter(
            f"{target.name!r} does not say which format it is to be: end it in .jsonl or .jsonl.gz, .zip "
            "(CSV), .sqlite or .db, or give --format.",
            param_hint="--output",
        )
    return form


def _write(wanted: Wanted, target: Path, form: Format, *, force: bool, as_json: bool) -> None:
    async def work(instance: Instance) -> Exported:
        with bar("Exporting") as progress:
            return await export_file(
                instance, wanted, target, form, now=datetime.now(UTC), replace=force, progress=progress
            )

    done = on_instance(work, attached=False)
    if as_json:
        output.print_json(_report(str(target), form, done))
    else:
        output.say(f"{target}: {_told(done)}.")


def _stream(wanted: Wanted, form: str | None, *, as_json: bool) -> None:
    if form not in (None, Format.JSONL):
        raise click.UsageError("Only JSON Lines go to standard output; give a FILE for the other formats.")
    if as_json:
        raise click.UsageError("--json prints to standard output, too: give a FILE.")

    async def work(instance: Instance) -> Exported:
        return await export_lines(instance, wanted, sys.stdout.buffer.write, now=datetime.now(UTC))

    try:
        done = on_instance(work, attached=False)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FileNotUsable(f"Standard output can't be written: {error.strerror}.") from error
    output.note(f"{_told(done)}.")


def _told(done: Exported) -> str:
    size = done.size_bytes / _KIB
    amount = f"{size:,.0f} KiB" if size < _KIB else f"{size / _KIB:,.1f} MiB"
    return (
        f"{counted(done.players, 'player')}, {counted(done.looks, 'look')} with {counted(done.changes, 'change')}, "
        f"{amount}"
    )


def _report(file: str, form: Format, done: Exported) -> ExportReport:
    return ExportReport(file, form, done.players, done.looks, done.changes, done.items, done.size_bytes)
