"""What `player show` says of a sheet that does not name everything, as of values from elsewhere."""

from datetime import UTC, datetime

import pytest

from osrsdiff.cli.profiles import headline_of
from osrsdiff.game.levels import COMBAT_SKILLS
from osrsdiff.game.metrics import OVERALL, REQUIRED_SKILLS, skill_named
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.history import SheetRow

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EVERY = dict.fromkeys(REQUIRED_SKILLS - {OVERALL}, 50)


@pytest.mark.parametrize(
    ("levels", "overall", "expected"),
    [
        (EVERY, 1_200, (1_200, 63)),
        (EVERY, None, (1_150, 63)),
        ({"attack": 50}, 900, (900, None)),
        ({"attack": 50}, None, (None, None)),
        (dict.fromkeys(COMBAT_SKILLS, 50), None, (None, 63)),
        ({}, None, (None, None)),
    ],
    ids=["all of it", "no total", "one skill and the total", "one skill", "combat alone", "nothing"],
)
def test_levels_are_told_where_the_sheet_knows_them(
    levels: dict[str, int], overall: int | None, expected: tuple[int | None, int | None]
) -> None:
    known = {**levels, **({} if overall is None else {OVERALL: overall})}
    rows = [SheetRow(skill_named(key), Reading(1_000, None, level, None), NOW) for key, level in known.items()]
    found = headline_of(rows)
    assert (found.total_level, found.combat_level) == expected
