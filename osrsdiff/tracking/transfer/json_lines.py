"""Items as JSON Lines: one a line, `type` says which. The last line says that the file is whole."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BufferedIOBase
from pathlib import Path

import msgspec
from msgspec import Struct

from osrsdiff.tracking.transfer.items import BadRow, Item, Place
from osrsdiff.tracking.transfer.refusals import explained, unreadable

GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE = 16 * 1024 * 1024
_DAMAGED = (OSError, EOFError, zlib.error)


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
    number, is_whole = 0, False
    with closing(_opened(path, is_packed=is_packed)) as file:
        for number, line in _lines(file):
            if isinstance(line, BadRow):
                yield number, line
            elif line.strip():
                item = _item(line)
                if isinstance(item, End):
                    is_whole = True
                else:
                    yield number, item
    if not is_whole:
        yield number + 1, BadRow("The last line is missing: the file was cut short.")


def _opened(path: Path, *, is_packed: bool) -> BufferedIOBase:
    try:
        return gzip.open(path) if is_packed else path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def _lines(file: BufferedIOBase) -> Iterator[tuple[int, bytes | BadRow]]:
    """The lines with their numbers; in the place of one that is damaged, and of all behind it, why."""
    number, is_within = 0, False
    while True:
        try:
            line = file.readline(LONGEST_LINE)
        except _DAMAGED as error:
            yield number + 1, BadRow(f"From here on the file can't be unpacked: {error}.")
            return
        if not line:
            return
        is_cut = len(line) == LONGEST_LINE and not line.endswith(b"\n")
        if not is_within:
            number += 1
            yield number, BadRow("The line is too long.") if is_cut else line
        is_within = is_cut


def _item(line: bytes) -> Item | End | BadRow:
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        return BadRow(explained(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadRow(f"It is no JSON: {error}.")
