"""What an import has done, or would do, and could not do. Values, and the list of bad rows; nothing else."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct, field

from osrsdiff.errors import SetupError
from osrsdiff.tracking.transfer.items import Place

SHOWN = 100
"""So many bad rows are told; all of them are in a file."""
FILE_NAME = "import-bad-rows.jsonl"


class Refused(Struct, frozen=True):
    """A row that is left out. `place`: a line, or a table's row."""

    place: Place
    reason: str


class Added(Struct):
    """What is new here besides looks."""

    metrics: int = 0
    groups: int = 0
    memberships: int = 0
    mode_changes: int = 0
    name_changes: int = 0
    reviews: int = 0
    events: int = 0


class ImportReport(Struct):
    """The whole import, of a dry run what it would do.

    `rows`: read. `stopped`: nothing was done, since there are bad rows and that was asked for. Players are new here, or
    were here before. Of their `looks` some were stored, some changed nothing, some were here already. `refused`: the
    first bad rows of `refused_total`, `refused_file`: where all of them are, None where they are all told. `scheduled`:
    how many of the new players are fetched from now on, None where Redis is away and the next reconcile does it.
    `reckoning`: whether records and achievements are to be reckoned anew.
    """

    dry_run: bool
    all_or_nothing: bool
    stopped: bool = False
    rows: int = 0
    players_new: int = 0
    players_known: int = 0
    looks: int = 0
    looks_stored: int = 0
    looks_unchanged: int = 0
    looks_known: int = 0
    added: Added = field(default_factory=Added)
    remarks: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    refused_total: int = 0
    refused_file: str | None = None
    scheduled: int | None = None
    reckoning: bool = False
    seconds: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return not self.refused_total


class RefusedRows:
    """Collects bad rows; where there are more than can be told, all of them go to the file too."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._unwritten: list[Refused] = []
        self._has_written = False
        self.first: list[Refused] = []
        self.total = 0

    @property
    def file(self) -> str | None:
        """Where all of them are; None where `first` has them all."""
        return str(self._path) if self._has_written else None

    def add(self, place: Place, reason: str) -> None:
        """One more."""
        self.total += 1
        refused = Refused(place, reason)
        if len(self.first) < SHOWN:
            self.first.append(refused)
        if self._path is not None:
            self._unwritten.append(refused)
            if len(self._unwritten) >= 10 * SHOWN:
                self.write()

    def write(self) -> None:
        """Puts into the file what is not there yet, once there are too many to be told."""
        if self._path is None or self.total <= SHOWN or not self._unwritten:
            return
        try:
            with self._path.open("ab" if self._has_written else "wb") as file:
                file.writelines(_lines(self._unwritten))
        except OSError as error:
            raise SetupError(f"The bad rows can't be written to {self._path}: {error.strerror}.") from error
        self._has_written = True
        self._unwritten.clear()


def _lines(some: Iterable[Refused]) -> list[bytes]:
    return [msgspec.json.encode(one) + b"\n" for one in some]
