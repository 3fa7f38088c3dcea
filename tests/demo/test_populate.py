"""The weeks that a demo begins with: what a tracker on the spot would have had, its stories told."""

from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.demo.clan import CLAN, STORY_LENGTH
from osrsdiff.demo.populate import populate
from osrsdiff.demo.world import World
from osrsdiff.game.events import EventKind
from osrsdiff.game.modes import GameMode
from osrsdiff.storage import events, modes, players, snapshots
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
NOW = EPOCH + STORY_LENGTH + timedelta(hours=9, minutes=30)
TOLD = ("Brittle Oath", "Left The Way", "Careful Moth", "Tidal Vole", "Drift Otter")
SHOWN = (EventKind.MODE_CHANGE, EventKind.FLAGGED)


@pytest.fixture
async def populated(db: Database) -> dict[str, Player]:
    """The clan's tellers of stories, by name."""
    clan = [character for character in CLAN if character.name in TOLD]
    assert await populate(db, World(epoch=EPOCH), clan, NOW) > 400
    assert await populate(db, World(epoch=EPOCH), clan, NOW) == 0
    async with db.reading() as connection:
        found = await players.page(connection, after=None, limit=10)
    return {player.display_name: player for player in found}


async def told(db: Database, player: Player) -> list[tuple[EventKind, str | None]]:
    async with db.reading() as connection:
        found = await events.page(connection, limit=1_000, player_id=player.id)
    return [(one.event.kind, one.event.detail) for one in found if one.event.kind in SHOWN]


async def test_the_demo_tells_its_stories(db: Database, populated: dict[str, Player]) -> None:
    changed = {"Brittle Oath": timedelta(days=24, hours=20), "Left The Way": timedelta(days=17, hours=19)}
    for name, player in populated.items():
        async with db.reading() as connection:
            found = await modes.of_player(connection, player.id)
            looks = await snapshots.page(connection, player.id, before=NOW, limit=1_000)
        assert [(one.after is not None and one.after <= EPOCH + changed[name] < one.at) for one in found] == (
            [True] if name in changed else []
        )
        assert sum(look.has_fall for look in looks) == (name in ("Tidal Vole", "Drift Otter"))
        assert (player.flagged_at is not None) == (name == "Drift Otter")
    assert {name: player.game_mode for name, player in populated.items()} == {
        "Brittle Oath": GameMode.IRONMAN,
        "Left The Way": GameMode.REGULAR,
        "Careful Moth": GameMode.HARDCORE,
        "Tidal Vole": GameMode.REGULAR,
        "Drift Otter": GameMode.REGULAR,
    }
    assert await told(db, populated["Brittle Oath"]) == [(EventKind.MODE_CHANGE, "hardcore_ironman to ironman")]
    assert [kind for kind, _ in await told(db, populated["Drift Otter"])] == [EventKind.FLAGGED]
    assert await told(db, populated["Careful Moth"]) == []
