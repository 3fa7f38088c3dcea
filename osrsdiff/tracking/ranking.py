"""Pages of a list that begins with the highest: how far they have come, and on which place each row is. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeVar
from zlib import crc32

from msgspec import Meta, Struct

from osrsdiff.errors import InvalidCursor, InvalidPeriod
from osrsdiff.game.leaderboards import places
from osrsdiff.game.periods import Window, window_between
from osrsdiff.tracking.cursors import cursor, read_cursor

T = TypeVar("T")

_Time = Annotated[datetime, Meta(tz=True)]
_MOST = 2**31 - 1


class Reached(Struct, Generic[T], frozen=True, array_like=True):
    """How far the pages have come: past whom, how many they are, on which place the last of them is.

    `identity`: which list it is, so that no other is continued. `ends`: those of the first page's window, which the
    others share; None where there is none.
    """

    identity: int
    at: T
    before: Annotated[int, Meta(ge=1, le=_MOST)]
    place: Annotated[int, Meta(ge=1, le=_MOST)]
    ends: tuple[_Time, _Time] | None = None

    @property
    def window(self) -> Window | None:
        """The first page's window. Raises InvalidCursor where these ends are none's."""
        try:
            return None if self.ends is None else window_between(*self.ends)
        except (InvalidPeriod, OverflowError) as error:
            raise InvalidCursor from error


def identity_of(*parts: object) -> int:
    """Which list it is, however it was asked for: from what was found, not from how it was spelled."""
    return crc32(repr(parts).encode())


def read_reached(after: str, into: type[Reached[T]], identity: int) -> Reached[T]:
    """How far the page before has come. Raises InvalidCursor where that is another list's."""
    reached = read_cursor(after, into)
    if reached.identity != identity:
        raise InvalidCursor
    return reached


def numbered(rows: Sequence[T], score: Callable[[T], object], reached: Reached[T] | None) -> list[int]:
    """The places of the rows of a page; those whose `score` is equal share one."""
    scores = [score(row) for row in rows]
    if reached is None:
        return places(scores, before=0, last=None, last_place=0)
    return places(scores, before=reached.before, last=score(reached.at), last_place=reached.place)


def following(
    identity: int, rows: Sequence[T], numbers: Sequence[int], reached: Reached[T] | None, window: Window | None = None
) -> str:
    """The cursor of the page after these rows."""
    before = (reached.before if reached else 0) + len(rows)
    ends = None if window is None else (window.start, window.end)
    return cursor(Reached(identity, rows[-1], before, numbers[-1], ends))
