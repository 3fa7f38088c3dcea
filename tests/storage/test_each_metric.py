"""A metric's last or first change is found by its key, not by going over all of a player's changes."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import ClauseElement

from osrsdiff.storage import arrivals, move_ends
from osrsdiff.storage.dialects import compiling_for

STATEMENTS = {
    "current values": move_ends.CURRENT_VALUES,
    "first known": move_ends._FIRST_KNOWN,
    "values at": move_ends._VALUES_AT,
    "before": arrivals._BEFORE,
    "since": arrivals._CHANGES,
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_history_is_read_whole(name: str, migrated_sqlite: Path) -> None:
    statement: ClauseElement = STATEMENTS[name]
    compiled = statement.compile(dialect=compiling_for("sqlite"))
    with sqlite3.connect(f"file:{migrated_sqlite}?mode=ro", uri=True) as conn:
        plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {compiled}", [1] * str(compiled).count("?"))]
    conn.close()
    searched = [step for step in plan if "changes" in step]
    assert searched
    assert all("player_id=? AND metric_id=?" in step for step in searched), plan
