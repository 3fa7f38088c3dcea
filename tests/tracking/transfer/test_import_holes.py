"""A file that lacks looks: what is taken of it is a true beginning, and the whole file afterwards brings the rest."""

import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from osrsdiff.storage import history, players
from osrsdiff.storage.engine import Database
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import remove_player
from osrsdiff.tracking.reckoning import reckon_pending
from osrsdiff.tracking.transfer.exporting import Wanted, export_file
from osrsdiff.tracking.transfer.import_report import ImportReport
from osrsdiff.tracking.transfer.importing import import_file
from osrsdiff.tracking.transfer.reading import Format

Rows = Callable[[Database], Awaitable[dict[str, list[str]]]]
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("abby", "zezima")


def at(days: int) -> str:
    return f"{NOW - days * DAY:%Y-%m-%dT%H:%M:%SZ}"


def look(name: str, days: int, **values: int) -> dict[str, Any]:
    before = {"previous_look_at": at(days + 1)} if days < 9 else {}
    changes = [{"metric": metric, "value": value, "rank": 5} for metric, value in values.items()]
    return {"type": "look", "player": name, "taken_at": at(days), **before, "changes": changes}


def block(name: str) -> list[dict[str, Any]]:
    """A player whose last attempt failed, since the last look, which changed nothing."""
    sheet = [
        {"metric": "attack", "value": 900, "rank": 3, "level": 9},
        {"metric": "strength", "value": 60, "rank": 4, "level": 1},
    ]
    state = {"version": 4, "looked_at": at(2), "taken_at": at(3), "sheet": sheet}
    times = {"last_look_at": at(2), "last_changed_at": at(3), "last_attempt_at": at(1), "created_at": at(9)}
    return [
        {"type": "player", "username": name, "display_name": name, "game_mode": "regular", "is_active": True,
         "fetch_interval_minutes": 30, "last_outcome": "unavailable", "failures": 1, "state": state, **times},
        look(name, 9, attack=100, strength=50),
        look(name, 6, strength=60),
        look(name, 4, attack=300),
        look(name, 3, attack=900),
        {"type": "event", "player": name, "at": at(9), "kind": "first_seen"},
        {"type": "event", "player": name, "at": at(3), "after_at": at(4), "kind": "level_up", "metric": "attack",
         "value": 9, "before": 4},
    ]  # fmt: skip


HEAD = {"type": "header", "format": 1, "made_by": "a test", "exported_at": at(0), "players": 2}
WHOLE = [HEAD, *block("abby"), *block("zezima"), {"type": "end", "items": 15}]


def written(path: Path, lines: list[Any]) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


async def bring(instance: Instance, path: Path, **given: bool) -> ImportReport:
    return await import_file(instance, path, stages=lambda _: nullcontext(lambda *_: None), now=NOW, **given)


async def cleared(instance: Instance, rows_of: Rows) -> dict[str, list[str]]:
    """What is here once all is reckoned; the players are removed then."""
    await reckon_pending(instance)
    found = await rows_of(instance.db)
    for name in NAMES:
        await remove_player(instance, name)
    return found


async def clean(instance: Instance, tmp_path: Path, rows_of: Rows) -> dict[str, list[str]]:
    report = await bring(instance, written(tmp_path / "whole.jsonl", WHOLE))
    assert (report.refused, report.players_new, report.looks_stored) == ([], 2, 8)
    return await cleared(instance, rows_of)


async def state_of(instance: Instance, name: str) -> Any:
    async with instance.db.reading() as conn:
        found = await players.by_username(conn, name)
        return found and await history.load_state(conn, found.id)


async def test_the_whole_file_completes_one_that_was_cut(instance: Instance, tmp_path: Path, rows_of: Rows) -> None:
    expected = await clean(instance, tmp_path, rows_of)
    for end in (2, 3, 4, 5, 6, 7, 10, 12, 14):
        report = await bring(instance, written(tmp_path / "cut.jsonl", WHOLE[:end]))
        assert report.refused_total == 1 + (end in (2, 3, 4, 5, 10, 12)), (end, report.refused)
        half = await state_of(instance, "abby")
        if end in (3, 4):
            assert {metric: one.value for metric, one in half.sheet.items()} == {
                "attack": 100, "strength": 50 if end == 3 else 60
            }  # fmt: skip
            assert half.looked_at == half.taken_at == NOW - (9 if end == 3 else 6) * DAY
        again = await bring(instance, tmp_path / "whole.jsonl")
        assert (again.refused, again.looks_stored) == ([], 8 - report.looks_stored), end
        assert await cleared(instance, rows_of) == expected, end


@pytest.mark.parametrize("bad", ["{", {"taken_at": "soon"}, {"taken_at": at(-9)}])
async def test_no_look_is_taken_behind_one_that_is_bad(
    instance: Instance, tmp_path: Path, rows_of: Rows, bad: str | dict[str, str]
) -> None:
    expected = await clean(instance, tmp_path, rows_of)
    for place, taken in ((9, 0), (10, 1), (11, 2), (12, 3)):
        lines: list[Any] = list(WHOLE)
        lines[place] = bad if isinstance(bad, str) else {**WHOLE[place], **bad}
        path = written(tmp_path / "bad.jsonl", lines)
        stopped = await bring(instance, path, all_or_nothing=True)
        report = await bring(instance, path)
        assert stopped.refused == report.refused
        assert [one.place for one in report.refused][:2] == [place + 1, 9]
        assert "left out, since one is missing" in report.refused[1].reason
        assert report.looks_stored == 4 + taken
        again = await bring(instance, tmp_path / "whole.jsonl")
        assert again.looks_stored == 4 - taken
        assert await cleared(instance, rows_of) == expected, place


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_look_is_bad_whose_changes_are(instance: Instance, tmp_path: Path, rows_of: Rows) -> None:
    await bring(instance, written(tmp_path / "whole.jsonl", WHOLE))
    path = tmp_path / "tables.sqlite"
    await export_file(instance, Wanted(), path, Format.SQLITE, now=NOW)
    expected = await cleared(instance, rows_of)
    for day, kept in ((9, 4), (6, 5), (3, 7)):
        torn = tmp_path / f"{day}.sqlite"
        torn.write_bytes(path.read_bytes())
        with sqlite3.connect(torn) as file:
            where = f"player = 'zezima' AND taken_at = '{at(day)}' AND metric IN ('attack', 'strength')"
            file.execute(f"UPDATE changes SET value = 'x' WHERE {where}")
        file.close()
        report = await bring(instance, torn)
        assert report.looks_stored == kept, report.refused
        assert (await bring(instance, path)).looks_stored == 8 - kept
        assert await cleared(instance, rows_of) == expected, day
