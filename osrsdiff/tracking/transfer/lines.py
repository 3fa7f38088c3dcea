"""A file's lines, however long: one that no row can need takes no memory. What stands in them is not its business."""

import csv
from collections.abc import Callable, Iterator
from typing import AnyStr, Generic, TextIO

LONGEST_LINE = 1024 * 1024
"""Far more than the largest item takes: a player with the sheet of a thousand metrics."""


class TooLong(Exception):
    """A line that is no row of anything; the text says so."""


class Lines(Generic[AnyStr]):
    """The lines of a file, which `readline` gives up to a length. `number`: of the last one, from 1 on."""

    def __init__(self, readline: Callable[[int], AnyStr], *ends: AnyStr) -> None:
        self._readline: Callable[[int], AnyStr] = readline
        self._ends: tuple[AnyStr, ...] = ends
        self.number = 0

    def read(self) -> AnyStr:
        """The next line, nothing at the end. Raises TooLong, and goes on behind it; what the file raises comes too."""
        line = self._readline(LONGEST_LINE)
        self.number += bool(line)
        if not self._is_cut(line):
            return line
        while self._is_cut(line):
            line = self._readline(LONGEST_LINE)
        raise TooLong("The line is too long.")

    def _is_cut(self, line: AnyStr) -> bool:
        return len(line) >= LONGEST_LINE and not line.endswith(self._ends)


class CsvLines:
    """The lines of a text, for csv.reader. `number`: of the last one."""

    def __init__(self, file: TextIO, *, begin: int = 0) -> None:
        """`begin`: so many lines of it were read before."""
        self._lines = Lines(file.readline, "\n", "\r")
        self._lines.number = begin

    @property
    def number(self) -> int:
        """Of the last line, from 1 on."""
        return self._lines.number

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line. Raises csv.Error for one that is too long."""
        try:
            line = self._lines.read()
        except TooLong as error:
            raise csv.Error("the line is too long") from error
        if not line:
            raise StopIteration
        return line


def csv_rows(lines: CsvLines, delimiter: str = ",") -> Iterator[tuple[int, list[str] | str]]:
    """The rows that hold anything, each with the line at which it ends; for what is none, where it begins and why."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begin = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begin, _why(error, begin, lines.number)
        else:
            if any(cell.strip() for cell in row):
                yield lines.number, row


def _why(error: csv.Error, begin: int, end: int) -> str:
    if end <= begin and "unexpected end" not in str(error):
        return f"it is no row of CSV: {error}."
    return f'a quote (") is opened here and not closed: all until line {end} is left out.'
