"""Names that change while somebody else changes names: each is told of the players as they are, none of others."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from renamed_rows import NEW, OLD, at_hour

from osrsdiff.errors import OsrsdiffError, PlayerNotFound
from osrsdiff.storage import standing
from osrsdiff.storage.players import Player
from osrsdiff.tracking import renames
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, list_players, remove_player

Act = Callable[[Instance], Awaitable[Any]]

on_postgres = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
"""SQLite has one writer at a time."""


def rename(name: str, new: str, at: float) -> Act:
    return lambda instance: renames.rename(instance, name, new, clock=at_hour(at))


def undo(name: str, at: float) -> Act:
    return lambda instance: renames.undo(instance, name, clock=at_hour(at))


@on_postgres
@pytest.mark.parametrize(
    ("meanwhile", "act", "ends", "called"),
    [
        (rename(NEW, "Carex", 8), rename(OLD, NEW, 9), None, ["fern gully", "carex"]),
        (rename(OLD, "Carex", 8), rename(OLD, NEW, 9), PlayerNotFound, ["carex", "fern gully"]),
        (lambda instance: add_player(instance, "Carex"), rename(OLD, "Carex", 9), None, ["carex", "fern gully"]),
        (lambda instance: remove_player(instance, OLD), rename(OLD, NEW, 9), PlayerNotFound, [None, "fern gully"]),
        (lambda instance: remove_player(instance, NEW), rename(OLD, NEW, 9), None, ["fern gully", None]),
        (undo("third", 10), undo("third", 10), PlayerNotFound, ["second", "fern gully"]),
    ],
)
async def test_who_comes_second_is_told_of_what_is_so_by_then(
    instance: Instance,
    old: Player,
    new: Player,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Act,
    act: Act,
    ends: type[OsrsdiffError] | None,
    called: list[str | None],
) -> None:
    if ends is PlayerNotFound and called[0] == "second":
        await renames.rename(instance, OLD, "Second", clock=at_hour(7))
        await renames.rename(instance, "Second", "Third", clock=at_hour(8))
    lock = standing.lock

    async def lock_after_the_other(*given: Any) -> Any:
        monkeypatch.setattr(standing, "lock", lock)
        await meanwhile(instance)
        return await lock(*given)

    monkeypatch.setattr(standing, "lock", lock_after_the_other)
    if ends is None:
        await act(instance)
    else:
        with pytest.raises(ends):
            await act(instance)
    found = {player.id: player.username for player in await list_players(instance)}
    assert [found.get(old.id), found.get(new.id)] == called
    assert len(found) == sum(name is not None for name in called)
