"""Rows that are well-formed and can't be true: each is told with its place and reason, none gets in."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from osrsdiff.game.reviews import Why
from osrsdiff.storage import players, renames, reviews
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player, list_players
from osrsdiff.tracking.renames import rename, undo
from osrsdiff.tracking.reviews import split
from osrsdiff.tracking.transfer.exporting import Wanted, export_file
from osrsdiff.tracking.transfer.import_report import ImportReport
from osrsdiff.tracking.transfer.importing import import_file
from osrsdiff.tracking.transfer.reading import Format

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HEADER: dict[str, Any] = {"type": "header", "format": 1, "made_by": "a test", "players": 1}

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def at(days: float) -> str:
    return f"{NOW - days * DAY:%Y-%m-%dT%H:%M:%SZ}"


def player(username: str = "zezima", **more: object) -> dict[str, object]:
    return {
        "type": "player", "username": username, "display_name": username, "game_mode": "regular", "is_active": True,
        "fetch_interval_minutes": 30, "created_at": at(9), **more,
    }  # fmt: skip


def of(type_: str, username: str = "zezima", **more: object) -> dict[str, object]:
    return {"type": type_, "player": username, **more}


def look(days: float, value: int, username: str = "zezima", **more: object) -> dict[str, object]:
    return of("look", username, taken_at=at(days), changes=[{"metric": "attack", "value": value, "rank": 1}], **more)


def state(**more: object) -> dict[str, object]:
    return {"version": 3, "looked_at": at(5), "taken_at": at(6), "sheet": [{"metric": "attack", "value": 300}], **more}


async def bring(instance: Instance, path: Path, *lines: dict[str, object]) -> ImportReport:
    document = [{**HEADER, "exported_at": at(0)}, *lines, {"type": "end", "items": len(lines) + 1}]
    path.write_text("\n".join(map(json.dumps, document)))
    return await import_file(instance, path, stages=lambda _: nullcontext(lambda *_: None), now=NOW)


FAR, OLD, CONTROL = "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "characters that can't be printed"
EVENT = {"at": at(6), "metric": "attack", "value": 4, "before": 2}
REVIEW = {"flagged_at": at(6), "why": "collapse", "detail": "x"}
NAME = {"at": at(6), "before": "abc", "after": "zezima"}
ROWS: list[tuple[dict[str, object], str]] = [
    (
        of("event", kind="level_up", **{**EVENT, "before": None}),
        "level_up: its metric, value, before or detail is missing or odd",
    ),
    (of("event", kind="level_up", at=at(6)), "level_up: its metric"),
    (of("event", kind="achievement", **EVENT), "achievement: its metric"),
    (of("event", kind="record", **EVENT, detail="decade"), "record: its metric"),
    (of("event", kind="mode_change", at=at(6), detail="regular"), "mode_change: its metric"),
    (of("event", kind="name_change", at=at(6)), "name_change: its metric"),
    (of("event", kind="flagged", at=at(6), detail="a\0b"), f"detail: it has {CONTROL}"),
    (of("event", kind="first_seen", at="2026-10-01T12:10:00Z"), "at: 2026-10-01T12:10:00+00:00 is yet to come"),
    (of("event", kind="first_seen", at=at(6), after_at="2013-02-21T23:59:59Z"), "before the game began, on 2013-02-22"),
    (of("review", **{**REVIEW, "why": "nonsense"}), "why: Invalid enum value 'nonsense'"),
    (of("review", **REVIEW, resolved_at=at(5), resolution="nonsense"), "resolution: Invalid enum value"),
    (of("review", **REVIEW, resolved_at=at(5)), "of resolved_at and resolution one is missing"),
    (of("review", **REVIEW, resolved_at=FAR, resolution="accepted"), "resolved_at: 9999-12-31T23:59:59-12:00 is yet"),
    (of("name_change", **{**NAME, "at": FAR}), "is yet to come"),
    (of("name_change", **{**NAME, "before": "a\0c"}), "before: Expected `str` matching regex"),
    (of("name_change", **NAME, before_display="Abd"), "'Abd' is no spelling of abc"),
    (of("mode_change", at=OLD, before="ironman", mode="regular"), "is before the game began"),
    (of("achievement", metric="attack", measure="level", threshold=2**62), "threshold: Expected `int` <="),
    (of("record", metric="attack", period="day", gained=1, start_at=OLD, end_at=at(1)), "start_at: 0001-01-01"),
    (of("member", group="few", role="\x1b[31m", joined_at=at(1)), f"role: it has {CONTROL}"),
    (of("\x1b" * 999), "Invalid value '\ufffd\ufffd"),
    (look(5, 2**41), "changes[0].value: Expected `int` <="),
    (look(5, 400, previous_look_at=at(5)), "it is not later than its own previous_look_at"),
    (look(5, 400, previous_look_at=OLD), "previous_look_at: 0001-01-01"),
    (look(5, 400) | {"taken_at": FAR}, "taken_at: 9999"),
    (look(5, 400) | {"taken_at": at(6).replace("Z", ".9Z")}, "it is not later than the look before it"),
]
SHARED: list[tuple[dict[str, object], str]] = [
    ({"type": "metric", "key": "attack", "name": "Attack", "kind": "boss", "first_seen_at": at(1)}, "not boss"),
    (
        {"type": "metric", "key": "../../x", "name": "New", "kind": "boss", "first_seen_at": at(1)},
        "not that of its name",
    ),
    ({"type": "metric", "key": "x", "name": "?", "kind": "boss", "first_seen_at": at(1)}, "no letter and no digit"),
    (
        {"type": "metric", "key": "new", "name": "New\x1b", "kind": "boss", "first_seen_at": at(1)},
        CONTROL,
    ),
    ({"type": "metric", "key": "new", "name": "New", "kind": "boss", "first_seen_at": OLD}, "before the game began"),
    (
        {"type": "group", "key": "new", "name": "a\0b", "description": "", "created_at": at(1)},
        CONTROL,
    ),
]
PLAYERS: list[tuple[dict[str, object], str]] = [
    (player("aa", display_name="a\0a"), f"display_name: it has {CONTROL}"),
    (player("ab", display_name="Somebody"), "'Somebody' is no spelling of ab"),
    (player("ac~1", display_name="AC~2"), "'AC~2' is no spelling of ac~1"),
    (player("ad", created_at=OLD), "created_at: 0001-01-01T00:00:00+12:00 is before the game began"),
    (player("ae", last_look_at="2099-01-01T00:00:00Z"), "last_look_at: 2099"),
    (player("af", flagged_at="2099-01-01T00:00:00Z"), "flagged_at: 2099"),
    (player("ag", state=state(looked_at=FAR)), "looked_at: 9999"),
    (player("ah", state=state(taken_at="1800-01-01T00:00:00Z")), "taken_at: 1800"),
    (player("ai", state=state(taken_at=at(4))), "its state changed after it was last looked at"),
    (player("aj", state=state(sheet=[{"metric": "attack", "value": 1}] * 2)), "its sheet has a metric twice"),
]
UNREADABLE: list[tuple[dict[str, object], str]] = [
    (player("abcdefghijklm"), "username: Expected `str` matching"),
    (player("abcdefghijklm~1"), "username: Expected `str` matching"),
    (player("abc\n"), "username: Expected `str` matching"),
    (player(failures=2**31 - 1), "failures: Expected `int` <="),
    (player(state=state(version=2**31 - 1)), "state.version: Expected `int` <="),
]


@on_sqlite
async def test_what_can_not_be_true_is_told_and_stays_out(instance: Instance, tmp_path: Path) -> None:
    group = {"type": "group", "key": "few", "name": "Few", "description": "", "created_at": at(9)}
    good = [group, player(display_name="Zezima"), look(8, 100), look(6, 300, previous_look_at=at(7))]
    cases = [*SHARED, *PLAYERS, *UNREADABLE]
    report = await bring(instance, tmp_path / "a.jsonl", *(row for row, _ in cases), *good, *(row for row, _ in ROWS))
    places = [*range(2, 2 + len(cases)), *range(2 + len(cases) + len(good), 2 + len(cases) + len(good) + len(ROWS))]
    told = {one.place: one.reason for one in report.refused}
    for place, (row, reason) in zip(places, [*cases, *ROWS], strict=True):
        assert reason in told.get(place, ""), (row, told.get(place))
        assert told[place].isprintable()
    assert report.looks_stored == 2
    added = report.added
    assert (added.events, added.reviews, added.name_changes, added.memberships, added.metrics) == (0, 0, 0, 0, 0)
    assert [(one.username, one.display_name) for one in await list_players(instance)] == [("zezima", "Zezima")]


@on_sqlite
async def test_times_are_cut_to_seconds(instance: Instance, tmp_path: Path) -> None:
    lines = [player(created_at="2026-09-01T14:00:00.7+02:00"), look(8, 100), look(6, 300)]
    lines[1]["taken_at"] = "2026-09-02T14:00:00.999+02:00"
    assert (await bring(instance, tmp_path / "a.jsonl", *lines)).refused == []
    found = await get_player(instance, "zezima")
    assert found.created_at == datetime(2026, 9, 1, 12, tzinfo=UTC)


@on_sqlite
async def test_who_has_another_name_here_does_not_come_a_second_time(instance: Instance, tmp_path: Path) -> None:
    path, clock = tmp_path / "a.jsonl", lambda: NOW - 2 * DAY
    lines = [player(), look(8, 100), look(6, 300, previous_look_at=at(7))]
    await bring(instance, path, *lines)
    await rename(instance, "zezima", "New Name", clock=clock)
    again = await bring(instance, path, *lines)
    values = tmp_path / "values.csv"
    values.write_text(f"player,date,metric,value\nZezima,{at(8)},attack,7\nbob,{at(8)},attack,7\n")
    dated = await import_file(instance, values, stages=lambda _: nullcontext(lambda *_: None), now=NOW)
    for report, place in ((again, 2), (dated, "player Zezima")):
        [refused] = report.refused
        assert refused.place == place
        assert "is called New Name here since 2026-09-29. Take that change of name back or remove" in refused.reason
    assert [one.username for one in await list_players(instance)] == ["bob", "new name"]
    # somebody else of that name, and a file that knows of both
    later = await bring(instance, path, player(created_at=at(1)), look(0.5, 100))
    assert (later.refused, later.players_new) == ([], 1)


@on_sqlite
async def test_an_old_file_gives_the_new_owner_of_a_name_nothing(instance: Instance, tmp_path: Path) -> None:
    path, kept = tmp_path / "a.jsonl", tmp_path / "kept.jsonl"
    lines = [player(), look(8, 100), look(6, 300, previous_look_at=at(7)), look(4, 10), look(2, 20)]
    await bring(instance, path, *lines)
    found = await get_player(instance, "zezima")
    flag = reviews.flag_steps(found.id, at=NOW - 4 * DAY, after=None, why=Why.COLLAPSE, detail="it fell")
    async with instance.db.writing() as conn:
        await conn.run_all(flag)
    await split(instance, "zezima", clock=lambda: NOW)
    await export_file(instance, Wanted(), kept, Format.JSONL, now=NOW)
    [refused] = (await bring(instance, path, *lines)).refused
    assert "from before zezima~1 gave the name up, and another player has it here since 2026-09-27" in refused.reason
    whole = await import_file(instance, kept, stages=lambda _: nullcontext(lambda *_: None), now=NOW)
    assert (whole.refused, whole.players_known, whole.looks_stored) == ([], 2, 0)


@on_sqlite
async def test_a_file_may_have_a_name_twice_in_its_history(instance: Instance, tmp_path: Path) -> None:
    change = of("name_change", "new name", at=at(7), before="zezima", after="new name")
    lines = [player("new name"), look(8, 100, "new name"), change, player(), look(6, 300)]
    report = await bring(instance, tmp_path / "a.jsonl", *lines)
    assert (report.refused, report.players_new) == ([], 2)


@on_sqlite
async def test_a_merge_that_came_in_a_file_is_taken_back_at_its_join(instance: Instance, tmp_path: Path) -> None:
    change = of("name_change", at=at(5), before="abc", after="zezima", before_display="ABC", joined_at=at(6))
    looks = [look(8, 100), look(6, 300, previous_look_at=at(7))]
    await bring(instance, tmp_path / "a.jsonl", player(), *looks, change)
    undone = await undo(instance, "zezima")
    assert (undone.player.display_name, undone.apart) == ("ABC", "zezima")
    apart = await get_player(instance, "zezima")
    assert (apart.is_active, apart.last_look_at) == (False, NOW - 6 * DAY)
    async with instance.db.reading() as conn:
        assert await players.by_username(conn, "abc") is not None
        assert await renames.now_called(conn, "zezima") is None
