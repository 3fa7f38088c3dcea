"""What a move has done, could not do, and found to differ. Values only."""

from enum import StrEnum

from msgspec import Struct, field

from osrsdiff.scheduling.leftovers import Leftovers

SHOWN = 20
"""How many failures, remarks and differences are shown; all failures and differences are in a file."""


class Failure(Struct, frozen=True):
    """A player or a record, by its id there, that is not carried over. `player`: as it is spelled there."""

    kind: str
    id: int
    player: str
    why: str


class About(StrEnum):
    """What a remark is about."""

    NAMES = "names merged"
    MODE = "game mode unknown"
    INTERVAL = "interval impossible"
    TIME = "time impossible"
    ACTIVITY = "activity unknown"
    REMOVED = "player removed here"
    OVERLAP = "records left out"
    LATER = "records yet to come"
    NOBODY = "records of no player"
    TIMEZONE = "times without a zone"
    DIFFERENCE = "difference"


class Remark(Struct, frozen=True):
    """What is carried over otherwise than it was there, or differs. `player`: "-" where it is about none."""

    player: str
    text: str
    about: About


class MoveReport(Struct):
    """The whole move, all runs of it together where it was interrupted.

    `records`: there, of the players that are carried over. They became `looks`, or `failed`, or were `left_out`
    because this instance has looked at the player itself by then, or are `unread`, being later than now. Players are
    new, moved before (their history was whole before this run), known: tracked here before any move, or removed here
    since. `snapshots`: looks of this run that changed something. `scheduled`: active players with a schedule, None
    where Redis did not answer. `differences`: what the verification found, None where it was not made. `remarks`: the
    first; `remarks_about`: how many of each kind. `not_removed`: why what was to be removed, or listed, could not be.
    """

    dry_run: bool
    players: int = 0
    players_new: int = 0
    players_moved: int = 0
    players_known: int = 0
    players_merged: int = 0
    players_removed: int = 0
    records: int = 0
    read: int = 0
    looks: int = 0
    snapshots: int = 0
    failed: int = 0
    left_out: int = 0
    unread: int = 0
    seconds: float = 0.0
    remarks: list[Remark] = field(default_factory=list)
    remarks_about: dict[About, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    failures_total: int = 0
    failures_file: str | None = None
    scheduled: int | None = None
    differences: list[Remark] | None = None
    differences_total: int = 0
    leftovers: Leftovers | None = None
    schedule_ids_cleared: int = 0
    not_removed: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything is carried over and agrees: no record or player failed, none is left unread."""
        return not (self.failed or self.failures_total or self.unread or self.differences_total)

    def remark(self, remark: Remark) -> None:
        """Counts a remark, and keeps the first few."""
        self.remarks_about[remark.about] = self.remarks_about.get(remark.about, 0) + 1
        if len(self.remarks) < SHOWN:
            self.remarks.append(remark)
