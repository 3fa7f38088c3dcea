"""What is said of a name that is nobody's here: whether somebody had it once."""

from osrsdiff.errors import PlayerNotFound
from osrsdiff.game import usernames
from osrsdiff.storage import renames
from osrsdiff.storage.connection import Connection


async def not_found(connection: Connection, name: str) -> PlayerNotFound:
    """That no tracked player is called so, and what who was is called now. Raises InvalidUsername."""
    return PlayerNotFound(name, await renames.now_called(connection, usernames.tracked_name(name)))
