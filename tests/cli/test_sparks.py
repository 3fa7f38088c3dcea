import pytest

from osrsdiff.cli.sparks import block, line


@pytest.mark.parametrize(
    ("value", "most", "drawn"), [(0, 8, "▁"), (4, 8, "▅"), (8, 8, "█"), (-1, 8, "▁"), (9, 8, "█"), (5, 0, "▁")]
)
def test_a_block_is_as_high_as_its_value(value: int, most: int, drawn: str) -> None:
    assert block(value, most) == drawn


@pytest.mark.parametrize(
    ("times", "values", "drawn"),
    [
        ([0, 10], [1, 9], "▁▁▁█"),
        ([0, 5, 10], [1, 9, 9], "▁███"),
        ([100, 110], [7, 7], "▁▁▁▁"),
        ([100], [7], ""),
        ([], [], ""),
    ],
)
def test_a_line_runs_from_the_least_to_the_greatest(times: list[int], values: list[int], drawn: str) -> None:
    assert line(times, values, 4) == drawn
