"""Looks at a sheet that falls: regaining is nothing, a collapse flags, a flagged player's looks come to nothing."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import select

from osrsdiff.errors import UnderWay
from osrsdiff.game.events import EventKind
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.metrics import MetricKind, kind_of
from osrsdiff.game.records import RecordPeriod
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.game.snapshots import Reading, State
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import achievements, events, history, players, reckoning, records, reviews
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.storage.reviews import Review
from osrsdiff.storage.tables import players as players_table
from osrsdiff.tracking import looks
from osrsdiff.tracking.reckoning import Reckoned, reckon_player

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MAXED = 13_034_431

# so much is known before any of these tests begins
OLD = {"attack": 12_000_000, "mining": 9_000_000, "zulrah": 400}
NEWCOMER = {"attack": 50_000, "mining": 70_000, "zulrah": 0}

numbers = count()


@pytest.fixture
async def player(db: Database) -> Player:
    """A player who has been known for a week."""
    async with db.writing() as conn:
        name = f"player {next(numbers)}"
        added = await players.add(conn, username=name, display_name=name, interval_minutes=60, now=START)
    await look(db, added, -7 * 24, **OLD)
    await look(db, added, 0, **OLD)
    return added


async def loaded(db: Database, player: Player) -> tuple[Player, State | None]:
    async with db.reading() as conn:
        found = await history.load_player(conn, player.id)
    assert found is not None
    return found


async def look(db: Database, player: Player, hour: float, **values: int) -> None:
    """A look so many hours after the start, as a fetch makes it."""
    await stored(db, await loaded(db, player), hour, **values)


async def stored(db: Database, known: tuple[Player, State | None], hour: float, **values: int) -> None:
    def reading(metric: str, value: int) -> Reading:
        return Reading(value, 1, level_for_xp(value) if kind_of(metric) is MetricKind.SKILL else None, None)

    observation = Observation({metric: reading(metric, value) for metric, value in values.items()}, ())
    await looks.store(db, *known, observation, START + hour * HOUR)


async def events_of(db: Database, player: Player, *kinds: EventKind) -> list[tuple[str, str | None, int | None]]:
    async with db.reading() as conn:
        page = await events.page(conn, limit=100, player_id=player.id)
    return [
        (one.event.kind.value, one.event.metric, one.event.value)
        for one in reversed(page)
        if one.event.kind in (kinds or EventKind)
    ]


async def reviews_of(db: Database, player: Player) -> list[Review]:
    async with db.reading() as conn:
        return await reviews.of_player(conn, player.id)


async def standing(db: Database, player: Player) -> tuple[object, object]:
    """All records and achievements."""
    async with db.reading() as conn:
        of_records = await records.of_player(conn, player.id)
        reached = await achievements.of_player(conn, player.id)
    return of_records, {(one.metric, one.measure, one.threshold, one.at) for one in reached}


async def rules_of(db: Database, player: Player) -> int | None:
    async with db.reading() as conn:
        row = await conn.one(select(players_table.c.reckoned_by).where(players_table.c.id == player.id))
    assert row is not None
    number: int | None = row[0]
    return number


async def test_what_a_rollback_took_and_is_regained_is_nothing_new(db: Database, player: Player) -> None:
    """The same sheets are those of an answer out of an old cache, and what follows it."""
    await look(db, player, 1, attack=MAXED, mining=9_100_000, zulrah=520)
    before = await standing(db, player)
    told = await events_of(db, player)
    assert ("level_up", "attack", 99) in told
    await look(db, player, 2, attack=12_300_000, mining=9_100_000, zulrah=450)
    await look(db, player, 3, attack=MAXED, mining=9_100_000, zulrah=520)
    assert await standing(db, player) == before
    assert await events_of(db, player) == told
    assert (await loaded(db, player))[0].fell_at == START + 2 * HOUR
    assert await reviews_of(db, player) == []
    report = Reckoned(mended=False)
    await reckon_player(db, player.id, report)
    assert (report.players, report.differences) == (1, 0)


@pytest.mark.parametrize("falls", [1, 51])
async def test_what_comes_after_a_dip_counts_from_its_end(db: Database, player: Player, falls: int) -> None:
    """As many falls as are gone through one by one, and more."""
    for number in range(falls):
        await look(db, player, 1 + 0.02 * number, **(OLD | {"zulrah": 390}))
        await look(db, player, 1.01 + 0.02 * number, **OLD)
    await look(db, player, 3, **(OLD | {"zulrah": 380}))
    for hour, kills in ((40, 380), (41, 450), (42, 457)):
        await look(db, player, hour, **(OLD | {"zulrah": kills}))
    async with db.reading() as conn:
        found = {one.period: one for one in await records.of_player(conn, player.id) if one.metric == "zulrah"}
    assert found[RecordPeriod.DAY].gained == 7
    assert found[RecordPeriod.DAY].start == START + 41 * HOUR
    assert found[RecordPeriod.WEEK].gained == 57
    report = Reckoned(mended=False)
    await reckon_player(db, player.id, report)
    assert (report.players, report.differences) == (1, 0)


async def test_a_level_beyond_the_one_that_was_lost_is_told_from_it(db: Database, player: Player) -> None:
    await look(db, player, 1, **OLD)
    await look(db, player, 2, **(OLD | {"attack": 10_500_000}))
    await look(db, player, 3, **(OLD | {"attack": MAXED}))
    async with db.reading() as conn:
        [one] = await events.page(conn, limit=9, kind=EventKind.LEVEL_UP, player_id=player.id)
    assert (one.event.before, one.event.value) == (level_for_xp(OLD["attack"]), 99)


async def test_a_sheet_that_collapses_flags_the_player_and_comes_to_nothing_else(db: Database, player: Player) -> None:
    before, told = await standing(db, player), await events_of(db, player)
    await look(db, player, 1, **NEWCOMER)
    [review] = await reviews_of(db, player)
    assert (review.why, review.flagged_at, review.after) == (Why.COLLAPSE, START + HOUR, START)
    assert review.detail == "2 skills fell, by 20,880,000 of 21,000,000 xp; 1 boss fell"
    assert (review.resolved_at, review.resolution) == (None, None)
    flagged, state = await loaded(db, player)
    assert flagged.flagged_at == flagged.fell_at == flagged.last_changed_at == START + HOUR
    assert state is not None
    assert state.sheet["attack"].value == NEWCOMER["attack"]
    assert await events_of(db, player) == [*told, ("flagged", None, None)]
    assert await standing(db, player) == before
    assert await rules_of(db, player) is None


async def test_a_flagged_players_looks_come_to_nothing(db: Database, player: Player) -> None:
    before = await standing(db, player)
    await look(db, player, 1, **NEWCOMER)
    told = await events_of(db, player)
    for hour, attack in ((2, 13_100_000), (3, 40), (4, 14_000_000)):
        await look(db, player, hour, **(NEWCOMER | {"attack": attack, "zulrah": hour * 60}))
    assert await standing(db, player) == before
    assert await events_of(db, player) == told
    assert len(await reviews_of(db, player)) == 1
    assert (await loaded(db, player))[0].last_look_at == START + 4 * HOUR
    report = Reckoned(mended=True)
    await reckon_player(db, player.id, report)
    async with db.reading() as conn:
        assert player.id not in await reckoning.pending(conn, 1, limit=1_000)
    assert report.players == 0
    assert await standing(db, player) == before


async def test_a_sheet_that_is_back_ends_the_flag_and_tells_what_it_rose_by_since(db: Database, player: Player) -> None:
    await look(db, player, 1, **NEWCOMER)
    await look(db, player, 2, **NEWCOMER)
    await look(db, player, 3, **(OLD | {"attack": MAXED}))
    [review] = await reviews_of(db, player)
    assert (review.resolution, review.resolved_at) == (Resolution.RECOVERED, START + 3 * HOUR)
    assert (await loaded(db, player))[0].flagged_at is None
    kinds = EventKind.LEVEL_UP, EventKind.FLAGGED, EventKind.ACHIEVEMENT
    assert await events_of(db, player, *kinds) == [("flagged", None, None), ("level_up", "attack", 99)]
    report = Reckoned(mended=True)
    await reckon_player(db, player.id, report)
    assert report.players == 1
    assert ("achievement", "attack", 99) in await events_of(db, player)
    await look(db, player, 4, **(OLD | {"attack": MAXED, "mining": 9_200_000}))
    assert await rules_of(db, player) is not None


async def test_a_sheet_that_only_grew_past_what_was_is_not_back(db: Database, player: Player) -> None:
    await look(db, player, 1, **NEWCOMER)
    await look(db, player, 2_000, **{metric: 3 * value for metric, value in OLD.items()})
    assert (await loaded(db, player))[0].flagged_at is not None


async def test_a_mode_that_can_not_be_is_not_mended_by_the_sheet(db: Database, player: Player) -> None:
    at = START + HOUR
    await db.write_together(
        reviews.flag_steps(player.id, at=at, after=START, why=Why.IMPOSSIBLE_MODE, detail="regular to ironman")
    )
    await look(db, player, 2, **(OLD | {"attack": MAXED}))
    assert (await loaded(db, player))[0].flagged_at == at
    assert await events_of(db, player, EventKind.LEVEL_UP) == []


@pytest.mark.parametrize("ended", [False, True])
async def test_a_look_made_before_the_flag_came_or_ended_is_not_stored(
    db: Database, player: Player, ended: bool
) -> None:
    flag = reviews.flag_steps(player.id, at=START, after=None, why=Why.IMPOSSIBLE_MODE, detail="")
    end = reviews.resolved_steps(player.id, flagged_at=START, at=START, resolution=Resolution.ACCEPTED)
    if ended:
        await db.write_together(flag)
    known = await loaded(db, player)
    await db.write_together(end if ended else flag)
    with pytest.raises(UnderWay):
        await stored(db, known, 1, **(OLD | {"attack": MAXED}))
