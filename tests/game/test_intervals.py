import pytest

from osrsdiff.errors import InvalidInterval
from osrsdiff.game.intervals import parse_interval


@pytest.mark.parametrize(
    ("given", "minutes"), [(1, 1), (60, 60), (43_200, 43_200), ("45", 45), (" 90 ", 90), ("007", 7)]
)
def test_whole_minutes_in_range_are_an_interval(given: object, minutes: int) -> None:
    assert parse_interval(given) == minutes


@pytest.mark.parametrize("given", [0, -1, 43_201, 10**9, pytest.param(10**5000, id="5001 digits")])
def test_a_number_out_of_range_is_refused(given: int) -> None:
    with pytest.raises(InvalidInterval, match="from 1 to 43200"):
        parse_interval(given)


@pytest.mark.parametrize("given", [True, 45.0, 45.5, None, [60], b"60"])
def test_another_type_is_refused(given: object) -> None:
    with pytest.raises(InvalidInterval, match="from 1 to 43200"):
        parse_interval(given)


@pytest.mark.parametrize(
    "given",
    ["", "0", "45.5", "+5", "-5", "1e2", "1_0", "٣", "5 m", "43201", pytest.param("9" * 5000, id="5000 digits")],
)
def test_another_text_is_refused_in_one_line(given: str) -> None:
    with pytest.raises(InvalidInterval) as refused:
        parse_interval(given)
    assert len(str(refused.value)) < 200
