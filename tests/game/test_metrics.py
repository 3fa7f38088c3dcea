import pytest

from osrsdiff.game.metrics import (
    KNOWN,
    OVERALL,
    REQUIRED_SKILLS,
    Metric,
    MetricKind,
    activity_named,
    kind_of,
    may_fall,
    metric_key,
    name_of,
    register,
    skill_named,
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Overall", "overall"),
        ("Chambers of Xeric: Challenge Mode", "chambers_of_xeric_challenge_mode"),
        ("K'ril Tsutsaroth", "kril_tsutsaroth"),
        ("Vet’ion", "vetion"),
        ("Clue Scrolls (all)", "clue_scrolls_all"),
        ("Bounty Hunter (Legacy) - Rogue", "bounty_hunter_legacy_rogue"),
        ("TzKal-Zuk", "tzkal_zuk"),
        ("  Something -- new!", "something_new"),
    ],
)
def test_a_key_is_made_of_the_words_of_the_name(name: str, key: str) -> None:
    assert metric_key(name) == key


@pytest.mark.parametrize("name", ["", " ", "'", "(-)"])
def test_a_name_without_words_has_no_key(name: str) -> None:
    with pytest.raises(ValueError, match="no metric"):
        metric_key(name)


def test_the_known_metrics_are_those_of_autumn_2026() -> None:
    kinds = [metric.kind for metric in KNOWN]
    assert [kinds.count(kind) for kind in MetricKind] == [25, 71, 20]
    assert len({metric.key for metric in KNOWN}) == 116
    assert KNOWN[0].key == OVERALL
    assert all(kind_of(metric.key) is metric.kind for metric in KNOWN)


def test_sailing_alone_is_not_required() -> None:
    skills = {metric.key for metric in KNOWN if metric.kind is MetricKind.SKILL}
    assert skills - REQUIRED_SKILLS == {"sailing"}
    assert len(REQUIRED_SKILLS) == 24


def test_only_ratings_may_fall() -> None:
    assert {metric.name for metric in KNOWN if may_fall(metric.key)} == {"LMS - Rank", "PvP Arena - Rank"}


def test_known_names_keep_their_kind() -> None:
    assert skill_named("Attack") == Metric("attack", "Attack", MetricKind.SKILL)
    assert activity_named("Rifts closed").kind is MetricKind.ACTIVITY
    assert activity_named("Zulrah").kind is MetricKind.BOSS


def test_an_unknown_activity_is_a_boss_and_an_unknown_skill_a_skill() -> None:
    assert kind_of("sand_choir") is MetricKind.BOSS
    assert activity_named("Sand Choir") == Metric("sand_choir", "Sand Choir", MetricKind.BOSS)
    assert skill_named("Glassblowing") == Metric("glassblowing", "Glassblowing", MetricKind.SKILL)
    assert kind_of("glassblowing") is MetricKind.SKILL
    assert activity_named("Sand Choir") is activity_named("Sand Choir")


def test_an_activity_called_like_a_skill_gets_its_own_key() -> None:
    assert activity_named("Fishing") == Metric("fishing_activity", "Fishing", MetricKind.BOSS)
    assert skill_named("Fishing").key == "fishing"


def test_an_activity_that_a_skill_joins_later_gets_its_own_key() -> None:
    assert activity_named("Kite Flying").key == "kite_flying"
    assert skill_named("Kite Flying").key == "kite_flying"
    assert activity_named("Kite Flying").key == "kite_flying_activity"


def test_what_an_earlier_process_has_seen_can_be_made_known() -> None:
    register(Metric("candle_making", "Candle Making", MetricKind.SKILL))
    assert kind_of("candle_making") is MetricKind.SKILL
    assert skill_named("Candle Making").key == "candle_making"


def test_the_names_of_the_games_own_list_stay_however_an_answer_spells_them() -> None:
    assert activity_named("Z'ulrah").key == "zulrah"
    assert name_of("zulrah") == "Zulrah"
