"""Reads a file of exported players, in any of the formats, as a stream of items.

Owns which format a file has, told by its first bytes and not by its name. What the items come to is not its business.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from osrsdiff.storage.plain_file import MAGIC as SQLITE_MAGIC
from osrsdiff.tracking.transfer import csv_zip, json_lines, sqlite_tables
from osrsdiff.tracking.transfer.csv_zip import ZIP_MAGIC
from osrsdiff.tracking.transfer.items import FORMAT, BadRow, Header, Item, Place
from osrsdiff.tracking.transfer.json_lines import GZIP_MAGIC, MARK
from osrsdiff.tracking.transfer.refusals import no_export, printable, unreadable

_FIRST_OF_TEXT = 9
"""No text has a byte below that of a tab."""


class Format(StrEnum):
    """How the items are written down."""

    JSONL = "jsonl"
    CSV = "csv"
    SQLITE = "sqlite"


def format_of(path: Path) -> Format | None:
    """Which format the file seems to have, None where it is none of them. Raises FileNotUsable where it can't be read.

    A file of JSON Lines begins with a brace, or is packed by gzip.
    """
    begin = _begin_of(path)
    if begin.startswith(SQLITE_MAGIC):
        return Format.SQLITE
    if begin.startswith(ZIP_MAGIC):
        return Format.CSV
    return Format.JSONL if begin.startswith(GZIP_MAGIC) or begin.removeprefix(MARK).lstrip().startswith(b"{") else None


def read_items(path: Path) -> Iterator[tuple[Place, Item | BadRow]]:
    """The items of a file, in their order, each with its place; the header first, and only there.

    A row that can't be read is a BadRow with the reason, and the others come all the same; so is the end of a file that
    was cut short, or the place from which on it is damaged. Raises FileNotUsable for what can't be opened, is no
    export, or has a newer format.
    """
    _refuse_newer(path)
    placed = _read(path)
    place, header = next(placed, (0, BadRow("There is nothing in it.")))
    if isinstance(header, BadRow):
        hint = " If it is a CSV of dated values, unpack it first." if _is_packed(path) else ""
        raise no_export(path, f"its header can't be read. {header.reason}{hint}")
    if not isinstance(header, Header):
        raise no_export(path, "it has no header.")
    yield place, header
    for place, item in placed:
        yield place, BadRow("There is a header already.") if isinstance(item, Header) else item


def is_text(path: Path) -> bool:
    """Whether the file seems to be a text. Raises FileNotUsable where it can't be read."""
    begin = _begin_of(path)
    return bool(begin) and not begin.startswith(GZIP_MAGIC) and not any(byte < _FIRST_OF_TEXT for byte in begin)


def _refuse_newer(path: Path) -> None:
    """Raises FileNotUsable for a format that this program does not know yet, whatever else it has in its header."""
    match format_of(path):
        case Format.JSONL:
            told = json_lines.heading(path, is_packed=_is_packed(path))
        case Format.CSV:
            told = csv_zip.heading(path)
        case Format.SQLITE:
            told = sqlite_tables.heading(path)
        case None:
            return
    form = told.get("format")
    if told.get("type", "header") == "header" and isinstance(form, int) and form > FORMAT:
        maker = printable(str(told.get("made_by")))
        raise unreadable(path, f"it was made by {maker} in format {form}; this one reads up to {FORMAT}: upgrade")


def _read(path: Path) -> Iterator[tuple[Place, Item | BadRow]]:
    match format_of(path):
        case Format.JSONL:
            return json_lines.read(path, is_packed=_is_packed(path))
        case Format.CSV:
            return csv_zip.read(path)
        case Format.SQLITE:
            return sqlite_tables.read(path)
        case None:
            raise no_export(path, "it is neither JSON Lines, packed or not, nor a zip of CSV files, nor SQLite.")


def _is_packed(path: Path) -> bool:
    return _begin_of(path).startswith(GZIP_MAGIC)


def _begin_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise unreadable(path, error) from error
