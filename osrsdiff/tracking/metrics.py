"""Which metric somebody means: by its key, or as the hiscores spell it."""

from osrsdiff.errors import MetricNotFound
from osrsdiff.game.metrics import KNOWN, Metric, metric_key
from osrsdiff.storage import metrics as table
from osrsdiff.storage.connection import Connection

NO_ID = -1
"""The id of what the game has and no look has ever shown."""

_KNOWN = {metric.key: metric for metric in KNOWN}


async def metric_of(conn: Connection, named: str) -> tuple[int, Metric]:
    """The metric and its id in this database. Raises MetricNotFound."""
    try:
        key = metric_key(named)
    except ValueError as error:
        raise MetricNotFound(named) from error
    stored = await table.find(conn, key)
    if stored is not None:
        return stored
    if key not in _KNOWN:
        raise MetricNotFound(named)
    return NO_ID, _KNOWN[key]
