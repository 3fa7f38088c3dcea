"""The ids that metrics have in this database. A metric that it has never seen is registered when it is first stored."""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime

from sqlalchemy import bindparam, insert, select

from osrsdiff.game.metrics import KNOWN, Metric, MetricKind
from osrsdiff.storage.connection import Connection, MetricIds
from osrsdiff.storage.dialects import OnConflict
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.tables import metrics

_ALL = select(metrics.c.id, metrics.c.key, metrics.c.name, metrics.c.kind).order_by(metrics.c.id)
_ADD = (
    insert(metrics)
    .values(
        key=bindparam("key"), name=bindparam("name"), kind=bindparam("kind"), first_seen_at=bindparam("first_seen_at")
    )
    .ext(OnConflict(["key"]))
    .inline()
)

_KNOWN = {metric.key: metric for metric in KNOWN}


async def ids_of(conn: Connection, keys: Set[str], new: Iterable[Metric], *, at: datetime) -> Mapping[str, int]:
    """The ids of at least `keys`; a metric that is not stored yet is registered as first seen `at`.

    Such a one must be in the game's list or in `new`. Raises KeyError for a key that nobody knows.
    """
    if keys <= conn.metrics.ids.keys():
        return conn.metrics.ids
    stored = await _stored(conn)
    if missing := sorted(keys - stored.ids.keys()):
        known = {**_KNOWN, **{metric.key: metric for metric in new}}
        await conn.run_many(_ADD, [_row(known[key], at) for key in missing])
        stored = await _stored(conn)
    return stored.ids


async def by_id(conn: Connection, ids: Set[int]) -> Mapping[int, Metric]:
    """At least the metrics of `ids`, which are stored."""
    if ids <= conn.metrics.by_id.keys():
        return conn.metrics.by_id
    return (await _stored(conn)).by_id


async def _stored(conn: Connection) -> MetricIds:
    """Every metric that this transaction sees; kept for later ones when it is committed."""
    rows = await conn.all(_ALL)
    found = [(number, Metric(key, name, MetricKind(kind))) for number, key, name, kind in rows]
    conn.after_commit(lambda: conn.metrics.remember(found))
    seen = MetricIds()
    seen.remember(found)
    return seen


def _row(metric: Metric, at: datetime) -> dict[str, object]:
    return {"key": metric.key, "name": metric.name, "kind": metric.kind.value, "first_seen_at": seconds(at)}
