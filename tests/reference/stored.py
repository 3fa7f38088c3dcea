"""What tables hold of a player, read as rows."""

from typing import Any

from sqlalchemy import Select, Table, bindparam, select

from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import metrics


async def rows_of(db: Database, player: Player, table: Table, *names: str) -> list[tuple[Any, ...]]:
    """These columns of a player's rows; `key` is the metric's, None where a row has none."""
    columns = [metrics.c.key if name == "key" else table.c[name] for name in names]
    joined = table.outerjoin(metrics, metrics.c.id == table.c.metric_id)
    statement: Select[Any] = select(*columns).select_from(joined).where(table.c.player_id == bindparam("player_id"))
    async with db.reading() as conn:
        return await conn.all(statement, {"player_id": player.id})
