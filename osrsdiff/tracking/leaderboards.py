"""Who is first: the highest current values, the largest gains, the largest relative ones; over everybody or a part.

Paused players are on it too: what was seen of them is known. Who was never seen with a metric is not on its board.
"""

from datetime import UTC, datetime

from msgspec import Struct

from osrsdiff.errors import InvalidCursor, InvalidPeriod
from osrsdiff.game.leaderboards import By
from osrsdiff.game.metrics import Metric
from osrsdiff.game.modes import GameMode
from osrsdiff.game.periods import Window, window_between
from osrsdiff.storage import leaderboards as table
from osrsdiff.storage.among import Among
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.groups import Group
from osrsdiff.storage.leaderboards import Board, Place, Standing
from osrsdiff.tracking.groups import get_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.metrics import metric_of
from osrsdiff.tracking.ranking import Reached, following, identity_of, numbered, read_reached
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


async def leaderboard(
    instance: Instance, wanted: Wanted, *, limit: int = DEFAULT_LIMIT, after: str | None = None
) -> Leaderboard:
    """A page of a leaderboard. Raises MetricNotFound, GroupNotFound, InvalidPeriod, InvalidCursor."""
    now = datetime.now(UTC)
    window = _window(wanted, now)
    group = None if wanted.group is None else await get_group(instance, wanted.group)
    among = Among(None if group is None else group.id, wanted.mode)
    async with instance.db.reading() as connection:
        number, metric = await metric_of(connection, wanted.metric)
        identity = identity_of(metric.key, wanted.order.value, _span(wanted.asked, window), among)
        reached = None if after is None else read_reached(after, Reached[Place], identity)
        if reached is not None:
            window = _first(window, reached)
        at = None if reached is None else reached.at
        found = await _board(connection, wanted.order, metric.key, number, window, now, among, at, limit + 1)
    standings = found.standings[:limit]
    rows = [Place(one.score, one.tie, one.player.username) for one in standings]
    numbers = numbered(rows, _score, reached)
    further = following(identity, rows, numbers, reached, window) if len(found.standings) > limit else None
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
        next=further,
    )


async def _board(
    connection: Connection,
    by: By,
    metric: str,
    metric_id: int,
    window: Window | None,
    now: datetime,
    among: Among,
    after: Place | None,
    limit: int,
) -> Board:
    if window is None:
        return await table.values(connection, metric, metric_id, among=among, after=after, limit=limit)
    is_past = window.end < now
    return await table.gains(
        connection, by, metric, metric_id, window, is_past=is_past, among=among, after=after, limit=limit
    )


def _window(wanted: Wanted, now: datetime) -> Window | None:
    """The window of gains; None of values. Raises InvalidPeriod."""
    asked = wanted.asked
    if wanted.order is By.VALUE:
        if asked != NO_WINDOW:
            raise InvalidPeriod("Current values have no window: leave period, from and to out, or order by gains.")
        return None
    return asked.at_once(DEFAULT_PERIOD, now) or window_between(asked.start or EVER, asked.end or now)


def _span(asked: Asked, window: Window | None) -> object:
    """What a window that is asked for again has again: the times that were given, else its length if it has one."""
    if window is None:
        return None
    if asked.start is None and asked.end is None:
        return None if window.start == EVER else window.end - window.start
    return asked.start and asked.start.timestamp(), asked.end and asked.end.timestamp()


def _first(window: Window | None, reached: Reached[Place]) -> Window | None:
    """The window of the first page. Raises InvalidCursor where one of the two boards has none."""
    first = reached.window
    if (first is None) != (window is None):
        raise InvalidCursor
    return first


def _score(row: Place) -> tuple[int, int]:
    return row.score, row.tie
