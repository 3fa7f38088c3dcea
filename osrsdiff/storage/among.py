"""How a query is narrowed to the players of a group, of a game mode, or of both.

`in_group` and `in_mode` are conditions on a column of player ids, with the parameters `group_id` and `mode`. An `Among`
says which of them apply and `narrowed` makes a statement for each case, since a statement is compiled once and a
condition that may be switched off by a value spoils the plan.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import ColumnElement, Text, bindparam, select

from osrsdiff.game.modes import GameMode
from osrsdiff.storage.dialects import ID
from osrsdiff.storage.tables import group_members, players

Case = tuple[bool, bool]
"""Whether a statement is narrowed to a group, and whether to a game mode."""

T = TypeVar("T")


class Among(Struct, frozen=True):
    """Which players a list is about: those of a group, of a game mode, of both; everybody where both are None."""

    group_id: int | None = None
    mode: GameMode | None = None

    @property
    def case(self) -> Case:
        """Which of the statements that `narrowed` has made is meant."""
        return self.group_id is not None, self.mode is not None

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
