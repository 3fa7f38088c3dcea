"""Members put in and taken out, many at a time, on both databases."""

import asyncio

import pytest

from osrsdiff.errors import GroupExists, GroupNotFound, InvalidGroup, InvalidUsername, NotAMember, PlayerNotFound
from osrsdiff.tracking import groups, members, players, selection
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.members import Wanted


@pytest.fixture
async def clan(instance: Instance) -> str:
    """The key of a group, and two players are tracked."""
    for name in ("Lynx Titan", "zezima"):
        await players.add_player(instance, name)
    return (await groups.create_group(instance, "Iron Squad")).key


async def roles(instance: Instance, key: str) -> dict[str, str]:
    _, found = await members.list_members(instance, key)
    return {one.player.username: one.role for one in found}


async def test_a_list_says_what_became_of_each_name(instance: Instance, clan: str) -> None:
    await members.put_members(instance, clan, [Wanted("zezima", "scout")], track_unknown=False)
    wanted = [Wanted("LYNX_titan"), Wanted("zezima", "captain"), Wanted("nobody"), Wanted("no!name")]
    put = await members.put_members(instance, clan, wanted, track_unknown=False)
    assert (put.added, put.changed, put.unchanged, put.tracked) == (["lynx titan"], ["zezima"], [], [])
    assert {one.name: type(one.error) for one in put.refused} == {"nobody": PlayerNotFound, "no!name": InvalidUsername}
    assert await roles(instance, clan) == {"lynx titan": "member", "zezima": "captain"}


async def test_a_name_without_a_role_keeps_the_one_it_has(instance: Instance, clan: str) -> None:
    await members.put_members(instance, clan, [Wanted("zezima", "scout")], track_unknown=False)
    put = await members.put_members(instance, clan, [Wanted("zezima"), Wanted("Zezima")], track_unknown=False)
    assert (put.unchanged, put.refused) == (["zezima"], [])
    twice = [Wanted("lynx titan", "one"), Wanted("Lynx Titan"), Wanted("LYNX TITAN", "two")]
    assert (await members.put_members(instance, clan, twice, track_unknown=False)).added == ["lynx titan"]
    assert await roles(instance, clan) == {"lynx titan": "two", "zezima": "scout"}


async def test_who_is_not_tracked_is_tracked_and_scheduled_on_demand(instance: Instance, clan: str) -> None:
    wanted = [Wanted("B0aty", "captain"), Wanted("zezima"), Wanted("no!name")]
    put = await members.put_members(instance, clan, wanted, track_unknown=True)
    assert (put.added, put.tracked, put.scheduled) == (["b0aty", "zezima"], ["b0aty"], True)
    player = await players.get_player(instance, "b0aty")
    assert (player.display_name, player.schedule_id) == ("B0aty", f"player_fetch_{player.id}")
    assert await instance.schedules.next_fire(player.id) is not None
    assert await instance.redis.xlen(f"{instance.prefix}queue") == 0
    again = await members.put_members(instance, clan, wanted, track_unknown=True)
    assert (again.unchanged, again.tracked) == (["b0aty", "zezima"], [])


async def test_more_names_than_fit_a_batch_are_all_put_in(
    instance: Instance, clan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "BATCH", 5)
    wanted = [Wanted(f"p {number}") for number in range(13)]
    put = await members.put_members(instance, clan, wanted, track_unknown=True)
    assert (len(put.added), len(put.tracked)) == (13, 13)
    assert (await groups.get_group(instance, clan)).member_count == 13
    taken = await members.take_out(instance, clan, [f"P_{number}" for number in range(11)])
    assert (len(taken.removed), taken.refused) == (11, [])
    assert await roles(instance, clan) == {"p 11": "member", "p 12": "member"}


async def test_taking_out_reports_who_was_not_in(instance: Instance, clan: str) -> None:
    await members.put_members(instance, clan, [Wanted("zezima")], track_unknown=False)
    taken = await members.take_out(instance, clan, ["Zezima", "lynx titan", "nobody", "no!name"])
    assert taken.removed == ["zezima"]
    assert {one.name: type(one.error) for one in taken.refused} == {
        "lynx titan": NotAMember,
        "nobody": PlayerNotFound,
        "no!name": InvalidUsername,
    }
    assert (await players.get_player(instance, "zezima")).is_active


async def test_a_player_may_be_in_several_groups(instance: Instance, clan: str) -> None:
    await groups.create_group(instance, "Other", key="ABC!")
    for key, role in ((clan, "captain"), ("abc", None)):
        await members.put_members(instance, key, [Wanted("zezima", role)], track_unknown=False)
    _, found = await groups.groups_of(instance, "Zezima")
    assert [(one.group.key, one.role) for one in found] == [("abc", "member"), ("iron-squad", "captain")]


async def test_a_group_is_found_by_its_key_and_by_its_first_name(instance: Instance, clan: str) -> None:
    assert (await groups.get_group(instance, " Iron Squad")).key == clan
    renamed = await groups.change_group(instance, clan, name="Rune Squad")
    assert (renamed.key, renamed.name) == (clan, "Rune Squad")
    for unknown in ("Rune Squad", "", "!", "x" * 300):
        with pytest.raises(GroupNotFound):
            await groups.get_group(instance, unknown)


async def test_a_key_that_another_group_has_is_refused(instance: Instance, clan: str) -> None:
    with pytest.raises(GroupExists):
        await groups.create_group(instance, "iron squad!")
    other = await groups.create_group(instance, "Other")
    with pytest.raises(GroupExists):
        await groups.change_group(instance, other.key, new_key="Iron Squad")
    with pytest.raises(InvalidGroup):
        await groups.change_group(instance, other.key, name=" ")
    assert (await groups.change_group(instance, other.key, new_key="other", description=" x ")).description == "x"


async def test_of_several_who_want_a_key_at_once_one_gets_it(instance: Instance, clan: str) -> None:
    keys = [(await groups.create_group(instance, f"Group {number}")).key for number in range(6)]
    changes = (groups.change_group(instance, key, new_key="wanted") for key in keys)
    ends = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["Group"] + ["GroupExists"] * 5


async def test_changes_made_at_once_are_all_kept(instance: Instance, clan: str) -> None:
    for day in ("Mondays", "Tuesdays", "Fridays"):  # each on a connection that is there already but for the first time
        await asyncio.gather(
            groups.change_group(instance, clan, name=f"Squad of {day}"),
            groups.change_group(instance, clan, description=day),
        )
        found = await groups.get_group(instance, clan)
        assert (found.name, found.description) == (f"Squad of {day}", day)


async def test_what_is_deleted_meanwhile_is_neither_changed_nor_deleted_again(instance: Instance, clan: str) -> None:
    ends = await asyncio.gather(
        groups.delete_group(instance, clan),
        groups.delete_group(instance, clan),
        groups.change_group(instance, clan, name="Late"),
        return_exceptions=True,
    )
    assert sorted(type(end).__name__ for end in ends[:2]) == ["Group", "GroupNotFound"]
    changed = ends[2]
    assert isinstance(changed, GroupNotFound) or (isinstance(changed, groups.Group) and changed.name == "Late")
    with pytest.raises(GroupNotFound):
        await groups.get_group(instance, clan)


async def test_who_is_named_in_several_lists_at_once_is_tracked_once(instance: Instance, clan: str) -> None:
    wanted = [Wanted(f"p {number}") for number in range(30)]
    puts = await asyncio.gather(*(members.put_members(instance, clan, wanted, track_unknown=True) for _ in range(3)))
    assert sorted(name for put in puts for name in put.tracked) == sorted(one.name for one in wanted)
    assert (await groups.get_group(instance, clan)).member_count == 30
