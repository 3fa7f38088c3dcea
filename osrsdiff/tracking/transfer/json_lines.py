"""Items as JSON Lines: one a line, `type` says which. The last line says that the file is whole."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from io import BufferedIOBase
from pathlib import Path

import msgspec
from msgspec import Struct

from osrsdiff.tracking.transfer.items import BadRow, Header, Item, Place
from osrsdiff.tracking.transfer.lines import Lines, TooLong
from osrsdiff.tracking.transfer.refusals import explained, printable, unreadable

GZIP_MAGIC = b"\x1f\x8b"
MARK = b"\xef\xbb\xbf"
"""What some programs begin a text of UTF-8 with."""
_DAMAGED = (OSError, EOFError, zlib.error)
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class End(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="end"):
    """The last line: so many items came before it."""

    items: int


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Item | End] = msgspec.json.Decoder(Item | End)


@contextmanager
def writing(put: Callable[[bytes], object]) -> Iterator[Callable[[Item], None]]:
    """What takes the items in their order and gives the lines to `put`; the last one comes where that goes well."""
    items = 0

    def write(item: Item) -> None:
        nonlocal items
        put(_encoder.encode(item) + b"\n")
        items += 1

    yield write
    put(_encoder.encode(End(items)) + b"\n")


def read(path: Path, *, is_packed: bool) -> Iterator[tuple[Place, Item | BadRow]]:
    """The items of a file, by line."""
    number, rows, good, end = 0, 0, 0, None
    with closing(_opened(path, is_packed=is_packed)) as file:
        for number, line in _lines(file):
            item = line if isinstance(line, BadRow) else _item(line)
            if isinstance(item, End):
                end = item
                continue
            rows += 1
            good += not isinstance(item, BadRow) and (rows == 1 or not isinstance(item, Header))
            yield number, item
    if end is None:
        yield number + 1, BadRow("The last line is missing: the file was cut short.")
    elif not good <= end.items <= rows:
        yield number, BadRow(f"By its last line the file has {end.items:,} items before it; it has {rows:,}.")


def heading(path: Path, *, is_packed: bool) -> Mapping[str, object]:
    """What the first line says, whatever it is; nothing where it can't be read."""
    with closing(_opened(path, is_packed=is_packed)) as file:
        _, line = next(_lines(file), (0, b""))
    try:
        found = msgspec.json.decode(b"" if isinstance(line, BadRow) else line)
    except _NO_JSON:
        return {}
    return found if isinstance(found, dict) else {}


def _opened(path: Path, *, is_packed: bool) -> BufferedIOBase:
    try:
        return gzip.open(path) if is_packed else path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def _lines(file: BufferedIOBase) -> Iterator[tuple[int, bytes | BadRow]]:
    """The lines that hold anything; in the place of one that is damaged, and of all behind it, why."""
    lines = Lines(file.readline, b"\n")
    while True:
        try:
            line = lines.read()
        except TooLong as error:
            yield lines.number, BadRow(str(error))
            continue
        except _DAMAGED as error:
            yield lines.number + 1, BadRow(f"From here on the file can't be unpacked: {error}.")
            return
        if not line:
            return
        if lines.number == 1:
            line = line.removeprefix(MARK)
        if line.strip():
            yield lines.number, line


def _item(line: bytes) -> Item | End | BadRow:
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        return BadRow(explained(error))
    except _NO_JSON as error:
        return BadRow(printable(f"It is no JSON: {error}."))
