import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrsdiff.game.levels import MAX_XP, combat_level, level_for_xp, total_level, xp_for_level


@pytest.mark.parametrize(
    ("level", "xp"),
    [(1, 0), (2, 83), (3, 174), (50, 101_333), (92, 6_517_253), (99, 13_034_431), (126, 188_884_740)],
)
def test_xp_of_levels_is_the_games(level: int, xp: int) -> None:
    assert xp_for_level(level) == xp


@pytest.mark.parametrize("level", [0, 127, -1])
def test_other_levels_have_no_xp(level: int) -> None:
    with pytest.raises(ValueError, match="no level"):
        xp_for_level(level)


@pytest.mark.parametrize(
    ("xp", "level", "virtual"), [(0, 1, 1), (82, 1, 1), (83, 2, 2), (13_034_430, 98, 98), (MAX_XP, 99, 126)]
)
def test_the_level_stops_at_the_cap(xp: int, level: int, virtual: int) -> None:
    assert level_for_xp(xp) == level
    assert level_for_xp(xp, cap=126) == virtual


@settings(deadline=None)
@given(st.integers(1, 126))
def test_level_and_xp_are_inverse(level: int) -> None:
    xp = xp_for_level(level)
    assert level_for_xp(xp, cap=126) == level
    assert level_for_xp(xp - 1, cap=126) == max(level - 1, 1)


@settings(deadline=None)
@given(st.integers(0, MAX_XP))
def test_xp_lies_between_its_level_and_the_next(xp: int) -> None:
    level = level_for_xp(xp, cap=126)
    assert xp_for_level(level) <= xp
    assert level == 126 or xp < xp_for_level(level + 1)


@pytest.mark.parametrize(
    ("levels", "combat"),
    [
        ({}, 3),
        (dict.fromkeys(("attack", "strength", "defence", "hitpoints", "prayer", "ranged", "magic"), 99), 126),
        ({"attack": 60, "strength": 70, "defence": 45, "hitpoints": 68, "prayer": 43}, 75),
        ({"magic": 75, "hitpoints": 50, "prayer": 1}, 49),
        ({"ranged": 99, "hitpoints": 85, "prayer": 52, "defence": 1, "cooking": 99}, 76),
    ],
)
def test_combat_level_follows_the_best_style(levels: dict[str, int], combat: int) -> None:
    assert combat_level(levels) == combat


def test_total_level_is_the_larger_of_both_counts() -> None:
    levels = {"overall": 900, "attack": 40, "hitpoints": 1, "cooking": 30}
    assert total_level(levels) == 80
    assert total_level(levels, reported=79) == 80
    assert total_level(levels, reported=736) == 736
    assert total_level({}) == 10
