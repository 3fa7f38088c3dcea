"""What the gains of a look are measured against: the values that its windows count from, and the records that stand.

What a record is, `game.records` decides. What the windows that end at a look count from is found by steps into the keys
of `snapshots` and `changes`, however long the history; but for a player who has fallen: a step for each fall, and where
they are many one walk over the values of each metric that gained. It is read in the transaction that stores the look,
on the connection that has those pages at hand: any other one would fetch them anew after each commit.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    SmallInteger,
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
    union_all,
)

from osrsdiff.game.metrics import may_fall
from osrsdiff.game.records import PERIOD_CODES, Candidate, RecordPeriod, gainers
from osrsdiff.game.snapshots import Difference
from osrsdiff.storage import regained
from osrsdiff.storage.connection import Params, Row, Step
from osrsdiff.storage.dialects import ID, SECONDS, SMALL_ID, JsonItems
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.regained import Regained
from osrsdiff.storage.tables import changes, records, snapshots

_PERIODS = {code: period for period, code in PERIOD_CODES.items()}

Decide = Callable[[list[Candidate]], Sequence[Step]]
"""What is stored for what a look is measured against."""

_player_id = bindparam("player_id", type_=ID)
_looked_at = bindparam("looked_at", type_=SECONDS)
_previous = bindparam("previous_look_at", type_=SECONDS)
_given = JsonItems(bindparam("metric_ids", type_=Text)).table_valued("value")

_MOST_FALLS = 50
"""Beyond so many it takes longer to look before each of them than to walk over all values."""

_some_falls = (
    select(literal_column("1").label("one"))
    .where(snapshots.c.player_id == _player_id, snapshots.c.has_fall)
    .limit(literal_column(str(_MOST_FALLS + 1)))
    .subquery("some_falls")
)
_falls_seen = select(func.count()).select_from(_some_falls).scalar_subquery()


def _whole_seconds(period: RecordPeriod, *, stretched: bool) -> ColumnElement[int]:
    length = period.stretched if stretched else period.length
    return literal_column(str(int(length.total_seconds())), SECONDS)


_spans = union_all(
    *(
        select(
            literal_column(str(code), SmallInteger).label("period"),
            (_looked_at - _whole_seconds(period, stretched=False)).label("opens_at"),
            (_looked_at - _whole_seconds(period, stretched=True)).label("may_begin_at"),
        )
        for period, code in PERIOD_CODES.items()
    )
).subquery("spans")
_firsts = (
    select(
        *_spans.c,
        select(func.min(snapshots.c.taken_at))
        .where(snapshots.c.player_id == _player_id, snapshots.c.taken_at > _spans.c.opens_at)
        .correlate(_spans)
        .scalar_subquery()
        .label("first_at"),
    )
    .cte("firsts")
    .prefix_with("MATERIALIZED")
)
# The first snapshot of a window may be the look itself, which is not stored yet.
_first_at = func.coalesce(_firsts.c.first_at, _looked_at)
_look_before = case((_firsts.c.first_at.is_(None), _previous), else_=snapshots.c.previous_look_at)
_is_seen_inside = _look_before >= _firsts.c.may_begin_at
_begins = (
    select(
        _firsts.c.period,
        case((_is_seen_inside, _look_before), else_=_first_at).label("start_at"),
        case((_is_seen_inside, _first_at - 1), else_=_first_at).label("known_at"),
    )
    .select_from(
        _firsts.outerjoin(
            snapshots, and_(snapshots.c.player_id == _player_id, snapshots.c.taken_at == _firsts.c.first_at)
        )
    )
    .where(or_(_firsts.c.first_at.is_not(None), _is_seen_inside))  # counted from the look itself nothing is gained
    .cte("begins")
    .prefix_with("MATERIALIZED")
)
_metric_ids = select(cast(_given.c.value, SMALL_ID).label("metric_id")).subquery("metric_ids")


def _of(metric: FromClause) -> ColumnElement[bool]:
    """Whether a change is of the player's metric at hand, a row of `metric`."""
    return and_(changes.c.player_id == _player_id, changes.c.metric_id == metric.c.metric_id)


_at = changes.c.taken_at
_metrics = (
    select(
        _metric_ids.c.metric_id,
        select(func.min(_at)).where(_of(_metric_ids)).correlate(_metric_ids).scalar_subquery().label("first_at"),
    )
    .cte("given")
    .prefix_with("MATERIALIZED")
)
# Where nothing was known yet, windows count from the first known value.
_is_unknown = _metrics.c.first_at > _begins.c.known_at
_bases = (
    select(
        _metrics.c.metric_id,
        _begins.c.period,
        case((_is_unknown, _metrics.c.first_at), else_=_begins.c.start_at).label("start_at"),
        case((_is_unknown, _metrics.c.first_at), else_=_begins.c.known_at).label("known_at"),
    )
    .select_from(_metrics.join(_begins, true()))
    .subquery("bases")
)
_record = and_(
    records.c.player_id == _player_id,
    records.c.metric_id == _bases.c.metric_id,
    records.c.period == _bases.c.period,
)
_baseline = (
    select(changes.c.value)
    .where(_of(_bases), _at <= _bases.c.known_at)
    .order_by(_at.desc())
    .limit(literal_column("1"))
    .correlate(_bases)
    .scalar_subquery()
)


_none = literal_column("0", Integer)
_CANDIDATES = select(
    *_bases.c, _baseline, func.coalesce(records.c.gained, _none), func.coalesce(records.c.end_at, _none), _falls_seen
).select_from(_bases.outerjoin(records, _record))

_falls = (
    select(snapshots.c.taken_at.label("fell_at"))
    .where(snapshots.c.player_id == _player_id, snapshots.c.has_fall)
    .subquery("falls")
)
# What never fell between two falls stood highest right before one, or stands highest now.
_PEAKS = select(
    _metric_ids.c.metric_id,
    _falls.c.fell_at,
    select(changes.c.value)
    .where(_of(_metric_ids), _at < _falls.c.fell_at)
    .order_by(_at.desc())
    .limit(literal_column("1"))
    .correlate(_metric_ids, _falls)
    .scalar_subquery(),
).select_from(_metric_ids.join(_falls, true()))
# The same from all values, in the order of the key.
_HIGHEST = select(
    *_bases.c,
    select(func.max(changes.c.value)).where(_of(_bases), _at <= _bases.c.known_at).correlate(_bases).scalar_subquery(),
    select(func.max(changes.c.value)).where(_of(_bases)).correlate(_bases).scalar_subquery(),
)

_lows = (
    select(
        *_bases.c,
        select(func.min(changes.c.value))
        .where(_of(_bases), _at > _bases.c.known_at)
        .correlate(_bases)
        .scalar_subquery()
        .label("low"),
    )
    .cte("lows")
    .prefix_with("MATERIALIZED")
)
_LOWS = select(
    _lows.c.metric_id,
    _lows.c.period,
    _lows.c.low,
    select(func.min(_at))
    .where(_of(_lows), _at > _lows.c.known_at, changes.c.value == _lows.c.low)
    .correlate(_lows)
    .scalar_subquery(),
).where(_lows.c.low.is_not(None))


def steps(player_id: int, found: Difference, ids: Mapping[str, int], decide: Decide) -> list[Step]:
    """What finds out over which records each metric that gained at a look may have come, and stores what `decide` says.

    They go with the steps that store the look, wherever among them.
    """
    gained = {ids[metric]: metric for metric in gainers(found)}
    if not gained:
        return []
    given = _params(player_id, found, list(gained))
    ratings = [number for number, metric in gained.items() if may_fall(metric)]

    def from_bases(rows: list[Row]) -> Sequence[Step]:
        measured = [
            Candidate(gained[number], _PERIODS[code], start_s, baseline, 0, standing, end_s)
            for number, code, start_s, _, baseline, standing, end_s, _ in rows
        ]
        falls = rows[0][-1] if rows else 0
        if not falls:
            return from_peaks(rows, measured)
        statement, above = (_HIGHEST, _above_highest) if falls > _MOST_FALLS else (_PEAKS, _above_peaks)
        return [Step(statement, given, then=lambda found: from_marks(rows, above(measured, rows, found)))]

    def from_marks(rows: list[Row], measured: list[Candidate]) -> Sequence[Step]:
        dips = [
            (row[0], row[3], one.baseline) for one, row in zip(measured, rows, strict=True) if row[4] < one.baseline
        ]
        if not dips:
            return from_peaks(rows, measured)
        return [regained.step(player_id, dips, lambda found: from_peaks(rows, _from_regained(measured, rows, found)))]

    def from_peaks(rows: list[Row], measured: list[Candidate]) -> Sequence[Step]:
        if ratings:
            given = _params(player_id, found, ratings)
            return [Step(_LOWS, given, then=lambda lows: decide(_from_lows(measured, rows, lows)))]
        return decide(measured)

    return [Step(_CANDIDATES, given, then=from_bases)]


def _params(player_id: int, found: Difference, metric_ids: Sequence[int]) -> Params:
    previous = found.previous_look_at
    return {
        "player_id": player_id,
        "looked_at": seconds(found.looked_at),
        "previous_look_at": None if previous is None else seconds(previous),
        "metric_ids": msgspec.json.encode(metric_ids).decode(),
    }


def _above_peaks(measured: Sequence[Candidate], bases: Sequence[Row], peaks: Sequence[Row]) -> list[Candidate]:
    """The candidates by high-water marks."""
    return [_above(one, base, peaks) for one, base in zip(measured, bases, strict=True)]


def _above(one: Candidate, base: Row, peaks: Sequence[Row]) -> Candidate:
    number, known_at = base[0], base[3]
    before_falls = [(fell_at, value) for of, fell_at, value in peaks if of == number and value is not None]
    if not before_falls or may_fall(one.metric):
        return one
    until = [value for fell_at, value in before_falls if fell_at <= known_at]
    return replace(one, baseline=max([one.baseline, *until]), peak=max(value for _, value in before_falls))


def _above_highest(measured: Sequence[Candidate], bases: Sequence[Row], highest: Sequence[Row]) -> list[Candidate]:
    """The same from the highest value until each base, and of all."""
    by_base = {(number, code): (until, peak) for number, code, _, _, until, peak in highest}
    return [
        one if may_fall(one.metric) else replace(one, baseline=by_base[base[:2]][0], peak=by_base[base[:2]][1])
        for one, base in zip(measured, bases, strict=True)
    ]


def _from_regained(measured: Sequence[Candidate], bases: Sequence[Row], found: Regained) -> list[Candidate]:
    """The candidates, those of windows that begin in a dip from its end."""
    ends = [
        found.get((base[0], base[3])) if base[4] < one.baseline else None
        for one, base in zip(measured, bases, strict=True)
    ]
    return [
        one if end is None else replace(one, start_s=end[0], baseline=end[1])
        for one, end in zip(measured, ends, strict=True)
    ]


def _from_lows(measured: Sequence[Candidate], bases: Sequence[Row], lows: Sequence[Row]) -> list[Candidate]:
    """The candidates, those of ratings from their lowest values."""
    lowest = {(number, code): (value, at) for number, code, value, at in lows}
    return [_from_low(one, lowest.get(base[:2])) for one, base in zip(measured, bases, strict=True)]


def _from_low(one: Candidate, low: tuple[int, int] | None) -> Candidate:
    if low is None or low[0] >= one.baseline:
        return one
    return replace(one, baseline=low[0], start_s=low[1])
