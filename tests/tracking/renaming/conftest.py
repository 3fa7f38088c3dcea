"""Two players, of whom the one may have become the other, and looks at them at any hour."""

import pytest
from renamed_rows import NEW, OLD, See, hour

from osrsdiff.game import events as game_events
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import events, history
from osrsdiff.storage import players as players_table
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, get_player


@pytest.fixture
def see(instance: Instance) -> See:
    """Stores a look at skills and kills, as a fetch does but for what it comes to."""

    async def store(name: str, at: float, **values: int) -> None:
        sheet = {
            key: Reading(value, 10, None if key == "zulrah" else level_for_xp(value), None)
            for key, value in values.items()
        }
        async with instance.db.writing() as conn:
            player = await players_table.by_username(conn, name)
            assert player is not None
            state = await history.load_state(conn, player.id)
            found = difference(state, sheet, hour(at))
            stored = await history.store_look(
                conn,
                player.id,
                found,
                expected_version=state.version if state else 0,
                further=lambda ids: events.steps(player.id, game_events.first_seen(found), ids),
            )
            assert stored

    return store


@pytest.fixture
async def old(instance: Instance, see: See) -> Player:
    """Seen at the hours 0 to 3, the last time without a change."""
    await add_player(instance, OLD)
    for at, attack in ((0, 100), (1, 200), (2, 300), (3, 300)):
        await see("quill moss", at, attack=attack, defence=50, zulrah=7)
    return await get_player(instance, OLD)


@pytest.fixture
async def new(instance: Instance, see: See, old: Player) -> Player:
    """Seen from hour 5 on: what `old` became."""
    await add_player(instance, NEW, interval_minutes=30)
    await see("fern gully", 5, attack=400, defence=50, zulrah=7)
    await see("fern gully", 6, attack=400, defence=60, zulrah=8)
    return await get_player(instance, NEW)
