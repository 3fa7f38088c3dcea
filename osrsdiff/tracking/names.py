"""Whom a name leads to, also until a transaction ends, and what is said of one that is nobody's here."""

from osrsdiff.errors import PlayerNotFound
from osrsdiff.game import usernames
from osrsdiff.storage import players, renames, standing
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.players import Player


async def not_found(connection: Connection, name: str) -> PlayerNotFound:
    """That no tracked player is called so, and what who was is called now. Raises InvalidUsername."""
    return PlayerNotFound(name, await renames.now_called(connection, usernames.tracked_name(name)))


async def found(connection: Connection, name: str) -> Player:
    """The tracked player of this name in any spelling. Raises InvalidUsername, PlayerNotFound."""
    player = await players.by_username(connection, usernames.tracked_name(name))
    if player is None:
        raise await not_found(connection, name)
    return player


async def locked(connection: Connection, name: str, username: str | None) -> tuple[Player, Player | None] | None:
    """Whom the two names lead to, as they are until the transaction ends: nobody stores a look at them meanwhile.

    None where a name led to somebody else before they could be locked: start anew, in another transaction, so that rows
    are always locked in the same order. Raises PlayerNotFound.
    """
    player = await found(connection, name)
    other = None if username is None else await players.by_username(connection, username)
    rows = await standing.lock(connection, [player.id] if other is None else [player.id, other.id])
    for known, called in ((player, player.username), (other, username)):
        now = None if called is None else await players.by_username(connection, called)
        if (now and now.id) != (known and known.id):
            return None
    return rows[player.id][0], None if other is None else rows[other.id][0]
