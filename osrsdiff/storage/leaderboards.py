"""Who has the most of a metric, or gained the most over a window: all players at once, in one statement.

A gain needs each player's value at the start, one step into the key of `changes`. Players in whose data nothing has
changed since then are left out before. What only the page needs (times, levels) is looked up for the page alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Label,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)

from osrsdiff.game.gains import Known
from osrsdiff.game.leaderboards import PARTS, By, least_start
from osrsdiff.game.metrics import OVERALL
from osrsdiff.game.periods import Window
from osrsdiff.storage import players as players_table
from osrsdiff.storage.among import EVERYBODY, Among, Case, in_rare_mode, narrowed, of_group
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import SECONDS, SMALL_ID, XP
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import changes, current_values, players

_Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Place(Struct, frozen=True, array_like=True):
    """Where a leaderboard has come to: the last one's score, what decides where that is equal, and the name."""

    score: _Whole
    tie: _Whole
    username: Annotated[str, Meta(pattern="^[a-z0-9 ]*$")]


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

_metric_id = bindparam("metric_id", type_=SMALL_ID)
_start, _end = bindparam("start", type_=SECONDS), bindparam("end", type_=SECONDS)
_least = bindparam("least", type_=XP)
_most = bindparam("most", type_=Integer)
_score, _tie = bindparam("score", type_=XP), bindparam("tie", type_=BigInteger)
_username = bindparam("username", type_=Text)
_one = literal_column("1", Integer)
_zero = literal_column("0", Integer)
_near_s = literal_column(str(7 * 86_400), Integer)
_parts = literal_column(str(PARTS), BigInteger)

_change = changes.alias("change")
_at, _value = _change.c.taken_at, _change.c.value


def _found(
    player_id: ColumnElement[int], wanted: ColumnElement[int], *conditions: ColumnElement[bool], newest: bool = True
) -> ColumnElement[int]:
    """A column of the newest (else of the oldest) of a player's changes for which the conditions hold."""
    return (
        select(wanted)
        .where(_change.c.player_id == player_id, _change.c.metric_id == _metric_id, *conditions)
        .order_by(_at.desc() if newest else _at)
        .limit(_one)
        .scalar_subquery()
    )


def _until(
    player_id: ColumnElement[int], wanted: ColumnElement[int], time: ColumnElement[int]
) -> list[ColumnElement[int]]:
    """A column of the last change at or before `time`: the first of these that is there.

    It is looked for nearby at first: of an index page Postgres reads all that fits before it takes the last.
    """
    near = _found(player_id, wanted, _at <= time, _at > time - _near_s)
    return [near, _found(player_id, wanted, _at <= time)]


def _since(player_id: ColumnElement[int], wanted: ColumnElement[int]) -> ColumnElement[int]:
    """A column of what a gain counts from: the last change until the start, else the first one inside."""
    first = _found(player_id, wanted, _at > _start, newest=False)
    return func.coalesce(*_until(player_id, wanted, _start), first)


def _finished(page: CTE, totals: FromClause, ends: Sequence[Label[int]]) -> Select[tuple[object, ...]]:
    """The totals, in each row or alone, beside the page's players with the changes at `ends`."""
    timed = select(page, *ends).cte("timed")
    known = {end.name: changes.alias(f"at_{end.name}") for end in ends}
    joined: FromClause = totals.outerjoin(timed, true()).outerjoin(players, players.c.id == timed.c.player_id)
    for name, change in known.items():
        is_it = and_(
            change.c.player_id == timed.c.player_id,
            change.c.metric_id == _metric_id,
            change.c.taken_at == timed.c[name],
        )
        joined = joined.outerjoin(change, is_it)
    columns = [column for c in known.values() for column in (c.c.taken_at, c.c.value, c.c.rank, c.c.level)]
    return (
        select(totals.c.count, totals.c.gained, timed.c.score, timed.c.tie, *columns, *players_table.COLUMNS)
        .select_from(joined)
        .order_by(timed.c.score.desc(), timed.c.tie.desc(), players.c.username)
    )


def _no_tie(_: ColumnElement[int]) -> ColumnElement[int]:
    return _zero


def _level(player_id: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(_found(player_id, _change.c.level), _zero)


_Tie = Callable[[ColumnElement[int]], ColumnElement[int]]
"""What decides between equal values, of a column of player ids."""


def _by_value(tie: _Tie) -> Mapping[Case, Select[tuple[object, ...]]]:
    return narrowed(lambda conditions: _of_everybody(tie, *conditions), current_values.c.player_id)


def _by_value_of_few(tie: _Tie) -> Mapping[Case, Select[tuple[object, ...]]]:
    has = and_(
        current_values.c.player_id == players.c.id,
        current_values.c.metric_id == _metric_id,
        current_values.c.value > _zero,
    )
    groups = of_group(current_values, has, [current_values.c.player_id, current_values.c.value, players.c.username])
    made = {case: _values(mine, mine, mine.c.value.is_not(None), mine.c.username, tie) for case, mine in groups.items()}
    return {**made, (False, True): _of_everybody(tie, in_rare_mode(current_values.c.player_id))}


def _of_everybody(tie: _Tie, *conditions: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    joined = current_values.join(players, players.c.id == current_values.c.player_id)
    listed = and_(current_values.c.metric_id == _metric_id, current_values.c.value > _zero, *conditions)
    return _values(current_values, joined, listed, players.c.username, tie)


def _values(
    source: FromClause, named: FromClause, listed: ColumnElement[bool], username: ColumnElement[str], tie: _Tie
) -> Select[tuple[object, ...]]:
    """`source`: players' values, of which those that are `listed` count. `named`: the same beside the usernames."""
    player_id, value = source.c.player_id, source.c.value
    counts = func.count().label("count"), literal_column("NULL", BigInteger).label("gained")
    totals = select(*counts).select_from(source).where(listed).subquery("totals")
    score, tied, other = value.label("score"), tie(player_id).label("tie"), tie(player_id)
    page = (
        select(player_id, score, tied)
        .select_from(named)
        .where(listed, value <= _score, or_(value < _score, other < _tie, and_(other == _tie, username > _username)))
        .order_by(score.desc(), tied.desc(), username)
        .limit(_most)
        .cte("page")
    )
    end = _found(page.c.player_id, _at).label("end")
    return _finished(page, totals, [end])


def _by_gain(by: By, *, is_past: bool) -> Mapping[Case, Select[tuple[object, ...]]]:
    """`is_past`: the window ends before now, else with what is current."""

    def make(conditions: Sequence[ColumnElement[bool]]) -> Select[tuple[object, ...]]:
        known = _known(conditions, is_past=is_past)
        gained, is_plain = known.c.ended - known.c.started, by is By.GAINED
        listed = gained > _zero if is_plain else and_(gained > _zero, known.c.started >= _least)
        relative = gained * _parts // func.nullif(known.c.started, _zero, type_=XP)
        score = (gained if is_plain else relative).label("score")
        totals = select(func.count().label("count"), cast(func.sum(gained), BigInteger).label("gained")).where(listed)
        page = (
            select(known.c.player_id, score, _zero.label("tie"))
            .where(listed, score <= _score, or_(score < _score, known.c.username > _username))
            .order_by(score.desc(), known.c.username)
            .limit(_most)
            .cte("page")
        )
        started = _since(page.c.player_id, _at).label("start")
        ended = func.coalesce(*_until(page.c.player_id, _at, _end)) if is_past else _found(page.c.player_id, _at)
        return _finished(page, totals.subquery("totals"), [started, ended.label("end")])

    return narrowed(make, players.c.id, players.c.game_mode)


def _known(conditions: Sequence[ColumnElement[bool]], *, is_past: bool) -> CTE:
    """Each player's values at both ends; some are NULL."""
    current = and_(current_values.c.player_id == players.c.id, current_values.c.metric_id == _metric_id)
    ended = func.coalesce(*_until(players.c.id, _value, _end)) if is_past else current_values.c.value
    # An outer join lets SQLite go through the players in the order in which their changes lie.
    source = players if is_past else players.outerjoin(current_values, current)
    return (
        select(
            players.c.id.label("player_id"),
            players.c.username,
            ended.label("ended"),
            _since(players.c.id, _value).label("started"),
        )
        .select_from(source)
        .where(players.c.last_changed_at > _start, *conditions)
        .cte("known")
        .prefix_with("MATERIALIZED")
    )


_VALUE, _VALUE_OF_FEW = _by_value(_no_tie), _by_value_of_few(_no_tie)
_OVERALL, _OVERALL_OF_FEW = _by_value(_level), _by_value_of_few(_level)
_GAIN = {(by, is_past): _by_gain(by, is_past=is_past) for by in (By.GAINED, By.IMPROVED) for is_past in (False, True)}


async def values(
    conn: Connection, metric: str, metric_id: int, *, among: Among = EVERYBODY, after: Place | None = None, limit: int
) -> Board:
    """The highest current values, from the first player past `after`; equal ones by total level, then by name."""
    if among.are_few:
        statements = _OVERALL_OF_FEW if metric == OVERALL else _VALUE_OF_FEW
    else:
        statements = _OVERALL if metric == OVERALL else _VALUE
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
    ends = {"start": seconds(window.start), "end": seconds(window.end), "least": least_start(metric)}
    rows = await conn.all(_GAIN[by, is_past][among.case], {**_given(metric_id, after, limit), **ends, **among.params})
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
