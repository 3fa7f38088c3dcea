"""One player's records, one after the other, as the looks that they were. Pure: others decide what is stored when.

A look is what the same program would have made of it then: compared with the one before, at a later second than that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from osrsdiff.errors import Malformed
from osrsdiff.game.metrics import Metric
from osrsdiff.game.snapshots import Difference, State, difference
from osrsdiff.storage.moves import Move
from osrsdiff.storage.predecessor import NO_TIME, OldRecord, ReadFrom
from osrsdiff.tracking.move.people import GAME_BEGAN, Person
from osrsdiff.tracking.move.records import seen_in

_BEFORE_ANY = (NO_TIME - 1, 0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Track:
    """How far a player is.

    `stored`: as the database has it; `move`: as it will be next, with the looks that are `pending`: those that changed
    something, `rows` of them in all. `own_since`: the first look of this instance's own; old records from then on are
    left out, all of them where `is_closed`. `must_reopen`: the old history was whole, and has to be taken apart from
    the state that it led to, `reopened_from`, before it can go on. `is_done`: it is whole. `is_gone`: the player was
    removed meanwhile. `unread`: how many records are later than now, and left for a later run.
    """

    person: Person
    stored: Move
    move: Move
    own_since: datetime | None = None
    is_closed: bool = False
    must_reopen: bool = False
    reopened_from: State | None = None
    is_done: bool = False
    is_gone: bool = False
    pending: list[Difference] = field(default_factory=list)
    rows: int = 0
    unread: int = 0

    def reads_from(self, place: int) -> Iterable[ReadFrom]:
        """Which of the records are still to be read, by each of the player's ids there."""
        us, record_id = self.move.read_until or _BEFORE_ANY
        return [ReadFrom(source_id, place, us, record_id) for source_id in self.person.source_ids]

    def take(self, record: OldRecord) -> tuple[Difference | None, tuple[Metric, ...]]:
        """The look that the record was, None where it is left out; and its metrics that the game's list lacks.

        Raises Malformed where it is none. Either way it is done with.
        """
        read_until = (record.at_us, record.id)
        if self.is_closed:
            self.move = msgspec.structs.replace(self.move, read_until=read_until, left_out=self.move.left_out + 1)
            return None, ()
        try:
            at = _time_of(record)
            seen = seen_in(record)
        except Malformed:
            self.move = msgspec.structs.replace(self.move, read_until=read_until, failed=self.move.failed + 1)
            raise
        found = difference(self.move.state, seen.sheet, at)
        if self.own_since is not None and found.looked_at >= self.own_since:
            self.move = msgspec.structs.replace(self.move, read_until=read_until, left_out=self.move.left_out + 1)
            return None, ()
        self._look(record, found)
        return found, seen.new_metrics

    def _look(self, record: OldRecord, found: Difference) -> None:
        before = self.move.state
        looked_at = found.looked_at.replace(microsecond=0)
        is_snapshot = bool(found.changes) or before is None
        taken_at = looked_at if is_snapshot or before is None else before.taken_at
        self.move = msgspec.structs.replace(
            self.move,
            read_until=(record.at_us, record.id),
            newest_record_id=record.id,
            looks=self.move.looks + 1,
            looked_at=looked_at,
            state=State(self.move.looks + 1, looked_at, taken_at, found.sheet),
        )
        if is_snapshot:
            self.pending.append(found)
            self.rows += 1 + len(found.changes)

    def is_stored(self) -> None:
        """All that was pending is stored now."""
        self.stored = self.move
        self.pending.clear()
        self.rows = 0
        self.must_reopen = False

    def end(self) -> None:
        """The old history is whole: what was known at its end need not be kept at hand."""
        self.move = self.stored = msgspec.structs.replace(self.move, state=None)
        self.reopened_from = None
        self.is_done = True

    def close(self) -> None:
        """Leaves out what is pending, and all that follows."""
        unstored = self.move.looks - self.stored.looks
        self.move = msgspec.structs.replace(
            self.stored,
            read_until=self.move.read_until,
            failed=self.move.failed,
            left_out=self.move.left_out + unstored,
        )
        self.is_closed = True
        self.must_reopen = False
        self.pending.clear()
        self.rows = 0


def is_later(record: OldRecord, now: datetime) -> bool:
    """Whether the record is from a time that is yet to come: some clock is wrong."""
    return record.at_us > (now - _EPOCH) // timedelta(microseconds=1)


def _time_of(record: OldRecord) -> datetime:
    if record.at_us == NO_TIME:
        raise Malformed("it has no time")
    try:
        at = _EPOCH + timedelta(microseconds=record.at_us)
    except OverflowError as error:
        raise Malformed("its time can't be") from error
    if at < GAME_BEGAN:
        raise Malformed(f"its time, {at:%Y-%m-%d %H:%M} UTC, is before the game began")
    return at
