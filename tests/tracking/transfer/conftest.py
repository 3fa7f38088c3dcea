"""All that a database holds, to compare two of them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import Table, select

from osrsdiff.storage import sheets, tables
from osrsdiff.storage.engine import Database

Rows = Callable[[Database], Awaitable[dict[str, list[str]]]]

KINDS = (
    "metrics", "players", "player_states", "snapshots", "changes", "current_values", "records", "achievements",
    "events", "groups", "group_members", "mode_changes", "name_changes", "reviews", "moves",
)  # fmt: skip


@pytest.fixture
def rows_of() -> Rows:
    """The rows of each table, with names and keys instead of ids, which no two databases share."""
    return _rows_of


async def _rows_of(db: Database) -> dict[str, list[str]]:
    """All that a database holds, with names and keys instead of ids."""
    async with db.reading() as conn:
        named = {
            "player_id": dict(await conn.all(select(tables.players.c.id, tables.players.c.username))),
            "metric_id": dict(await conn.all(select(tables.metrics.c.id, tables.metrics.c.key))),
            "group_id": dict(await conn.all(select(tables.groups.c.id, tables.groups.c.key))),
        }
        found = {}
        for kind in KINDS:
            of = tables.metadata.tables[kind]
            found[kind] = sorted(repr(_plain(of, row, named)) for row in await conn.all(select(of)))
    return found


def _plain(of: Table, row: tuple[Any, ...], named: dict[str, dict[int, str]]) -> dict[str, Any]:
    values = dict(zip(of.c.keys(), row, strict=True))
    for column in ("id", "schedule_id", "version", "merged"):
        values.pop(column, None)
    for column, names in named.items():
        if values.get(column) is not None:
            values[column] = names[values[column]]
    if "sheet" in values:
        values["sheet"] = {named["metric_id"][number]: one for number, one in sheets.decode(values["sheet"]).items()}
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
