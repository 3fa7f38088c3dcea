"""Players' records as they are stored: set, taken back, read; and the highest of many players."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, Integer, Select, Text, and_, bindparam, delete, insert, or_, select

from osrsdiff.game.records import PERIOD_CODES, Record, RecordPeriod
from osrsdiff.storage import players as players_table
from osrsdiff.storage.among import EVERYBODY, Among, in_rare_mode, narrowed, of_group
from osrsdiff.storage.connection import Connection, Params, Row, Step
from osrsdiff.storage.dialects import ID, XP, OnConflict
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import players, records


class Holder(Struct, frozen=True):
    """Whose record it is."""

    player: Player
    record: Record


_Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Place(Struct, frozen=True, array_like=True):
    """Where a list of the highest records has come to: the last one's gain and whose it is."""

    gained: _Whole
    username: Annotated[str, Meta(pattern="^[a-z0-9 ~]*$")]


_PERIODS = {code: period for period, code in PERIOD_CODES.items()}
_HIGHEST = Place(2**63 - 1, "")

_c = records.c
_player_id = bindparam("player_id", type_=ID)
_record = (_c.period, _c.gained, _c.start_at, _c.end_at)

_OF_PLAYER = select(_c.metric_id, *_record).where(_c.player_id == _player_id).order_by(_c.metric_id, _c.period)
_SET = (
    insert(records)
    .values({column.name: bindparam(column.name) for column in _c})
    .ext(OnConflict(["player_id", "metric_id", "period"], updated=["gained", "start_at", "end_at"]))
)
_TAKE_BACK = delete(records).where(
    _c.player_id == _player_id,
    _c.metric_id == bindparam("metric_id", type_=_c.metric_id.type),
    _c.period == bindparam("period", type_=_c.period.type),
)

_metric_id = bindparam("metric_id", type_=_c.metric_id.type)
_gained = bindparam("gained", type_=XP)

# Of who is flagged for a review, nobody knows yet whose gains these are.
_is_settled = players.c.flagged_at.is_(None)
_asked = and_(_c.metric_id == _metric_id, _c.period == bindparam("period", type_=_c.period.type))


def _page(
    rows: Select[tuple[object, ...]], gained: ColumnElement[int], username: ColumnElement[str]
) -> Select[tuple[object, ...]]:
    past = or_(gained < _gained, username > bindparam("username", type_=Text))
    page = rows.where(gained <= _gained, past).order_by(gained.desc(), username)
    return page.limit(bindparam("most", type_=Integer))


def _best(conditions: Sequence[ColumnElement[bool]]) -> Select[tuple[object, ...]]:
    rows = select(*_record, *players_table.COLUMNS).join_from(records, players, players.c.id == _c.player_id)
    return _page(rows.where(_asked, _is_settled, *conditions), _c.gained, players.c.username)


_BEST = narrowed(_best, _c.player_id, players.c.game_mode)
_is_theirs = and_(_c.player_id == players.c.id, _is_settled, _asked)
_of_group = of_group(records, _is_theirs, [*_record, *players_table.COLUMNS])
_BEST_OF_FEW = {case: _page(select(mine), mine.c.gained, mine.c.username) for case, mine in _of_group.items()}
_BEST_OF_FEW[False, True] = _best([in_rare_mode(_c.player_id)])


async def of_player(conn: Connection, player_id: int) -> list[Record]:
    """A player's records, by metric."""
    rows = await conn.all(_OF_PLAYER, {"player_id": player_id})
    named = await by_id(conn, {row[0] for row in rows})
    return [_of_row(named[row[0]].key, row[1:]) for row in rows]


async def best(
    conn: Connection,
    metric: str,
    metric_id: int,
    period: RecordPeriod,
    *,
    among: Among = EVERYBODY,
    after: Place | None = None,
    limit: int,
) -> list[Holder]:
    """The highest records of a metric, from the first one past `after`; equal ones by name.

    None of a player who is flagged for a review.
    """
    place = after or _HIGHEST
    given = {"metric_id": metric_id, "period": PERIOD_CODES[period], "most": limit, **among.params}
    statement = (_BEST_OF_FEW if among.are_few else _BEST)[among.case]
    rows = await conn.all(statement, {**given, "gained": place.gained, "username": place.username})
    return [Holder(players_table.of_row(row[4:]), _of_row(metric, row[:4])) for row in rows]


def steps(player_id: int, items: Iterable[Record], ids: Mapping[str, int]) -> list[Step]:
    """What puts these records in the place of those that stand."""
    rows = [_row(player_id, record, ids) for record in items]
    return [Step(_SET, rows)] if rows else []


def taken_back(player_id: int, items: Iterable[Record], ids: Mapping[str, int]) -> list[Step]:
    """What removes these records, with nothing in their place."""
    rows = [_row(player_id, record, ids) for record in items]
    return [Step(_TAKE_BACK, rows)] if rows else []


def _row(player_id: int, record: Record, ids: Mapping[str, int]) -> Params:
    return {
        "player_id": player_id,
        "metric_id": ids[record.metric],
        "period": PERIOD_CODES[record.period],
        "gained": record.gained,
        "start_at": seconds(record.start),
        "end_at": seconds(record.end),
    }


def _of_row(metric: str, row: Row) -> Record:
    period, gained, start, end = row
    return Record(metric, _PERIODS[period], gained, moment(start), moment(end))
