"""When what fell stood as high again as it ever had: what windows that begin in between count from."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy import Text, and_, bindparam, func, select

from osrsdiff.storage.connection import Row, Step
from osrsdiff.storage.dialects import ID, JsonItems, JsonPart
from osrsdiff.storage.tables import changes

Dip = tuple[int, int, int]
"""A metric, a time at which it stood lower than before, and its high-water mark then."""

_player_id = bindparam("player_id", type_=ID)
_given = JsonItems(bindparam("dips", type_=Text)).table_valued("value").c.value
_dips = (
    select(
        *(JsonPart(_given, place).label(name) for place, name in enumerate(("metric_id", "known_at", "mark"))),
    )
    .cte("dips")
    .prefix_with("MATERIALIZED")
)
_mine = and_(changes.c.player_id == _player_id, changes.c.metric_id == _dips.c.metric_id)
_first_at = (
    select(func.min(changes.c.taken_at))
    .where(_mine, changes.c.taken_at > _dips.c.known_at, changes.c.value >= _dips.c.mark)
    .correlate(_dips)
    .scalar_subquery()
)
_REGAINED = select(_dips.c.metric_id, _dips.c.known_at, changes.c.taken_at, changes.c.value).join_from(
    _dips, changes, and_(_mine, changes.c.taken_at == _first_at)
)

Regained = Mapping[tuple[int, int], tuple[int, int]]
"""By metric and time of a dip: when it was over, and the value then. Not there where it is not over."""


def step(player_id: int, dips: Sequence[Dip], then: Callable[[Regained], Sequence[Step]]) -> Step:
    """What finds out when dips of a player's metrics were over, and goes on with that."""
    given = {"player_id": player_id, "dips": msgspec.json.encode(dips).decode()}

    def of_rows(rows: list[Row]) -> Sequence[Step]:
        return then({(number, known_at): (at, value) for number, known_at, at, value in rows})

    return Step(_REGAINED, given, then=of_rows)
