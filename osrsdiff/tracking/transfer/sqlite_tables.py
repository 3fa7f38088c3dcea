"""Items as a SQLite file of plain tables, which say in their schema what stands in them. Booleans are 0 and 1."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from osrsdiff.storage.plain_file import Column, OldFile, PlainFileError, PlainTable, Sort, making, opened
from osrsdiff.tracking.transfer.assembling import Cells, Rows, items_of
from osrsdiff.tracking.transfer.items import BadRow, Item, Place
from osrsdiff.tracking.transfer.layout import HEADER, PLAYERS, TABLES, rows_of
from osrsdiff.tracking.transfer.refusals import no_export, unreadable, unwritable


@contextmanager
def writing(path: Path) -> Iterator[Callable[[Item], None]]:
    """A new file, to be given the items in their order. Raises FileNotUsable."""
    try:
        with making(path, TABLES) as file:

            def write(item: Item) -> None:
                for table, cells in rows_of(item):
                    file.add(table, cells)

            yield write
    except PlainFileError as error:
        raise unwritable(path, error) from error


def read(path: Path) -> Iterator[tuple[Place, Item | BadRow]]:
    """The items of a file."""
    try:
        with opened(path) as file:
            columns = {name: _columns(path, file, table) for name, table in TABLES.items()}
            yield from items_of({name: _rows(file, TABLES[name], found) for name, found in columns.items() if found})
    except PlainFileError as error:
        raise unreadable(path, error) from error


def heading(path: Path) -> Mapping[str, object]:
    """What the only row of the header says, whatever its columns; nothing where it can't be read."""
    try:
        with opened(path) as file:
            table = TABLES[HEADER]
            names = [column.name for column in table.columns if column.name in file.columns(HEADER)]
            _, cells = next(file.rows(table, names), (0, ()))
    except PlainFileError:
        return {}
    return dict(zip(names, cells, strict=False))


def _columns(path: Path, file: OldFile, table: PlainTable) -> list[Column]:
    """The columns that the file's table has, none where there is none. Raises FileNotUsable."""
    found = file.columns(table.name)
    if not found and table.name in (HEADER, PLAYERS):
        raise no_export(path, f"it has no table {table.name}.")
    for column in table.columns:
        if found and column.is_required and column.name not in found:
            raise no_export(path, f"its table {table.name} has no column {column.name!r}.")
    return [column for column in table.columns if column.name in found]


def _rows(file: OldFile, table: PlainTable, columns: Sequence[Column]) -> Rows:
    number = 0
    try:
        for number, values in file.rows(table, [column.name for column in columns]):
            yield f"{table.name}, row {number}", _cells(columns, values)
    except PlainFileError as error:
        yield table.name, BadRow(f"Behind row {number} it can't be read: {error}.")


def _cells(columns: Sequence[Column], values: Sequence[object]) -> Cells:
    return {
        column.name: bool(value) if column.sort is Sort.BOOLEAN and value in (0, 1) else value
        for column, value in zip(columns, values, strict=True)
        if value is not None
    }
