"""Builds: which limits a sheet proves."""

from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.game.builds import Build, builds_of
from osrsdiff.game.levels import xp_for_level
from osrsdiff.game.metrics import KNOWN, OVERALL, MetricKind, activity_named
from osrsdiff.game.snapshots import Reading, Sheet, State, Unranked, difference

NOW = datetime(2026, 2, 1, tzinfo=UTC)
NEW_BOSS = activity_named("Some Later Boss").key
NOTHING = Reading(0, None, None, Unranked.ZERO)
HIDDEN = Reading(None, None, None, Unranked.HIDDEN)
_HITPOINTS_AT_FIRST = 1_154


def sheet(*, hidden: tuple[str, ...] = (), overall: int | None = None, **values: int) -> Sheet:
    """A new account's sheet, as `values` change it; Overall is what the skills together have."""
    values = {"hitpoints": _HITPOINTS_AT_FIRST, **values}
    skills = {metric.key for metric in KNOWN if metric.kind is MetricKind.SKILL}
    total = sum(value for key, value in values.items() if key in skills) if overall is None else overall
    found = dict.fromkeys((metric.key for metric in KNOWN), NOTHING)
    found |= {key: Reading(value, None, None, Unranked.BELOW_CUTOFF) for key, value in values.items()}
    found[OVERALL] = Reading(total, 100, 40, None)
    return found | dict.fromkeys(hidden, HIDDEN)


L3, DEF, HP, F2P = Build.LEVEL_3, Build.DEFENCE_1, Build.HITPOINTS_10, Build.FREE_TO_PLAY
LV50 = xp_for_level(50)


@pytest.mark.parametrize(
    ("given", "builds"),
    [
        (sheet(), [L3, DEF, HP, F2P]),
        (sheet(hitpoints=0), [L3, DEF, HP, F2P]),
        (sheet(cooking=LV50), [L3, DEF, HP, F2P]),
        (sheet(agility=LV50, attack=82), [L3, DEF, HP]),
        (sheet(attack=83), [L3, DEF, HP, F2P]),
        (sheet(attack=LV50), [DEF, HP, F2P]),
        (sheet(attack=LV50, hitpoints=xp_for_level(11) - 1), [DEF, HP, F2P]),
        (sheet(attack=LV50, hitpoints=xp_for_level(11)), [DEF, F2P]),
        (sheet(attack=LV50, defence=82, hitpoints=LV50), [DEF, F2P]),
        (sheet(attack=LV50, defence=83, hitpoints=LV50), [F2P]),
        (sheet(defence=83), [L3, HP, F2P]),
        # what is free-to-play
        (sheet(defence=LV50, hitpoints=LV50, obor=9, bryophyta=9, brutus=9, lms_rank=500), [F2P]),
        (sheet(defence=LV50, hitpoints=LV50, clue_scrolls_beginner=3, clue_scrolls_all=3), [F2P]),
        (sheet(defence=LV50, hitpoints=LV50, collections_logged=12, pvp_arena_rank=2_500), [F2P]),
        (sheet(defence=LV50, hitpoints=LV50, pvp_arena_rank=2_461), []),
        (sheet(defence=LV50, hitpoints=LV50, clue_scrolls_easy=1, clue_scrolls_all=1), []),
        (sheet(defence=LV50, hitpoints=LV50, sailing=1), []),
        (sheet(defence=LV50, hitpoints=LV50, zulrah=1), []),
        (sheet(defence=LV50, hitpoints=LV50, soul_wars_zeal=1), []),
        (sheet(defence=LV50, hitpoints=LV50) | {NEW_BOSS: Reading(1, None, None, Unranked.BELOW_CUTOFF)}, []),
        (sheet(defence=LV50, hitpoints=LV50) | {NEW_BOSS: NOTHING}, [F2P]),
        # hidden values prove nothing, unless Overall leaves no xp for them
        (sheet(hidden=("zulrah",)), [L3, DEF, HP]),
        (sheet(hidden=("sailing",)), [L3, DEF, HP, F2P]),
        (sheet(hidden=("sailing",), overall=_HITPOINTS_AT_FIRST + 1), [L3, DEF, HP]),
        (sheet(hidden=("defence", "prayer")), [L3, DEF, HP, F2P]),
        (sheet(hidden=("defence",), overall=_HITPOINTS_AT_FIRST + 100), [HP, F2P]),
        (sheet(hidden=("prayer",), overall=_HITPOINTS_AT_FIRST + 100), [DEF, HP, F2P]),
        (sheet(hidden=("hitpoints",), overall=_HITPOINTS_AT_FIRST), [DEF, F2P]),
        (sheet(hidden=("defence", OVERALL)), [HP, F2P]),
        (dict.fromkeys(sheet(), HIDDEN), []),
        ({"attack": NOTHING, "defence": NOTHING}, []),
        ({}, []),
    ],
)
def test_builds_are_claimed_where_the_sheet_proves_them(given: Sheet, builds: list[Build]) -> None:
    assert builds_of(given) == builds


def test_a_skill_that_became_hidden_no_longer_proves_a_build() -> None:
    before = sheet(attack=LV50)
    now = sheet(attack=LV50, hidden=("defence",), overall=LV50 + _HITPOINTS_AT_FIRST + 100)
    found = difference(State(1, NOW, NOW, before), now, NOW + timedelta(hours=1))
    assert builds_of(found.sheet) == [HP, F2P]


def test_an_activity_that_left_the_hiscores_untouched_stands_against_no_build() -> None:
    now = {metric: reading for metric, reading in sheet().items() if metric != "grid_points"}
    found = difference(State(1, NOW, NOW, sheet()), now, NOW + timedelta(hours=1))
    assert found.sheet["grid_points"].unranked is Unranked.HIDDEN
    assert F2P in builds_of(found.sheet)
