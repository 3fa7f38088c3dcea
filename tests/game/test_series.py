from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.series import Resolution, Seen, Series, drawn, finest

START, END = 100, 200


def seen(at: int, value: int, look_before: int | None, *, level: int | None = None) -> Seen:
    return at, value, 7, level, look_before


def points(series: Series) -> list[tuple[int, int]]:
    return list(zip(series.times, series.values, strict=True))


def test_a_value_holds_until_the_look_before_the_next_change() -> None:
    changes = [seen(120, 5, 110), seen(150, 9, 140), seen(160, 10, 150)]
    line = drawn("zulrah", seen(50, 3, None), changes, START, END)
    assert points(line) == [(100, 3), (110, 3), (120, 5), (140, 5), (150, 9), (160, 10), (200, 10)]
    assert (line.levels, line.next) == (None, None)


def test_before_the_first_value_there_is_no_line() -> None:
    assert points(drawn("zulrah", None, [seen(120, 5, 110)], START, END)) == [(120, 5), (200, 5)]
    assert points(drawn("zulrah", None, [], START, END)) == []


def test_the_line_ends_where_the_value_is_last_known_to_hold() -> None:
    assert points(drawn("zulrah", None, [seen(120, 5, None)], START, 120)) == [(120, 5)]
    assert points(drawn("zulrah", seen(90, 5, None), [], START, 130)) == [(100, 5), (130, 5)]


def test_levels_are_the_hiscores_own_or_follow_from_xp() -> None:
    changes = [seen(120, 90, 110), seen(130, 174, 120), seen(140, 60, 130), seen(150, 10**9, 140, level=98)]
    assert drawn("attack", seen(50, 0, None), changes, START, 150).levels == [1, 1, 2, 3, 1, 98]
    assert drawn("overall", None, [seen(120, 90, 110, level=33), seen(130, 91, 120)], START, 130).levels == [33, None]


@pytest.mark.parametrize(
    ("changes", "hours", "days", "expected"),
    [
        (999, 999, 366, Resolution.RAW),
        (1000, 999, 366, Resolution.HOUR),
        (5000, 1000, 366, Resolution.DAY),
        (5000, 3000, 2000, Resolution.WEEK),
        (0, 0, 99_999, Resolution.RAW),
    ],
)
def test_the_finest_that_is_sure_to_fit_is_taken(changes: int, hours: int, days: int, expected: Resolution) -> None:
    assert finest(2000, changes, hours, days) is expected


LOOKS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=30)


def seen_by(looks: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], list[Seen]]:
    """Each look with the value then, and the changes that storage would have; `looks`: (since the last, gained)."""
    found, changes, at, value = [], list[Seen](), 0, 0
    for later, gained in looks:
        before = at if found else None
        at, value = at + later, value + gained
        found.append((at, value))
        if gained or before is None:
            changes.append(seen(at, value, before))
    return found, changes


def value_at(line: list[tuple[int, int]], at: int) -> float:
    if at == line[0][0]:
        return line[0][1]
    [(left, low), (right, high)] = next(pair for pair in pairwise(line) if pair[0][0] < at <= pair[1][0])
    return low + (high - low) * (at - left) / (right - left)


@given(LOOKS, st.integers(0, 100))
def test_the_line_goes_through_every_look_of_the_window(looks: list[tuple[int, int]], start: int) -> None:
    found, changes = seen_by(looks)
    before = [change for change in changes if change[0] <= start]
    inside = [change for change in changes if change[0] > start]
    line = points(drawn("zulrah", before[-1] if before else None, inside, start, found[-1][0]))
    assert all(left[0] < right[0] for left, right in pairwise(line))
    for at, value in found:
        if at > start:
            assert value_at(line, at) == value


@given(LOOKS, st.integers(1, 5))
def test_what_did_not_fit_goes_on_at_next(looks: list[tuple[int, int]], most: int) -> None:
    found, changes = seen_by(looks)
    end = found[-1][0]
    whole = points(drawn("zulrah", None, changes, 0, end))
    line = drawn("zulrah", None, changes, 0, end, most + 1)
    joined = points(line)
    while line.next is not None:
        before = [change for change in changes if change[0] <= line.next][-1]
        later = [change for change in changes if change[0] > line.next]
        line = drawn("zulrah", before, later, line.next, end, most + 1)
        assert len(line.times) <= most + 1
        joined += points(line)[1:]
    assert joined == whole


@given(st.lists(st.integers(0, 200_000_000), min_size=1, max_size=40))
def test_levels_are_those_of_the_xp(values: list[int]) -> None:
    changes = [seen(at, xp, at - 1) for at, xp in enumerate(values, START + 1)]
    assert drawn("attack", None, changes, START, 0).levels == [level_for_xp(xp) for xp in values]
