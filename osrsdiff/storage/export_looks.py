"""Reads a player's looks with what each changed, as they are stored, the oldest first, in pages."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, select

from osrsdiff.game.snapshots import Unranked
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.sheets import UNRANKED_CODES
from osrsdiff.storage.tables import changes, metrics, snapshots


class Changed(NamedTuple):
    """A metric that a look changed, as it is stored. `level`: None where it follows from xp."""

    metric: str
    value: int
    rank: int | None
    level: int | None
    unranked: Unranked | None


class Look(NamedTuple):
    """A look that changed something; `changes` by metric's key."""

    taken_at: datetime
    previous_look_at: datetime | None
    has_fall: bool
    is_partial: bool
    changes: list[Changed]


_player_id = bindparam("player_id", type_=ID)

_LOOKS = (
    select(snapshots.c.taken_at, snapshots.c.previous_look_at, snapshots.c.has_fall, snapshots.c.is_partial)
    .where(
        snapshots.c.player_id == _player_id,
        snapshots.c.taken_at <= bindparam("until", type_=SECONDS),
        snapshots.c.taken_at > bindparam("since", type_=SECONDS),
    )
    .order_by(snapshots.c.taken_at)
    .limit(bindparam("most", type_=Integer))
)
# `in`: else SQLite reads all changes of the player, instead of a few of each metric
_CHANGES = select(
    changes.c.taken_at,
    changes.c.metric_id,
    changes.c.value,
    changes.c.rank,
    changes.c.level,
    changes.c.unranked,
).where(
    changes.c.player_id == _player_id,
    changes.c.metric_id.in_(select(metrics.c.id)),
    changes.c.taken_at >= bindparam("first", type_=SECONDS),
    changes.c.taken_at <= bindparam("last", type_=SECONDS),
)

_UNRANKED = {code: unranked for unranked, code in UNRANKED_CODES.items()}


async def page(conn: Connection, player_id: int, *, since: datetime | None, until: datetime, limit: int) -> list[Look]:
    """The player's next `limit` looks after `since`, None: from the first one on; none after `until`."""
    given = {"since": -1 if since is None else seconds(since), "until": seconds(until)}
    rows = await conn.all(_LOOKS, {"player_id": player_id, "most": limit, **given})
    if not rows:
        return []
    span = {"player_id": player_id, "first": rows[0][0], "last": rows[-1][0]}
    changed = await _changed(conn, await conn.all(_CHANGES, span))
    return [
        Look(moment(at), moment_or_none(before), bool(has_fall), bool(is_partial), changed.get(at, []))
        for at, before, has_fall, is_partial in rows
    ]


async def _changed(conn: Connection, rows: Sequence[Row]) -> dict[int, list[Changed]]:
    named = await by_id(conn, {row[1] for row in rows})
    found = defaultdict[int, list[Changed]](list)
    for at, metric_id, value, rank, level, unranked in rows:
        found[at].append(Changed(named[metric_id].key, value, rank, level, _UNRANKED[unranked]))
    for some in found.values():
        some.sort()
    return found
