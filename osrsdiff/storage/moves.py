"""Old history brought in before what a player's looks here have shown, and how far that has got.

A batch of old looks and the note of how far it reaches are stored together, so an interrupted move goes on where it
was. Until a player's old history is whole it leads to no state: a look that comes meanwhile is a first look, and the
two are joined at the end. The caller owns the transactions; what is stored in one is returned as steps.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    false,
    insert,
    literal,
    null,
    select,
    update,
)

from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Difference, State
from osrsdiff.storage import sheets
from osrsdiff.storage.connection import Connection, Params, Row, Step
from osrsdiff.storage.dialects import BLOB, ID, SECONDS, JsonItems, OnConflict
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.history import CHANGE, SNAPSHOT, change_rows, snapshot_row
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.tables import move_origins, moves, player_states, players


class Move(Struct, frozen=True):
    """How far a player's old history is here.

    `read_until`: time in microseconds and id of the last record read; None before the first. `newest_record_id`: of
    the last one that became a look. `state`: what was known after it; None before the first, and where `is_joined`.
    `is_new`: the move has added the player, who is paused until the history is whole.
    """

    player_id: int
    source: str
    is_new: bool
    is_joined: bool
    read_until: tuple[int, int] | None
    newest_record_id: int | None
    looks: int
    failed: int
    left_out: int
    looked_at: datetime | None
    state: State | None

    @property
    def records(self) -> int:
        """How many records are done with."""
        return self.looks + self.failed + self.left_out


class Standing(Struct, frozen=True):
    """A player as it stands here. `version`: of its state, 0 where there is none."""

    player_id: int
    version: int
    move: Move | None


class Arrival(Struct, frozen=True):
    """A player to be added, paused until its history is whole."""

    username: str
    display_name: str
    game_mode: GameMode
    interval_minutes: int
    created_at: datetime


_player_id = bindparam("player_id", type_=ID)
_version = bindparam("version", type_=Integer)
_sheet = bindparam("sheet", type_=BLOB)
_looked_at = bindparam("looked_at", type_=SECONDS)

_names = JsonItems(bindparam("usernames", type_=Text)).table_valued("value")
_STANDING = (
    select(
        players.c.username,
        players.c.id,
        player_states.c.version,
        *(moves.c[name] for name in moves.c.keys()),  # noqa: SIM118 - its keys are its columns' names
    )
    .select_from(
        players.outerjoin(player_states, player_states.c.player_id == players.c.id).outerjoin(
            moves, moves.c.player_id == players.c.id
        )
    )
    .where(players.c.username.in_(select(_names.c.value)))
)
_ADD = (
    insert(players)
    .values(
        username=bindparam("username"),
        display_name=bindparam("display_name"),
        game_mode=bindparam("game_mode"),
        is_active=False,
        fetch_interval_minutes=bindparam("fetch_interval_minutes"),
        created_at=bindparam("created_at"),
        failures=0,
    )
    .ext(OnConflict(["username"]))
)
_source = bindparam("source", type_=Text)
_BEGUN = {
    "is_joined": false(), "read_until_us": null(), "read_until_id": null(), "newest_record_id": null(),
    "looks": literal(0, Integer), "failed": literal(0, Integer), "left_out": literal(0, Integer), "looked_at": null(),
    "taken_at": null(), "sheet": null(),
}  # fmt: skip
# Whoever is active was added by somebody else meanwhile.
_BEGIN = (
    insert(moves)
    .from_select(
        ["player_id", "source", "is_new", *_BEGUN],
        select(
            players.c.id,
            _source,
            and_(bindparam("is_new", type_=Boolean), players.c.is_active.is_(False)),
            *(value if name == "is_joined" else cast(value, moves.c[name].type) for name, value in _BEGUN.items()),
        ).where(players.c.username == bindparam("username")),
    )
    .ext(OnConflict(["player_id"], updated=["source", "is_new", *_BEGUN]))
)
_ORIGINS = select(move_origins.c.old_player_id).where(move_origins.c.source == _source)
_ORIGIN = (
    insert(move_origins)
    .values(source=_source, old_player_id=bindparam("old_player_id", type_=BigInteger))
    .ext(OnConflict(["source", "old_player_id"]))
)
_PROGRESS = (
    update(moves)
    .where(
        moves.c.player_id == _player_id,
        moves.c.looks + moves.c.failed + moves.c.left_out == bindparam("expected_records", type_=Integer),
    )
    .values(
        {
            name: bindparam(name, type_=moves.c[name].type)
            for name in (
                "read_until_us", "read_until_id", "newest_record_id", "looks", "failed", "left_out", "looked_at",
                "taken_at", "sheet",
            )
        }
    )
)  # fmt: skip
_REOPEN = (
    update(moves)
    .where(moves.c.player_id == _player_id)
    .values(is_joined=False, looked_at=_looked_at, taken_at=bindparam("taken_at", type_=SECONDS), sheet=_sheet)
)
_REOPEN_EMPTY = update(moves).where(moves.c.player_id == _player_id).values(is_joined=False)
_DROP_STATE = delete(player_states).where(player_states.c.player_id == _player_id, player_states.c.version == _version)


async def standings(conn: Connection, usernames: Collection[str]) -> dict[str, Standing]:
    """Those of the players, by canonical name, that there are."""
    names = msgspec.json.encode(list(usernames)).decode()
    return {row[0]: await _standing(conn, row) for row in await conn.all(_STANDING, {"usernames": names})}


async def origins(conn: Connection, source: str) -> set[int]:
    """Whom a move from there has begun to bring here, by their ids there, whether or not they are here still."""
    return {int(row[0]) for row in await conn.all(_ORIGINS, {"source": source})}


def unbegun(player_id: int, source: str, *, is_new: bool) -> Move:
    """The move of a player of whom nothing is here yet."""
    return Move(player_id, source, is_new, False, None, None, 0, 0, 0, None, None)


def begun(source: str, arrivals: Sequence[Arrival], known: Collection[str], source_ids: Collection[int]) -> list[Step]:
    """Adds who arrives, and notes that their history, and that of `known`, is about to be brought in from `source`.

    `known`: usernames; an earlier note of theirs is forgotten. `source_ids`: whose these are there.
    """
    added: list[Params] = [
        {
            "username": arrival.username,
            "display_name": arrival.display_name,
            "game_mode": arrival.game_mode.value,
            "fetch_interval_minutes": arrival.interval_minutes,
            "created_at": seconds(arrival.created_at),
        }
        for arrival in arrivals
    ]
    noted: list[Params] = [
        *({"username": arrival.username, "source": source, "is_new": True} for arrival in arrivals),
        *({"username": username, "source": source, "is_new": False} for username in known),
    ]
    from_there: list[Params] = [{"source": source, "old_player_id": source_id} for source_id in source_ids]
    steps = [Step(_ADD, added), Step(_BEGIN, noted), Step(_ORIGIN, from_there)]
    return [step for step in steps if step.params]


def reopened(player_id: int, state: State | None, ids: Mapping[str, int]) -> list[Step]:
    """Takes an old history apart from the state that it led to, if any, so that it can go on.

    Nothing is stored where the player has another state by now.
    """
    if state is None:
        return [Step(_REOPEN_EMPTY, {"player_id": player_id}, must_hit=True)]
    row = {
        "player_id": player_id,
        "version": state.version,
        "looked_at": seconds(state.looked_at),
        "taken_at": seconds(state.taken_at),
        "sheet": sheets.encode(state.sheet, ids),
    }
    return [Step(_DROP_STATE, row, must_hit=True), Step(_REOPEN, row, must_hit=True)]


def advanced(move: Move, found: Sequence[Difference], ids: Mapping[str, int], *, expected_records: int) -> list[Step]:
    """Old looks that changed something, and how far they reach.

    `expected_records`: how many records were done with before; nothing is stored where that is otherwise.
    """
    state = move.state
    us, record_id = move.read_until or (None, None)
    noted = {
        "player_id": move.player_id,
        "expected_records": expected_records,
        "read_until_us": us,
        "read_until_id": record_id,
        "newest_record_id": move.newest_record_id,
        "looks": move.looks,
        "failed": move.failed,
        "left_out": move.left_out,
        "looked_at": seconds(move.looked_at) if move.looked_at else None,
        "taken_at": seconds(state.taken_at) if state else None,
        "sheet": sheets.encode(state.sheet, ids) if state else None,
    }
    steps = [Step(_PROGRESS, noted, must_hit=True)]
    rows = [row for one in found for row in change_rows(move.player_id, one, ids)]
    if found:
        steps.append(Step(SNAPSHOT, [snapshot_row(move.player_id, one) for one in found]))
    if rows:
        steps.append(Step(CHANGE, rows))
    return steps


async def _standing(conn: Connection, row: Row) -> Standing:
    _, player_id, version, *noted = row
    return Standing(player_id, version or 0, None if noted[0] is None else await _move(conn, noted))


async def _move(conn: Connection, noted: Sequence[object]) -> Move:
    row: dict[str, object] = dict(zip(moves.c.keys(), noted, strict=True))
    looked_at, taken_at, sheet = row.pop("looked_at"), row.pop("taken_at"), row.pop("sheet")
    us, record_id = row.pop("read_until_us"), row.pop("read_until_id")
    state = None
    if isinstance(sheet, bytes):
        stored = sheets.decode(sheet)
        readings = sheets.readings(stored, await by_id(conn, stored.keys()))
        state = State(row["looks"], moment(looked_at), moment(taken_at), readings)  # type: ignore[arg-type]
    row |= {"is_new": bool(row["is_new"]), "is_joined": bool(row["is_joined"]), "state": state}
    row |= {
        "looked_at": moment_or_none(looked_at),  # type: ignore[arg-type]
        "read_until": None if us is None else (us, record_id),
    }
    return Move(**row)  # type: ignore[arg-type]
