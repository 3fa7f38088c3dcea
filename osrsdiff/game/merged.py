"""Looks as two histories of a player have them, and as they are to be stored. Values only, for `merging`."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from osrsdiff.game.snapshots import Reading, Sheet, State


class Look(Struct, frozen=True):
    """A look as one history has it. `readings`: what it changed, or all that a partial one says.

    `previous_at`: of the look before it in its own history. `is_state`: one that changed nothing, the last of all.
    """

    at: datetime
    previous_at: datetime | None
    readings: Mapping[str, Reading]
    is_whole: bool
    has_fall: bool = False
    is_state: bool = False


class Row(Struct, frozen=True):
    """A look as it is stored."""

    at: datetime
    previous_at: datetime | None
    has_fall: bool
    is_partial: bool
    readings: Mapping[str, Reading]


class Known(Struct, frozen=True):
    """What is stored of a player: all from some time on, and what had come of it by then.

    `sheet`: the values before, `seen_at`: since when, `own`: of which metrics looks at the whole sheet have shown any.
    `whole_at`: the newest such look before, `last_at`: the newest of all. `rows`: the looks from then on.
    """

    state: State | None
    sheet: Sheet
    seen_at: Mapping[str, datetime]
    own: frozenset[str]
    whole_at: datetime | None
    last_at: datetime | None
    rows: tuple[Row, ...]

    @property
    def leads_whole(self) -> bool:
        """Whether the newest look was one at the whole sheet."""
        at = self.state.looked_at if self.state else None
        return not any(row.is_partial for row in self.rows[-1:] if row.at == at)


NOTHING_KNOWN = Known(None, {}, {}, frozenset(), None, None, ())


class Put(Struct, frozen=True):
    """How a look has to stand, and how it stands now: None where it doesn't yet."""

    row: Row
    stored: Row | None

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing any more, and has to go."""
        return not self.row.readings and self.row.previous_at is not None


class Batch(Struct, frozen=True):
    """What is to be stored together. `state`: what is known then, replacing that of `expected_version` (0: none).

    `falls`: whether any fall came or went.
    """

    puts: tuple[Put, ...]
    state: State
    expected_version: int
    falls: bool


def look_of_state(state: State) -> Look:
    """The look that led to a state, where it changed nothing."""
    return Look(state.looked_at, None, {}, is_whole=True, is_state=True)


def look_of(row: Row) -> Look:
    """What a stored look says."""
    return Look(row.at, row.previous_at, row.readings, not row.is_partial, row.has_fall)
