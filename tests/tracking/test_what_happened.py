"""Achievements and events as fetches leave them, read back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from osrsdiff.demo.faults import Fault, FaultKind
from osrsdiff.demo.server import Simulation
from osrsdiff.errors import GroupNotFound, InvalidCursor, Outcome, PlayerNotFound, UnderWay
from osrsdiff.game.events import EventKind, not_found
from osrsdiff.game.snapshots import Reading
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import achievements, events, history, players
from osrsdiff.storage.players import Player
from osrsdiff.tracking import looks
from osrsdiff.tracking.achievements import player_achievements
from osrsdiff.tracking.events import Asked, list_events, player_events
from osrsdiff.tracking.fetch import Fetcher, fetch_player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, get_player

NAME = "Mudlark Jo"
START = datetime(2026, 2, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

See = Callable[..., Awaitable[None]]


@pytest.fixture
async def player(instance: Instance) -> Player:
    return (await add_player(instance, NAME)).player


@pytest.fixture
def see(instance: Instance, player: Player) -> See:
    """Stores a look as a fetch does: (hours, metric=value, …); `state_of` the hours at which it was loaded."""

    async def look(hours: int, **values: int) -> None:
        async with instance.db.reading() as connection:
            state = await history.load_state(connection, player.id)
        observation = Observation({metric: Reading(value, 9, None, None) for metric, value in values.items()}, ())
        at = START + hours * HOUR
        await looks.store(instance.db, player, state, observation, at)
        with pytest.raises(UnderWay):  # the same once more, as after an answer that was lost on its way
            await looks.store(instance.db, player, state, observation, at)

    return look


async def told(instance: Instance) -> list[tuple[str, str | None, int | None, int | None]]:
    """Kind, metric, hours after the start and after the look before, the newest first."""
    _, page = await player_events(instance, NAME)
    return [
        (
            one.event.kind.value,
            one.event.metric,
            hour(one.event.at),
            None if one.event.after is None else hour(one.event.after),
        )
        for one in page.items
    ]


def hour(at: datetime) -> int:
    return int((at - START) / HOUR)


async def test_looks_tell_each_thing_once(instance: Instance, see: See) -> None:
    await see(0, attack=101_000, zulrah=400)
    await see(6, attack=101_400, zulrah=400)
    await see(7, attack=101_400, zulrah=600)
    await see(8, attack=101_000, zulrah=600)
    await see(9, attack=101_400, zulrah=600)
    assert sorted(await told(instance), key=lambda one: one[2] or 0) == [
        ("first_seen", None, 0, None),
        ("level_up", "attack", 6, 0),
        ("achievement", "attack", 6, 0),
        ("achievement", "zulrah", 7, 6),
        ("level_up", "attack", 9, 8),
    ]


async def test_a_record_that_goes_on_is_told_once(instance: Instance, see: See) -> None:
    await see(0, zulrah=10)
    await see(1, zulrah=20)
    for hours, value in {400 * 24: 20, 400 * 24 + 1: 25, 400 * 24 + 2: 32, 400 * 24 + 3: 40}.items():
        await see(hours, zulrah=value)
    _, page = await player_events(instance, NAME, Asked(kind=EventKind.RECORD))
    assert {(one.event.detail, one.event.value, one.event.before) for one in page.items} == {
        (period, 12, 10) for period in ("day", "week", "month", "year")
    }


async def test_what_was_reached_is_read_newest_first_and_what_is_undated_last(instance: Instance, see: See) -> None:
    await see(0, attack=101_000, zulrah=600, obor=49)
    await see(5, attack=101_400, zulrah=600, obor=49)
    await see(9, attack=101_400, zulrah=400, obor=60)
    found = await player_achievements(instance, NAME)
    assert [(one.rule.name, one.at, one.after) for one in found.reached] == [
        ("50 Obor kills", START + 9 * HOUR, START + 5 * HOUR),
        ("50 Attack", START + 5 * HOUR, START),
        ("First Obor kill", None, None),
        ("500 Zulrah kills", None, None),
        ("First Zulrah kill", None, None),
    ]
    assert [one.rule.name for one in found.ahead] == [
        "500 Zulrah kills",
        "100 Obor kills",
        "60 Attack",
        "50m Attack xp",
    ]


async def test_what_a_look_reaches_while_it_is_read_has_its_date_or_is_not_there(
    instance: Instance, see: See, monkeypatch: pytest.MonkeyPatch
) -> None:
    await see(0, obor=49)
    between = iter([see(5, obor=60)])

    def followed_by_a_look(read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def then_look(*given: Any) -> Any:
            found = await read(*given)
            for look in between:
                await look
            return found

        return then_look

    monkeypatch.setattr(achievements, "of_player", followed_by_a_look(achievements.of_player))
    monkeypatch.setattr(history, "load_state", followed_by_a_look(history.load_state))
    found = await player_achievements(instance, NAME)
    assert ("50 Obor kills", None) not in [(one.rule.name, one.at) for one in found.reached]


async def test_nothing_is_reached_before_the_first_look(instance: Instance, player: Player) -> None:
    found = await player_achievements(instance, NAME)
    assert (found.player, found.reached, found.ahead) == (player, [], [])


async def missing_for(instance: Instance, player: Player, time: timedelta) -> None:
    now = datetime.now(UTC)
    async with instance.db.writing() as connection:
        for part in range(3):
            at = now - time * (3 - part) / 3
            await players.record_attempt(connection, player.id, at=at, outcome=Outcome.NOT_RANKED)


async def outcome(fetcher: Fetcher, player: Player) -> Outcome:
    report = await fetch_player(fetcher, player.id)
    assert report is not None
    return report.outcome


async def absences(instance: Instance) -> list[datetime | None]:
    _, page = await player_events(instance, NAME, Asked(kind=EventKind.NOT_FOUND))
    return [one.event.after for one in page.items]


async def test_who_is_gone_is_told_once(
    instance: Instance, fetcher: Fetcher, hiscores: Simulation, player: Player
) -> None:
    hiscores.faults.add(Fault(FaultKind.NOT_FOUND))
    await missing_for(instance, player, 4 * DAY)
    assert await absences(instance) == []
    for _ in range(2):
        assert await outcome(fetcher, player) is Outcome.NOT_RANKED
        assert await absences(instance) == [None]


async def test_who_is_gone_again_is_told_again(
    instance: Instance, fetcher: Fetcher, hiscores: Simulation, player: Player
) -> None:
    async with instance.db.writing() as connection:
        before = datetime.now(UTC) - 10 * DAY
        await events.add_once(connection, player.id, not_found(before, None), since=before)
    assert await outcome(fetcher, player) is Outcome.CHANGED
    seen = await get_player(instance, NAME)
    await missing_for(instance, player, 4 * DAY)
    hiscores.faults.add(Fault(FaultKind.NOT_FOUND))
    assert await outcome(fetcher, player) is Outcome.NOT_RANKED
    assert await absences(instance) == [seen.last_look_at, None]


@pytest.mark.parametrize(("kind", "days"), [(FaultKind.NOT_FOUND, 2), (FaultKind.UNAVAILABLE, 4)])
async def test_a_short_absence_or_an_outage_is_not_told(
    instance: Instance, fetcher: Fetcher, hiscores: Simulation, player: Player, kind: FaultKind, days: int
) -> None:
    await missing_for(instance, player, days * DAY)
    hiscores.faults.add(Fault(kind))
    await outcome(fetcher, player)
    assert await absences(instance) == []


async def test_pages_follow_their_cursor_and_refuse_any_other(instance: Instance, see: See) -> None:
    await see(0, zulrah=0, obor=0)
    await see(1, zulrah=500, obor=50)
    page = await list_events(instance, Asked(limit=3))
    assert page.next is not None
    rest = await list_events(instance, Asked(limit=3, after=page.next))
    everything = await list_events(instance)
    assert [*page.items, *rest.items] == everything.items
    assert (len(everything.items), rest.next, everything.next) == (5, None, None)
    with pytest.raises(InvalidCursor):
        await list_events(instance, Asked(after="nonsense"))


async def test_events_of_nobody_are_an_error(instance: Instance) -> None:
    with pytest.raises(PlayerNotFound):
        await player_events(instance, "nobody")
    with pytest.raises(GroupNotFound):
        await list_events(instance, group="no-such-group")
