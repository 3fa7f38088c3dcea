"""Gains between two times, and how sure each end is, from a history with holes."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from osrsdiff.game.gains import Bracket, Gain, Known, PlayerGains
from osrsdiff.game.periods import Window
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.storage import gains as gains_table
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player

HOUR = timedelta(hours=1)
UNSEEN = Reading(None, None, None, Unranked.HIDDEN)

Make = Callable[..., Reading]
GainsOf = Callable[[float, float], Awaitable[PlayerGains]]


@pytest.fixture
async def player(add_player: Callable[[], Awaitable[Player]]) -> Player:
    return await add_player()


@pytest.fixture
def gains(db: Database, player: Player, now: datetime) -> GainsOf:
    """The player's gains between two times in hours from now."""

    async def read(start: float, end: float) -> PlayerGains:
        async with db.reading() as conn:
            found = await gains_table.gains_of(conn, player.username, Window(now + start * HOUR, now + end * HOUR))
        assert found is not None
        return found[1]

    return read


@pytest.fixture
async def looked(player: Player, store: Callable[..., Awaitable[bool]], kills: Make, now: datetime) -> dict[int, int]:
    """Zulrah's kills by hour. Looks at 0, 10, 20, 30, 40: changed at 0, 20 and 40, unchanged at 10 and 30."""
    by_hour = {0: 100, 10: 100, 20: 150, 30: 150, 40: 175}
    for hour, number in by_hour.items():
        await store(player, {"zulrah": kills(number, rank=number)}, now + hour * HOUR)
    return by_hour


def gained(found: PlayerGains) -> dict[str, int]:
    return {gain.metric: gain.gained for gain in found.gains}


async def test_a_player_nobody_has_looked_at_has_no_gains(gains: GainsOf) -> None:
    found = await gains(-24, 0)
    assert (found.start, found.end, found.gains) == (None, None, [])


async def test_a_gain_is_the_state_at_the_end_minus_that_at_the_start(
    gains: GainsOf, looked: dict[int, int], now: datetime
) -> None:
    found = await gains(15, 45)
    assert found.gains == [
        Gain(
            metric="zulrah",
            start=Known(now, 100, 100, None),
            end=Known(now + 40 * HOUR, 175, 175, None),
            gained=75,
            levels_gained=None,
            first_seen=False,
            fell=False,
        )
    ]


@pytest.mark.parametrize(
    ("start", "end", "kills_gained"),
    [(0, 40, 75), (0, 39.9, 50), (0, 20, 50), (0, 19.9, 0), (20, 40, 25), (25, 35, 0), (40, 60, 0)],
)
async def test_an_end_on_a_look_counts_that_look(
    gains: GainsOf, looked: dict[int, int], start: float, end: float, kills_gained: int
) -> None:
    assert gained(await gains(start, end)) == {"zulrah": kills_gained}


async def test_before_the_first_look_nothing_is_known(gains: GainsOf, looked: dict[int, int]) -> None:
    found = await gains(-20, -10)
    assert (found.start, found.end, found.gains) == (None, None, [])


async def test_a_window_that_opens_before_the_first_look_counts_from_it(
    gains: GainsOf, looked: dict[int, int], now: datetime
) -> None:
    found = await gains(-20, 45)
    assert found.start is None
    [gain] = found.gains
    assert (gain.gained, gain.first_seen, gain.start.at) == (75, True, now)


@pytest.mark.parametrize(
    ("hour", "earliest", "latest"),
    [
        (0, 0, 0),  # on a look that changed something
        (5, 5, 5),  # between two looks that saw the same
        (10, 10, 10),  # on the last look before a change
        (10.5, 10, 20),  # the change came between these two
        (19.9, 10, 20),
        (20, 20, 20),
        (29, 29, 29),
        (35, 30, 40),
        (40, 40, 40),  # on the last look
        (41, 40, None),  # past it: nobody has looked yet
    ],
)
async def test_an_end_is_as_sure_as_the_looks_around_it(
    gains: GainsOf, looked: dict[int, int], now: datetime, hour: float, earliest: float, latest: float | None
) -> None:
    expected = Bracket(now + earliest * HOUR, None if latest is None else now + latest * HOUR)
    assert (await gains(-5, hour)).end == expected
    assert (await gains(hour, 100)).start == expected


async def test_a_look_that_saw_the_same_makes_the_end_surer(
    gains: GainsOf, player: Player, store: Callable[..., Awaitable[bool]], kills: Make, now: datetime
) -> None:
    await store(player, {"zulrah": kills(1)}, now)
    assert (await gains(0, 50)).end == Bracket(now, None)
    await store(player, {"zulrah": kills(1)}, now + 40 * HOUR)
    assert (await gains(0, 50)).end == Bracket(now + 40 * HOUR, None)
    assert (await gains(0, 39)).end == Bracket(now + 39 * HOUR, now + 39 * HOUR)


async def test_a_value_first_seen_inside_the_window_is_the_baseline(
    gains: GainsOf, player: Player, store: Callable[..., Awaitable[bool]], kills: Make, now: datetime
) -> None:
    await store(player, {"zulrah": kills(5), "yama": UNSEEN}, now)
    await store(player, {"zulrah": kills(5), "yama": kills(50)}, now + 10 * HOUR)
    assert gained(await gains(5, 15)) == {"zulrah": 0, "yama": 0}
    await store(player, {"zulrah": kills(6), "yama": kills(53)}, now + 20 * HOUR)
    assert gained(await gains(5, 25)) == {"zulrah": 1, "yama": 3}
    assert gained(await gains(15, 25)) == {"zulrah": 1, "yama": 3}
    assert gained(await gains(1, 2)) == {"zulrah": 0}


async def test_minus_one_that_becomes_zero_is_no_gain(
    gains: GainsOf, player: Player, store: Callable[..., Awaitable[bool]], now: datetime
) -> None:
    await store(player, {"yama": UNSEEN}, now)
    await store(player, {"yama": Reading(0, None, None, Unranked.ZERO)}, now + 10 * HOUR)
    [gain] = (await gains(0, 15)).gains
    assert (gain.gained, gain.first_seen) == (0, True)


async def test_levels_come_from_xp_where_the_hiscores_say_the_same(
    gains: GainsOf, player: Player, store: Callable[..., Awaitable[bool]], skill: Make, now: datetime
) -> None:
    await store(player, {"overall": Reading(5000, 9, 100, None), "attack": skill(1000)}, now)
    await store(player, {"overall": Reading(9000, 9, 104, None), "attack": skill(5000)}, now + HOUR)
    levels = {gain.metric: (gain.gained, gain.levels_gained) for gain in (await gains(0, 2)).gains}
    assert levels == {"overall": (4000, 4), "attack": (4000, 11)}


async def test_a_fall_is_told_apart(
    gains: GainsOf, player: Player, store: Callable[..., Awaitable[bool]], kills: Make, now: datetime
) -> None:
    await store(player, {"zulrah": kills(50), "lms_rank": kills(700)}, now)
    await store(player, {"zulrah": kills(40), "lms_rank": kills(600)}, now + HOUR)
    falls = {gain.metric: (gain.gained, gain.fell) for gain in (await gains(0, 2)).gains}
    assert falls == {"zulrah": (-10, True), "lms_rank": (-100, False)}


async def test_another_players_looks_are_not_counted(
    gains: GainsOf,
    looked: dict[int, int],
    add_player: Callable[[str], Awaitable[Player]],
    store: Callable[..., Awaitable[bool]],
    kills: Make,
    now: datetime,
) -> None:
    other = await add_player("somebody else")
    await store(other, {"zulrah": kills(1), "vorkath": kills(1)}, now + 12 * HOUR)
    await store(other, {"zulrah": kills(9), "vorkath": kills(9)}, now + 14 * HOUR)
    found = await gains(11, 15)
    assert gained(found) == {"zulrah": 0}
    assert found.start == found.end == Bracket(now + 10 * HOUR, now + 20 * HOUR)


async def test_what_a_rollback_took_is_regained_and_not_gained(
    gains: GainsOf, player: Player, store: Callable[..., Awaitable[bool]], kills: Make, now: datetime
) -> None:
    for hour, number in {0: 100, 10: 150, 20: 110, 30: 140, 40: 160}.items():
        await store(player, {"zulrah": kills(number)}, now + hour * HOUR)

    async def seen(start: float, end: float) -> tuple[int, int, bool]:
        [gain] = (await gains(start, end)).gains
        return gain.gained, gain.regained, gain.fell

    assert await seen(15, 25) == (-40, 0, True)
    assert await seen(20, 35) == (0, 30, False)
    assert await seen(20, 45) == (10, 40, False)
    assert await seen(5, 45) == (60, 0, False)
