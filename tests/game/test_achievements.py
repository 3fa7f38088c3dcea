"""Which thresholds there are, and when looks reach them: each case look by look and rebuilt from its history."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.game.achievements import Reached, reached, rebuilt, satisfied
from osrsdiff.game.levels import xp_for_level
from osrsdiff.game.metrics import KNOWN, OVERALL, REQUIRED_SKILLS, Metric, MetricKind, kind_of, register
from osrsdiff.game.snapshots import Reading, Sheet, State, Unranked, difference
from osrsdiff.game.thresholds import _VALUES, Measure, Rule, rules_for

START = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HIDDEN = Reading(None, None, 1, Unranked.HIDDEN)
NEW_BOSS = Metric("glass_golem", "Glass Golem", MetricKind.BOSS)

Expected = dict[str, tuple[int, int] | None]


def test_the_table_names_only_metrics_that_there_are() -> None:
    assert _VALUES.keys() <= {metric.key for metric in KNOWN}


@pytest.mark.parametrize(
    ("metric", "thresholds"),
    [
        ("overall", [100e6, 200e6, 500e6, 1e9, 2e9, 4.6e9]),
        ("slayer", [50e6, 100e6, 200e6]),
        ("zulrah", [1, 500, 1000, 5000, 10000]),
        ("brutus", [1, 100, 500, 1000, 5000]),
        ("tombs_of_amascut_expert_mode", [1, 100, 500, 1000, 5000]),
        ("hespori", [1, 50, 100, 500, 1000]),
        ("the_corrupted_gauntlet", [1, 100, 200, 1000, 2000]),
        ("lunar_chests", [1, 100, 250, 500, 1000]),
        ("tzkal_zuk", [1, 10, 50, 100, 200]),
        ("clue_scrolls_medium", [500, 1000, 5000, 10000]),
        ("clue_scrolls_beginner", [200, 500, 1000, 5000]),
        ("clue_scrolls_master", [100, 500, 1000, 5000]),
        ("bounty_hunter_rogue", [1000, 5000, 10000]),
        ("lms_rank", [2000, 5000, 10000, 15000]),
        ("soul_wars_zeal", [5000, 10000, 20000]),
        ("collections_logged", [500, 700, 900, 1000, 1100, 1200]),
        ("nobody_has_seen_it", [1, 500, 1000, 5000, 10000]),
        ("league_points", []),
    ],
)
def test_values_have_the_thresholds_of_their_metric(metric: str, thresholds: list[float]) -> None:
    assert [rule.threshold for rule in rules_for(metric) if rule.measure is Measure.VALUE] == thresholds


def test_levels_have_thresholds_in_skills_alone() -> None:
    levels = [rule.threshold for rule in rules_for("attack") if rule.measure is Measure.LEVEL]
    assert levels == [50, 60, 70, 80, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99]
    assert xp_for_level(99) == 13_034_431
    assert {rule.measure for rule in rules_for("zulrah")} == {Measure.VALUE}
    assert {rule.measure for rule in rules_for(OVERALL)} == set(Measure)
    assert [rule.threshold for rule in rules_for(OVERALL) if rule.measure is Measure.BASE_LEVEL] == [60, 70, 80, 90, 99]


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (Rule("attack", Measure.LEVEL, 99), "99 Attack"),
        (Rule("slayer", Measure.VALUE, 200_000_000), "200m Slayer xp"),
        (Rule(OVERALL, Measure.VALUE, 200_000_000), "200m Overall xp"),
        (Rule(OVERALL, Measure.VALUE, 4_600_000_000), "4.6b Overall xp"),
        (Rule(OVERALL, Measure.LEVEL, 2_000), "Total level 2,000"),
        (Rule(OVERALL, Measure.BASE_LEVEL, 80), "Base 80"),
        (Rule(OVERALL, Measure.BASE_LEVEL, 99), "Base 99 (maxed)"),
        (Rule(OVERALL, Measure.COMBAT_LEVEL, 126), "Combat level 126"),
        (Rule("zulrah", Measure.VALUE, 1), "First Zulrah kill"),
        (Rule("zulrah", Measure.VALUE, 500), "500 Zulrah kills"),
        (Rule("theatre_of_blood", Measure.VALUE, 1), "First Theatre of Blood completion"),
        (Rule("barrows_chests", Measure.VALUE, 1), "First Barrows Chest"),
        (Rule("barrows_chests", Measure.VALUE, 5_000), "5,000 Barrows Chests"),
        (Rule("clue_scrolls_hard", Measure.VALUE, 1_000), "1,000 Clue Scrolls (hard)"),
    ],
)
def test_a_rule_reads_like_what_players_say(rule: Rule, name: str) -> None:
    assert rule in rules_for(rule.metric)
    assert rule.name == name


def xp(value: int, level: int | None = None) -> Reading:
    return Reading(value, 100, level, None)


def at_level(level: int) -> Reading:
    return xp(xp_for_level(level))


def kills(value: int) -> Reading:
    return Reading(value, 100, None, None)


def all_at(level: int, **others: Reading) -> dict[str, Reading]:
    """Every skill older than Sailing at this level, but for `others`."""
    return {**{skill: at_level(level) for skill in sorted(REQUIRED_SKILLS - {OVERALL})}, **others}


def look_by_look(sheets: Sequence[Sheet]) -> dict[Rule, Reached]:
    """What comes of looks an hour apart, as they are stored: the first of what is reached twice stays."""
    state: State | None = None
    found: dict[Rule, Reached] = {}
    for hour, sheet in enumerate(sheets):
        look = difference(state, sheet, START + hour * HOUR)
        for one in reached(state.sheet if state else None, look):
            found.setdefault(one.rule, one)
        state = State(hour, look.looked_at, look.looked_at, look.sheet)
    return found


def from_history(sheets: Sequence[Sheet]) -> dict[Rule, Reached]:
    """The same from what history keeps of them."""
    state: State | None = None
    looks: list[tuple[datetime, datetime | None]] = []
    series: dict[str, list[tuple[datetime, int, int | None]]] = {}
    for hour, sheet in enumerate(sheets):
        look = difference(state, sheet, START + hour * HOUR)
        if look.changes or look.is_first_look:
            looks.append((look.looked_at, look.previous_look_at))
        for change in look.changes:
            assert change.after.value is not None
            series.setdefault(change.metric, []).append((look.looked_at, change.after.value, change.after.level))
        state = State(hour, look.looked_at, look.looked_at, look.sheet)
    return {one.rule: one for one in rebuilt(looks, series)}


def in_hours(found: dict[Rule, Reached]) -> Expected:
    """By name, the hours of the look and of the one before; None where nobody knows."""

    def hours(one: Reached) -> tuple[int, int] | None:
        if one.at is None or one.after is None:
            assert one.at is one.after is None
            return None
        return int((one.at - START) / HOUR), int((one.after - START) / HOUR)

    return {rule.name: hours(one) for rule, one in found.items()}


SOME = kills(499)
WITHOUT_PRAYER = ("attack", "strength", "defence", "hitpoints", "ranged", "magic")


@pytest.mark.parametrize(
    ("sheets", "expected"),
    [
        pytest.param([{"zulrah": kills(600)}], {}, id="there at the first look"),
        pytest.param([{"zulrah": kills(499)}, {"zulrah": kills(500)}], {"500 Zulrah kills": (1, 0)}, id="reached"),
        pytest.param([{"zulrah": kills(498)}, {"zulrah": kills(499)}], {}, id="not yet"),
        pytest.param(
            [{"zulrah": SOME}, {"zulrah": SOME}, {"zulrah": SOME}, {"zulrah": kills(1_000)}],
            {"500 Zulrah kills": (3, 2), "1,000 Zulrah kills": (3, 2)},
            id="two at once, after looks that changed nothing",
        ),
        pytest.param(
            [{"zulrah": Reading(None, None, None, Unranked.HIDDEN)}, {"zulrah": kills(600)}, {"zulrah": kills(1_200)}],
            {"1,000 Zulrah kills": (2, 1)},
            id="unranked before: nobody knows when the first ones were",
        ),
        pytest.param(
            [{"zulrah": Reading(0, None, None, Unranked.ZERO)}, {"zulrah": kills(3)}],
            {"First Zulrah kill": (1, 0)},
            id="the first kill, from a known nothing",
        ),
        pytest.param(
            [
                {"zulrah": SOME},
                {"zulrah": SOME, NEW_BOSS.key: kills(0)},
                {"zulrah": SOME, NEW_BOSS.key: kills(2)},
            ],
            {"First Glass Golem kill": (2, 1)},
            id="a boss that nobody knew",
        ),
        pytest.param(
            [{"zulrah": kills(600)}, {"zulrah": kills(400)}, {"zulrah": kills(700)}],
            {"500 Zulrah kills": None},
            id="a fall takes away what was there at first, and it is not reached once more",
        ),
        pytest.param(
            [{"zulrah": kills(400)}, {"zulrah": kills(600)}, {"zulrah": kills(400)}, {"zulrah": kills(700)}],
            {"500 Zulrah kills": (1, 0)},
            id="a fall takes away what was reached: the first time counts",
        ),
        pytest.param(
            [{"lms_rank": kills(2_100)}, {"lms_rank": kills(1_900)}, {"lms_rank": kills(5_000)}],
            {"2,000 LMS - Rank": None, "5,000 LMS - Rank": (2, 1)},
            id="a rating that falls by rule",
        ),
        pytest.param(
            [{"attack": at_level(79)}, {"attack": HIDDEN}, {"attack": at_level(80)}],
            {"80 Attack": (2, 1)},
            id="hidden in between: the value was carried forward",
        ),
        pytest.param(
            [{"attack": xp(13_034_430)}, {"attack": xp(50_000_000)}],
            {"99 Attack": (1, 0), "50m Attack xp": (1, 0)},
            id="a level by its xp",
        ),
        pytest.param(
            [{"attack": xp(1_000, 88)}, {"attack": xp(2_000, 91)}],
            {"90 Attack": (1, 0), "91 Attack": (1, 0)},
            id="the hiscores' own level comes before that of the xp",
        ),
        pytest.param(
            [{OVERALL: xp(99_999_999, 1_749)}, {OVERALL: xp(100_000_000, 1_750)}],
            {"Total level 1,750": (1, 0), "100m Overall xp": (1, 0)},
            id="total level",
        ),
        pytest.param(
            [{OVERALL: xp(1_000)}, {OVERALL: xp(2_000, 1_750)}], {}, id="total level from unknown: no look knows when"
        ),
        pytest.param(
            [{OVERALL: xp(900_000, 1_499)}, {OVERALL: xp(900_000, 1_500)}, {OVERALL: xp(910_000, 1_501)}],
            {"Total level 1,500": (1, 0)},
            id="a new skill adds to the total level alone",
        ),
        pytest.param(
            [{OVERALL: xp(900_000, 1_500)}, {OVERALL: xp(900_000, 1_499)}, {OVERALL: xp(910_000, 1_500)}],
            {"Total level 1,500": None},
            id="the total level falls alone and comes back",
        ),
        pytest.param(
            [all_at(70, mining=at_level(69)), all_at(70)],
            {"70 Mining": (1, 0), "Base 70": (1, 0)},
            id="base level",
        ),
        pytest.param(
            [all_at(70, mining=HIDDEN), all_at(70)], {}, id="base level of a sheet that hid a skill is first seen"
        ),
        pytest.param(
            [all_at(70), all_at(70, sailing=at_level(5)), all_at(70, sailing=at_level(70))],
            {"Base 60": None, "Base 70": None, "50 Sailing": (2, 1), "60 Sailing": (2, 1), "70 Sailing": (2, 1)},
            id="Sailing appears: base 70 was there before, and is not reached by catching up",
        ),
        pytest.param(
            [all_at(70), all_at(70, sailing=HIDDEN), all_at(70, sailing=HIDDEN, mining=at_level(71))],
            {},
            id="a skill that stays hidden counts for nothing",
        ),
        pytest.param(
            [all_at(79), all_at(80, sailing=at_level(60)), all_at(80, sailing=at_level(80))],
            {
                **{f"80 {name}": (1, 0) for name in sorted(metric.name for metric in KNOWN if metric.key in all_at(1))},
                "Base 70": None,
                "70 Sailing": (2, 1),
                "80 Sailing": (2, 1),
                "Base 80": (2, 1),
            },
            id="Sailing appears while base 80 is reached",
        ),
        pytest.param(
            [{skill: at_level(level) for skill in WITHOUT_PRAYER} for level in (86, 87)],
            {},
            id="no combat level without Prayer",
        ),
        pytest.param(
            [all_at(99, prayer=at_level(97)), all_at(99)],
            {"98 Prayer": (1, 0), "99 Prayer": (1, 0), "Base 99 (maxed)": (1, 0), "Combat level 126": (1, 0)},
            id="maxed",
        ),
    ],
)
def test_thresholds_are_reached_where_they_are_first_seen_passed(sheets: list[Sheet], expected: Expected) -> None:
    register(NEW_BOSS)
    found = look_by_look(sheets)
    assert in_hours(found) == expected
    assert from_history(sheets) == found


def test_a_sheet_tells_all_that_it_fulfils() -> None:
    sheet = all_at(70, overall=xp(100_000_000, 1_700), zulrah=kills(1), obor=HIDDEN)
    names = {rule.name for rule in satisfied(sheet)}
    assert {"Base 70", "100m Overall xp", "Total level 1,500", "First Zulrah kill", "70 Mining"} <= names
    assert not {"Base 80", "Total level 1,750", "500 Zulrah kills", "First Obor kill", "80 Mining"} & names


def test_what_happens_later_needs_no_kind_that_was_not_known_before() -> None:
    assert kind_of("still_unheard_of") is MetricKind.BOSS
    assert [rule.threshold for rule in rules_for("still_unheard_of")] == [1, 500, 1_000, 5_000, 10_000]
    register(Metric("still_unheard_of", "Still Unheard Of", MetricKind.SKILL))
    assert [rule.threshold for rule in rules_for("still_unheard_of")][:3] == [50_000_000, 100_000_000, 200_000_000]
