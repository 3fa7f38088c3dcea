from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from osrsdiff.errors import InvalidPeriod
from osrsdiff.game.modes import GameMode
from osrsdiff.game.periods import Window
from osrsdiff.storage.players import Player
from osrsdiff.tracking.windows import Asked

NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LYNX = Player(
    1, "lynx titan", "Lynx Titan", GameMode.REGULAR, True, 60, None, NOW - 90 * DAY, None, NOW - DAY, None, None, 0
)


@pytest.mark.parametrize(
    ("asked", "at_once", "of_player"),
    [
        (Asked(), Window(NOW - 7 * DAY, NOW), Window(NOW - 7 * DAY, NOW)),
        (Asked("day"), Window(NOW - DAY, NOW), Window(NOW - DAY, NOW)),
        (Asked(" All "), None, Window(NOW - 90 * DAY, NOW)),
        (Asked(start=NOW - 2 * DAY), None, Window(NOW - 2 * DAY, NOW)),
        (Asked(end=NOW - 2 * DAY), None, Window(NOW - 90 * DAY, NOW - 2 * DAY)),
        (Asked(start=NOW - 99 * DAY, end=NOW), Window(NOW - 99 * DAY, NOW), Window(NOW - 99 * DAY, NOW)),
    ],
)
def test_a_window_is_known_at_once_unless_the_player_has_a_say(
    asked: Asked, at_once: Window | None, of_player: Window
) -> None:
    assert asked.at_once("week", NOW) == at_once
    assert asked.of(LYNX, "week", NOW) == of_player


def test_a_window_that_ends_now_has_the_last_look_in_it() -> None:
    ahead = msgspec.structs.replace(LYNX, last_look_at=NOW + timedelta(seconds=1))
    assert Asked("day").of(ahead, "week", NOW).end == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    "asked",
    [
        Asked("fortnight"),
        Asked("week", start=NOW - DAY),
        Asked("all", start=NOW - DAY, end=NOW),
        Asked(end=NOW - 91 * DAY),
        Asked(start=NOW, end=NOW),
        Asked(start=NOW + DAY),
    ],
)
def test_what_is_no_window_is_refused(asked: Asked) -> None:
    with pytest.raises(InvalidPeriod):
        asked.of(LYNX, "week", NOW)
