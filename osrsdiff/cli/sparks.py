"""Small charts of block characters. Pure: numbers in, text out."""

from bisect import bisect_right
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"


def block(value: float, most: float) -> str:
    """A block as high as `value` is of `most`."""
    if most <= 0:
        return _BLOCKS[0]
    return _BLOCKS[min(max(int(value / most * len(_BLOCKS)), 0), len(_BLOCKS) - 1)]


def line(times: Sequence[int], values: Sequence[int], width: int) -> str:
    """The course of a value as `width` blocks from its least to its greatest, each as at the end of its share of time.

    Empty where there is nothing to draw.
    """
    if len(times) < 2:
        return ""
    first, last, least = times[0], times[-1], min(values)
    span = max(values) - least
    ends = (first + (last - first) * (column + 1) // width for column in range(width))
    return "".join(block(values[max(bisect_right(times, end) - 1, 0)] - least, span) for end in ends)
