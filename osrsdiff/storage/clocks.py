"""A zone's clock inside statements: a table of how far it is ahead of UTC, and when.

What is passed is game.zones.Clock.spans as JSON. Joined on a time, it tells what the clock showed then.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Text, and_, bindparam, select

from osrsdiff.storage.dialects import JsonItems, JsonPart

Spans = Sequence[tuple[int, int, int]]
"""From when, until before when, by how many seconds the clock is ahead."""

_items = JsonItems(bindparam("spans", type_=Text)).table_valued("value")
_parts = (JsonPart(_items.c.value, place).label(name) for place, name in enumerate(("since", "until", "ahead")))

spans = select(*_parts).cte("spans").prefix_with("MATERIALIZED")
"""The table, of the parameter `spans`; few rows, read once."""


def is_in_span(time: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a row of `spans` is the one that holds at `time`."""
    return and_(time >= spans.c.since, time < spans.c.until)


def param(given: Spans) -> str:
    """What `spans` takes."""
    return msgspec.json.encode(given).decode()
