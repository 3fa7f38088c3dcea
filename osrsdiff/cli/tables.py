"""Tables and progress for people: coloured on a terminal unless NO_COLOR is set, plain in a pipe or a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, nullcontext

import click
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Cell = str | Text

WIDTH = 80
"""Columns that everything is to fit into."""
GAP = 2
"""Columns between two of a table."""
_NARROWEST = 10
_WIDEST = 300
"""Columns. A table is as wide as it needs: figures cut in two would be worse than a line that the terminal breaks."""


def print_line(text: Cell) -> None:
    """A line, as long as it is."""
    _console(err=False).print(text, soft_wrap=True)


def print_paragraph(text: str) -> None:
    """Text in lines as wide as the terminal, 80 columns at most, indented."""
    click.echo(click.wrap_text(text, WIDTH - GAP, "  ", "  "))


def print_title(title: str, about: str = "") -> None:
    """What something is, and more about it, below where both don't fit into a line."""
    is_short = cell_len(title) + GAP + cell_len(about) <= WIDTH
    print_line(Text(title, style="bold").append(f"  {about}" if about and is_short else "", style="not bold"))
    if about and not is_short:
        print_paragraph(about)


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Iterable[str] = (),
    wrapped: Iterable[str] = (),
) -> None:
    """A table. `right`: headings of the columns that are aligned to the right.

    `wrapped`: those of the columns whose cells take several lines where the table would be too wide.
    """
    listed, aligned = [list(row) for row in rows], set(right)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading, width in zip(headings, _narrowed(headings, listed, set(wrapped)), strict=True):
        table.add_column(heading, justify="right" if heading in aligned else "left", overflow="fold", max_width=width)
    for row in listed:
        table.add_row(*row)
    _print(table)


def widths(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> list[int]:
    """How wide each column is to hold all of its cells."""
    return [max(map(_length, column)) for column in zip(headings, *rows, strict=True)]


def _narrowed(headings: Sequence[str], rows: Sequence[Sequence[Cell]], wrapped: Set[str]) -> list[int]:
    """The widths, the widest of the columns that wrap made narrower until all fit."""
    found = widths(headings, rows)
    while sum(found) + GAP * (len(found) - 1) > WIDTH:
        wide = [place for place, heading in enumerate(headings) if heading in wrapped and found[place] > _NARROWEST]
        if not wide:
            break
        found[max(wide, key=found.__getitem__)] -= 1
    return found


def _length(cell: Cell) -> int:
    return cell_len(cell) if isinstance(cell, str) else cell.cell_len


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
