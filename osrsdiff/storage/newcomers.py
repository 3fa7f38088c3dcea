"""Players added many at a time: the rows alone, in small transactions. Their schedules follow from the rows."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Text, bindparam, insert, select

from osrsdiff.game.modes import GameMode
from osrsdiff.storage.dialects import JsonItems, JsonWord, OnConflict
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.tables import players

_ALIKE = ("game_mode", "is_active", "fetch_interval_minutes", "created_at", "failures")
_given = JsonItems(bindparam("given", type_=Text)).table_valued("value").c.value
_username = JsonWord(_given, 0)
# In the order of names whoever writes: two lists with the same ones would wait for each other's rows in turns.
_ADD = (
    insert(players)
    .from_select(
        ["username", "display_name", *_ALIKE],
        select(_username, JsonWord(_given, 1), *(bindparam(name, type_=players.c[name].type) for name in _ALIKE))
        .where(_given.is_not(None))  # SQLite would take ON CONFLICT for a join's condition
        .order_by(_username),
    )
    .ext(OnConflict(["username"]))
    .returning(players.c.username, players.c.id)
)


async def add(
    db: Database, display_names: Mapping[str, str], *, interval_minutes: int, now: datetime
) -> dict[str, int]:
    """Adds those of the players, by username, who are not there; the ids of the added. Stored when this returns."""
    given = {
        "given": msgspec.json.encode(list(display_names.items())).decode(),
        "game_mode": GameMode.REGULAR.value,
        "is_active": True,
        "fetch_interval_minutes": interval_minutes,
        "created_at": seconds(now),
        "failures": 0,
    }
    async with db.writing() as conn:
        return dict(await conn.all(_ADD, given))
