from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrsdiff.game.gains import Gain, Known, PlayerGains, gains_between
from osrsdiff.game.metrics import KNOWN
from osrsdiff.game.periods import Window

T0 = datetime(2026, 2, 1, tzinfo=UTC)


def at(hours: int, value: int, *, rank: int | None = 100, level: int | None = None) -> Known:
    return Known(T0 + timedelta(hours=hours), value, rank, level)


def only(gains: list[Gain]) -> Gain:
    assert len(gains) == 1
    return gains[0]


def test_a_gain_is_the_end_minus_the_start() -> None:
    start, end = at(0, 40), at(5, 45)
    assert only(gains_between({"zulrah": start}, {}, {"zulrah": end})) == Gain(
        "zulrah", start, end, gained=5, levels_gained=None, first_seen=False, fell=False
    )


def test_what_was_unknown_before_counts_from_its_first_value_inside() -> None:
    gain = only(gains_between({}, {"zulrah": at(2, 40)}, {"zulrah": at(5, 45)}))
    assert (gain.gained, gain.first_seen, gain.start) == (5, True, at(2, 40))


def test_a_first_value_is_no_gain() -> None:
    gain = only(gains_between({}, {"zulrah": at(2, 40)}, {"zulrah": at(2, 40)}))
    assert (gain.gained, gain.first_seen, gain.fell) == (0, True, False)


def test_the_start_wins_over_the_first_value_inside() -> None:
    gain = only(gains_between({"zulrah": at(0, 40)}, {"zulrah": at(2, 44)}, {"zulrah": at(5, 45)}))
    assert (gain.gained, gain.first_seen) == (5, False)


def test_levels_follow_from_xp_or_from_the_hiscores() -> None:
    start = {"attack": at(0, 0), "overall": at(0, 100, level=33), "magic": at(0, 83, level=1), "sailing": at(0, 0)}
    end = {"attack": at(1, 174), "overall": at(1, 900, level=40), "magic": at(1, 174), "sailing": at(1, 14_000_000)}
    levels = {gain.metric: gain.levels_gained for gain in gains_between(start, {}, end)}
    assert levels == {"attack": 2, "overall": 7, "magic": 2, "sailing": 98}


def test_overall_without_a_level_gains_no_levels() -> None:
    assert only(gains_between({"overall": at(0, 100)}, {}, {"overall": at(1, 900, level=40)})).levels_gained is None


@pytest.mark.parametrize(("metric", "fell"), [("zulrah", True), ("attack", True), ("lms_rank", False)])
def test_a_fall_is_kept_and_marked_where_it_cannot_be(metric: str, fell: bool) -> None:
    gain = only(gains_between({metric: at(0, 700)}, {}, {metric: at(1, 690)}))
    assert (gain.gained, gain.fell) == (-10, fell)


def test_overall_then_skills_bosses_activities_by_how_much_they_moved() -> None:
    values = {"rifts_closed": 9, "zulrah": 4, "obor": 7, "cooking": 1, "attack": 0, "overall": 1, "fishing": 50}
    start = dict.fromkeys(values, at(0, 100))
    end = {metric: at(1, 100 + gained) for metric, gained in values.items()} | {"zulrah": at(1, 92)}
    order = [gain.metric for gain in gains_between(start, {}, end)]
    assert order == ["overall", "fishing", "cooking", "attack", "zulrah", "obor", "rifts_closed"]


HISTORIES = st.dictionaries(
    st.sampled_from([metric.key for metric in KNOWN]),
    st.dictionaries(st.integers(0, 40), st.integers(0, 10**9), min_size=1),
    max_size=8,
)


def state(history: Mapping[str, Mapping[int, int]], hour: int) -> dict[str, Known]:
    """What is known at an hour: each metric's last value at or before it."""
    return {
        metric: at(max(hours), values[max(hours)])
        for metric, values in history.items()
        if (hours := [h for h in values if h <= hour])
    }


def first_inside(history: Mapping[str, Mapping[int, int]], start: int, end: int) -> dict[str, Known]:
    return {
        metric: at(min(hours), values[min(hours)])
        for metric, values in history.items()
        if (hours := [h for h in values if start < h <= end])
    }


def gained(history: Mapping[str, Mapping[int, int]], start: int, end: int) -> dict[str, int]:
    gains = gains_between(state(history, start), first_inside(history, start, end), state(history, end))
    return {gain.metric: gain.gained for gain in gains}


@settings(deadline=None)
@given(HISTORIES, st.tuples(st.integers(-1, 41), st.integers(-1, 41), st.integers(-1, 41)))
def test_the_gains_of_the_parts_make_the_gain_of_the_whole(
    history: dict[str, dict[int, int]], hours: tuple[int, int, int]
) -> None:
    start, middle, end = sorted(hours)
    before, after = gained(history, start, middle), gained(history, middle, end)
    assert gained(history, start, end) == {metric: before.get(metric, 0) + gain for metric, gain in after.items()}


@pytest.mark.parametrize(
    ("before", "after", "tables_since", "places"),
    [
        (500, 400, [], 100),
        (400, 500, [], -100),
        (None, 400, [], None),
        (500, None, [], None),
        (500, 400, [0], 100),
        (500, 400, [1], None),
        (500, 400, [2], None),
        (500, 400, [3], 100),
        (500, 400, [0, 1, 3], None),
    ],
)
def test_places_are_climbed_on_one_table(
    before: int | None, after: int | None, tables_since: list[int], places: int | None
) -> None:
    changed = [T0 + timedelta(days=day) for day in tables_since]
    found = PlayerGains(Window(T0, T0), None, None, [], tables_since=changed)
    assert found.climbed((T0, before), (T0 + timedelta(days=2), after)) == places
