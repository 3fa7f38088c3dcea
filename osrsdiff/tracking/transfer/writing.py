"""Writes items into a file of any format. What is broken off leaves no file behind, and the old one as it was."""

import gzip
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from osrsdiff.errors import FileNotUsable
from osrsdiff.tracking.transfer import csv_zip, json_lines, sqlite_tables
from osrsdiff.tracking.transfer.items import Item
from osrsdiff.tracking.transfer.reading import Format
from osrsdiff.tracking.transfer.refusals import unwritable

_PACKED = ".gz"
_ENDINGS = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".zip": Format.CSV,
    ".sqlite": Format.SQLITE,
    ".sqlite3": Format.SQLITE,
    ".db": Format.SQLITE,
}


def format_named(name: str) -> Format | None:
    """The format that a file of this name should have, by its ending; None where it says nothing."""
    return _ENDINGS.get(Path(name.lower().removesuffix(_PACKED)).suffix)


def size_of(path: Path) -> int:
    """How many bytes the file has. Raises FileNotUsable."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def writing(path: Path, form: Format, *, replace: bool) -> Iterator[Callable[[Item], None]]:
    """What takes the items in their order; the file is there once it ends well. JSON Lines are packed into a .gz.

    Raises FileNotUsable where the file can't be written, or is there already and not to be replaced.
    """
    target = path.resolve()
    _check(path, target, replace=replace)
    part = target.with_name(f".{target.name}-{secrets.token_hex(4)}.part")
    try:
        with _open(part, form, is_packed=target.name.lower().endswith(_PACKED)) as write:
            yield write
        _sync(part)
        _check(path, target, replace=replace)
        part.replace(target)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _check(path: Path, target: Path, *, replace: bool) -> None:
    if target.exists() and not target.is_file():
        raise FileNotUsable(f"{path} is no plain file.")
    if target.exists() and not replace:
        raise FileNotUsable(f"{path} is there already. Give another name, or --force to replace it.")


@contextmanager
def _open(part: Path, form: Format, *, is_packed: bool) -> Iterator[Callable[[Item], None]]:
    match form:
        case Format.JSONL:
            with part.open("xb") as file:
                if not is_packed:
                    with json_lines.writing(file.write) as write:
                        yield write
                    return
                # without name and time: the same items give the same file
                with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed, json_lines.writing(packed.write) as write:
                    yield write
        case Format.CSV:
            with csv_zip.writing(part) as write:
                yield write
        case Format.SQLITE:
            with sqlite_tables.writing(part) as write:
                yield write


def _sync(part: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
