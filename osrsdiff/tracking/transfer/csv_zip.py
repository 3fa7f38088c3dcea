"""Items as a zip of CSV files, one for each table, with a text that explains them.

A spreadsheet takes a cell that begins with = + - @, a tab or a line end for a formula. So a text that does gets an
apostrophe in front, as does one that begins with an apostrophe; an empty text where nothing may stand is a lone one.
Reading takes it away again.
"""

import csv
import io
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from osrsdiff.storage.plain_file import Column, PlainTable, Sort
from osrsdiff.tracking.transfer.assembling import Cells, Rows, items_of
from osrsdiff.tracking.transfer.items import BadRow, Header, Item, Place
from osrsdiff.tracking.transfer.layout import HEADER, PLAYERS, TABLES, Plain, rows_of
from osrsdiff.tracking.transfer.lines import CsvLines, csv_rows
from osrsdiff.tracking.transfer.refusals import no_export, unreadable

ZIP_MAGIC = b"PK\x03\x04"
_README = "README.txt"
_ESCAPED = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_READABLE_BY_ALL = 0o644 << 16
_UNREADABLE = "\ufffd"
_DAMAGED = (OSError, EOFError, zlib.error, BadZipFile, RuntimeError)
_LONGEST_NUMBER = 20
_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
_WORDS = {value: word for word, value in _BOOLEANS.items()}
_Reader = Callable[[str], object]


@contextmanager
def writing(path: Path) -> Iterator[Callable[[Item], None]]:
    """A new file, to be given the items in their order. A zip takes one file after the other: they are made beside."""
    exported_at = datetime(1980, 1, 1, tzinfo=UTC)
    with TemporaryDirectory(prefix=f"{path.name}-", dir=path.parent) as made:
        with ExitStack() as files:
            add, empties = {}, {}
            for name, table in TABLES.items():
                file = (Path(made) / f"{name}.csv").open("w", encoding="utf-8-sig", newline="")
                add[name] = csv.writer(files.enter_context(file)).writerow
                add[name]([column.name for column in table.columns])
                empties[name] = [_is_empty_text(column) for column in table.columns]

            def write(item: Item) -> None:
                nonlocal exported_at
                if isinstance(item, Header):
                    exported_at = item.exported_at
                for name, cells in rows_of(item):
                    add[name](list(map(_written, cells, empties[name])))

            yield write
        _pack(path, Path(made), exported_at)


def read(path: Path) -> Iterator[tuple[Place, Item | BadRow]]:
    """The items of a file."""
    with _opened(path) as archive:
        found = {name for name in TABLES if f"{name}.csv" in archive.namelist()}
        if missing := {HEADER, PLAYERS} - found:
            raise no_export(path, f"it has no {min(missing)}.csv.")
        with ExitStack() as files:
            yield from items_of({name: _rows(path, archive, TABLES[name], files) for name in found})


def heading(path: Path) -> Mapping[str, object]:
    """What the only row of the header says, whatever its columns; nothing where it can't be read."""
    with _opened(path) as archive:
        try:
            with archive.open(f"{HEADER}.csv") as file:
                rows = [row for _, row in islice(csv_rows(_text_lines(file)), 2)]
        except (KeyError, *_DAMAGED):
            return {}
    names, cells = (row if isinstance(row, list) else [] for row in (*rows, [], [])[:2])
    return {name: _integer(cell) for name, cell in zip(names, cells, strict=False)}


def _opened(path: Path) -> ZipFile:
    """Raises FileNotUsable."""
    try:
        return ZipFile(path)
    except _DAMAGED as error:
        raise unreadable(path, f"it was cut short, or is damaged ({error})") from error


def _text_lines(file: IO[bytes]) -> CsvLines:
    return CsvLines(io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline=""))


def _pack(path: Path, made: Path, exported_at: datetime) -> None:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        at = max(exported_at.timetuple()[:6], (1980, 1, 1, 0, 0, 0))
        archive.writestr(_member(_README, at), _explanation())
        for name in TABLES:
            member = _member(f"{name}.csv", at)
            with (made / f"{name}.csv").open("rb") as source, archive.open(member, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1024 * 1024)


def _member(name: str, at: tuple[int, ...]) -> ZipInfo:
    year, month, day, hour, minute, second = at
    member = ZipInfo(name, (year, month, day, hour, minute, second))
    member.compress_type = ZIP_DEFLATED
    member.external_attr = _READABLE_BY_ALL
    return member


def _explanation() -> str:
    about = [
        "An export of osrsdiff: tracked players of Old School RuneScape, and what their looks at the hiscores showed.",
        "",
        "UTF-8, commas, a heading; times are ISO 8601 in UTC; an empty cell: none, or nobody knows. Rows are sorted",
        "by player, looks and changes also by time: keep them so where it is to be read back. A text that begins with",
        "= + - @ ' has an apostrophe in front, so that no spreadsheet takes it for a formula.",
    ]
    for table in TABLES.values():
        width = max(len(column.name) for column in table.columns)
        about += ["", f"{table.name}.csv: {table.about}"]
        about += [f"  {column.name:<{width}}  {column.about}" for column in table.columns]
    return "\r\n".join([*about, ""])


def _rows(path: Path, archive: ZipFile, table: PlainTable, files: ExitStack) -> Rows:
    """The rows of a table; at the end of what can be read the reason. Raises FileNotUsable for other columns."""
    name = f"{table.name}.csv"
    try:
        file = files.enter_context(archive.open(name))
        rows = csv_rows(_text_lines(file))
        _, heading = next(rows, (0, []))
        if isinstance(heading, str):
            raise no_export(path, f"the heading of {name} can't be read: {heading}")
        columns = _columns(path, table, heading)
        readers = [(column.name, _READERS[column.sort], _is_empty_text(column)) for column in columns]
        for line, cells in rows:
            row = BadRow(cells[0].upper() + cells[1:]) if isinstance(cells, str) else _row(readers, cells)
            yield f"{name}, line {line}", row
    except _DAMAGED as error:
        yield name, BadRow(f"From some line on it is damaged: {error}.")


def _columns(path: Path, table: PlainTable, heading: Sequence[str]) -> list[Column]:
    """The columns in the order of a heading. Raises FileNotUsable unless it has those that there must be, and known."""
    known = {column.name: column for column in table.columns}
    for name in heading:
        if name not in known or heading.count(name) > 1:
            raise no_export(path, f"{table.name}.csv has a column {name[:40]!r}, which is unknown or there twice.")
    for name, column in known.items():
        if column.is_required and name not in heading:
            raise no_export(path, f"{table.name}.csv has no column {name!r}.")
    return [known[name] for name in heading]


def _row(readers: Sequence[tuple[str, _Reader, bool]], cells: Sequence[str]) -> Cells | BadRow:
    if len(cells) != len(readers):
        return BadRow(f"It has {len(cells)} cells, and the heading {len(readers)}.")
    if any(_UNREADABLE in cell for cell in cells):
        return BadRow("It is not UTF-8.")
    return {
        name: read(cell)
        for (name, read, is_empty_text), cell in zip(readers, cells, strict=True)
        if cell or is_empty_text
    }


def _written(value: Plain, is_empty_text: bool) -> str | int | None:
    """A cell, as it goes to the writer, to which None is an empty one."""
    if not isinstance(value, str):
        return _WORDS[value] if isinstance(value, bool) else value
    if not value:
        return "" if is_empty_text else "'"
    return f"'{value}" if value.startswith(_ESCAPED) else value


def _boolean(cell: str) -> object:
    return _BOOLEANS.get(cell.lower(), cell)


def _integer(cell: str) -> object:
    # int() takes more than what is written here: blanks, underscores, other digits
    is_whole = cell.isascii() and cell.removeprefix("-").isdigit() and len(cell) <= _LONGEST_NUMBER
    return int(cell) if is_whole else cell


def _text(cell: str) -> object:
    return cell[1:] if cell[0:1] == "'" and (cell == "'" or cell[1:].startswith(_ESCAPED)) else cell


_READERS: Mapping[Sort, _Reader] = {Sort.TEXT: _text, Sort.INTEGER: _integer, Sort.BOOLEAN: _boolean}


def _is_empty_text(column: Column) -> bool:
    """Whether an empty cell is an empty text, since there must be one."""
    return column.is_required and column.sort is Sort.TEXT
