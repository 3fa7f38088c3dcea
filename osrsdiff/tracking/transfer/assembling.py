"""Puts the rows of several tables together to items, in one pass over all of them.

Every table is sorted by player, as `layout` says; a row that is not where it should be is reported, the others count.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from osrsdiff.tracking.transfer.items import (
    BadRow,
    Change,
    Group,
    Header,
    Item,
    Look,
    Metric,
    Place,
    Player,
    Reading,
    State,
    Time,
    Username,
)
from osrsdiff.tracking.transfer.layout import (
    CHANGES,
    GROUPS,
    HEADER,
    LISTS,
    LOOKS,
    METRICS,
    PLAYERS,
    SHEETS,
    ChangeRow,
    SheetRow,
    StateRow,
)
from osrsdiff.tracking.transfer.refusals import explained

Cells = Mapping[str, object]
"""The cells of a row that hold something, by column."""
Rows = Iterator[tuple[Place, Cells | BadRow]]
Placed = tuple[Place, Item | BadRow]

T = TypeVar("T")
_NOWHERE = "No player of this name comes here: it has no row of its own that can be read, or the order is another one."
_NO_LOOK = "The player has no look at this time that can be read, or the order is another one."
_TORN = "Not all of what the look changed can be read."
_UNSORTED = "Players are to be sorted by username, each once."


def items_of(tables: Mapping[str, Rows]) -> Iterator[Placed]:
    """The items that the tables come to, the header first; tables that are missing have no rows."""
    for name, kind in ((HEADER, Header), (METRICS, Metric), (GROUPS, Group)):
        for place, cells in tables.get(name, iter(())):
            yield place, _struct(cells, kind)
    belongings = _Belongings(tables)
    last = ""
    for place, cells in tables.get(PLAYERS, iter(())):
        found = _player(cells)
        if isinstance(found, BadRow):
            yield place, found
            continue
        player, state = found
        if player.username <= last:
            yield place, BadRow(_UNSORTED)
            continue
        last = player.username
        yield from belongings.of(place, player, state)
    yield from belongings.rest()


class _Lost(BadRow, frozen=True):
    """A row that nobody has asked for."""


class _OfPlayer(Struct, frozen=True):
    """As much of a row as it takes to know whose it is."""

    player: Username


class _OfLook(Struct, frozen=True):
    """The same of a look's row."""

    player: Username
    taken_at: Time


class _Sorted(Generic[T]):
    """The rows of a sorted table, taken key by key. `lost`: why a row is left that nobody has asked for.

    `place`: as much of a row as has its key. `is_torn`: the row before the next one is bad, and nobody knows whose.
    """

    def __init__(self, rows: Rows, kind: type[T], place: type[Struct], key: Callable[[Any], Any], lost: str) -> None:
        self._rows = ((where, _struct(cells, kind), _struct(cells, place)) for where, cells in rows)
        self._key = key
        self._lost = lost
        self._head = next(self._rows, None)
        self.is_torn = False

    def take(self, key: Any) -> Iterator[tuple[Place, T | BadRow]]:
        """The rows of this key, and those before it that can't be used; a bad one as soon as it may be of this key."""
        while self._head is not None:
            place, row, placed = self._head
            if not isinstance(placed, BadRow):
                own = self._key(placed)
                if own > key:
                    return
                if own < key:
                    row = _Lost(row.reason if isinstance(row, BadRow) else self._lost)
            self.is_torn = isinstance(placed, BadRow)
            yield place, row
            self._head = next(self._rows, None)

    def rest(self) -> Iterator[tuple[Place, BadRow]]:
        """What nobody has asked for."""
        while self._head is not None:
            place, row, _ = self._head
            yield place, row if isinstance(row, BadRow) else BadRow(self._lost)
            self._head = next(self._rows, None)


class _Belongings:
    """All the tables of what belongs to players."""

    def __init__(self, tables: Mapping[str, Rows]) -> None:
        nothing: Mapping[str, Rows] = {name: iter(()) for name in (SHEETS, LOOKS, CHANGES, *LISTS)}
        given = {**nothing, **tables}
        self._sheets = _Sorted(given[SHEETS], SheetRow, _OfPlayer, _player_of, _NOWHERE)
        self._looks = _Sorted(given[LOOKS], Look, _OfPlayer, _player_of, _NOWHERE)
        self._changes = _Sorted(given[CHANGES], ChangeRow, _OfLook, lambda row: (row.player, row.taken_at), _NO_LOOK)
        self._lists = [_Sorted[Any](given[name], kind, _OfPlayer, _player_of, _NOWHERE) for name, kind in LISTS.items()]

    def of(self, place: Place, player: Player, state: StateRow) -> Iterator[Placed]:
        """The player with its state, and all that belongs to it."""
        readings = list[Reading]()
        for where, row in self._sheets.take(player.username):
            if isinstance(row, BadRow):
                yield where, row
            else:
                readings.append(Reading(row.metric, row.value, row.rank, row.level, row.unranked))
        yield place, _with_state(player, state, readings)
        yield from self._looks_of(player.username)
        for rows in self._lists:
            yield from rows.take(player.username)

    def rest(self) -> Iterator[Placed]:
        """Rows that are nobody's."""
        tables: list[_Sorted[Any]] = [self._sheets, self._looks, self._changes, *self._lists]
        for rows in tables:
            yield from rows.rest()

    def _looks_of(self, username: str) -> Iterator[Placed]:
        for place, look in self._looks.take(username):
            if isinstance(look, BadRow):
                yield place, look
                continue
            changes, is_torn = list[Change](), self._changes.is_torn
            for where, row in self._changes.take((username, look.taken_at)):
                if isinstance(row, BadRow):
                    is_torn |= not isinstance(row, _Lost)
                    yield where, row
                else:
                    changes.append(Change(row.metric, row.value, row.rank, row.level, row.unranked))
            yield place, BadRow(_TORN) if is_torn else msgspec.structs.replace(look, changes=tuple(changes))


def _player_of(row: Any) -> Any:
    return row.player


def _with_state(player: Player, state: StateRow, readings: list[Reading]) -> Player | BadRow:
    told = (state.state_version, state.state_looked_at, state.state_taken_at)
    match told:
        case (None, None, None) if not readings:
            return player
        case (int(version), looked_at, taken_at) if looked_at is not None and taken_at is not None:
            return msgspec.structs.replace(player, state=State(version, looked_at, taken_at, tuple(readings)))
        case _:
            return BadRow("Of its state only a part is there: state_version, state_looked_at, state_taken_at, a sheet.")


def _player(cells: Cells | BadRow) -> tuple[Player, StateRow] | BadRow:
    if isinstance(cells, BadRow):
        return cells
    told = {name: value for name, value in cells.items() if name.startswith("state_")}
    state = _struct(told, StateRow)
    player = _struct({name: value for name, value in cells.items() if name not in told}, Player)
    if isinstance(player, BadRow):
        return player
    return state if isinstance(state, BadRow) else (player, state)


def _struct(cells: Cells | BadRow, kind: type[T]) -> T | BadRow:
    if isinstance(cells, BadRow):
        return cells
    try:
        return msgspec.convert(cells, kind)
    except msgspec.ValidationError as error:
        return BadRow(explained(error))
