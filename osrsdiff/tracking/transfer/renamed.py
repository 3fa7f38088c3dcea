"""Players of a file who are tracked here under another name by now: they would come a second time. Reads only."""

from datetime import datetime

from osrsdiff.game import usernames
from osrsdiff.storage import players, renames
from osrsdiff.storage.engine import Database


async def why_not(db: Database, username: str, since: datetime) -> str | None:
    """Why a player who was called so from `since` on can't be added, None where it can, or is here.

    Whoever was called so here when `since` was is the same player; a later one of that name is somebody else.
    """
    async with db.reading() as conn:
        called = await renames.now_called(conn, username)
        if called is None or await players.by_username(conn, username) is not None:
            return None
        player = await players.by_username(conn, usernames.tracked_name(called))
        changes = [] if player is None else await renames.of_player(conn, player.id)
    given_up = max((one.at for one in changes if one.before == username and one.undone_at is None), default=None)
    if given_up is None or since >= given_up:
        return None
    return (
        f"who was called so is called {called} here since {given_up:%Y-%m-%d}. Take that change of name back or remove "
        f"{called}, then import again."
    )
