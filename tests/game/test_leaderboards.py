"""Places on leaderboards, and from where on a relative gain counts."""

import pytest

from osrsdiff.game.leaderboards import least_start, places


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([], []), ([9], [1]), ([9, 8, 8, 8, 7], [1, 2, 2, 2, 5]), ([5, 5, 5], [1, 1, 1])],
)
def test_equal_scores_share_a_place(scores: list[int], expected: list[int]) -> None:
    assert places(scores, before=0, last=None, last_place=0) == expected


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    assert places([8, 8, 7], before=2, last=8, last_place=2) == [2, 2, 5]
    assert places([7, 6], before=4, last=8, last_place=2) == [5, 6]


def test_the_first_score_is_on_the_first_place_whatever_was_before() -> None:
    assert places([None], before=0, last=None, last_place=0) == [1]


@pytest.mark.parametrize(("metric", "least"), [("attack", 13_363), ("overall", 320_712), ("zulrah", 50), ("yama", 50)])
def test_a_gain_in_percent_counts_from_a_value_worth_the_name(metric: str, least: int) -> None:
    assert least_start(metric) == least
