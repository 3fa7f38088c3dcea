"""The list of what could not be carried over: kept in a file, line by line as JSON, over all runs of one move."""

from pathlib import Path

import msgspec
from msgspec import Struct

from osrsdiff.errors import SetupError
from osrsdiff.tracking.move.report import SHOWN, Failure

FILE_NAME = "migrate-from-failures.jsonl"


class _Line(Struct):
    source: str
    failure: Failure


class FailureList:
    """What failed in the move from `source`. `path`: None where nothing is to be written."""

    def __init__(self, path: Path | None, source: str) -> None:
        self._path = path
        self._source = source
        self._told: set[tuple[str, int]] = set()
        self._unwritten: list[Failure] = []
        self.first: list[Failure] = []
        if path is not None and path.exists():
            self._read(path)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self._told)

    @property
    def file(self) -> str | None:
        """Where all of them can be read; None where there are none, or no file."""
        return str(self._path) if self._path is not None and self._told else None

    def add(self, failure: Failure) -> None:
        """Adds one, which a run before may have told already."""
        if (failure.kind, failure.id) not in self._told:
            self._add(failure)
            self._unwritten.append(failure)

    def write(self) -> None:
        """Puts what is new into the file. Raises SetupError where it can't be written."""
        if self._path is None or not self._unwritten:
            return
        try:
            with self._path.open("ab") as file:
                for failure in self._unwritten:
                    file.write(msgspec.json.encode(_Line(self._source, failure)) + b"\n")
        except OSError as error:
            raise SetupError(f"The failures can't be written to {self._path}: {error.strerror}.") from error
        self._unwritten.clear()

    def _add(self, failure: Failure) -> None:
        self._told.add((failure.kind, failure.id))
        if len(self.first) < SHOWN:
            self.first.append(failure)

    def _read(self, path: Path) -> None:
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise SetupError(f"{path} can't be read: {error.strerror}.") from error
        for line in lines:
            try:
                told = msgspec.json.decode(line, type=_Line)
            except msgspec.DecodeError:
                continue  # cut short when an earlier run was killed; it is told again
            if told.source == self._source and (told.failure.kind, told.failure.id) not in self._told:
                self._add(told.failure)
