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
    """What failed in the move from `source`.

    Records that failed stay failed, so those that an earlier run has told are read back; what is wrong with a player
    may have been mended since, and belongs to one run. `is_kept`: whether the file is written too.
    """

    def __init__(self, path: Path, source: str, *, is_kept: bool) -> None:
        self._path = path
        self._source = source
        self._is_kept = is_kept
        self._told: set[tuple[str, int]] = set()
        self._lines: set[bytes] = set()
        self._unwritten: list[bytes] = []
        self._is_torn = False
        self.players = 0
        self.first: list[Failure] = []
        self._read()

    @property
    def file(self) -> str | None:
        """Where all of them can be read; None where there are none, or no file."""
        return str(self._path) if self._is_kept and self._lines else None

    def add(self, failure: Failure) -> None:
        """Adds one, which a run before may have told already."""
        if (failure.kind, failure.id) not in self._told:
            self.players += failure.kind == "player"
            self._add(failure)
            self._note(failure)

    def differ(self, player: str, text: str) -> None:
        """Has the file say too what differs."""
        self._note(Failure("difference", 0, player, text))

    def write(self) -> None:
        """Puts what is new into the file. Raises SetupError where it can't be written."""
        if not self._is_kept or not self._unwritten:
            return
        try:
            with self._path.open("ab") as file:
                file.write(b"\n" * self._is_torn + b"".join(line + b"\n" for line in self._unwritten))
        except OSError as error:
            raise SetupError(f"The failures can't be written to {self._path}: {error.strerror}.") from error
        self._is_torn = False
        self._unwritten.clear()

    def _note(self, failure: Failure) -> None:
        line = msgspec.json.encode(_Line(self._source, failure))
        if line not in self._lines:
            self._lines.add(line)
            self._unwritten.append(line)

    def _add(self, failure: Failure) -> None:
        self._told.add((failure.kind, failure.id))
        if len(self.first) < SHOWN:
            self.first.append(failure)

    def _read(self) -> None:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise SetupError(f"{self._path} can't be read: {error.strerror}.") from error
        self._is_torn = bool(text) and not text.endswith(b"\n")
        for line in text.splitlines():
            try:
                told = msgspec.json.decode(line, type=_Line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # cut short when an earlier run was killed; it is told again
            if told.source == self._source:
                self._lines.add(line)
                if told.failure.kind == "record" and ("record", told.failure.id) not in self._told:
                    self._add(told.failure)
