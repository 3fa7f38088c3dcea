"""Whose records and achievements were reckoned by which rules, and the whole histories that they are reckoned from.

What is reckoned anew is stored only where no look was stored meanwhile, and a look that was compared with what stood
before is not stored either: `guard` moves the version of the player's state, as each look does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Integer, and_, bindparam, exists, literal_column, select, union_all, update

from osrsdiff.storage.connection import Connection, Step
from osrsdiff.storage.dialects import ID
from osrsdiff.storage.epoch import moment, moment_or_none
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.tables import changes, moves, player_states, players, snapshots


class History(Struct, frozen=True):
    """All that looks at a player have shown, until the state of `version`.

    `looks`: each snapshot's time and the look before it. `series`: each metric's changes: time, value, and the level
    where it doesn't follow from the xp. Both from the oldest on. `rules`: by which the player was last reckoned.
    """

    version: int
    rules: int | None
    looks: Sequence[tuple[datetime, datetime | None]]
    series: Mapping[str, Sequence[tuple[datetime, int, int | None]]]


_player_id = bindparam("player_id", type_=ID)
_rules = bindparam("rules", type_=Integer)
_c = players.c

_most = bindparam("most", type_=Integer)
# An old history that is being brought in is no part of any state before it is whole, which moves no version. Of who is
# flagged, nobody knows yet which looks are the player's.
_is_settled = _c.flagged_at.is_(None)
_is_whole = ~exists(literal_column("1")).where(moves.c.player_id == _c.id, moves.c.is_joined.is_(False))
# Three steps into the index where all are reckoned by the same rules. Who was never seen has nothing to reckon.
_others = union_all(
    *(
        select(_c.id).where(is_so, _is_whole, _is_settled)
        for is_so in (
            and_(_c.reckoned_by.is_(None), _c.last_look_at.is_not(None)),
            _c.reckoned_by < _rules,
            _c.reckoned_by > _rules,
        )
    )
).subquery("others")
_PENDING = select(_others.c.id).limit(_most)
_VERSION = (
    select(player_states.c.version, _c.reckoned_by)
    .join_from(player_states, players, _c.id == player_states.c.player_id)
    .where(player_states.c.player_id == _player_id, _is_whole, _is_settled)
)
_LOOKS = (
    select(snapshots.c.taken_at, snapshots.c.previous_look_at)
    .where(snapshots.c.player_id == _player_id)
    .order_by(snapshots.c.taken_at)
)
_SERIES = (
    select(changes.c.metric_id, changes.c.taken_at, changes.c.value, changes.c.level)
    .where(changes.c.player_id == _player_id)
    .order_by(changes.c.metric_id, changes.c.taken_at)
)
_GUARD = (
    update(player_states)
    .where(
        player_states.c.player_id == _player_id,
        player_states.c.version == bindparam("expected_version", type_=player_states.c.version.type),
    )
    .values(version=player_states.c.version + 1)
)
_RECKONED = update(players).where(_c.id == _player_id).values(reckoned_by=_rules)


async def pending(conn: Connection, rules: int, *, limit: int) -> list[int]:
    """Players, as many as `limit`, who have been seen and were not reckoned by `rules`.

    None whose move goes on, and none who is flagged for a review.
    """
    return [number for (number,) in await conn.all(_PENDING, {"rules": rules, "most": limit})]


async def version(conn: Connection, player_id: int) -> int | None:
    """Which state the player's history leads to; None before the first look, during a move and a review."""
    row = await conn.one(_VERSION, {"player_id": player_id})
    return row[0] if row else None


async def history(conn: Connection, player_id: int) -> History | None:
    """A player's whole history; None before the first look, while a move brings in older ones, and during a review.

    It may hold more than what led to its version: whoever stores what comes of it uses `guard`.
    """
    row = await conn.one(_VERSION, {"player_id": player_id})
    if row is None:
        return None
    found = await conn.all(_SERIES, {"player_id": player_id})
    looks = await conn.all(_LOOKS, {"player_id": player_id})  # after them: each change has its look
    named = await by_id(conn, {each[0] for each in found})
    series: dict[str, list[tuple[datetime, int, int | None]]] = {}
    for number, at, value, level in found:
        series.setdefault(named[number].key, []).append((moment(at), value, level))
    return History(row[0], row[1], [(moment(at), moment_or_none(before)) for at, before in looks], series)


def guard(player_id: int, expected_version: int) -> Step:
    """The first step of what is reckoned from a history: misses where the player has another state by now."""
    return Step(_GUARD, {"player_id": player_id, "expected_version": expected_version}, must_hit=True)


def reckoned(player_id: int, rules: int) -> Step:
    """Notes by which rules the player is reckoned."""
    return Step(_RECKONED, {"player_id": player_id, "rules": rules})
