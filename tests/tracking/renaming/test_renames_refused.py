"""Names that are not given, what does not fit together, and players whom nobody knows the name of."""

import pytest
from renamed_rows import NEW, OLD, See, at_hour, everything, hour, on_sqlite, seconds
from sqlalchemy import bindparam, insert, update

from osrsdiff.errors import (
    InvalidUsername,
    PlayerArchived,
    PlayerExists,
    PlayerNotFound,
    RenameRefused,
)
from osrsdiff.storage import players as players_table
from osrsdiff.storage import renames as renames_table
from osrsdiff.storage import tables
from osrsdiff.storage.players import Player
from osrsdiff.tracking import players, renames, steering
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, get_player


@pytest.mark.parametrize("name", ["quill moss~1", "", "far too long a name", "ä"])
@on_sqlite
async def test_what_nobody_is_called_in_the_game_is_no_name(instance: Instance, old: Player, name: str) -> None:
    with pytest.raises(InvalidUsername):
        await renames.rename(instance, OLD, name)


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ([(5, {"attack": 299})], ["1 metric fell: Attack from 300 to 299"]),
        ([(5, {"attack": 200_000_000})], ["rose by more than anybody gains in 2 hours: Attack"]),
        ([(5, {"attack": 299, "zulrah": 100_000})], ["1 metric fell", "1 metric rose by more"]),
        (
            [(0.5, {"attack": 300})],
            ["both were seen: Quill Moss until 2026-10-01 14:00 UTC, Fern_Gully since 2026-10-01 12:30 UTC"],
        ),
        ([(2, {"attack": 300}), (4, {"attack": 400})], ["both were seen playing: "]),
    ],
)
@on_sqlite
async def test_histories_that_contradict_each_other_are_refused_with_all_reasons(
    instance: Instance, see: See, old: Player, looks: list[tuple[float, dict[str, int]]], words: list[str]
) -> None:
    await add_player(instance, NEW)
    for at, values in looks:
        await see("fern gully", at, **values)
    before = await everything(instance, old)
    with pytest.raises(RenameRefused) as refused:
        await renames.rename(instance, OLD, NEW, clock=at_hour(7))
    assert len(refused.value.reasons) == len(words)
    assert all(part in str(refused.value) for part in words)
    assert await everything(instance, old) == before
    renamed = await renames.rename(instance, OLD, NEW, force=True, clock=at_hour(7))
    assert renamed.player.id == old.id
    _, [change] = await renames.names_of(instance, NEW)
    assert change.forced


async def test_looks_that_do_not_fit_are_kept_apart_and_come_back(instance: Instance, see: See, old: Player) -> None:
    new = (await add_player(instance, NEW)).player
    await see("fern gully", 0.5, attack=100, defence=50, zulrah=7)
    await see("fern gully", 4, attack=900, defence=50, zulrah=7)
    before = await everything(instance, old), await everything(instance, new)
    renamed = await renames.rename(instance, OLD, NEW, force=True, clock=at_hour(7))
    assert (renamed.apart, renamed.apart_display) == ("quill moss~1", "Quill Moss~1")
    archived = await get_player(instance, "Quill_Moss~1")
    assert (archived.display_name, archived.is_active, archived.last_look_at) == ("Quill Moss~1", False, hour(3))
    rows = await everything(instance, renamed.player)
    assert [row[0] for row in rows["snapshots"]] == [seconds(0), seconds(4)]  # what was seen at 0.5 changed nothing
    assert rows["snapshots"][1] == (seconds(4), seconds(0.5), False)
    await renames.undo(instance, NEW)
    assert (await everything(instance, old), await everything(instance, new)) == before
    with pytest.raises(PlayerNotFound):
        await get_player(instance, "quill moss~1")


@on_sqlite
async def test_an_archived_player_of_another_name_is_let_be(instance: Instance, see: See, old: Player) -> None:
    """The looks that did not fit were found to be those of somebody else, or its id is another's by now."""
    await add_player(instance, NEW)
    await see("fern gully", 0.5, attack=100, defence=50, zulrah=7)
    await renames.rename(instance, OLD, NEW, force=True, clock=at_hour(7))
    archived = await get_player(instance, "quill moss~1")
    async with instance.db.writing() as conn:
        await renames_table.call(conn, archived.id, "carex~1", "Carex~1")
    await renames.undo(instance, NEW)
    assert (await get_player(instance, "carex~1")).last_look_at == hour(3)
    assert (await get_player(instance, OLD)).last_look_at == hour(0)


@on_sqlite
async def test_who_is_flagged_is_reviewed_first(instance: Instance, old: Player) -> None:
    async with instance.db.writing() as conn:
        statement = update(tables.players).where(tables.players.c.id == bindparam("player_id"))
        await conn.run(statement.values(flagged_at=bindparam("at")), {"player_id": old.id, "at": seconds(2)})
    with pytest.raises(RenameRefused, match="flagged since 2026-10-01 14:00 UTC: review it first"):
        await renames.rename(instance, OLD, NEW)
    assert (await renames.rename(instance, OLD, NEW, force=True)).player.flagged_at == hour(2)


@on_sqlite
async def test_who_is_being_moved_here_keeps_its_name_whoever_insists(instance: Instance, old: Player) -> None:
    row = {
        "player_id": old.id, "source": "elsewhere", "is_new": False, "is_joined": False, "looks": 0, "failed": 0,
        "left_out": 0,
    }  # fmt: skip
    async with instance.db.writing() as conn:
        await conn.run(insert(tables.moves).values({name: bindparam(name) for name in row}), row)
    with pytest.raises(RenameRefused, match="has not ended") as refused:
        await renames.rename(instance, OLD, NEW, force=True)
    assert "--force" not in str(refused.value)


@on_sqlite
async def test_a_name_that_is_taken_by_now_does_not_come_back(instance: Instance, old: Player) -> None:
    await renames.rename(instance, OLD, NEW)
    await add_player(instance, OLD)
    with pytest.raises(PlayerExists):
        await renames.undo(instance, NEW)
    assert (await get_player(instance, NEW)).id == old.id


@on_sqlite
async def test_archived_players_are_not_looked_at(instance: Instance, old: Player) -> None:
    await add_player(instance, "moth")
    async with instance.db.writing() as conn:
        await renames_table.call(conn, old.id, "quill moss~1", "Quill Moss~1")
        await players_table.set_active(conn, old.id, False)
    archived = await get_player(instance, "Quill Moss~1")
    with pytest.raises(PlayerArchived):
        await players.enqueue_fetch(instance, archived)
    with pytest.raises(PlayerArchived):
        await players.resume_player(instance, "quill moss~1")
    await steering.pause_players(instance, everybody=True)
    steered = await steering.resume_players(instance, everybody=True)
    assert (steered.matched, steered.changed, steered.refused) == (1, 1, [])
    steered = await steering.resume_players(instance, names=["quill moss~1", "moth"])
    assert (steered.matched, [one.name for one in steered.refused]) == (1, ["Quill Moss~1"])
    assert not (await get_player(instance, "quill moss~1")).is_active
    async with instance.db.reading() as conn:
        assert await renames.archived_name(conn, "quill moss") == "quill moss~2"
        assert await renames.archived_name(conn, "quill moss~1") == "quill moss~2"
        assert await renames.archived_name(conn, "quill") == "quill~1"
    renamed = await renames.rename(instance, "quill moss~1", NEW)
    assert (renamed.player.id, renamed.player.is_active) == (old.id, False)
    assert (await players.resume_player(instance, NEW)).player.is_active
