"""A SQLite file of plain tables for other programs to read: made, filled, read back. It is no instance's database.

Owns the file; what its tables are, the caller says. Rows have the order in which they were added.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Integer, MetaData, Table, Text, insert, literal_column, select
from sqlalchemy import Column as SqlColumn
from sqlalchemy.types import TypeEngine

from osrsdiff.storage.dialects import compiling_for

Row = tuple[object, ...]
MAGIC = b"SQLite format 3\0"
"""What every SQLite file begins with."""
_AT_ONCE = 1_000


class Sort(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"


class Column(NamedTuple):
    """A column. `about`: one line that says what stands in it. `is_required`: it has a value in every row."""

    name: str
    sort: Sort
    about: str
    is_required: bool


class PlainTable(NamedTuple):
    """A table. `found_by`: the columns by which rows are looked up, and sorted when they are read."""

    name: str
    about: str
    columns: tuple[Column, ...]
    found_by: tuple[str, ...]


class PlainFileError(Exception):
    """What SQLite says against a file."""


_TYPES: Mapping[Sort, type[TypeEngine[Any]]] = {Sort.TEXT: Text, Sort.INTEGER: Integer, Sort.BOOLEAN: Boolean}
_DIALECT = compiling_for("sqlite")


class NewFile:
    """A file that is being made."""

    def __init__(self, link: sqlite3.Connection, tables: Mapping[str, PlainTable]) -> None:
        self._link = link
        self._tables = tables
        self._waiting: dict[str, list[Row]] = {name: [] for name in tables}
        for table in tables.values():
            link.execute(_definition(table))

    def add(self, table: str, row: Row) -> None:
        """Puts a row behind the others of its table."""
        waiting = self._waiting[table]
        waiting.append(row)
        if len(waiting) >= _AT_ONCE:
            self._write(table)

    def finish(self) -> None:
        """Writes what is left, and the indexes."""
        for table in self._tables.values():
            self._write(table.name)
            if table.found_by:
                columns = ", ".join(f'"{name}"' for name in table.found_by)
                self._link.execute(f"CREATE INDEX {table.name}_found ON {table.name} ({columns})")
        self._link.commit()

    def _write(self, table: str) -> None:
        self._link.executemany(_insertion(self._tables[table]), self._waiting[table])
        self._waiting[table].clear()


class OldFile:
    """A file that is there."""

    def __init__(self, link: sqlite3.Connection) -> None:
        self._link = link

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns; none where there is no such table. Raises PlainFileError for a view.

        A view reads as a table does, but what it gives may have no end.
        """
        with _explained():
            found = self._link.execute("SELECT type FROM sqlite_master WHERE lower(name) = ?", (table,)).fetchall()
            if found and found != [("table",)]:
                raise PlainFileError(f"{table} is no table")
            return [name for (name,) in self._link.execute("SELECT name FROM pragma_table_info(?)", (table,))]

    def rows(self, table: PlainTable, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """The rows with their numbers, from 1 on, sorted by what they are found by. Raises PlainFileError."""
        number = literal_column("rowid", Integer)
        found = _sql_table(table)
        query = select(number, *(found.c[name] for name in columns))
        query = query.order_by(*(found.c[name] for name in table.found_by), number)
        with _explained():
            for row in self._link.execute(str(query.compile(dialect=_DIALECT))):
                yield row[0], row[1:]


@contextmanager
def making(path: Path, tables: Mapping[str, PlainTable]) -> Iterator[NewFile]:
    """A new file with these tables, whose schema says what stands in them. Raises PlainFileError."""
    with _explained(), closing(sqlite3.connect(path, isolation_level=None)) as link:
        link.execute("PRAGMA journal_mode = OFF")  # what is broken off is thrown away as a whole
        link.execute("PRAGMA synchronous = OFF")
        link.execute("BEGIN")
        made = NewFile(link, tables)
        yield made
        made.finish()


@contextmanager
def opened(path: Path) -> Iterator[OldFile]:
    """A file that is there, to read. Raises PlainFileError."""
    with _explained(), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as link:
        link.execute("PRAGMA trusted_schema = OFF")
        link.text_factory = _text
        yield OldFile(link)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise PlainFileError(str(error)) from error


def _text(stored: bytes) -> str:
    return stored.decode(errors="replace")


@cache
def _insertion(table: PlainTable) -> str:
    return str(insert(_sql_table(table)).compile(dialect=_DIALECT))


@cache
def _sql_table(table: PlainTable) -> Table:
    return Table(table.name, MetaData(), *(SqlColumn(one.name, _TYPES[one.sort]) for one in table.columns))


def _definition(table: PlainTable) -> str:
    """The table, with what it and its columns say as comments, which stay in the file's schema."""
    last = len(table.columns) - 1
    lines = []
    for place, one in enumerate(table.columns):
        must, comma = " NOT NULL" if one.is_required else "", "," if place < last else ""
        lines.append(f'  "{one.name}" {one.sort.upper()}{must}{comma} -- {one.about}')
    return "\n".join([f"CREATE TABLE {table.name} ( -- {table.about}", *lines, ")"])
