"""Whom the cases are about, when, and what is stored of them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, select

from osrsdiff.storage import history, sheets, tables
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance

BEGIN = datetime(2026, 10, 1, 12, tzinfo=UTC)
OLD, NEW = "Quill Moss", "Fern_Gully"

See = Callable[..., Awaitable[None]]

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
"""Of rules that no statement of its own stands behind, one kind of database is enough."""


def hour(number: float) -> datetime:
    return BEGIN + timedelta(hours=number)


def at_hour(number: float) -> Callable[[], datetime]:
    return lambda: hour(number)


def seconds(number: float) -> int:
    return int(hour(number).timestamp())


async def state_version(instance: Instance, player: Player) -> int:
    async with instance.db.reading() as conn:
        state = await history.load_state(conn, player.id)
    return state.version if state else 0


async def everything(instance: Instance, player: Player) -> dict[str, list[Any]]:
    """What is stored of a player's looks."""
    t = tables
    changes = (
        select(t.metrics.c.key, t.changes.c.taken_at, t.changes.c.value)
        .join_from(t.changes, t.metrics, t.metrics.c.id == t.changes.c.metric_id)
        .where(t.changes.c.player_id == bindparam("player_id"))
    )
    current = (
        select(t.metrics.c.key, t.current_values.c.value)
        .join_from(t.current_values, t.metrics, t.metrics.c.id == t.current_values.c.metric_id)
        .where(t.current_values.c.player_id == bindparam("player_id"))
    )
    looks = select(t.snapshots.c.taken_at, t.snapshots.c.previous_look_at, t.snapshots.c.has_fall).where(
        t.snapshots.c.player_id == bindparam("player_id")
    )
    happened = select(t.events.c.player_id, t.events.c.at, t.events.c.detail).where(
        t.events.c.player_id == bindparam("player_id")
    )
    state = select(t.player_states.c.looked_at, t.player_states.c.taken_at, t.player_states.c.sheet).where(
        t.player_states.c.player_id == bindparam("player_id")
    )
    found: dict[str, list[Any]] = {}
    async with instance.db.reading() as conn:
        for name, statement in {
            "changes": changes, "current": current, "snapshots": looks, "events": happened, "state": state,
        }.items():  # fmt: skip
            found[name] = sorted(await conn.all(statement, {"player_id": player.id}), key=repr)
    found["snapshots"] = [(at, before, bool(fell)) for at, before, fell in found["snapshots"]]
    found["state"] = [(*times, dict(sorted(sheets.decode(sheet).items()))) for *times, sheet in found["state"]]
    return found
