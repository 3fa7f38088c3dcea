"""The statements of leaderboards: all players at once, in one statement.

A gain needs each player's value at the start and the newest one, two steps into the key of `changes`, often to the same
page of it. Players in whose data nothing has changed since the start are left out before. What only the page needs
(times, levels) is looked up for the page alone. Where something fell that can't fall, a gain counts from the highest
value until the start: to regain is no gain. Flagged players are on no leaderboard: whose looks they are is not known.
"""

from collections.abc import Callable, Mapping, Sequence

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
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)

from osrsdiff.game.leaderboards import PARTS, By
from osrsdiff.storage import players as players_table
from osrsdiff.storage.among import Case, in_rare_mode, narrowed, of_group
from osrsdiff.storage.dialects import SECONDS, SMALL_ID, XP, Quickest
from osrsdiff.storage.tables import changes, current_values, players

_metric_id = bindparam("metric_id", type_=SMALL_ID)
_start, _end = bindparam("start", type_=SECONDS), bindparam("end", type_=SECONDS)
_least = bindparam("least", type_=XP)
_may_fall = bindparam("may_fall", type_=Integer)
_most = bindparam("most", type_=Integer)
_score, _tie = bindparam("score", type_=XP), bindparam("tie", type_=BigInteger)
_username = bindparam("username", type_=Text)
_one = literal_column("1", Integer)
_zero = literal_column("0", Integer)
_near_s = literal_column(str(7 * 86_400), Integer)
_parts = literal_column(str(PARTS), BigInteger)

_change = changes.alias("change")
_at, _value = _change.c.taken_at, _change.c.value
_NEWEST, _OLDEST, _HIGHEST_VALUE = (_at.desc(),), (_at,), (_value.desc(), _at.desc())
_are_flagged = select(players.c.id).where(players.c.flagged_at.is_not(None))


def _found(
    player_id: ColumnElement[int],
    wanted: ColumnElement[int],
    *conditions: ColumnElement[bool],
    first: Sequence[ColumnElement[int]] = _NEWEST,
) -> ColumnElement[int]:
    """A column of that of a player's changes for which the conditions hold that is `first` in this order."""
    return (
        select(wanted)
        .where(_change.c.player_id == player_id, _change.c.metric_id == _metric_id, *conditions)
        .order_by(*first)
        .limit(_one)
        .scalar_subquery()
    )


def _until(player_id: ColumnElement[int], wanted: ColumnElement[int], time: ColumnElement[int]) -> ColumnElement[int]:
    """A column of the last change at or before `time`.

    Postgres looks nearby at first: of an index page it reads all that fits before it takes the last.
    """
    last = _found(player_id, wanted, _at <= time)
    near = _found(player_id, wanted, _at <= time, _at > time - _near_s)
    return Quickest(sqlite=last, postgresql=func.coalesce(near, last))


def _started(wanted: ColumnElement[int]) -> ColumnElement[int]:
    """A column of what a gain of a row of `players` counts from: the last change until the start, else the first one.

    Of who fell, the highest until the start.
    """
    player_id = players.c.id
    first = _found(player_id, wanted, _at > _start, first=_OLDEST)
    highest = _found(player_id, wanted, _at <= _start, first=_HIGHEST_VALUE)
    has_fallen = and_(players.c.fell_at.is_not(None), _may_fall == _zero)
    return func.coalesce(case((has_fallen, highest), else_=_until(player_id, wanted, _start)), first)


def _finished(page: CTE, totals: FromClause, ends: Sequence[Label[int]]) -> Select[tuple[object, ...]]:
    """The totals, in each row or alone, beside the page's players with the changes at `ends`."""
    timed = select(page, *ends).join_from(page, players, players.c.id == page.c.player_id).cte("timed")
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
        players.c.flagged_at.is_(None),
    )
    groups = of_group(current_values, has, [current_values.c.player_id, current_values.c.value, players.c.username])
    made = {case: _values(mine, mine, mine.c.value.is_not(None), mine.c.username, tie) for case, mine in groups.items()}
    return {**made, (False, True): _of_everybody(tie, in_rare_mode(current_values.c.player_id))}


def _of_everybody(tie: _Tie, *conditions: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    joined = current_values.join(players, players.c.id == current_values.c.player_id)
    is_sound = current_values.c.player_id.not_in(_are_flagged)
    listed = and_(current_values.c.metric_id == _metric_id, current_values.c.value > _zero, is_sound, *conditions)
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
        ended = _until(players.c.id, _at, _end) if is_past else _found(players.c.id, _at)
        return _finished(page, totals.subquery("totals"), [_started(_at).label("start"), ended.label("end")])

    return narrowed(make, players.c.id, players.c.game_mode)


def _known(conditions: Sequence[ColumnElement[bool]], *, is_past: bool) -> CTE:
    """Each player's values at both ends; some are NULL.

    The newest value lies beside that at the start, which SQLite reads anyway: it leaves the join out. Postgres doesn't.
    """
    is_current = and_(current_values.c.player_id == players.c.id, current_values.c.metric_id == _metric_id)
    newest = Quickest(sqlite=_found(players.c.id, _value), postgresql=current_values.c.value)
    ended = _until(players.c.id, _value, _end) if is_past else newest
    return (
        select(
            players.c.id.label("player_id"),
            players.c.username,
            ended.label("ended"),
            _started(_value).label("started"),
        )
        .select_from(players if is_past else players.outerjoin(current_values, is_current))
        .where(players.c.last_changed_at > _start, players.c.flagged_at.is_(None), *conditions)
        .cte("known")
        .prefix_with("MATERIALIZED")
    )


BY_VALUE, BY_VALUE_OF_FEW = _by_value(_no_tie), _by_value_of_few(_no_tie)
BY_OVERALL, BY_OVERALL_OF_FEW = _by_value(_level), _by_value_of_few(_level)
BY_GAIN = {(by, is_past): _by_gain(by, is_past=is_past) for by in (By.GAINED, By.IMPROVED) for is_past in (False, True)}
