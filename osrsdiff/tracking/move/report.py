"""What a move has done, could not do, and found to differ. Values only."""

from msgspec import Struct, field

from osrsdiff.scheduling.leftovers import Leftovers

SHOWN = 20
"""How many failures and differences are shown; all failures are in a file."""


class Failure(Struct, frozen=True):
    """A player or a record, by its id there, that is not carried over. `player`: as it is spelled there."""

    kind: str
    id: int
    player: str
    why: str


class Remark(Struct, frozen=True):
    """What is carried over otherwise than it was there."""

    player: str
    text: str


class MoveReport(Struct):
    """The whole move, all runs of it together where it was interrupted.

    `records`: there, of the players that are carried over. They became `looks`, or `failed`, or were `left_out`
    because this instance has looked at the player itself by then. Players are new, moved before (their history was
    whole before this run), or known: tracked here before any move. `snapshots`: looks of this run that changed
    something. `scheduled`: active players with a schedule, None where Redis did not answer. `differences`: what
    the verification found, None where it was not made.
    """

    dry_run: bool
    players: int = 0
    players_new: int = 0
    players_moved: int = 0
    players_known: int = 0
    players_merged: int = 0
    records: int = 0
    read: int = 0
    looks: int = 0
    snapshots: int = 0
    failed: int = 0
    left_out: int = 0
    seconds: float = 0.0
    remarks: list[Remark] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    failures_total: int = 0
    failures_file: str | None = None
    scheduled: int | None = None
    differences: list[Remark] | None = None
    differences_total: int = 0
    leftovers: Leftovers | None = None
    schedule_ids_cleared: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything is carried over and agrees."""
        return not self.failures_total and not self.differences_total
