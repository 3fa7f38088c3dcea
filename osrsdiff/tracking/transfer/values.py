"""Reads a CSV of dated values from elsewhere: a line for each value, in any order.

Columns: player, date, metric, value, and if known rank and level; the first line names them. A date is ISO 8601, a day
or a time, UTC where it has no zone, or epoch seconds. All lines of one player and one second are one look, which speaks
of no other metrics. Refuses, line by line, what can't be true. What the looks come to is not its business.
"""

import csv
import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from osrsdiff.errors import FileNotUsable, InvalidUsername
from osrsdiff.game import usernames
from osrsdiff.game.levels import MAX_VIRTUAL_LEVEL, MAX_XP, level_at, level_for_xp
from osrsdiff.game.merged import Look
from osrsdiff.game.metrics import OVERALL, SKILLS, MetricKind, kind_of, metric_key
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.tracking.move.people import GAME_BEGAN
from osrsdiff.tracking.transfer.given import LEEWAY, Unusable
from osrsdiff.tracking.transfer.lines import CsvLines, csv_rows
from osrsdiff.tracking.transfer.refusals import unreadable

REQUIRED = ("player", "date", "metric", "value")
OPTIONAL = ("rank", "level")
DELIMITERS = ",;\t"

_MOST_OVERALL = MAX_XP * (len(SKILLS) - 1)
_MOST_SCORE = 2**31 - 1
_MOST_RANK = 2**31 - 1
_MOST_TOTAL = 99 * 30
"""No total level is higher, however many skills come."""
_NONE = -1
_LONGEST_HEADING = 10_000
_AT_ONCE = 500
_WIDTH = 6
_EPOCH_SECONDS = re.compile(r"[0-9]{9,11}(\.[0-9]+)?$")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}$")

Refuse = Callable[[int, str], None]


class Layout(Struct, frozen=True):
    """Where the columns stand, and how many there are. `ignored`: columns that mean nothing here."""

    places: Mapping[str, int]
    width: int
    delimiter: str
    ignored: tuple[str, ...]


class Values(Struct):
    """All values, by canonical name: of each the second, the metric's number, value, rank, level and line.

    `names`: as each was spelled first. `metrics`: by number. `lines`: how many held something. `twice`: how many said
    what another one had said.
    """

    by_player: dict[str, "array[int]"] = {}
    names: dict[str, str] = {}
    metrics: list[str] = []
    lines: int = 0
    twice: int = 0
    ignored: tuple[str, ...] = ()


def is_values(path: Path) -> bool:
    """Whether the first line names the columns. Raises FileNotUsable where the file can't be read."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return _layout(file.readline(_LONGEST_HEADING)) is not None
    except OSError as error:
        raise unreadable(path, error) from error


def read(path: Path, values: Values, known: set[str], now: datetime, refuse: Refuse) -> Iterator[None]:
    """Fills `values` with all that can be true; stops now and then, so that others get on.

    `refuse` is told of the rest, by line. `known`: the metrics there are. Raises FileNotUsable.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from _read(path, file, values, known, now, refuse)
    except OSError as error:
        raise unreadable(path, error) from error
    for username, found in values.by_player.items():
        values.by_player[username] = _sorted(values, found, refuse)
        yield


def no_values(path: Path) -> FileNotUsable:
    """A text that is neither dated values nor an export."""
    return FileNotUsable(
        f"{path} is no export of osrsdiff, nor a CSV of dated values: the first line of that has to name the columns "
        f"{', '.join(REQUIRED)}."
    )


def looks(values: Values, username: str) -> Iterator[Look]:
    """A player's looks, in the order of their times."""
    found = values.by_player[username]
    at, readings = None, dict[str, Reading]()
    for place in range(0, len(found), _WIDTH):
        second, number, value, rank, level, _ = found[place : place + _WIDTH]
        if at is not None and second != at:
            yield _look(at, readings)
            readings = {}
        at = second
        metric = values.metrics[number]
        readings[metric] = _reading(metric, value, rank, level)
    if at is not None:
        yield _look(at, readings)


class _Reader:
    """Turns rows into values."""

    def __init__(self, layout: Layout, values: Values, known: set[str], now: datetime) -> None:
        self._places, self._width = layout.places, layout.width
        self._values = values
        self._known = known
        self._latest = (now + LEEWAY).timestamp()
        self._numbers: dict[str, int] = {}
        self._spelled: dict[str, tuple[str, int]] = {}

    def take(self, line: int, row: list[str]) -> None:
        """One row. Raises Unusable."""
        if any(cell.strip() for cell in row[self._width :]):
            raise Unusable(f"it has {len(row)} cells, the first line names {self._width}.")
        player = self._player(self._cell(row, "player"))
        at = self._second(self._cell(row, "date"))
        metric, number = self._metric(self._cell(row, "metric"))
        value = _value(self._cell(row, "value"), metric)
        rank = _rank(self._cell(row, "rank"))
        level = _level(self._cell(row, "level"), metric, value)
        self._values.by_player.setdefault(player, array("q")).extend((at, number, value, rank, level, line))

    def _cell(self, row: list[str], column: str) -> str:
        place = self._places.get(column)
        return "" if place is None or place >= len(row) else row[place].strip()

    def _player(self, given: str) -> str:
        try:
            username = usernames.canonical(given)
        except InvalidUsername as error:
            raise Unusable(str(error)) from error
        self._values.names.setdefault(username, usernames.display(given))
        return username

    def _metric(self, given: str) -> tuple[str, int]:
        found = self._spelled.get(given)
        if found is None:
            try:
                key = metric_key(given)
            except ValueError as error:
                raise Unusable("it names no metric.") from error
            if key not in self._known:
                raise Unusable(f"no metric is called {given[:60]!r}: give its key or the hiscores' name.")
            number = self._numbers.setdefault(key, len(self._numbers))
            if number == len(self._values.metrics):
                self._values.metrics.append(key)
            found = self._spelled[given] = key, number
        return found

    def _second(self, given: str) -> int:
        at = _time(given)
        if at < GAME_BEGAN.timestamp():
            raise Unusable(f"its date, {given[:40]!r}, is before the game began, on {GAME_BEGAN:%Y-%m-%d}.")
        if at > self._latest:
            raise Unusable(f"its date, {given[:40]!r}, is yet to come.")
        return at


def _read(path: Path, file: TextIO, values: Values, known: set[str], now: datetime, refuse: Refuse) -> Iterator[None]:
    """Puts the values of a file to the others; stops now and then."""
    layout = _layout(file.readline(_LONGEST_HEADING))
    if layout is None:
        raise no_values(path)
    values.ignored = layout.ignored
    reader = _Reader(layout, values, known, now)
    for number, row in csv_rows(CsvLines(file, begin=1), layout.delimiter):
        values.lines += 1
        try:
            if isinstance(row, str):
                raise Unusable(row)
            reader.take(number, row)
        except Unusable as error:
            refuse(number, str(error))
        if values.lines % _AT_ONCE == 0:
            yield


def _layout(header: str) -> Layout | None:
    delimiter = max(DELIMITERS, key=header.count)
    try:
        names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error:
        return None
    places = {name: place for place, name in enumerate(names) if name in (*REQUIRED, *OPTIONAL)}
    known = [name for name in names if name in places]
    if not places.keys() >= set(REQUIRED) or len(known) != len(places):
        return None
    return Layout(places, len(names), delimiter, tuple(name for name in names if name and name not in places))


def _time(given: str) -> int:
    try:
        if _EPOCH_SECONDS.match(given):
            return int(float(given))
        at = datetime.fromisoformat(given)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        how = "write 2026-01-31, 2026-01-31T12:00:00Z or epoch seconds"
        raise Unusable(f"{given[:40]!r} is no date: {how}.") from error


def _whole(given: str, what: str) -> int:
    if not _WHOLE.match(given):
        raise Unusable(f"its {what}, {given[:40]!r}, is no whole number.")
    return int(given)


def _value(given: str, metric: str) -> int:
    value = _whole(given, "value")
    if value < 0:
        raise Unusable(f"its value, {value}, is negative: leave out what is not known.")
    most = _MOST_OVERALL if metric == OVERALL else MAX_XP if kind_of(metric) is MetricKind.SKILL else _MOST_SCORE
    if value > most:
        raise Unusable(f"its value, {value}, is beyond {most}, the most there is in {metric}.")
    return value


def _rank(given: str) -> int:
    rank = _whole(given, "rank") if given else _NONE
    if rank != _NONE and not 1 <= rank <= _MOST_RANK:
        raise Unusable(f"its rank, {rank}, is none: ranks begin at 1.")
    return rank


def _level(given: str, metric: str, value: int) -> int:
    """The total level, which nothing else tells. That of a skill follows from its xp, and is only looked at."""
    level = _whole(given, "level") if given else _NONE
    if level == _NONE or kind_of(metric) is not MetricKind.SKILL:
        return _NONE
    if metric == OVERALL:
        if not 0 <= level <= _MOST_TOTAL:
            raise Unusable(f"its level, {level}, is no total level.")
        return level
    if level not in (level_for_xp(value), level_for_xp(value, MAX_VIRTUAL_LEVEL)):
        raise Unusable(f"its level, {level}, is not that of {value} xp.")
    return _NONE


def _reading(metric: str, value: int, rank: int, level: int) -> Reading:
    own = level_at(metric, value, None if level == _NONE else level)
    if rank != _NONE:
        return Reading(value, rank, own, None)
    return Reading(value, None, own, Unranked.BELOW_CUTOFF if value else Unranked.ZERO)


def _look(at: int, readings: Mapping[str, Reading]) -> Look:
    return Look(datetime.fromtimestamp(at, UTC), None, readings, is_whole=False)


def _sorted(values: Values, found: "array[int]", refuse: Refuse) -> "array[int]":
    """A player's values by time; of two for one metric at one time the first line counts."""
    rows = sorted(tuple(found[place : place + _WIDTH]) for place in range(0, len(found), _WIDTH))
    rows.sort(key=lambda row: (row[0], row[1], row[-1]))
    kept: list[tuple[int, ...]] = []
    for row in rows:
        if kept and kept[-1][:2] == row[:2]:
            if kept[-1][2:-1] == row[2:-1]:
                values.twice += 1
            else:
                refuse(row[-1], f"line {kept[-1][-1]} says otherwise of the same player, date and metric.")
            continue
        kept.append(row)
    return array("q", (number for row in kept for number in row))
