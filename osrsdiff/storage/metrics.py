"""The ids that metrics have in this database. A metric that it has never seen is registered when it is first stored."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime

from sqlalchemy import Text, bindparam, insert, select, update

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
_RESPELL = (
    update(metrics)
    .where(metrics.c.key == bindparam("metric_key", type_=Text))
    .values(name=bindparam("spelling", type_=Text))
)

_KNOWN = {metric.key: metric for metric in KNOWN}


def are_stored(known: MetricIds, keys: Set[str], new: Sequence[Metric]) -> bool:
    """Whether all of `keys` have ids, and those in `new` the names that they have there."""
    return keys <= known.ids.keys() and not _respelled(known, new)


async def ids_of(
    conn: Connection, keys: Set[str], new: Sequence[Metric], *, at: datetime, are_guesses: bool = True
) -> Mapping[str, int]:
    """The ids of at least `keys`; a metric that is not stored yet is registered as first seen `at`.

    Such a one must be in the game's list or in `new`. `are_guesses`: names in `new` are not the hiscores' own, and
    none that is stored gives way to them. Raises KeyError for a key that nobody knows.
    """
    if are_stored(conn.metrics, keys, () if are_guesses else new):
        return conn.metrics.ids
    stored = await _stored(conn)
    if missing := sorted(keys - stored.ids.keys()):
        known = {**{metric.key: metric for metric in new}, **_KNOWN}
        await conn.run_many(_ADD, [_row(known[key], at) for key in missing])
        stored = await _stored(conn)
    if not are_guesses and (respelled := _respelled(stored, new)):
        await conn.run_many(_RESPELL, [{"metric_key": metric.key, "spelling": metric.name} for metric in respelled])
        stored = await _stored(conn)
    return stored.ids


async def by_id(conn: Connection, ids: Set[int]) -> Mapping[int, Metric]:
    """At least the metrics of `ids`, which are stored."""
    if ids <= conn.metrics.by_id.keys():
        return conn.metrics.by_id
    return (await _stored(conn)).by_id


async def find(conn: Connection, key: str) -> tuple[int, Metric] | None:
    """The metric of this key with its id; None where no look has ever shown it."""
    number = conn.metrics.ids.get(key)
    if number is not None:
        return number, conn.metrics.by_id[number]
    stored = await _stored(conn)
    number = stored.ids.get(key)
    return None if number is None else (number, stored.by_id[number])


def _respelled(known: MetricIds, new: Iterable[Metric]) -> list[Metric]:
    """Those of `new` that are stored under another name; the names in the game's own list stay as they are."""
    unlisted = [metric for metric in new if metric.key not in _KNOWN and metric.key in known.ids]
    return [metric for metric in unlisted if known.by_id[known.ids[metric.key]].name != metric.name]


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
