"""Files brought into an instance that knows some of it, and files with rows that are none."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import groups, history, players
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.transfer.import_report import SHOWN, ImportReport
from osrsdiff.tracking.transfer.importing import import_file

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def at(days: int) -> str:
    return f"{NOW - days * DAY:%Y-%m-%dT%H:%M:%SZ}"


def look(player: str, days: int, value: int, **more: object) -> dict[str, object]:
    return {
        "type": "look",
        "player": player,
        "taken_at": at(days),
        "changes": [{"metric": "attack", "value": value}],
        **more,
    }


def lines_of(player: str = "zezima") -> list[object]:
    return [
        {"type": "header", "format": 1, "made_by": "a test", "exported_at": at(0), "players": 1},
        {"type": "group", "key": "few", "name": "Few", "description": "", "created_at": at(9)},
        {"type": "player", "username": player, "display_name": "ZEZIMA", "game_mode": "ironman", "is_active": True,
         "fetch_interval_minutes": 30, "created_at": at(9), "mode_checked_at": at(2)},
        look(player, 8, 100),
        look(player, 6, 300, previous_look_at=at(7)),
        {"type": "event", "player": player, "at": at(6), "kind": "level_up", "metric": "attack", "value": 4,
         "before": 2},
        {"type": "member", "player": player, "group": "few", "role": "leader", "joined_at": at(9)},
        {"type": "end", "items": 7},
    ]  # fmt: skip


def written(path: Path, lines: list[object]) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


async def bring(instance: Instance, path: Path, **given: bool) -> ImportReport:
    return await import_file(instance, path, stages=lambda _: nullcontext(lambda *_: None), now=NOW, **given)


async def test_who_is_here_keeps_settings_and_gets_what_is_missing(instance: Instance, tmp_path: Path) -> None:
    async with instance.db.writing() as conn:
        here = await players.add(conn, username="zezima", display_name="zezima", interval_minutes=60, now=NOW)
        await players.set_active(conn, here.id, False)
        sheet = {"attack": Reading(300, 9, 4, None)}
        await history.store_look(conn, here.id, difference(None, sheet, NOW - DAY), expected_version=0)
        await groups.add(conn, key="few", name="Ours", description="", now=NOW)
    path = written(tmp_path / "file.jsonl", lines_of())
    dry = await bring(instance, path, dry_run=True)
    report = await bring(instance, path)
    assert (dry.looks_stored, dry.added) == (report.looks_stored, report.added)
    assert (report.players_known, report.looks_stored, report.added.events, report.added.memberships) == (1, 2, 1, 1)
    assert (report.scheduled, report.reckoning) == (0, True)
    async with instance.db.reading() as conn:
        found = await players.by_username(conn, "zezima")
        state = await history.load_state(conn, here.id)
        [member] = await groups.of_player(conn, here.id)
    assert found is not None
    assert state is not None
    assert (found.display_name, found.is_active, found.fetch_interval_minutes) == ("zezima", False, 60)
    assert (found.game_mode, found.created_at) == ("ironman", NOW - 8 * DAY)
    assert (found.last_changed_at, found.last_look_at) == (NOW - 6 * DAY, NOW - DAY)
    assert (state.taken_at, state.looked_at, state.sheet) == (NOW - 6 * DAY, NOW - DAY, sheet)
    assert (member.group.name, member.role) == ("Ours", "leader")
    again = await bring(instance, path)
    assert (again.looks_stored, again.added.events, again.added.memberships, again.reckoning) == (0, 0, 0, False)


BAD = [
    ("{", "line is no JSON"),
    (look("zezima", 7, 200), "not later than the look before it"),
    (look("zezima", -1, 400), "yet to come"),
    (look("nobody", 5, 400), "whose own row does not stand before it"),
    (look("zezima", 5, 400) | {"changes": [{"metric": "juggling", "value": 1}]}, "no metric is called 'juggling'"),
    (look("zezima", 5, -1), "changes"),
]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_bad_rows_are_told_and_the_rest_is_imported_or_nothing(instance: Instance, tmp_path: Path) -> None:
    lines = lines_of()
    end = {"type": "end", "items": 7 + len(BAD)}
    path = written(tmp_path / "file.jsonl", [*lines[:5], *(line for line, _ in BAD), *lines[5:-1], end])
    report = await bring(instance, path, all_or_nothing=True)
    assert [one.place for one in report.refused] == list(range(6, 6 + len(BAD))), report.refused
    assert (report.stopped, report.players_new) == (True, 0)
    async with instance.db.reading() as conn:
        assert await players.by_username(conn, "zezima") is None
    report = await bring(instance, path, paused=True)
    assert [refused.place for refused in report.refused] == list(range(6, 6 + len(BAD)))
    for refused, (_, reason) in zip(report.refused[1:], BAD[1:], strict=True):
        assert reason in refused.reason
    assert (report.stopped, report.players_new, report.looks_stored, report.scheduled) == (False, 1, 2, 0)
    async with instance.db.reading() as conn:
        found = await players.by_username(conn, "zezima")
    assert found is not None
    assert not found.is_active
    clean = await bring(instance, written(path, lines), all_or_nothing=True)
    assert (clean.stopped, clean.players_known, clean.looks_known) == (False, 1, 2)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_many_bad_rows_are_all_in_a_file(instance: Instance, tmp_path: Path) -> None:
    good = f"Zezima,{at(3)},attack,100"
    text = ["player,date,metric,value", good, *[f"Zezima,{at(3)},attack,-{n}" for n in range(1, SHOWN + 11)]]
    path = written(tmp_path / "values.csv", list(text))
    assert (await bring(instance, path, all_or_nothing=True)).stopped
    report = await bring(instance, path)
    assert (report.looks_stored, report.players_new, report.scheduled) == (1, 1, 1)
    assert (len(report.refused), report.refused_total) == (SHOWN, SHOWN + 10)
    assert report.refused_file is not None
    told = [json.loads(line) for line in Path(report.refused_file).read_text().splitlines()]
    assert [one["place"] for one in told] == list(range(3, SHOWN + 13))
