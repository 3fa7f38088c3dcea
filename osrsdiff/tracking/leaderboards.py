"""Who is first: the highest current values, the largest gains, the largest relative ones; over everybody or a part.

Paused players are on it too: what was seen of them is known. Who was never seen with a metric is not on its board.
"""

from datetime import UTC, datetime
from typing import Annotated
from zlib import crc32

from msgspec import Meta, Struct

from osrsdiff.errors import InvalidCursor, InvalidPeriod
from osrsdiff.game.leaderboards import By, places
from osrsdiff.game.metrics import Metric
from osrsdiff.game.modes import GameMode
from osrsdiff.game.periods import Window, window_between
from osrsdiff.storage import leaderboards as table
from osrsdiff.storage.among import Among
from osrsdiff.storage.groups import Group
from osrsdiff.storage.leaderboards import Place, Standing
from osrsdiff.tracking.cursors import cursor, read_cursor
from osrsdiff.tracking.groups import get_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.metrics import metric_of
from osrsdiff.tracking.windows import Asked

DEFAULT_LIMIT = 50
MOST_AT_ONCE = 500
DEFAULT_PERIOD = "week"
NO_WINDOW = Asked()
EVER = datetime.fromtimestamp(0, UTC)
"""The start of a window that begins with each player's first look."""


class Wanted(Struct, frozen=True):
    """Which leaderboard. `by`: where None, gains if a window is asked for, else current values.

    Gains without a window are those of the last week; a value has none.
    """

    metric: str
    by: By | None = None
    asked: Asked = NO_WINDOW
    group: str | None = None
    mode: GameMode | None = None

    @property
    def order(self) -> By:
        """What it is ordered by."""
        return self.by or (By.VALUE if self.asked == NO_WINDOW else By.GAINED)


class Leaderboard(Struct, frozen=True):
    """A page of a leaderboard. `window`: None by value. `places`: those of `standings`; equal scores share one.

    `count`: how many are on the whole board; `total_gained`: by all of them, None by value. `next`: the cursor of the
    next page, None at the end.
    """

    metric: Metric
    by: By
    window: Window | None
    group: Group | None
    mode: GameMode | None
    standings: list[Standing]
    places: list[int]
    count: int
    total_gained: int | None
    next: str | None


_Time = Annotated[datetime, Meta(tz=True)]


class _Reached(Struct, frozen=True, array_like=True):
    """How far the pages have come: after whom, how many they are, on which place.

    `board`: which one it is, so that no other is continued. `window`: that of the first page, which the others share.
    """

    board: int
    at: Place
    before: int
    place: int
    window: tuple[_Time, _Time] | None


async def leaderboard(
    instance: Instance, wanted: Wanted, *, limit: int = DEFAULT_LIMIT, after: str | None = None
) -> Leaderboard:
    """A page of a leaderboard. Raises MetricNotFound, GroupNotFound, InvalidPeriod, InvalidCursor."""
    now = datetime.now(UTC)
    window = _window(wanted, now)
    reached = None if after is None else _read(after, wanted)
    if reached is not None and reached.window is not None:
        window = Window(*reached.window)
    group = None if wanted.group is None else await get_group(instance, wanted.group)
    among = Among(None if group is None else group.id, wanted.mode)
    at = None if reached is None else reached.at
    async with instance.db.reading() as connection:
        number, metric = await metric_of(connection, wanted.metric)
        if window is None:
            found = await table.values(connection, metric.key, number, among=among, after=at, limit=limit + 1)
        else:
            by, is_past = wanted.order, window.end < now
            found = await table.gains(
                connection, by, metric.key, number, window, is_past=is_past, among=among, after=at, limit=limit + 1
            )
    standings = found.standings[:limit]
    numbers = _places(standings, reached)
    following = _following(wanted, window, standings, numbers, reached) if len(found.standings) > limit else None
    return Leaderboard(
        metric=metric,
        by=wanted.order,
        window=window,
        group=group,
        mode=wanted.mode,
        standings=standings,
        places=numbers,
        count=found.count,
        total_gained=None if window is None else found.total_gained or 0,
        next=following,
    )


def _window(wanted: Wanted, now: datetime) -> Window | None:
    """The window of gains; None of values. Raises InvalidPeriod."""
    asked = wanted.asked
    if wanted.order is By.VALUE:
        if asked != NO_WINDOW:
            raise InvalidPeriod("Current values have no window: leave period, from and to out, or order by gains.")
        return None
    return asked.at_once(DEFAULT_PERIOD, now) or window_between(asked.start or EVER, asked.end or now)


def _places(standings: list[Standing], reached: _Reached | None) -> list[int]:
    scores = [(one.score, one.tie) for one in standings]
    if reached is None:
        return places(scores, before=0, last=None, last_place=0)
    return places(scores, before=reached.before, last=(reached.at.score, reached.at.tie), last_place=reached.place)


def _read(after: str, wanted: Wanted) -> _Reached:
    """Where the page before has come to. Raises InvalidCursor where that is another board's."""
    reached = read_cursor(after, _Reached)
    if reached.board != _identity(wanted):
        raise InvalidCursor
    return reached


def _following(
    wanted: Wanted, window: Window | None, standings: list[Standing], numbers: list[int], reached: _Reached | None
) -> str:
    last = standings[-1]
    at = Place(last.score, last.tie, last.player.username)
    before = (reached.before if reached else 0) + len(standings)
    ends = None if window is None else (window.start, window.end)
    return cursor(_Reached(_identity(wanted), at, before, numbers[-1], ends))


def _identity(wanted: Wanted) -> int:
    return crc32(repr(wanted).encode())
