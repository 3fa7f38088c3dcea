"""How a query is narrowed to the players of a group, of a game mode, or of both.

`in_group` and `in_mode` are conditions on a column of player ids, with the parameters `group_id` and `mode`. An `Among`
says which of them apply and `narrowed` makes a statement for each case, since a statement is compiled once and a
condition that may be switched off by a value spoils the plan. A list whose index begins with the highest is walked
until the page is full, unless few are meant: `of_group` reads what these have and nothing else, `in_rare_mode` knows
who they are before it walks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from sqlalchemy import CTE, ColumnElement, FromClause, Text, bindparam, select

from osrsdiff.game.modes import GameMode
from osrsdiff.storage.dialects import ID
from osrsdiff.storage.tables import group_members, players

Case = tuple[bool, bool]
"""Whether a statement is narrowed to a group, and whether to a game mode."""

T = TypeVar("T")

_RARE = frozenset({GameMode.HARDCORE, GameMode.ULTIMATE})
"""The modes of so few that a page is seldom full before the index ends."""


class Among(Struct, frozen=True):
    """Which players a list is about: those of a group, of a game mode, of both; everybody where both are None."""

    group_id: int | None = None
    mode: GameMode | None = None

    @property
    def case(self) -> Case:
        """Which of the statements that `narrowed` has made is meant."""
        return self.group_id is not None, self.mode is not None

    @property
    def are_few(self) -> bool:
        """Whether an index of everybody would be walked far: for the members of a group, the players of a rare mode."""
        return self.group_id is not None or self.mode in _RARE

    @property
    def params(self) -> dict[str, object]:
        """The parameters of the conditions that apply."""
        group: dict[str, object] = {} if self.group_id is None else {"group_id": self.group_id}
        return group if self.mode is None else {**group, "mode": self.mode.value}


EVERYBODY = Among()

_group_id = bindparam("group_id", type_=ID)
_mode = bindparam("mode", type_=Text)


def in_group(player_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the player is in the group `group_id`."""
    return player_id.in_(select(group_members.c.player_id).where(group_members.c.group_id == _group_id))


def in_mode(player_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the player has the game mode `mode`."""
    return player_id.in_(select(players.c.id).where(players.c.game_mode == _mode))


def narrowed(
    make: Callable[[Sequence[ColumnElement[bool]]], T],
    player_id: ColumnElement[int],
    game_mode: ColumnElement[str] | None = None,
) -> Mapping[Case, T]:
    """By `Among.case`, what `make` makes of the conditions that apply in each.

    `game_mode`: the column of `players`, where the statement reads that table anyway.
    """
    is_mode = in_mode(player_id) if game_mode is None else game_mode == _mode

    def conditions(by_group: bool, by_mode: bool) -> list[ColumnElement[bool]]:
        both = ((by_group, in_group(player_id)), (by_mode, is_mode))
        return [condition for applies, condition in both if applies]

    either = (False, True)
    return {(group, mode): make(conditions(group, mode)) for group in either for mode in either}


def in_rare_mode(player_id: ColumnElement[int]) -> ColumnElement[bool]:
    """As `in_mode`, where so few have it that they are listed first: Postgres expects as many of each mode."""
    those = select(players.c.id).where(players.c.game_mode == _mode).cte("those").prefix_with("MATERIALIZED")
    return player_id.in_(select(those.c.id))


def of_group(table: FromClause, has: ColumnElement[bool], columns: Sequence[ColumnElement[Any]]) -> Mapping[Case, CTE]:
    """By `Among.case`, for those with a group: these columns of `players` and of `table`, NULL where there is no row.

    `has`: what makes a row of `table` a player's. It is joined from outside, or SQLite would begin with its index.
    """

    def mine(*conditions: ColumnElement[bool]) -> CTE:
        source = group_members.join(players, players.c.id == group_members.c.player_id).outerjoin(table, has)
        rows = select(*columns).select_from(source).where(group_members.c.group_id == _group_id, *conditions)
        return rows.cte("mine").prefix_with("MATERIALIZED")

    return {(True, False): mine(), (True, True): mine(players.c.game_mode == _mode)}
