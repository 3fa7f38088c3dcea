"""Groups of players: how one is called, what a role may be, and how a list of members is read. Pure.

A list of members has one a line: a name, then its role after a comma, a semicolon or a tab. A first line that names the
columns says where the two are. Quoted cells, a byte order mark, blank lines and comments (from a # outside quotes to
the end of the line) are all right; each line that can't be read is reported, the others count.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence

from msgspec import Struct

from osrsdiff.errors import InvalidGroup, InvalidUsername
from osrsdiff.game.usernames import canonical

LONGEST_KEY = 40
LONGEST_NAME = 60
LONGEST_DESCRIPTION = 500
LONGEST_ROLE = 30
DEFAULT_ROLE = "member"

_MARKS = re.compile(r"[^a-z0-9]+")
_BLANKS = re.compile(r"\s+")
_NAMES = frozenset({"username", "user name", "name", "rsn", "player", "display name", "display_name"})
_ROLES = frozenset({"role", "rank"})
_DELIMITERS = "\t,;"


class GivenMember(Struct, frozen=True):
    """A line of a list. `name`: as it was written. `role`: None where the line has none."""

    line: int
    name: str
    role: str | None


class BadLine(Struct, frozen=True):
    """A line that can't be read, from 1 on, and why."""

    line: int
    reason: str


class MemberList(Struct, frozen=True):
    """What a list says: who is in it, and the lines that can't be read."""

    members: list[GivenMember]
    bad: list[BadLine]


def group_key(name: str) -> str:
    """The key of a name: its letters without accents and its digits, lower case, joined by hyphens; 40 at most.

    Raises InvalidGroup where none is left.
    """
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower().replace("'", "").replace("’", "")
    key = _MARKS.sub("-", plain).strip("-")[:LONGEST_KEY].rstrip("-")
    if not key:
        raise InvalidGroup(
            f"{name[:LONGEST_NAME]!r} gives no key: it needs a letter from a to z or a digit. Give a key of its own."
        )
    return key


def group_name(given: str) -> str:
    """The name without outer and doubled blanks. Raises InvalidGroup unless that has 1 to 60 characters."""
    return _text("name", given, LONGEST_NAME, least=1)


def group_description(given: str) -> str:
    """The description likewise, up to 500 characters or none. Raises InvalidGroup."""
    return _text("description", given, LONGEST_DESCRIPTION, least=0)


def role_of(given: str) -> str:
    """The role likewise, 1 to 30 characters. Raises InvalidGroup."""
    return _text("role", given, LONGEST_ROLE, least=1)


def read_members(text: str) -> MemberList:
    """The members that a list names, in its order. Raises InvalidGroup for what was no UTF-8 text."""
    if "\0" in text:
        raise InvalidGroup("The list is no UTF-8 text: save the file as UTF-8 and give it again. Nothing was changed.")
    members: list[GivenMember] = []
    bad: list[BadLine] = []
    columns: _Columns | None = None
    for number, line in _lines(text):
        if columns is None and (columns := _heading(line)):
            continue
        columns = columns or _NO_HEADING
        try:
            members.append(_member(number, line, columns))
        except (InvalidGroup, InvalidUsername, csv.Error) as error:
            bad.append(BadLine(number, _reason(error)))
    return MemberList(members, bad)


_UNREADABLE = "\ufffd"
"""What stands for bytes that are no UTF-8."""


class _Columns(Struct, frozen=True):
    """Where a line has what. `delimiter`: None where each line shows its own."""

    name: int
    role: int | None
    delimiter: str | None
    most: int | None


_NO_HEADING = _Columns(name=0, role=1, delimiter=None, most=2)


def _text(what: str, given: str, most: int, *, least: int) -> str:
    text = _BLANKS.sub(" ", given).strip()
    if not least <= len(text) <= most:
        raise InvalidGroup(f"A group's {what} has {least} to {most} characters, not {len(text)}.")
    if _UNREADABLE in text:
        raise InvalidGroup(f"The {what} could not be read: it is to be UTF-8.")
    if not text.isprintable():
        raise InvalidGroup(f"A group's {what} may not have characters that can't be printed.")
    return text


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers, without comments."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        said = _without_comment(line).strip(" \r")
        if said.strip(_DELIMITERS + " "):
            yield number, said


def _without_comment(line: str) -> str:
    """The line up to the first # outside quotes."""
    quoted = False
    for place, character in enumerate(line):
        quoted ^= character == '"'
        if character == "#" and not quoted:
            return line[:place]
    return line


def _heading(line: str) -> _Columns | None:
    """What a line that names the columns says; None for any other line."""
    delimiter = _delimiter(line)
    try:
        cells = [cell.lower() for cell in _cells(line, delimiter)]
    except csv.Error:
        return None
    name = next((place for place, cell in enumerate(cells) if cell in _NAMES), None)
    if name is None:
        return None
    role = next((place for place, cell in enumerate(cells) if cell in _ROLES), None)
    return _Columns(name, role, delimiter, None)


def _member(number: int, line: str, columns: _Columns) -> GivenMember:
    cells = _cells(line, columns.delimiter or _delimiter(line))
    if columns.most is not None and len(cells) > columns.most:
        raise InvalidGroup(f"It has {len(cells)} columns; without a heading there are two, the name and the role.")
    name = cells[columns.name] if columns.name < len(cells) else ""
    role = cells[columns.role] if columns.role is not None and columns.role < len(cells) else ""
    canonical(name)
    return GivenMember(number, name, role_of(role) if role else None)


def _delimiter(line: str) -> str:
    """The mark between the cells: the first of tab, comma, semicolon that the line has."""
    return next((mark for mark in _DELIMITERS if mark in line), ",")


def _cells(line: str, delimiter: str) -> Sequence[str]:
    """The cells, without outer blanks and without the empty ones at the end."""
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))]
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    return cells


def _reason(error: Exception) -> str:
    return "Its quotes do not close." if isinstance(error, csv.Error) else str(error)
