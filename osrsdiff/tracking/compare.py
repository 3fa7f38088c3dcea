"""Two to ten players side by side: what each has, what each gained over the same window, a metric's course of all."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from msgspec import Struct

from osrsdiff.errors import CannotCompare, PlayersNotFound
from osrsdiff.game import usernames
from osrsdiff.game.gains import PlayerGains
from osrsdiff.game.metrics import Metric
from osrsdiff.game.periods import Window
from osrsdiff.game.snapshots import Sheet
from osrsdiff.storage import gains as gains_table
from osrsdiff.storage import history, series
from osrsdiff.storage import seen as seen_players
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.players import Player
from osrsdiff.storage.seen import Seen
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.metrics import metric_of
from osrsdiff.tracking.windows import Asked

LEAST, MOST = 2, 10
DEFAULT_PERIOD = "week"
MOST_TIMES = 400
_HOUR_S, _DAY_S = 3_600, 86_400
_STEPS_S = (60, 600, _HOUR_S, 6 * _HOUR_S, _DAY_S, 7 * _DAY_S)


class Side(Struct, frozen=True):
    """One of the players. `sheet`: the newest one, empty before the first look.

    `values`: of the metric whose course is asked for, at each of the comparison's times, None before it was known.
    """

    player: Player
    sheet: Sheet
    gains: PlayerGains
    values: list[int | None]


class Comparison(Struct, frozen=True):
    """Players in the order in which they were named. `times`: of `metric`, None where no course is asked for."""

    window: Window
    sides: list[Side]
    metric: Metric | None
    times: list[int]


async def see_players(instance: Instance, names: Sequence[str]) -> list[Seen]:
    """The players to compare, each once, as what all that is known of them follows.

    Raises CannotCompare where they are too few or too many, InvalidUsername, PlayersNotFound.
    """
    wanted = list(dict.fromkeys(map(usernames.tracked_name, names)))
    if not LEAST <= len(wanted) <= MOST:
        raise CannotCompare(LEAST, MOST, len(wanted))
    async with instance.db.reading() as conn:
        found = [await seen_players.by_username(conn, name) for name in wanted]
    if missing := [name for name, seen in zip(wanted, found, strict=True) if seen is None]:
        raise PlayersNotFound(missing)
    return [seen for seen in found if seen is not None]


async def compare(
    instance: Instance, players: Sequence[Player], asked: Asked, *, metric: str | None = None
) -> Comparison:
    """The players side by side, over a window that is the same for all: "all" begins with who was tracked first.

    `metric`: whose course is wanted, by its key or as the hiscores spell it. Raises InvalidPeriod, MetricNotFound,
    PlayersNotFound where one is gone meanwhile.
    """
    window = _window(players, asked)
    async with instance.db.reading() as conn:
        number, drawn = (None, None) if metric is None else await metric_of(conn, metric)
        times = [] if drawn is None else grid(seconds(window.start), seconds(window.end))
        sides = [await _side(conn, player, window, number, times) for player in players]
    return Comparison(window, sides, drawn, times)


def grid(start: int, end: int) -> list[int]:
    """From `start` to `end` in equal steps, but for the last one; at most so many that a chart can show each."""
    span = end - start
    step = next((each for each in _STEPS_S if span <= each * MOST_TIMES), -(-span // MOST_TIMES))
    return [*range(start, end, step), end]


def at_times(times: Sequence[int], before: int | None, changes: Mapping[int, int]) -> Iterator[int | None]:
    """The value at each time, carried forward. `changes`: the last value of each step, by the step's end."""
    value = before
    for time in times:
        value = changes.get(time, value)
        yield value


def _window(players: Sequence[Player], asked: Asked) -> Window:
    # a look may be stored as of a second later than the clock says
    now = max(datetime.now(UTC), *(player.last_look_at or player.created_at for player in players))
    window = asked.at_once(DEFAULT_PERIOD, now)
    first = min(players, key=lambda player: player.created_at)
    return window or asked.of(first, DEFAULT_PERIOD, now)


async def _side(conn: Connection, player: Player, window: Window, metric_id: int | None, times: Sequence[int]) -> Side:
    found = await gains_table.gains_of(conn, player.username, window, everything=True)
    if found is None:
        raise PlayersNotFound([player.username])
    state = await history.load_state(conn, player.id)
    values = [] if metric_id is None else await _values(conn, player, metric_id, times)
    return Side(player, state.sheet if state else {}, found[1], values)


async def _values(conn: Connection, player: Player, metric_id: int, times: Sequence[int]) -> list[int | None]:
    start, end = times[0], times[-1]
    known = await series.head(conn, player.username, metric_id, start, end)
    if known is None:
        raise PlayersNotFound([player.username])
    head = known[1]
    before = None if head.before is None else head.before[1]
    if len(times) == 1:  # who is compared was added this second, and nothing lies in the window
        return [before]
    step = times[1] - start
    # each bucket is what lies after one time, up to and with the next
    spans = [(start + 1, end + 1, -start - 1)]
    found = await series.by_bucket(conn, player.id, metric_id, spans, step, most=MOST_TIMES + 1) if head.changes else []
    ends = dict(pairwise(times))
    changes = {ends[start + (at - start - 1) // step * step]: value for at, value, *_ in found}
    return list(at_times(times, before, changes))
