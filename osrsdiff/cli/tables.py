"""Tables and progress for people: coloured on a terminal unless NO_COLOR is set, plain in a pipe or a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

Cell = str | Text

_WIDEST = 300
"""Columns. A table is as wide as it needs: figures cut in two would be worse than a line that the terminal breaks."""


def print_line(text: Cell) -> None:
    """A line, as long as it is."""
    _console(err=False).print(text, soft_wrap=True)


def print_paragraph(text: str) -> None:
    """Text in lines as wide as the terminal, 80 columns at most, indented."""
    click.echo(click.wrap_text(text, 78, "  ", "  "))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Iterable[str] = ()) -> None:
    """A table. `right`: headings of the columns that are aligned to the right."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    aligned = set(right)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in aligned else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    _print(table)


def print_facts(facts: Mapping[str, Cell]) -> None:
    """Names and values, one a line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, value)
    _print(grid)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Shows on standard error that something is waited for; nothing where nobody looks."""
    console = _console(err=True)
    with console.status(text) if console.is_terminal else nullcontext():
        yield


def _print(table: Table) -> None:
    """Prints a table without the blanks that fill up its lines."""
    console = _console(err=False, width=_WIDEST)
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _console(*, err: bool, width: int | None = None) -> Console:
    return Console(stderr=err, width=width, markup=False, highlight=False, emoji=False)
