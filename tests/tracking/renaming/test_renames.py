"""Names that change: one name, two players who become one, and taking it back."""

import anyio
import pytest
from renamed_rows import NEW, OLD, See, at_hour, everything, hour, on_sqlite, seconds, state_version
from sqlalchemy import bindparam, update

from osrsdiff.demo.server import Simulation
from osrsdiff.errors import (
    NothingToUndo,
    Outcome,
    PlayerNotFound,
)
from osrsdiff.scheduling.constants import RECKON_TASK
from osrsdiff.storage import groups, tables
from osrsdiff.storage import players as players_table
from osrsdiff.storage.players import Player
from osrsdiff.tracking import renames
from osrsdiff.tracking.fetch import Fetcher, fetch_player
from osrsdiff.tracking.groups import create_group
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.members import Wanted, put_members
from osrsdiff.tracking.players import add_player, get_player
from osrsdiff.tracking.reckoning import rebuild


async def test_a_name_that_nobody_has_is_given_and_all_else_stays(instance: Instance, old: Player) -> None:
    before = await everything(instance, old)
    renamed = await renames.rename(instance, "quill_moss", NEW, clock=at_hour(4))
    player = await get_player(instance, NEW)
    assert renamed.player == player
    assert (player.username, player.display_name) == ("fern gully", NEW)
    assert (player.id, player.schedule_id, player.created_at) == (old.id, old.schedule_id, old.created_at)
    assert (renamed.before, renamed.scheduled, renamed.was_merged, renamed.apart) == (OLD, True, False, None)
    assert renamed.task_id is not None
    after = await everything(instance, player)
    assert [row for row in after.pop("events") if row not in before["events"]] == [
        (old.id, seconds(4), f"{OLD} -> {NEW}")
    ]
    before.pop("events")
    assert after == before
    _, [change] = await renames.names_of(instance, NEW)
    assert (change.before, change.before_display, change.after, change.at) == ("quill moss", OLD, "fern gully", hour(4))
    assert change.after_display == NEW
    assert (change.was_merged, change.joined_at, change.forced, change.undone_at) == (False, None, False, None)


async def test_an_old_name_leads_to_the_new_one_until_somebody_else_has_it(instance: Instance, old: Player) -> None:
    await renames.rename(instance, OLD, "Second")
    await renames.rename(instance, "second", "Third Name")
    for name in (OLD, "SECOND"):
        with pytest.raises(PlayerNotFound, match="is 'Third Name' now"):
            await get_player(instance, name)
        with pytest.raises(PlayerNotFound, match="is 'Third Name' now"):
            await renames.rename(instance, name, "Fourth")
    await add_player(instance, OLD)
    assert (await get_player(instance, OLD)).id != old.id
    with pytest.raises(PlayerNotFound) as nobody:
        await get_player(instance, "never was")
    assert nobody.value.now_called is None


@on_sqlite
async def test_another_spelling_is_shown_and_nothing_else_happens(instance: Instance, old: Player) -> None:
    renamed = await renames.rename(instance, OLD, "quill-MOSS")
    assert (renamed.player.display_name, renamed.task_id, renamed.before) == ("quill-MOSS", None, OLD)
    assert await renames.names_of(instance, OLD) == (renamed.player, [])
    assert await state_version(instance, old) == 4


async def test_two_players_become_one(instance: Instance, old: Player, new: Player) -> None:
    for key, names in (("both", [OLD, NEW]), ("theirs", [NEW]), ("own", [OLD])):
        group = await create_group(instance, key)
        await put_members(instance, group.key, [Wanted(name, f"in {key}") for name in names], track_unknown=False)
    renamed = await renames.rename(instance, OLD, NEW, clock=at_hour(7))
    player = await get_player(instance, NEW)
    assert (player.id, renamed.joined_at, renamed.was_merged) == (old.id, hour(5), True)
    assert (player.last_look_at, player.last_changed_at, player.created_at) == (hour(6), hour(6), old.created_at)
    rows = await everything(instance, player)
    assert rows["snapshots"] == [
        (seconds(0), None, False),
        (seconds(1), seconds(0), False),
        (seconds(2), seconds(1), False),
        (seconds(5), seconds(3), False),
        (seconds(6), seconds(5), False),
    ]
    assert [row for row in rows["changes"] if row[1] >= seconds(5)] == [
        ("attack", seconds(5), 400),
        ("defence", seconds(6), 60),
        ("zulrah", seconds(6), 8),
    ]
    assert rows["current"] == [("attack", 400), ("defence", 60), ("zulrah", 8)]
    async with instance.db.reading() as conn:
        roles = {one.group.key: one.role for one in await groups.of_player(conn, old.id)}
        assert await players_table.by_username(conn, "quill moss") is None
    assert roles == {"both": "in both", "own": "in own", "theirs": "in theirs"}
    assert await instance.schedules.next_fire(new.id) is None
    assert await instance.schedules.next_fire(old.id) is not None
    assert await instance.asked.job(RECKON_TASK) is not None
    assert [row[0] for row in rows["events"]].count(old.id) == 2  # first seen, and the new name


async def test_a_merge_is_taken_back_after_further_looks(
    instance: Instance, see: See, old: Player, new: Player
) -> None:
    group = await create_group(instance, "theirs")
    await put_members(instance, group.key, [Wanted(NEW)], track_unknown=False)
    before = await everything(instance, old), await everything(instance, new)
    await renames.rename(instance, OLD, NEW, clock=at_hour(7))
    await see("fern gully", 8, attack=500, defence=60, zulrah=8)
    await see("fern gully", 9, attack=500, defence=60, zulrah=8)
    undone = await renames.undo(instance, NEW, clock=at_hour(10))
    assert (undone.player.id, undone.player.username, undone.apart) == (old.id, "quill moss", "fern gully")
    restored = await get_player(instance, NEW)
    assert (restored.id, restored.fetch_interval_minutes, restored.last_look_at) == (new.id, 30, hour(9))
    assert restored.schedule_id is not None
    after = await everything(instance, old), await everything(instance, restored)
    assert after[0] == before[0]
    assert after[1]["snapshots"] == [*before[1]["snapshots"], (seconds(8), seconds(6), False)]
    assert after[1]["changes"] == sorted([*before[1]["changes"], ("attack", seconds(8), 500)])
    assert after[1]["events"] == before[1]["events"]
    async with instance.db.reading() as conn:
        assert [one.group.key for one in await groups.of_player(conn, new.id)] == ["theirs"]
        assert await groups.of_player(conn, old.id) == []
    _, [change] = await renames.names_of(instance, OLD)
    assert change.undone_at == hour(10)
    with pytest.raises(NothingToUndo):
        await renames.undo(instance, OLD)
    await rebuild(instance, None)
    await renames.rename(instance, OLD, NEW, clock=at_hour(11))  # and it can be done again
    assert (await get_player(instance, NEW)).last_changed_at == hour(8)


async def test_what_was_seen_under_a_name_stays_with_it(instance: Instance, see: See, old: Player) -> None:
    before = await everything(instance, old)
    await renames.rename(instance, OLD, NEW, clock=at_hour(4))
    await see("fern gully", 5, attack=300, defence=50, zulrah=7)
    await see("fern gully", 6, attack=900, defence=50, zulrah=7)
    undone = await renames.undo(instance, NEW, clock=at_hour(7))
    assert (undone.apart, undone.apart_display) == ("fern gully", NEW)
    assert (await renames.names_of(instance, OLD))[1][0].after_display == NEW
    apart = await get_player(instance, NEW)
    assert (apart.is_active, apart.last_look_at) == (False, hour(6))
    after = await everything(instance, old)
    assert (before.pop("state")[0][0], after.pop("state")[0][0]) == (seconds(3), seconds(2))  # 3 changed nothing
    assert after == before
    assert (await everything(instance, apart))["snapshots"] == [
        (seconds(5), None, False),
        (seconds(6), seconds(5), False),
    ]


@pytest.mark.parametrize("merged", ['{"id": 1}', None])
@on_sqlite
async def test_a_merge_that_came_from_elsewhere_is_taken_back_too(
    instance: Instance, old: Player, new: Player, merged: str | None
) -> None:
    """Its ids are those of another database, or another program wrote it."""
    await renames.rename(instance, OLD, NEW, clock=at_hour(7))
    stored = tables.name_changes.c.merged
    async with instance.db.writing() as conn:
        if merged is None:
            await conn.run(update(tables.instance).values(id="another"))
        else:
            await conn.run(update(tables.name_changes).values({stored: bindparam("given")}), {"given": merged})
    undone = await renames.undo(instance, NEW)
    assert (undone.player.id, undone.apart) == (old.id, "fern gully")
    apart = await get_player(instance, NEW)
    assert (apart.id != new.id, apart.is_active) == (True, False)
    assert [row[0] for row in (await everything(instance, apart))["snapshots"]] == [seconds(5), seconds(6)]
    assert (await get_player(instance, OLD)).last_look_at == hour(3)


@on_sqlite
async def test_a_name_that_showed_nothing_leaves_nothing(instance: Instance, old: Player) -> None:
    await renames.rename(instance, OLD, NEW, clock=at_hour(4))
    assert (await renames.undo(instance, NEW)).apart is None
    with pytest.raises(PlayerNotFound):
        await get_player(instance, NEW)


@on_sqlite
async def test_who_was_never_seen_is_merged_and_comes_back(instance: Instance, see: See, old: Player) -> None:
    new = (await add_player(instance, NEW)).player
    renamed = await renames.rename(instance, OLD, NEW, clock=at_hour(4))
    assert (renamed.was_merged, renamed.joined_at) == (True, None)
    await see("fern gully", 5, attack=301, defence=50, zulrah=7)
    await renames.undo(instance, NEW)
    restored = await get_player(instance, NEW)
    assert (restored.id, restored.last_look_at, restored.last_changed_at) == (new.id, hour(5), hour(5))
    assert (await get_player(instance, OLD)).last_look_at == hour(3)


@pytest.mark.parametrize("was_seen", [False, True])
async def test_a_fetch_under_way_stores_nothing_of_who_is_called_otherwise_now(
    instance: Instance, fetcher: Fetcher, hiscores: Simulation, was_seen: bool
) -> None:
    name = "Mudlark Jo"
    player = (await add_player(instance, name)).player
    if was_seen:
        await fetch_player(fetcher, player.id)
    hiscores.requests.clear()
    hiscores.latency_s = 0.05
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch_player, fetcher, player.id, None)
        with anyio.fail_after(10):
            while not hiscores.requests.total():  # noqa: ASYNC110 - it is only a counter
                await anyio.sleep(0.001)
        before = await everything(instance, player)
        await renames.rename(instance, name, "Nobody Yet")
    player = await get_player(instance, "Nobody Yet")
    after = await everything(instance, player)
    before.pop("events"), after.pop("events")
    assert after == before
    assert player.last_outcome is not Outcome.UNCHANGED
