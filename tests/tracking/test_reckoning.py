"""Records and achievements reckoned anew from whole histories: what is found, what is mended, what is left alone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Executable, null, select, update

from osrsdiff.errors import PlayerNotFound, UnderWay
from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import EventKind
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.reckoning import RULES
from osrsdiff.game.records import Record, RecordPeriod
from osrsdiff.game.snapshots import Reading
from osrsdiff.hiscores.parser import Observation
from osrsdiff.scheduling.constants import RECKON_TASK
from osrsdiff.storage import achievements, candidates, events, history, moves, players, reckoning, records
from osrsdiff.storage import jobs as job_runs
from osrsdiff.storage.connection import NOTHING, Connection, Params, Row
from osrsdiff.storage.jobs import JobRun
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import moves as moves_table
from osrsdiff.storage.tables import players as players_table
from osrsdiff.tracking import jobs, looks
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.reckoning import Differences, rebuild, reckon_pending

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

Look = Callable[..., Awaitable[None]]

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def look(instance: Instance) -> Look:
    """Stores a look so many hours after the start; without `reckons`, as a difference alone."""

    async def store(player: Player, hour: float, attack: int, zulrah: int, *, reckons: bool = True) -> None:
        async with instance.db.reading() as conn:
            state = await history.load_state(conn, player.id)
        sheet = {"attack": Reading(attack, 1, level_for_xp(attack), None), "zulrah": Reading(zulrah, 1, None, None)}
        at = START + hour * HOUR
        await looks.store(instance.db, player, state, Observation(sheet, ()), at, reckons=reckons)

    return store


async def added(instance: Instance, name: str) -> Player:
    async with instance.db.writing() as conn:
        return await players.add(conn, username=name, display_name=name.title(), interval_minutes=60, now=START)


async def played(player: Player, look: Look, *, reckons: bool = True) -> None:
    """A record of each metric, a fall, levels, kills that are achievements."""
    for hour, attack, zulrah in ((0, 0, 0), (1, 90, 1), (30, 2_000, 400), (31, 2_000, 300), (32, 5_000, 600)):
        await look(player, hour, attack, zulrah, reckons=reckons)


async def stored_of(instance: Instance, player: Player) -> tuple[list[Record], set[Reached], list[object]]:
    async with instance.db.reading() as conn:
        happened = await events.page(conn, limit=500, kind=EventKind.ACHIEVEMENT, player_id=player.id)
        return (
            await records.of_player(conn, player.id),
            set(await achievements.of_player(conn, player.id)),
            sorted((one.event for one in happened), key=repr),
        )


async def rules_of(instance: Instance, player: Player) -> int | None:
    async with instance.db.reading() as conn:
        row = await conn.one(select(players_table.c.reckoned_by).where(players_table.c.id == player.id))
    assert row is not None
    number: int | None = row[0]
    return number


async def forget_rules(instance: Instance, player: Player, rules: int | None) -> None:
    async with instance.db.writing() as conn:
        statement = update(players_table).where(players_table.c.id == player.id)
        await conn.run(statement.values(reckoned_by=null() if rules is None else rules))


async def version_of(instance: Instance, player: Player) -> int | None:
    async with instance.db.reading() as conn:
        return await reckoning.version(conn, player.id)


async def test_after_looks_nothing_differs_and_nothing_is_written(instance: Instance, look: Look) -> None:
    player = await added(instance, "zezima")
    await played(player, look)
    before = await version_of(instance, player)
    report = await rebuild(instance, None)
    assert (report.players, report.differences, await version_of(instance, player)) == (1, 0, before)


async def test_what_looks_did_not_store_is_found_and_then_mended(instance: Instance, look: Look) -> None:
    player, twin = await added(instance, "zezima"), await added(instance, "twin")
    await played(player, look, reckons=False)
    await played(twin, look)
    expected = await stored_of(instance, twin)
    assert all(expected)

    found = await rebuild(instance, ["Zezima"], dry_run=True)
    assert (found.mended, found.players) == (False, 1)
    assert found.records == Differences(missing=len(expected[0]))
    assert found.achievements == Differences(missing=len(expected[1]))
    assert await stored_of(instance, player) == ([], set(), [])

    mended = await rebuild(instance, ["Zezima"])
    assert mended.differences == found.differences
    assert await stored_of(instance, player) == expected
    assert await rules_of(instance, player) == RULES
    assert (await rebuild(instance, ["Zezima"], dry_run=True)).differences == 0


async def test_what_is_wrong_is_told_apart_and_put_right(instance: Instance, look: Look) -> None:
    player = await added(instance, "zezima")
    await played(player, look)
    right = await stored_of(instance, player)
    [a_day, *_] = [one for one in right[0] if one.period is RecordPeriod.DAY and one.metric == "zulrah"]
    too_high = Record("zulrah", RecordPeriod.DAY, a_day.gained + 1, a_day.start, a_day.end)
    async with instance.db.writing() as conn:
        ids = conn.metrics.ids
        await conn.run_all(records.taken_back(player.id, right[0], ids))
        await conn.run_all(records.steps(player.id, [too_high], ids))
    report = await rebuild(instance, None)
    assert report.records == Differences(missing=len(right[0]) - 1, different=1)
    assert await stored_of(instance, player) == right


async def test_a_record_that_no_look_explains_is_taken_back(instance: Instance, look: Look) -> None:
    player = await added(instance, "zezima")
    await look(player, 0, 100, 5)
    async with instance.db.writing() as conn:
        wrong = Record("zulrah", RecordPeriod.WEEK, 5, START, START + HOUR)
        await conn.run_all(records.steps(player.id, [wrong], conn.metrics.ids))
    report = await rebuild(instance, None)
    assert report.records == Differences(superfluous=1)
    assert (await stored_of(instance, player))[0] == []


async def test_names_of_nobody_are_refused_and_stop_nobody(instance: Instance, look: Look) -> None:
    player = await added(instance, "zezima")
    await look(player, 0, 100, 5)
    report = await rebuild(instance, ["nobody", "zezima"])
    [refused] = report.refused
    assert (refused.name, type(refused.error), report.players) == ("nobody", PlayerNotFound, 1)


async def test_what_is_reckoned_and_a_look_at_the_same_time_do_not_both_count(instance: Instance, look: Look) -> None:
    player = await added(instance, "zezima")
    await look(player, 0, 100, 5)
    async with instance.db.reading() as conn:
        state = await history.load_state(conn, player.id)
    assert state is not None
    steps = [reckoning.guard(player.id, state.version), reckoning.reckoned(player.id, RULES)]
    assert await instance.db.write_together(steps)
    assert not await instance.db.write_together(steps)
    with pytest.raises(UnderWay):
        await looks.store(instance.db, player, state, Observation(dict(state.sheet), ()), START + HOUR)


async def test_a_player_who_fell_often_has_the_same_records(
    instance: Instance, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_MOST_FALLS", 1)
    player = await added(instance, "zezima")
    for hour, zulrah in enumerate([10, 4, 11, 12, 3, 9, 14, 30, 2, 31]):
        await look(player, 5 * hour, 100, zulrah)
    before = await stored_of(instance, player)
    assert [one.gained for one in before[0] if one.period is RecordPeriod.WEEK] == [21]
    assert (await rebuild(instance, None)).differences == 0


@on_sqlite
async def test_looks_that_come_meanwhile_are_not_lost(instance: Instance, look: Look) -> None:
    player = await added(instance, "zezima")

    async def go_on_looking() -> None:
        for hour in range(20):
            for _ in range(50):
                try:
                    await look(player, hour, 100 + 7 * hour * hour, 5 + hour % 6)
                except UnderWay:
                    continue
                break

    async def go_on_reckoning() -> None:
        for _ in range(20):
            await forget_rules(instance, player, None)
            await rebuild(instance, None)

    await asyncio.gather(go_on_looking(), go_on_reckoning())
    assert (await rebuild(instance, None, dry_run=True)).differences == 0
    assert (await stored_of(instance, player))[0] != []


async def test_the_job_reckons_whom_no_rules_or_other_rules_have(instance: Instance, look: Look) -> None:
    imported, older, settled, unseen = [await added(instance, name) for name in ("one", "two", "three", "four")]
    for player in (imported, older, settled):
        await played(player, look, reckons=player is settled)
    await forget_rules(instance, older, RULES - 1)
    before = await version_of(instance, settled)
    await jobs.run_reckoning(instance)
    assert await stored_of(instance, imported) == await stored_of(instance, settled)
    assert await stored_of(instance, older) == await stored_of(instance, settled)
    assert [await rules_of(instance, one) for one in (imported, older, settled)] == [RULES] * 3
    assert (await version_of(instance, settled), await rules_of(instance, unseen)) == (before, None)
    run = await last_run(instance)
    assert (run.outcome, run.detail) == ("done", "2 reckoned")
    assert (await reckon_pending(instance)).players == 0


async def test_a_history_that_a_move_is_bringing_in_is_reckoned_when_it_is_whole(
    instance: Instance, look: Look
) -> None:
    player = await added(instance, "zezima")
    await played(player, look, reckons=False)
    await forget_rules(instance, player, None)
    async with instance.db.writing() as conn:
        await conn.run_all(moves.begun("elsewhere", [], [player.username], []))
    assert (await reckon_pending(instance)).players == 0
    assert (await rebuild(instance, ["zezima"])).players == 0
    assert await stored_of(instance, player) == ([], set(), [])
    async with instance.db.writing() as conn:
        await conn.run(update(moves_table).values(is_joined=True))
    assert (await reckon_pending(instance)).players == 1
    assert (await stored_of(instance, player))[0] != []


class Interrupted:
    """A connection; `act` happens between the first of the statements that read many rows and what follows."""

    def __init__(self, conn: Connection, act: Callable[[], Awaitable[object]]) -> None:
        self._conn = conn
        self._act = act
        self.metrics = conn.metrics

    async def all(self, statement: Executable, params: Params = NOTHING) -> list[Row]:
        found = await self._conn.all(statement, params)
        act, self._act = self._act, nothing
        await act()
        return found

    async def one(self, statement: Executable, params: Params = NOTHING) -> Row | None:
        return await self._conn.one(statement, params)


async def nothing() -> None:
    pass


async def test_a_look_that_is_stored_while_a_history_is_read_is_in_it_if_its_changes_are(
    instance: Instance, look: Look
) -> None:
    player = await added(instance, "zezima")
    await look(player, 0, 100, 5)
    async with instance.db.reading() as conn:
        interrupted: Any = Interrupted(conn, lambda: look(player, 1, 200, 6))
        found = await reckoning.history(interrupted, player.id)
    assert found is not None
    changed = {at for known in found.series.values() for at, *_ in known}
    assert changed <= {at for at, _ in found.looks}


async def test_what_goes_wrong_with_one_player_stops_nobody_else(
    instance: Instance, look: Look, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = await added(instance, "one"), await added(instance, "two")
    for player in (one, other):
        await played(player, look, reckons=False)
        await forget_rules(instance, player, None)
    of_player = records.of_player

    async def wrong(conn: Connection, player_id: int) -> list[Record]:
        if player_id == one.id:
            raise KeyError("a look")
        return await of_player(conn, player_id)

    monkeypatch.setattr(records, "of_player", wrong)
    await jobs.run_reckoning(instance)
    monkeypatch.undo()
    assert [await rules_of(instance, player) for player in (one, other)] == [None, RULES]
    assert "player not reckoned" in caplog.text
    run = await last_run(instance)
    assert (run.outcome, run.detail) == ("done", "1 reckoned, 1 failed")


async def test_a_run_that_nobody_expected_to_fail_is_noted_as_failed(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(_: Instance) -> None:
        raise KeyError("a look")

    monkeypatch.setattr(jobs, "reckon_pending", wrong)
    with pytest.raises(KeyError):
        await jobs.run_reckoning(instance)
    run = await last_run(instance)
    assert (run.outcome, run.detail, run.finished_at is None) == ("failed", "KeyError('a look')", False)


async def last_run(instance: Instance) -> JobRun:
    async with instance.db.reading() as conn:
        run = await job_runs.last(conn, RECKON_TASK)
    assert run is not None
    return run


@on_sqlite
async def test_a_run_of_the_job_leaves_the_rest_to_the_next(instance: Instance, look: Look) -> None:
    player = await added(instance, "zezima")
    await played(player, look, reckons=False)
    assert (await reckon_pending(instance, within_s=0)).players == 0
    assert await rules_of(instance, player) is None
    assert (await reckon_pending(instance)).players == 1
