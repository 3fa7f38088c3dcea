"""Who has the most of a metric, or gained the most over a window: pages of it, and what they say of all together."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from osrsdiff.game.gains import Known
from osrsdiff.game.leaderboards import By, least_start
from osrsdiff.game.metrics import OVERALL, may_fall
from osrsdiff.game.periods import Window
from osrsdiff.storage import players as players_table
from osrsdiff.storage.among import EVERYBODY, Among
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.leaderboard_statements import BY_GAIN, BY_OVERALL, BY_OVERALL_OF_FEW, BY_VALUE, BY_VALUE_OF_FEW
from osrsdiff.storage.players import Player

_Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Place(Struct, frozen=True, array_like=True):
    """Where a leaderboard has come to: the last one's score, what decides where that is equal, and the name."""

    score: _Whole
    tie: _Whole
    username: Annotated[str, Meta(pattern="^[a-z0-9 ~]*$")]


class Standing(Struct, frozen=True):
    """A player on a leaderboard. `score` orders it: the value, the gain, or its parts of the start; then `tie`.

    `start`: None where there is no window.
    """

    player: Player
    score: int
    tie: int
    start: Known | None
    end: Known


class Board(Struct, frozen=True):
    """A page of a leaderboard. `count`: how many are on it in all. `total_gained`: by all of them; None by value."""

    standings: list[Standing]
    count: int
    total_gained: int | None


_HIGHEST = 2**63 - 1
_TOP = Place(_HIGHEST, _HIGHEST, "")


async def values(
    conn: Connection, metric: str, metric_id: int, *, among: Among = EVERYBODY, after: Place | None = None, limit: int
) -> Board:
    """The highest current values, from the first player past `after`; equal ones by total level, then by name."""
    if among.are_few:
        statements = BY_OVERALL_OF_FEW if metric == OVERALL else BY_VALUE_OF_FEW
    else:
        statements = BY_OVERALL if metric == OVERALL else BY_VALUE
    rows = await conn.all(statements[among.case], {**_given(metric_id, after, limit), **among.params})
    return _board(rows)


async def gains(
    conn: Connection,
    by: By,
    metric: str,
    metric_id: int,
    window: Window,
    *,
    is_past: bool,
    among: Among = EVERYBODY,
    after: Place | None = None,
    limit: int,
) -> Board:
    """The largest gains, or the largest in relation to the start, from the first player past `after`.

    Only who gained something is listed; equal ones by name. `is_past`: the window ends before now.
    """
    ends = {"start": seconds(window.start), "end": seconds(window.end)}
    rules = {"least": least_start(metric), "may_fall": int(may_fall(metric))}
    rows = await conn.all(
        BY_GAIN[by, is_past][among.case], {**_given(metric_id, after, limit), **ends, **rules, **among.params}
    )
    return _board(rows)


def _given(metric_id: int, after: Place | None, limit: int) -> dict[str, object]:
    place = after or _TOP
    cursor = {"score": place.score, "tie": place.tie, "username": place.username}
    return {"metric_id": metric_id, "most": limit, **cursor}


def _board(rows: Sequence[Row]) -> Board:
    count, total = rows[0][:2]
    standings = [_standing(row) for row in rows if row[2] is not None]
    return Board(standings, count, None if total is None else int(total))


_PLAYER = len(players_table.COLUMNS)


def _standing(row: Row) -> Standing:
    score, tie = row[2:4]
    ends = row[4:-_PLAYER]
    known = [Known(moment(at), *rest) for at, *rest in (ends[i : i + 4] for i in range(0, len(ends), 4))]
    start = known[0] if len(known) > 1 else None
    return Standing(players_table.of_row(row[-_PLAYER:]), score, tie, start, known[-1])
