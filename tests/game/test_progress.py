from osrsdiff.game.levels import xp_for_level
from osrsdiff.game.metrics import OVERALL, REQUIRED_SKILLS
from osrsdiff.game.progress import Progress, next_ones
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.game.thresholds import Measure, Rule


def ranked(value: int, level: int | None = None) -> Reading:
    return Reading(value, 100, level, None)


def test_each_measure_has_a_next_threshold_the_nearest_first() -> None:
    sheet = {"attack": ranked(12_500_000), "zulrah": ranked(499), "obor": Reading(0, None, None, Unranked.ZERO)}
    assert next_ones(sheet) == [
        Progress(Rule("zulrah", Measure.VALUE, 500), 499, 99.8),
        Progress(Rule("attack", Measure.LEVEL, 99), 98, 95.8),
        Progress(Rule("attack", Measure.VALUE, 50_000_000), 12_500_000, 25.0),
        Progress(Rule("obor", Measure.VALUE, 1), 0, 0.0),
    ]


def test_what_is_hidden_has_no_progress_and_what_is_complete_neither() -> None:
    sheet = {
        "zulrah": ranked(10_000),
        "obor": Reading(None, None, None, Unranked.HIDDEN),
        "attack": ranked(200_000_000),
    }
    assert next_ones(sheet) == []


def test_what_is_not_reached_is_never_a_hundred_percent() -> None:
    [level, _] = next_ones({"attack": ranked(13_034_431, 98)})
    assert (level.rule.threshold, level.percent) == (99, 99.9)
    [total, _] = [one for one in next_ones({OVERALL: ranked(199_999_999, 1_749)}) if one.rule.metric == OVERALL]
    assert total.percent == 99.9


def test_the_base_level_counts_by_the_xp_of_all_skills() -> None:
    half = xp_for_level(99) // 2
    sheet = {skill: ranked(half) for skill in REQUIRED_SKILLS - {OVERALL}}
    [base] = [one for one in next_ones(sheet) if one.rule.measure is Measure.BASE_LEVEL]
    assert (base.rule.threshold, base.value, base.percent) == (99, 91, 49.9)
