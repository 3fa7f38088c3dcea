"""The first or the last change of each of a player's metrics, in as short a time however long the history is."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, select
from sqlalchemy.sql.functions import Function

from osrsdiff.storage.dialects import ID
from osrsdiff.storage.tables import changes, metrics

_player_id = bindparam("player_id", type_=ID)


def of_each_metric(extreme: Callable[..., Function[Any]], *conditions: ColumnElement[bool]) -> FromClause:
    """`changes`, of a `player_id` only the one of each metric whose time is the `extreme` under the conditions.

    One step into the key of `changes` for each metric. Materialized: else SQLite reads all changes of the player, and
    looks up the time for each.
    """
    own = and_(changes.c.player_id == _player_id, changes.c.metric_id == metrics.c.id, *conditions)
    time = select(extreme(changes.c.taken_at)).where(own).correlate(metrics).scalar_subquery()
    times = select(metrics.c.id.label("metric_id"), time.label("taken_at")).cte("times").prefix_with("MATERIALIZED")
    is_it = and_(
        changes.c.player_id == _player_id,
        changes.c.metric_id == times.c.metric_id,
        changes.c.taken_at == times.c.taken_at,
    )
    return times.join(changes, is_it)
