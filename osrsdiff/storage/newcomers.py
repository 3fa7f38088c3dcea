"""Players added many at a time: the rows alone, in small transactions. Their schedules follow from the rows."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, insert

from osrsdiff.game.modes import GameMode
from osrsdiff.storage import plan
from osrsdiff.storage.connection import Step
from osrsdiff.storage.dialects import OnConflict
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.tables import players

_ADD = (
    insert(players)
    .values(
        {
            name: bindparam(name)
            for name in (
                "username",
                "display_name",
                "game_mode",
                "is_active",
                "fetch_interval_minutes",
                "created_at",
                "failures",
            )
        }
    )
    .ext(OnConflict(["username"]))
)


async def add(
    db: Database, display_names: Mapping[str, str], *, interval_minutes: int, now: datetime
) -> dict[str, int]:
    """Adds those of the players, by username, who are not there; the ids of all of them. Stored when this returns."""
    common = {
        "game_mode": GameMode.REGULAR.value,
        "is_active": True,
        "fetch_interval_minutes": interval_minutes,
        "created_at": seconds(now),
        "failures": 0,
    }
    rows = [{**common, "username": name, "display_name": shown} for name, shown in display_names.items()]
    await db.write_together([Step(_ADD, rows)])
    async with db.reading() as conn:
        return await plan.ids_by_username(conn, display_names)
