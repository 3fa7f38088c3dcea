"""An export holds all that is kept, of one moment for each player, whatever is stored meanwhile."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, update

from osrsdiff.errors import ChangedMeanwhile, GroupNotFound, PlayerNotFound
from osrsdiff.game.events import KIND_CODES, EventKind
from osrsdiff.game.metrics import Metric, MetricKind
from osrsdiff.game.records import PERIOD_CODES
from osrsdiff.game.snapshots import Reading, Unranked, difference
from osrsdiff.game.thresholds import MEASURE_CODES
from osrsdiff.storage import groups, history, players, tables
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.sheets import UNRANKED_CODES
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.transfer import exporting, items, whom
from osrsdiff.tracking.transfer.exporting import Wanted, export_file, export_lines, exported
from osrsdiff.tracking.transfer.items import Item
from osrsdiff.tracking.transfer.reading import Format, read_items

START = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW_BOSS = Metric("new_boss", "New Boss", MetricKind.BOSS)
SHEETS = (
    {"zulrah": Reading(None, None, None, Unranked.HIDDEN), "attack": Reading(100, 9, 2, None)},
    {"zulrah": Reading(3, None, None, Unranked.BELOW_CUTOFF), "attack": Reading(83, 9, 7, None)},
    {"zulrah": Reading(3, 5, None, None), "attack": Reading(200, 8, 3, None), "new_boss": Reading(1, 1, None, None)},
)


async def look(db: Database, player_id: int, sheet: dict[str, Reading], at: datetime) -> None:
    async with db.writing() as conn:
        state = await history.load_state(conn, player_id)
        version = state.version if state else 0
        found = difference(state, sheet, at)
        await history.store_look(conn, player_id, found, expected_version=version, new_metrics=[NEW_BOSS])


async def add(db: Database, username: str) -> int:
    async with db.writing() as conn:
        return (
            await players.add(conn, username=username, display_name=username.upper(), interval_minutes=60, now=START)
        ).id


async def put(db: Database, table: Table, **values: object) -> None:
    async with db.writing() as conn:
        await conn.run(insert(table).values(**values).inline())


@pytest.fixture
async def ann(instance: Instance) -> int:
    """A player of whom there is something in every table, in a group beside bob, of whom there is nothing."""
    db = instance.db
    ann, bob = await add(db, "ann b"), await add(db, "bob")
    for number, sheet in enumerate(SHEETS[:2]):
        await look(db, ann, sheet, START + number * HOUR)
    await look(db, ann, {**SHEETS[1], "attack": Reading(83, 6, 7, None)}, START + 5 * HOUR)
    metric = db.metrics.ids["attack"]
    at = {"player_id": ann, "at": seconds(START)}
    await put(db, tables.records, player_id=ann, metric_id=metric, period=2, gained=7, start_at=1, end_at=2)
    await put(
        db, tables.achievements, player_id=ann, metric_id=metric, measure=2, threshold=5, reached_at=3, after_at=2
    )
    await put(db, tables.events, **at, after_at=1, kind=2, metric_id=metric, value=3, before=2, detail="as ever")
    await put(db, tables.events, **at, kind=1)
    await put(db, tables.mode_changes, **at, before="hardcore_ironman", mode="ironman")
    await put(
        db,
        tables.name_changes,
        **at,
        before="b",
        before_display="B",
        after="ann b",
        joined_at=5,
        merged="{}",
        forced=True,
    )
    await put(db, tables.reviews, player_id=ann, flagged_at=9, after_at=8, why="collapse", detail="all", resolved_at=10)
    async with db.writing() as conn:
        few = await groups.add(conn, key="few", name="Few", description="A few.", now=START)
        await groups.add(conn, key="none", name="None", description="", now=START)
        other = await groups.add(conn, key="other", name="Other", description="", now=START)
        await conn.run(update(tables.players).values(mode_pending="ironman", mode_pending_at=4, failures=2))
    await groups.put_members(db, few.id, {ann: "leader", bob: "member"}, now=START)
    await groups.put_members(db, other.id, {ann: "member"}, now=START)
    return ann


async def all_items(instance: Instance, wanted: Wanted = Wanted()) -> list[Item]:  # noqa: B008 - frozen
    return [item async for item in exported(instance, wanted, now=START)]


def of(kind: type[Item], found: list[Item]) -> list[Any]:
    return [item for item in found if isinstance(item, kind)]


CODES = {
    "kind": {kind.value: code for kind, code in KIND_CODES.items()},
    "period": {period.value: code for period, code in PERIOD_CODES.items()},
    "measure": {measure.value: code for measure, code in MEASURE_CODES.items()},
    "unranked": {why.value: code for why, code in UNRANKED_CODES.items() if why},
}
KINDS: dict[Table, type[Item]] = {
    tables.players: items.Player,
    tables.snapshots: items.Look,
    tables.mode_changes: items.ModeChange,
    tables.name_changes: items.NameChange,
    tables.reviews: items.Review,
    tables.achievements: items.Achievement,
    tables.records: items.Record,
    tables.events: items.Event,
    tables.group_members: items.Member,
    tables.groups: items.Group,
    tables.metrics: items.Metric,
}
REFERENCES = {"player_id": "player", "metric_id": "metric", "group_id": "group"}


def as_stored(field: str, value: Any, ids: dict[str, dict[str, int]]) -> object:
    if field == "is_partial":
        return value or None
    if field in ids and value is not None:
        return ids[field][value]
    if field in CODES and value in CODES[field]:
        return CODES[field][value]
    return seconds(value) if isinstance(value, datetime) else getattr(value, "value", value)


async def test_every_column_of_every_row_is_in_it(instance: Instance, ann: int) -> None:
    found = await all_items(instance)
    async with instance.db.reading() as conn:
        ids = {
            "player": dict(await conn.all(select(tables.players.c.username, tables.players.c.id))),
            "group": dict(await conn.all(select(tables.groups.c.key, tables.groups.c.id))),
            "metric": instance.db.metrics.ids,
        }
        for table, kind in KINDS.items():
            columns = [column for column in table.c if column.name not in ("id", "schedule_id", "merged")]
            fields = [REFERENCES.get(column.name, column.name) for column in columns]
            assert {*fields} == {*kind.__struct_fields__} - {"state", "changes"}, table.name
            told = [[as_stored(name, getattr(item, name), ids) for name in fields] for item in of(kind, found)]
            assert told, table.name
            assert in_order(told) == in_order(await conn.all(select(*columns))), table.name


async def test_every_change_and_the_newest_sheet_is_in_it(instance: Instance, ann: int) -> None:
    found = await all_items(instance, Wanted(["ann b"]))
    ids = instance.db.metrics.ids
    told = [
        (ann, ids[one.metric], seconds(look.taken_at), one.value, one.rank, one.level, UNRANKED_CODES[one.unranked])
        for look in of(items.Look, found)
        for one in look.changes
    ]
    async with instance.db.reading() as conn:
        assert in_order(told) == in_order(await conn.all(select(tables.changes)))
        known = await history.load_state(conn, ann)
    [state] = [player.state for player in of(items.Player, found)]
    assert known is not None
    assert (state.version, state.looked_at, state.taken_at) == (known.version, known.looked_at, known.taken_at)
    sheet = {one.metric: Reading(one.value, one.rank, one.level, one.unranked) for one in state.sheet}
    assert [*sheet.items()] == [*known.sheet.items()]


def in_order(rows: Iterable[Iterable[object]]) -> list[list[str]]:
    """Rows of any types, comparable: SQLite gives booleans as numbers."""
    return sorted([repr(int(one) if isinstance(one, bool) else one) for one in row] for row in rows)


async def test_items_come_in_their_order(instance: Instance, ann: int) -> None:
    found = await all_items(instance)
    assert [type(item).__name__ for item in found] == [
        *("Header", "Metric", "Metric", "Group", "Group", "Group"),
        *("Player", "Look", "Look", "ModeChange", "NameChange", "Review", "Achievement", "Record", "Event", "Event"),
        *("Member", "Member", "Player", "Member"),
    ]
    assert found[0] == items.Header(1, found[0].made_by, START, 2)  # type: ignore[union-attr]
    assert [one.metric for one in of(items.Look, found)[1].changes] == ["attack", "zulrah"]
    assert [one.kind for one in of(items.Event, found)] == [EventKind.LEVEL_UP, EventKind.FIRST_SEEN]


async def test_some_players_and_a_group_come_with_their_groups_alone(instance: Instance, ann: int) -> None:
    def told(found: list[Item]) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        members = [(one.player, one.group) for one in of(items.Member, found)]
        return [one.username for one in of(items.Player, found)], [one.key for one in of(items.Group, found)], members

    some = await all_items(instance, Wanted(["BOB", "Ann_B", "bob"]))
    assert told(some) == (["ann b", "bob"], ["few", "other"], [("ann b", "few"), ("ann b", "other"), ("bob", "few")])
    assert some[0].players == 2  # type: ignore[union-attr]
    assert told(await all_items(instance, Wanted(["bob"]))) == (["bob"], ["few"], [("bob", "few")])
    few = told(await all_items(instance, Wanted(group="Few")))
    assert few == (["ann b", "bob"], ["few"], [("ann b", "few"), ("bob", "few")])
    with pytest.raises(PlayerNotFound):
        await all_items(instance, Wanted(["bob", "zoe"]))
    with pytest.raises(GroupNotFound):
        await all_items(instance, Wanted(group="many"))


async def until(kind: type[Item], found: AsyncIterator[Item]) -> list[Item]:
    seen: list[Item] = []
    async for item in found:
        seen.append(item)
        if isinstance(item, kind):
            break
    return seen


async def test_what_is_stored_meanwhile_is_not_in_it(
    instance: Instance, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_LOOKS_A_PAGE", 1)
    before = await all_items(instance)
    for kind in (items.Player, items.Look, items.Achievement):
        found = exported(instance, Wanted(["ann b"]), now=START)
        seen = await until(kind, found)
        await look(instance.db, ann, {**SHEETS[1], "attack": Reading(500, 1, 9, None)}, START + 9 * HOUR)
        seen += [item async for item in found]
        theirs = [item for item in seen if getattr(item, "player", "") == "ann b"]
        assert theirs == [item for item in before if getattr(item, "player", "") == "ann b"]
        before = await all_items(instance)


async def test_a_player_who_is_seen_while_it_is_read_is_read_again(
    instance: Instance, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_come, is_looking = [501, 502], False
    load = history.load_state

    async def load_and_move_on(conn: Any, player_id: int) -> Any:
        nonlocal is_looking
        state = await load(conn, player_id)
        if to_come and not is_looking:
            is_looking = True
            xp = to_come.pop(0)
            await look(instance.db, ann, {**SHEETS[1], "attack": Reading(xp, 1, 9, None)}, START + 9 * HOUR)
            is_looking = False
        return state

    monkeypatch.setattr(history, "load_state", load_and_move_on)
    found = await all_items(instance, Wanted(["ann b"]))
    assert not to_come
    [player] = of(items.Player, found)
    newest = of(items.Look, found)[-1]
    assert newest.taken_at == player.state.taken_at == player.last_changed_at
    assert newest.changes[0].value == player.state.sheet[1].value == 502


@pytest.mark.parametrize("gone", [tables.snapshots, tables.changes])
async def test_a_history_that_is_rewritten_meanwhile_is_refused(
    instance: Instance, ann: int, gone: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_LOOKS_A_PAGE", 1)
    found = exported(instance, Wanted(), now=START)
    await until(items.Look, found)
    async with instance.db.writing() as conn:
        await conn.run(delete(gone).where(gone.c.taken_at > seconds(START)))
    with pytest.raises(ChangedMeanwhile, match="ann b"):
        _ = [item async for item in found]


RENAMES = {("zed", 200): None, ("zed", 1): ["zed"], ("aa", 200): None, ("aa", 1): None}


@pytest.mark.parametrize(("name", "a_page"), RENAMES)
async def test_nobody_is_missed_who_is_renamed_meanwhile(
    name: str, a_page: int, instance: Instance, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whom, "_A_PAGE", a_page)
    found = exported(instance, Wanted(), now=START)
    await until(items.Player, found)
    async with instance.db.writing() as conn:
        await conn.run(update(tables.players).where(tables.players.c.username == "bob").values(username=name))
    if (told := RENAMES[name, a_page]) is None:
        with pytest.raises(ChangedMeanwhile):
            _ = [item async for item in found]
    else:
        assert [player.username for player in of(items.Player, [item async for item in found])] == told


async def test_whose_history_is_written_does_not_come_again_under_a_later_name(
    instance: Instance, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whom, "_A_PAGE", 1)
    found = exported(instance, Wanted(), now=START)
    await until(items.Member, found)
    async with instance.db.writing() as conn:
        await conn.run(update(tables.players).where(tables.players.c.id == ann).values(username="ann b~1"))
    assert [player.username for player in of(items.Player, [item async for item in found])] == ["bob"]


async def test_who_is_removed_meanwhile_is_left_out(instance: Instance, ann: int) -> None:
    found = exported(instance, Wanted(), now=START)
    await until(items.Player, found)
    async with instance.db.writing() as conn:
        await conn.run(delete(tables.players).where(tables.players.c.username == "bob"))
    assert not of(items.Player, [item async for item in found])


async def test_a_metric_that_is_new_meanwhile_comes_before_who_shows_it(instance: Instance, ann: int) -> None:
    found = exported(instance, Wanted(), now=START)
    await until(items.Player, found)
    async with instance.db.reading() as conn:
        bob = await players.by_username(conn, "bob")
    assert bob is not None
    await look(instance.db, bob.id, SHEETS[2], START + 3 * HOUR)
    rest = [item async for item in found if not isinstance(item, items.Member)]
    new = next(item for item in rest if isinstance(item, items.Metric))
    assert (new.key, new.name, new.kind) == ("new_boss", "New Boss", MetricKind.BOSS)
    assert isinstance(rest[rest.index(new) + 1], items.Player)


async def test_a_file_and_lines_hold_the_items_and_the_report_counts_them(
    instance: Instance, ann: int, tmp_path: Path
) -> None:
    found = await all_items(instance)
    told: list[tuple[int, int]] = []
    for form in Format:
        path = tmp_path / form
        report = await export_file(
            instance, Wanted(), path, form, now=START, progress=lambda done, total: told.append((done, total))
        )
        assert [item for _, item in read_items(path)] == found
        assert (report.players, report.looks, report.changes) == (2, 2, 3)
        assert report.items == {
            "header": 1,
            "metric": 2,
            "group": 3,
            "player": 2,
            "look": 2,
            "mode_change": 1,
            "name_change": 1,
            "review": 1,
            "achievement": 1,
            "record": 1,
            "event": 2,
            "member": 3,
        }
        assert report.size_bytes == path.stat().st_size
    assert told[:3] == [(0, 2), (1, 2), (2, 2)]
    lines: list[bytes] = []
    streamed = await export_lines(instance, Wanted(), lines.append, now=START)
    assert b"".join(lines) == (tmp_path / "jsonl").read_bytes()
    assert streamed.size_bytes == (tmp_path / "jsonl").stat().st_size
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".part")]
