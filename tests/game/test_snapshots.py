from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrsdiff.game.metrics import KNOWN, Metric, MetricKind, register
from osrsdiff.game.snapshots import Change, Difference, Reading, Sheet, State, Unranked, difference, missing_skills

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)

HIDDEN = Reading(None, None, None, Unranked.HIDDEN)
ZERO = Reading(0, None, None, Unranked.ZERO)


def ranked(value: int, rank: int = 500) -> Reading:
    return Reading(value, rank, None, None)


def below_cutoff(value: int) -> Reading:
    return Reading(value, None, None, Unranked.BELOW_CUTOFF)


def known(sheet: Sheet) -> State:
    return State(version=3, looked_at=EARLIER, taken_at=EARLIER, sheet=sheet)


def after(state: State, result: Difference) -> State:
    return State(state.version + 1, result.looked_at, result.looked_at, result.sheet)


def test_the_first_look_sees_everything_for_the_first_time() -> None:
    result = difference(None, {"attack": ranked(500), "zulrah": HIDDEN, "obor": ZERO}, NOW)
    assert result.is_first_look
    assert result.previous_look_at is None
    assert result.looked_at == NOW
    assert {change.metric for change in result.changes} == {"attack", "obor"}
    assert all(change.first_seen and change.gained == 0 for change in result.changes)


def test_rank_drift_is_no_change_but_is_in_the_newest_sheet() -> None:
    result = difference(known({"attack": ranked(500, rank=10)}), {"attack": ranked(500, rank=12)}, NOW)
    assert result.changes == ()
    assert result.sheet["attack"].rank == 12
    assert result.previous_look_at == EARLIER


@pytest.mark.parametrize("level", [2101, 2099])
def test_a_total_level_that_moves_without_xp_is_a_change_and_neither_gain_nor_fall(level: int) -> None:
    before, now = Reading(900_000, 10, 2100, None), Reading(900_000, 10, level, None)
    result = difference(known({"overall": before}), {"overall": now}, NOW)
    assert result.changes == (Change("overall", before, now),)
    assert (result.changes[0].gained, result.changes[0].fell, result.changes[0].first_seen) == (0, False, False)


def test_a_level_that_follows_from_xp_or_is_not_known_is_no_change() -> None:
    for metric, before, now in (("attack", 50, 51), ("overall", None, 2100), ("overall", 2100, None)):
        state = known({metric: Reading(900_000, 10, before, None)})
        assert difference(state, {metric: Reading(900_000, 10, now, None)}, NOW).changes == ()


@pytest.mark.parametrize("seen", [ZERO, below_cutoff(2500), ranked(70)])
def test_hidden_to_known_is_first_seen_and_no_gain(seen: Reading) -> None:
    result = difference(known({"pvp_arena_rank": HIDDEN}), {"pvp_arena_rank": seen}, NOW)
    assert result.changes == (Change("pvp_arena_rank", HIDDEN, seen),)
    assert result.changes[0].first_seen
    assert result.changes[0].gained == 0


def test_a_metric_new_to_the_hiscores_is_first_seen_and_no_gain() -> None:
    result = difference(known({"attack": ranked(500)}), {"attack": ranked(500), "mad_angel": ranked(9)}, NOW)
    assert [(change.metric, change.first_seen, change.gained) for change in result.changes] == [("mad_angel", True, 0)]


def test_zero_to_something_is_a_gain() -> None:
    result = difference(known({"mad_angel": ZERO}), {"mad_angel": below_cutoff(3)}, NOW)
    assert result.changes[0].gained == 3
    assert not result.changes[0].first_seen


@pytest.mark.parametrize("gone", [{"zulrah": HIDDEN}, {}])
def test_a_value_that_is_hidden_or_gone_is_carried_forward_without_rank(gone: Sheet) -> None:
    before = known({"zulrah": ranked(40)})
    result = difference(before, gone, NOW)
    assert result.changes == ()
    assert result.sheet["zulrah"] == Reading(40, None, None, Unranked.HIDDEN)
    back = difference(after(before, result), {"zulrah": ranked(45)}, NOW + timedelta(hours=1))
    assert [change.gained for change in back.changes] == [5]


def test_a_carried_level_stays() -> None:
    result = difference(
        known({"attack": Reading(500, 9, 5, None)}), {"attack": Reading(None, None, 1, Unranked.HIDDEN)}, NOW
    )
    assert result.sheet["attack"] == Reading(500, None, 5, Unranked.HIDDEN)


def test_a_fall_is_marked_where_the_metric_cannot_fall() -> None:
    before = known({"zulrah": ranked(40), "lms_rank": ranked(700)})
    result = difference(before, {"zulrah": ranked(38), "lms_rank": ranked(690)}, NOW)
    assert [(change.metric, change.gained, change.fell) for change in result.changes] == [
        ("zulrah", -2, True),
        ("lms_rank", -10, False),
    ]


def test_a_clock_that_went_back_does_not_turn_looks_around() -> None:
    result = difference(known({}), {}, EARLIER - timedelta(days=1))
    assert result.looked_at == EARLIER + timedelta(seconds=1)


def test_a_skill_that_is_suddenly_missing_is_found() -> None:
    register(Metric("ropewalking", "Ropewalking", MetricKind.SKILL))
    sheet = {"attack": ranked(500), "sailing": ranked(20), "ropewalking": ranked(5), "zulrah": ranked(40)}
    assert missing_skills(known(sheet), {"attack": ranked(500)}) == ["sailing"]
    assert missing_skills(known({"attack": ranked(500)}), sheet) == []
    assert missing_skills(None, {}) == []


READINGS = st.one_of(
    st.just(HIDDEN),
    st.just(ZERO),
    st.builds(below_cutoff, st.integers(1, 10**6)),
    st.builds(ranked, st.integers(0, 5 * 10**9), st.integers(1, 2_000_000)),
)
SHEETS = st.dictionaries(st.sampled_from([metric.key for metric in KNOWN]), READINGS)


@settings(deadline=None)
@given(SHEETS, st.none() | SHEETS)
def test_the_same_look_twice_changes_nothing(observed: Sheet, earlier: Sheet | None) -> None:
    before = None if earlier is None else known(earlier)
    first = difference(before, observed, NOW)
    again = difference(State(4, first.looked_at, first.looked_at, first.sheet), observed, NOW + timedelta(hours=1))
    assert again.changes == ()
    assert again.sheet == first.sheet


@settings(deadline=None)
@given(SHEETS, SHEETS)
def test_changes_lead_from_the_known_values_to_the_new_ones(earlier: Sheet, observed: Sheet) -> None:
    result = difference(known(earlier), observed, NOW)
    values = {metric: reading.value for metric, reading in earlier.items()}
    values |= {change.metric: change.after.value for change in result.changes}
    newest = {metric: reading.value for metric, reading in result.sheet.items()}
    assert {metric: value for metric, value in values.items() if value is not None} == {
        metric: value for metric, value in newest.items() if value is not None
    }
