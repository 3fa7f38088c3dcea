"""What players' looks have shown: the newest state, and the changes that led to it.

A look is stored as its difference to what was known before, which the caller has made; the caller owns the transaction.
Gains, read from the same tables, are in `gains`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Text, bindparam, func, insert, null, select, update
from sqlalchemy.sql.dml import Update

from osrsdiff.errors import Outcome
from osrsdiff.game.levels import level_at
from osrsdiff.game.metrics import Metric
from osrsdiff.game.modes import shows_own_row
from osrsdiff.game.snapshots import Difference, Reading, State
from osrsdiff.storage import players as players_table
from osrsdiff.storage import sheets
from osrsdiff.storage.connection import Connection, Params, Row, Step
from osrsdiff.storage.dialects import BLOB, ID, SECONDS, OnConflict
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.metrics import are_stored, by_id, ids_of
from osrsdiff.storage.players import Player
from osrsdiff.storage.sheets import UNRANKED_CODES
from osrsdiff.storage.tables import changes, current_values, metrics, player_states, players, snapshots

Further = Callable[[Mapping[str, int]], Sequence[Step]]
"""What else is stored with a look, given the ids of the metrics."""


class _MissedError(Exception):
    """A step has touched no row that must hit one: what came before it is undone."""


class SheetRow(Struct, frozen=True):
    """One line of a player's current sheet. `seen_at`: when its value last changed or was first seen.

    Where no value was ever seen (hidden from the first look on), `seen_at` is the last look.
    """

    metric: Metric
    reading: Reading
    seen_at: datetime


_player_id = bindparam("player_id", type_=ID)
_version = bindparam("version", type_=player_states.c.version.type)
_looked_at = bindparam("looked_at", type_=SECONDS)
_sheet = bindparam("sheet", type_=BLOB)

_state = (player_states.c.version, player_states.c.looked_at, player_states.c.taken_at, player_states.c.sheet)
_STATE = select(*_state).where(player_states.c.player_id == _player_id)
_PLAYER_AND_STATE = (
    select(*_state, *players_table.COLUMNS)
    .select_from(players)
    .outerjoin(player_states, player_states.c.player_id == players.c.id)
    .where(players.c.id == _player_id)
)

# Finds no row for a player who is being removed or was renamed meanwhile: the look is then somebody else's.
_FIRST_STATE = (
    insert(player_states)
    .from_select(
        ["player_id", "version", "looked_at", "taken_at", "sheet"],
        select(players.c.id, _version, _looked_at, _looked_at, _sheet)
        .where(
            players.c.id == _player_id,
            players.c.username == func.coalesce(bindparam("asked_for", type_=Text), players.c.username),
        )
        .with_for_update(read=True, key_share=True),
    )
    .ext(OnConflict(["player_id"]))
)
SNAPSHOT = insert(snapshots).values(
    player_id=bindparam("player_id"),
    taken_at=bindparam("looked_at"),
    previous_look_at=bindparam("previous_look_at"),
    has_fall=bindparam("has_fall"),
)
CHANGE = insert(changes).values({column.name: bindparam(column.name) for column in changes.c})
_CURRENT_VALUE = (
    insert(current_values)
    .values({column.name: bindparam(column.name) for column in current_values.c})
    .ext(OnConflict(["player_id", "metric_id"], updated=["value"]))
)


def _next_state(**values: object) -> Update:
    """Replaces the state that the look was compared with, and no other."""
    return (
        update(player_states)
        .where(
            player_states.c.player_id == _player_id,
            player_states.c.version == bindparam("expected_version", type_=player_states.c.version.type),
        )
        .values(version=_version, looked_at=_looked_at, sheet=_sheet, **values)
    )


def _looked(**values: object) -> Update:
    return (
        update(players)
        .where(players.c.id == _player_id)
        .values(
            last_attempt_at=_looked_at,
            last_look_at=_looked_at,
            last_outcome=bindparam("outcome", type_=players.c.last_outcome.type),
            failures=0,
            missing_since=null(),
            **values,
        )
    )


_STATE_CHANGED = _next_state(taken_at=_looked_at)
_STATE_UNCHANGED = _next_state()
_PLAYER_CHANGED = _looked(
    last_changed_at=_looked_at,
    mode_checked_at=func.coalesce(bindparam("mode_checked_at", type_=SECONDS), players.c.mode_checked_at),
    fell_at=func.coalesce(bindparam("fell_at", type_=SECONDS), players.c.fell_at),
)
_PLAYER_UNCHANGED = _looked()

_CHANGED_AT = select(
    metrics.c.id,
    select(func.max(changes.c.taken_at))
    .where(changes.c.player_id == _player_id, changes.c.metric_id == metrics.c.id)
    .correlate(metrics)
    .scalar_subquery(),
)


async def load_state(conn: Connection, player_id: int) -> State | None:
    """What is known of the player after the last look; None where there was none."""
    row = await conn.one(_STATE, {"player_id": player_id})
    return await _state_of(conn, row) if row else None


async def load_player(conn: Connection, player_id: int) -> tuple[Player, State | None] | None:
    """A player and what is known of it, in one trip; None where there is no such player."""
    row = await conn.one(_PLAYER_AND_STATE, {"player_id": player_id})
    if row is None:
        return None
    state, player = row[: len(_state)], row[len(_state) :]
    return players_table.of_row(player), None if state[0] is None else await _state_of(conn, state)


async def store_look(
    conn: Connection,
    player_id: int,
    difference: Difference,
    *,
    expected_version: int,
    new_metrics: Sequence[Metric] = (),
    further: Further = lambda _: (),
    asked_for: str | None = None,
    is_own_table: bool = False,
) -> bool:
    """Stores a look that was compared with the state of `expected_version` (0: no state yet).

    False, and nothing of the look stored, where the player has another state by now or is gone; where a step of
    `further` misses what it must hit the caller undoes what came before it. A look that changed nothing makes
    no history: it only moves the state's ranks and times. `new_metrics`: those that the game's own list lacks, as the
    hiscores spell them. `further`: what is stored with the look, or not at all. `asked_for`: the name that was looked
    up; a first look is stored only where it is the player's still (later ones have a version that a rename moves on).
    `is_own_table`: the table is one that only a player of this mode moves on in, so what was gained shows the mode.
    """
    ids = await ids_of(conn, difference.sheet.keys(), new_metrics, at=difference.looked_at, are_guesses=False)
    look = _look(player_id, difference, expected_version, ids, asked_for, is_own_table)
    return await conn.run_all([*look, *further(ids)])


async def store_look_together(
    db: Database,
    player_id: int,
    difference: Difference,
    *,
    expected_version: int,
    new_metrics: Sequence[Metric] = (),
    further: Further = lambda _: (),
    asked_for: str | None = None,
    is_own_table: bool = False,
) -> bool:
    """Stores a look as `store_look` does, but with a commit that looks of other players may share."""
    if are_stored(db.metrics, difference.sheet.keys(), new_metrics):
        ids = db.metrics.ids
        look = _look(player_id, difference, expected_version, ids, asked_for, is_own_table)
        return await db.write_together([*look, *further(ids)])
    try:
        async with db.writing() as conn:
            if not await store_look(
                conn,
                player_id,
                difference,
                expected_version=expected_version,
                new_metrics=new_metrics,
                further=further,
                asked_for=asked_for,
                is_own_table=is_own_table,
            ):
                raise _MissedError
    except _MissedError:
        return False
    return True


async def sheet(conn: Connection, player_id: int) -> list[SheetRow]:
    """The player's current sheet, each metric with today's rank; empty where there was no look."""
    row = await conn.one(_STATE, {"player_id": player_id})
    if row is None:
        return []
    _, looked_at, _, blob = row
    stored = sheets.decode(blob)
    named = await by_id(conn, stored.keys())
    seen_at = {number: at or looked_at for number, at in await conn.all(_CHANGED_AT, {"player_id": player_id})}
    read = sheets.readings(stored, named)
    return [
        SheetRow(named[number], reading, moment(seen_at[number]))
        for number, reading in zip(stored, read.values(), strict=True)
    ]


async def _state_of(conn: Connection, row: Row) -> State:
    version, looked_at, taken_at, blob = row
    stored = sheets.decode(blob)
    named = await by_id(conn, stored.keys())
    return State(version, moment(looked_at), moment(taken_at), sheets.readings(stored, named))


def _look(
    player_id: int,
    difference: Difference,
    expected_version: int,
    ids: Mapping[str, int],
    asked_for: str | None,
    is_own_table: bool,
) -> list[Step]:
    is_snapshot = bool(difference.changes) or difference.is_first_look
    looked_at = seconds(difference.looked_at)
    look = {
        "player_id": player_id,
        "expected_version": expected_version,
        "version": expected_version + 1,
        "looked_at": looked_at,
        "sheet": sheets.encode(difference.sheet, ids),
        "outcome": (Outcome.CHANGED if difference.changes else Outcome.UNCHANGED).value,
        "asked_for": asked_for,
        "mode_checked_at": looked_at if is_own_table and shows_own_row(difference) else None,
        "fell_at": looked_at if has_fall(difference) else None,
    }
    if not is_snapshot:
        return [Step(_STATE_UNCHANGED, look, must_hit=True), Step(_PLAYER_UNCHANGED, look)]
    state = _FIRST_STATE if expected_version == 0 else _STATE_CHANGED
    return [Step(state, look, must_hit=True), *_snapshot(player_id, difference, ids), Step(_PLAYER_CHANGED, look)]


def _snapshot(player_id: int, difference: Difference, ids: Mapping[str, int]) -> list[Step]:
    """The rows of a look that changed something."""
    rows = change_rows(player_id, difference, ids)
    # Half of a first look are zeros, which no leaderboard shows.
    listed = [
        row for row, change in zip(rows, difference.changes, strict=True) if row["value"] or not change.first_seen
    ]
    return [Step(SNAPSHOT, snapshot_row(player_id, difference)), Step(CHANGE, rows), Step(_CURRENT_VALUE, listed)]


def has_fall(difference: Difference) -> bool:
    """Whether something fell that can't fall."""
    return any(change.fell for change in difference.changes)


def snapshot_row(player_id: int, difference: Difference) -> Params:
    """What SNAPSHOT takes for a look that changed something."""
    previous = difference.previous_look_at
    return {
        "player_id": player_id,
        "looked_at": seconds(difference.looked_at),
        "previous_look_at": seconds(previous) if previous else None,
        "has_fall": has_fall(difference),
    }


def change_rows(player_id: int, difference: Difference, ids: Mapping[str, int]) -> list[dict[str, object]]:
    """What CHANGE takes for a look, a row for each of its changes."""
    taken_at = seconds(difference.looked_at)
    return [
        {
            "player_id": player_id,
            "metric_id": ids[change.metric],
            "taken_at": taken_at,
            "value": change.after.value,
            "rank": change.after.rank,
            "level": _unexpected_level(change.metric, change.after),
            "unranked": UNRANKED_CODES[change.after.unranked],
        }
        for change in difference.changes
    ]


def _unexpected_level(metric: str, reading: Reading) -> int | None:
    """The level where it can't be told from the xp."""
    expected = None if reading.value is None else level_at(metric, reading.value, None)
    return None if reading.level == expected else reading.level
