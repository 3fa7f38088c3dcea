"""Finds a player and, in the same read, all that answers about this one player follow.

Whatever is stored of a player moves its row or the version of its state on: a look, a fetch that failed, a pause,
another interval or name, a history or records that were rebuilt. So an answer made for one `Seen` is right for as long
as the next read gives an equal one; but for the name of a metric that the hiscores spell otherwise since, which such an
answer has in the old spelling until the player's next look.
"""

from msgspec import Struct
from sqlalchemy import bindparam, select

from osrsdiff.game.reckoning import RULES
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.players import COLUMNS, Player, of_row
from osrsdiff.storage.tables import player_states, players

_BY_USERNAME = (
    select(*COLUMNS, players.c.reckoned_by, player_states.c.version)
    .select_from(players)
    .outerjoin(player_states, player_states.c.player_id == players.c.id)
    .where(players.c.username == bindparam("username"))
)


class Seen(Struct, frozen=True, gc=False):
    """A player as it is stored now; equal to another one where nothing was stored of the player in between."""

    row: Row

    @property
    def player(self) -> Player:
        """The player."""
        return of_row(self.row[: len(COLUMNS)])

    @property
    def is_reckoned(self) -> bool:
        """Whether the records and achievements are those of the whole history, by the present rules.

        Who is flagged is not reckoned until that is decided.
        """
        return self.player.last_look_at is None or self.row[len(COLUMNS)] == RULES


async def by_username(conn: Connection, username: str) -> Seen | None:
    """The player with this canonical name."""
    row = await conn.glance(_BY_USERNAME, {"username": username})
    return None if row is None else Seen(row)
