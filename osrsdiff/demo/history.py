"""Weeks of looks at the simulated game, as a tracker on the spot would have had them. No network, no database."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from osrsdiff.demo.characters import Character
from osrsdiff.demo.world import World
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Sheet
from osrsdiff.hiscores.parser import parse


def looks(
    world: World,
    character: Character,
    start: datetime,
    end: datetime,
    every: timedelta,
    table: Callable[[datetime], GameMode] = lambda _: GameMode.REGULAR,
) -> Iterator[tuple[datetime, Sheet]]:
    """A look from `start` on, `every` so often, up to and with `end`; none while nobody is on the table under the name.

    `table`: which one is looked at when.
    """
    at = start
    while at <= end:
        body = world.body(character.name, at, table(at))
        if body is not None:
            yield at, parse(body).sheet
        at += every
