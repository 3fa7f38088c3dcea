"""Lines as they are read from the tables; over random histories see the reference."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from osrsdiff.game.series import MOST_POINTS, Resolution, finest
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage import series
from osrsdiff.storage.engine import Database
from osrsdiff.storage.metrics import find
from osrsdiff.storage.players import Player

DAY_S = 86_400


def test_what_is_not_counted_to_its_end_is_too_much_to_draw() -> None:
    counted = series.MOST_COUNTED
    assert finest(MOST_POINTS, counted, counted, counted) is Resolution.WEEK


async def test_a_day_on_which_clocks_are_set_back_is_one_day(
    db: Database,
    add_player: Callable[..., Awaitable[Player]],
    store: Callable[[Player, dict[str, Reading], datetime], Awaitable[bool]],
    now: datetime,
) -> None:
    player = await add_player()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for value, hours in enumerate((-30, -3, 0, 1, 2, 20, 22, 23, 47), 1):
        await store(player, {"zulrah": Reading(value, 5, None, None)}, midnight + timedelta(hours=hours))
    begin, turn, end = (int((midnight + timedelta(hours=hours)).timestamp()) for hours in (-48, 1, 48))
    async with db.reading() as conn:
        metric = await find(conn, "zulrah")
        assert metric
        spans = [(begin, turn, 7_200), (turn, end, 3_600)]
        found = await series.by_bucket(conn, player.id, metric[0], spans, DAY_S, most=100)
    hours = [(at - turn) // 3_600 + 1 for at, *_ in found]
    assert (hours, [row[1] for row in found]) == ([-30, -3, 22, 23, 47], [1, 2, 7, 8, 9])
    assert [None if before is None else (before - turn) // 3_600 + 1 for *_, before in found] == [None, -30, -3, 22, 23]
