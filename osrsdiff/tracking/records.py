"""Reading back records: a player's own, and the highest of many players."""

from msgspec import Struct

from osrsdiff.game.metrics import KNOWN, Metric
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import PERIOD_CODES, Record, RecordPeriod
from osrsdiff.storage import records as table
from osrsdiff.storage.among import Among
from osrsdiff.storage.groups import Group
from osrsdiff.storage.records import Holder, Place
from osrsdiff.tracking.groups import get_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.metrics import metric_of
from osrsdiff.tracking.ranking import Reached, following, identity_of, numbered, read_reached

DEFAULT_LIMIT = 50
MOST_AT_ONCE = 500
DEFAULT_PERIOD = RecordPeriod.WEEK


class Wanted(Struct, frozen=True):
    """Which records: of a metric and a period; of everybody, or of the players of a group, a game mode or both."""

    metric: str
    period: RecordPeriod = DEFAULT_PERIOD
    group: str | None = None
    mode: GameMode | None = None


class RecordTable(Struct, frozen=True):
    """A page of the highest records. `places`: those of `holders`; equal gains share one.

    `next`: the cursor of the following page, None at the end.
    """

    metric: Metric
    period: RecordPeriod
    group: Group | None
    mode: GameMode | None
    holders: list[Holder]
    places: list[int]
    next: str | None


async def records_of(instance: Instance, player_id: int, period: RecordPeriod | None = None) -> list[Record]:
    """A player's records of one period or of all, in the hiscores' order of metrics."""
    async with instance.db.reading() as connection:
        found = await table.of_player(connection, player_id)
    return sorted((one for one in found if period in (None, one.period)), key=_order)


async def record_table(
    instance: Instance, wanted: Wanted, *, limit: int = DEFAULT_LIMIT, after: str | None = None
) -> RecordTable:
    """A page of the highest records. Raises MetricNotFound, GroupNotFound, InvalidCursor."""
    group = None if wanted.group is None else await get_group(instance, wanted.group)
    among = Among(None if group is None else group.id, wanted.mode)
    async with instance.db.reading() as connection:
        number, metric = await metric_of(connection, wanted.metric)
        identity = identity_of(metric.key, wanted.period.value, among)
        reached = None if after is None else read_reached(after, Reached[Place], identity)
        at = None if reached is None else reached.at
        found = await table.best(connection, metric.key, number, wanted.period, among=among, after=at, limit=limit + 1)
    holders = found[:limit]
    rows = [Place(one.record.gained, one.player.username) for one in holders]
    numbers = numbered(rows, _gained, reached)
    further = following(identity, rows, numbers, reached) if len(found) > limit else None
    return RecordTable(metric, wanted.period, group, wanted.mode, holders, numbers, further)


def _gained(row: Place) -> int:
    return row.gained


def _order(record: Record) -> tuple[int, str, int]:
    return _PLACES.get(record.metric, len(_PLACES)), record.metric, PERIOD_CODES[record.period]


_PLACES = {metric.key: place for place, metric in enumerate(KNOWN)}
