"""Players of a file who have another name here by now: they would come a second time, or into another one's history.

Reads only.
"""

from datetime import datetime

from osrsdiff.storage import players, renames
from osrsdiff.storage.engine import Database


async def why_not(db: Database, username: str, since: datetime) -> str | None:
    """Why a player who was called so from `since` on can't be brought in; None where it can.

    Whoever was called so here when `since` was is the same player; a later one of that name is somebody else, who may
    be here already.
    """
    async with db.reading() as conn:
        earlier = await renames.given_up(conn, username)
        holder = await players.by_username(conn, username)
    if earlier is None:
        return None
    called, until = earlier
    if since >= (until if holder is None else min(until, holder.created_at)):
        return None
    if holder is None:
        return (
            f"who was called so is called {called} here since {until:%Y-%m-%d}. Take that change of name back or "
            f"remove {called}, then import again."
        )
    return (
        f"it is from before {called} gave the name up, and another player has it here since "
        f"{holder.created_at:%Y-%m-%d %H:%M} UTC."
    )
