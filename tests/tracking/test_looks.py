"""What looks come to: records, achievements and events stored with them."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import select

from osrsdiff.errors import UnderWay
from osrsdiff.game.events import EventKind
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.metrics import MetricKind, kind_of
from osrsdiff.game.reckoning import RULES
from osrsdiff.game.records import Record, RecordPeriod
from osrsdiff.game.snapshots import Reading, State, Unranked
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import achievements, events, history, players, records
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import players as players_table
from osrsdiff.tracking import looks
from osrsdiff.tracking.reckoning import Reckoned, reckon_player

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HIDDEN = Reading(None, None, None, Unranked.HIDDEN)

numbers = count()


@pytest.fixture
async def player(db: Database) -> Player:
    return await added(db)


async def added(db: Database) -> Player:
    async with db.writing() as conn:
        name = f"player {next(numbers)}"
        return await players.add(conn, username=name, display_name=name, interval_minutes=60, now=START)


def reading(metric: str, value: int | None) -> Reading:
    if value is None:
        return HIDDEN
    level = level_for_xp(value) if kind_of(metric) is MetricKind.SKILL else None
    return Reading(value, 1, level, None)


async def state_of(db: Database, player: Player) -> State | None:
    async with db.reading() as conn:
        return await history.load_state(conn, player.id)


async def look(db: Database, player: Player, at: datetime, **values: int | None) -> None:
    observation = Observation({metric: reading(metric, value) for metric, value in values.items()}, ())
    await looks.store(db, player, await state_of(db, player), observation, at)


async def records_of(db: Database, player: Player, period: RecordPeriod = RecordPeriod.DAY) -> dict[str, Record]:
    async with db.reading() as conn:
        return {one.metric: one for one in await records.of_player(conn, player.id) if one.period is period}


async def events_of(db: Database, player: Player, kind: EventKind) -> list[tuple[str | None, int | None, int | None]]:
    async with db.reading() as conn:
        page = await events.page(conn, limit=100, kind=kind, player_id=player.id)
    return [(one.event.metric, one.event.value, one.event.before) for one in reversed(page)]


async def test_a_first_look_is_an_event_and_needs_no_reckoning(db: Database, player: Player) -> None:
    await look(db, player, START, zulrah=50)
    async with db.reading() as conn:
        row = await conn.one(select(players_table.c.reckoned_by).where(players_table.c.id == player.id))
    assert row == (RULES,)
    assert await events_of(db, player, EventKind.FIRST_SEEN) == [(None, None, None)]
    assert await records_of(db, player) == {}


async def test_each_look_keeps_the_records_up_to_date(db: Database, player: Player) -> None:
    await look(db, player, START, zulrah=50, vorkath=1)
    await look(db, player, START + HOUR, zulrah=53, vorkath=1)
    await look(db, player, START + 2 * HOUR, zulrah=53, vorkath=4)
    await look(db, player, START + 3 * HOUR, zulrah=60, vorkath=4)
    day = RecordPeriod.DAY
    assert await records_of(db, player) == {
        "zulrah": Record("zulrah", day, 10, START, START + 3 * HOUR),
        "vorkath": Record("vorkath", day, 3, START, START + 2 * HOUR),
    }


async def test_a_fraction_of_a_second_is_cut_off_as_it_is_in_the_history(db: Database, player: Player) -> None:
    half = timedelta(milliseconds=500)
    await look(db, player, START + half, zulrah=50)
    await look(db, player, START + HOUR + half, zulrah=53)
    assert (await records_of(db, player))["zulrah"].end == START + HOUR
    assert await found_by_rebuild(db, player) == (0, 0)


async def test_a_record_that_goes_on_is_no_event_and_one_that_another_gain_beats_is(
    db: Database, player: Player
) -> None:
    for hour, kills in ((0, 0), (1, 5), (2, 9), (100, 9), (101, 17), (102, 20), (103, 22)):
        await look(db, player, START + hour * HOUR, zulrah=kills)
    assert (await records_of(db, player))["zulrah"].gained == 13
    [event] = [one for one in await events_of(db, player, EventKind.RECORD) if one[0] == "zulrah"]
    assert event == ("zulrah", 11, 9)


async def test_levels_and_achievements_come_with_the_look(db: Database, player: Player) -> None:
    await look(db, player, START, attack=13_000_000, zulrah=0)
    await look(db, player, START + HOUR, attack=13_034_431, zulrah=1)
    assert await events_of(db, player, EventKind.LEVEL_UP) == [("attack", 99, 98)]
    reached = {metric for metric, _, _ in await events_of(db, player, EventKind.ACHIEVEMENT)}
    assert reached == {"attack", "zulrah"}


async def test_what_was_compared_with_an_older_state_leaves_nothing(db: Database, player: Player) -> None:
    await look(db, player, START, attack=100)
    old = await state_of(db, player)
    await look(db, player, START + HOUR, attack=101)
    observation = Observation({"attack": reading("attack", 13_034_431)}, ())
    with pytest.raises(UnderWay):
        await looks.store(db, player, old, observation, START + 2 * HOUR)
    assert (await records_of(db, player))["attack"].gained == 1
    assert await events_of(db, player, EventKind.LEVEL_UP) == []
    async with db.reading() as conn:
        assert await achievements.of_player(conn, player.id) == []


async def test_a_look_may_be_stored_as_a_difference_alone(db: Database, player: Player) -> None:
    await look(db, player, START, attack=100)
    observation = Observation({"attack": reading("attack", 13_034_431)}, ())
    await looks.store(db, player, await state_of(db, player), observation, START + HOUR, reckons=False)
    assert await records_of(db, player) == {}
    assert await events_of(db, player, EventKind.LEVEL_UP) == []


async def found_by_rebuild(db: Database, player: Player) -> tuple[int, int]:
    """How many records and achievements a dry run takes for wrong."""
    report = Reckoned(mended=False)
    await reckon_player(db, player.id, report)
    assert report.players == 1
    return report.records.count, report.achievements.count
