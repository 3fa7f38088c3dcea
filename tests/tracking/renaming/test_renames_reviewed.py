"""Names of players who were flagged, archived or paused: whose review is open and who is looked at afterwards."""

import pytest
from renamed_rows import NEW, OLD, See, at_hour, hour, on_sqlite

from osrsdiff.errors import NothingToUndo, PlayerExists, PlayerNotFound
from osrsdiff.game.modes import GameMode, ModeChange
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.storage import modes
from osrsdiff.storage import reviews as table
from osrsdiff.storage.players import Player
from osrsdiff.tracking import renames, reviews
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, get_player, pause_player, remove_player


async def flag(instance: Instance, player: Player, at: float) -> None:
    async with instance.db.writing() as conn:
        await conn.run_all(table.flag_steps(player.id, at=hour(at), after=None, why=Why.COLLAPSE, detail="much"))


async def named(instance: Instance, name: str) -> list[tuple[str, str]]:
    return [(one.before_display, one.after_display) for one in (await renames.names_of(instance, name))[1]]


async def reviews_of(instance: Instance, name: str) -> list[tuple[float, Resolution | None]]:
    _, found = await reviews.player_reviews(instance, name)
    return [((one.review.flagged_at - hour(0)).seconds / 3600, one.review.resolution) for one in found]


async def test_who_gets_an_archived_name_back_is_not_looked_at(instance: Instance, old: Player) -> None:
    await flag(instance, old, 2)
    assert (await reviews.split(instance, OLD, renamed_to="Pat", clock=at_hour(4))).player.is_active
    undone = await renames.undo(instance, "Pat", clock=at_hour(5))
    assert (undone.player.username, undone.player.is_active, undone.task_id) == ("quill moss~1", False, None)
    assert await instance.schedules.next_fire(old.id) is None
    assert undone.player.schedule_id is None


@pytest.mark.parametrize(("who_is_paused", "is_seen"), [(OLD, False), (OLD, True), (NEW, False)])
async def test_who_is_one_with_somebody_never_seen_is_active_where_one_of_them_was(
    instance: Instance, see: See, old: Player, who_is_paused: str, is_seen: bool
) -> None:
    new = (await add_player(instance, NEW)).player
    await pause_player(instance, who_is_paused)
    assert (await renames.rename(instance, OLD, NEW, clock=at_hour(5))).player.is_active
    assert await instance.schedules.next_fire(old.id) is not None
    if is_seen:
        await see("fern gully", 6, attack=400)
    await renames.undo(instance, NEW, clock=at_hour(7))
    fires = {name: await instance.schedules.next_fire(one.id) for name, one in ((OLD, old), (NEW, new))}
    assert [name for name, fire in fires.items() if fire is None] == [who_is_paused]


@pytest.mark.parametrize("is_accepted", [False, True])
async def test_of_two_who_are_flagged_and_become_one_the_later_review_stays(
    instance: Instance, old: Player, new: Player, is_accepted: bool
) -> None:
    await flag(instance, old, 2)
    await flag(instance, new, 6)
    renamed = await renames.rename(instance, OLD, NEW, force=True, clock=at_hour(7))
    assert renamed.player.flagged_at == hour(6)
    assert await reviews_of(instance, NEW) == [(6, None), (2, Resolution.ACCEPTED)]
    if is_accepted:
        assert (await reviews.accept(instance, NEW)).player.flagged_at is None
    await renames.undo(instance, NEW, clock=at_hour(8))
    later = None if is_accepted else hour(6)
    assert [(await get_player(instance, name)).flagged_at for name in (OLD, NEW)] == [hour(2), later]
    assert await reviews_of(instance, OLD) == [(2, None)]
    assert await reviews_of(instance, NEW) == [(6, Resolution.ACCEPTED if is_accepted else None)]


@on_sqlite
async def test_what_was_decided_since_a_merge_is_not_flagged_again(
    instance: Instance, old: Player, new: Player
) -> None:
    await flag(instance, old, 2)
    await renames.rename(instance, OLD, NEW, force=True, clock=at_hour(7))
    await reviews.accept(instance, NEW)
    assert (await renames.undo(instance, NEW, clock=at_hour(8))).player.flagged_at is None
    assert await reviews_of(instance, OLD) == [(2, Resolution.ACCEPTED)]


async def test_modes_that_changed_after_the_join_come_back(instance: Instance, old: Player, new: Player) -> None:
    change = ModeChange(hour(5.5), hour(3), GameMode.HARDCORE, GameMode.IRONMAN)
    async with instance.db.writing() as conn:
        await conn.run_all(modes.changed(old.id, change))
    await renames.rename(instance, OLD, NEW, clock=at_hour(7))
    await renames.undo(instance, NEW, clock=at_hour(8))
    async with instance.db.reading() as conn:
        assert [await modes.of_player(conn, one.id) for one in (old, new)] == [[change], []]


@on_sqlite
async def test_it_is_said_what_keeps_a_name_from_coming_back(instance: Instance, old: Player) -> None:
    await renames.rename(instance, OLD, "Carex", clock=at_hour(7))
    await add_player(instance, OLD)
    with pytest.raises(PlayerExists, match=r"again while .* called Quill Moss: rename or remove that one first\."):
        await renames.undo(instance, "Carex")
    assert (await get_player(instance, "Carex")).id == old.id


async def test_a_split_is_among_the_names_and_not_taken_back_like_one(instance: Instance, old: Player) -> None:
    await flag(instance, old, 2)
    newcomer = (await reviews.split(instance, OLD, clock=at_hour(4))).apart
    assert newcomer is not None
    await renames.rename(instance, f"{OLD}~1", "Drift NEWT", clock=at_hour(5))
    assert await named(instance, "drift newt") == [(f"{OLD}~1", "Drift NEWT"), (OLD, f"{OLD}~1")]
    assert await named(instance, OLD) == []
    await renames.undo(instance, "drift newt", clock=at_hour(6))
    insist = r"osrsdiff player rename 'Quill Moss~1' 'Quill Moss' --force"
    with pytest.raises(NothingToUndo, match=insist):
        await renames.undo(instance, f"{OLD}~1")
    await renames.rename(instance, f"{OLD}~1", OLD, force=True, clock=at_hour(7))
    assert ((await get_player(instance, OLD)).id, (await get_player(instance, OLD)).last_look_at) == (old.id, hour(3))
    await renames.undo(instance, OLD, clock=at_hour(8))
    assert (await get_player(instance, OLD)).id == newcomer.id
    await remove_player(instance, OLD)
    with pytest.raises(PlayerNotFound, match="osrsdiff player add 'Quill Moss'"):
        await get_player(instance, OLD)
