"""Looks over some weeks: what a tracker would have seen, fit for the real path of difference and store."""

from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.demo.characters import Character
from osrsdiff.demo.clan import CLAN, EVERYBODY, STORY_LENGTH
from osrsdiff.demo.history import looks
from osrsdiff.demo.world import World
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import State, difference

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
WORLD = World(epoch=EPOCH)
BY_NAME = {character.name: character for character in CLAN}
EVERY = timedelta(hours=6)


def changes_per_look(character: Character, days: int) -> list[int]:
    state: State | None = None
    counts: list[int] = []
    for at, sheet in looks(WORLD, character, EPOCH, EPOCH + timedelta(days=days), EVERY):
        found = difference(state, sheet, at)
        state = State(len(counts) + 1, at, at, found.sheet)
        counts.append(len(found.changes))
    return counts


def test_looks_come_at_their_times_with_both_ends() -> None:
    times = [at for at, _ in looks(WORLD, BY_NAME["Brass Heron"], EPOCH, EPOCH + timedelta(days=1), EVERY)]
    assert times == [EPOCH + step * EVERY for step in range(5)]


def test_nobody_sees_the_newcomer_before_it_appears() -> None:
    newcomer = BY_NAME["New Sprout"]
    times = [at for at, _ in looks(WORLD, newcomer, EPOCH, EPOCH + STORY_LENGTH, EVERY)]
    assert times[0] - EPOCH >= newcomer.appears_after
    assert len(times) > 20


def test_a_look_at_another_table_sees_that_table() -> None:
    dead, end = BY_NAME["Brittle Oath"], EPOCH + STORY_LENGTH
    after_death = EPOCH + dead.frozen[GameMode.HARDCORE]
    seen = [
        sheet["overall"].value for _, sheet in looks(WORLD, dead, after_death, end, EVERY, lambda _: GameMode.HARDCORE)
    ]
    assert len(set(seen)) == 1


@pytest.mark.parametrize(("name", "least"), [("Brass Heron", 0.5), ("Mudlark Jo", 1.0)])
def test_the_active_change_at_most_looks(name: str, least: float) -> None:
    _, *later = changes_per_look(BY_NAME[name], 14)
    assert sum(count > 0 for count in later) >= least * len(later)


def test_the_idle_never_change_after_the_first_look() -> None:
    first, *later = changes_per_look(BY_NAME["Idle Turnip"], 14)
    assert first > 50
    assert set(later) == {0}


def test_the_story_is_told_within_its_length() -> None:
    ends = [c.appears_after for c in EVERYBODY]
    ends += [at for c in EVERYBODY for at in (*c.frozen.values(), *c.rolled_back, *c.names)]
    assert max(ends) + timedelta(days=5) < STORY_LENGTH
