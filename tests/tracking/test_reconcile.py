"""Five kinds of difference between players and schedules: found, counted, mended."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from osrsdiff.errors import JobNotFound, RedisUnreachable
from osrsdiff.scheduling.constants import FIXED_JOBS, RECONCILE_TASK, schedule_id_of
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.manager import Checked
from osrsdiff.storage import players as table
from osrsdiff.tracking import jobs, reconcile
from osrsdiff.tracking.instance import Instance, queue_places
from osrsdiff.tracking.players import (
    add_player,
    get_player,
    pause_player,
    remove_player,
    resume_player,
    set_interval,
)
from osrsdiff.tracking.reconcile import Reconciled
from osrsdiff.tracking.status import status


def counts(report: Reconciled) -> dict[str, int]:
    kinds = ("missing_in_redis", "missing_in_database", "different", "inactive", "orphaned")
    return {kind: found.count for kind in kinds if (found := getattr(report, kind)).count}


async def players(instance: Instance, *names: str) -> list[int]:
    return [(await add_player(instance, name)).player.id for name in names]


async def test_what_agrees_is_left_alone(instance: Instance) -> None:
    await players(instance, "a", "b", "c")
    before = await instance.source.next_fires([schedule_id_of(1)])
    report = await reconcile.reconcile(instance)
    assert (report.players, counts(report)) == (3, {})
    assert await instance.source.next_fires([schedule_id_of(1)]) == before


async def test_a_schedule_that_redis_lost_is_made_again(instance: Instance) -> None:
    _, second = await players(instance, "a", "b")
    await instance.source.delete_schedule(schedule_id_of(second))
    assert counts(await reconcile.reconcile(instance)) == {"missing_in_redis": 1}
    assert await instance.schedules.next_fire(second) is not None
    assert counts(await reconcile.reconcile(instance)) == {}


async def test_everything_comes_back_after_a_flush(instance: Instance, redis: Redis) -> None:
    ids = await players(instance, "a", "b", "c")
    await redis.flushall()
    report = await reconcile.reconcile(instance)
    assert report.missing_in_redis.ids == ids
    assert all([await instance.schedules.next_fire(player_id) for player_id in ids])


async def test_first_schedules_are_no_warning_and_lost_ones_are(
    instance: Instance, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", reconcile.__name__)
    await players(instance, "a", "b", "c")
    async with instance.db.writing() as connection:
        await connection.run(text("UPDATE players SET schedule_id = NULL"))

    async def said() -> list[tuple[str, str]]:
        caplog.clear()
        await reconcile.reconcile(instance)
        return [(record.levelname, record.getMessage()) for record in caplog.records]

    await redis.flushall()
    assert await said() == [("INFO", "schedules made")]
    assert await said() == []
    await redis.flushall()
    assert await said() == [("WARNING", "schedules differed")]


async def test_a_missing_note_of_the_schedule_is_written(instance: Instance) -> None:
    (player_id,) = await players(instance, "a")
    async with instance.db.writing() as connection:
        await connection.run(text(f"UPDATE players SET schedule_id = NULL WHERE id = {player_id}"))
    assert counts(await reconcile.reconcile(instance)) == {"missing_in_database": 1}
    assert (await get_player(instance, "a")).schedule_id == schedule_id_of(player_id)


async def test_a_schedule_of_another_interval_is_different_even_on_the_same_grid(instance: Instance) -> None:
    (player_id,) = await players(instance, "a")
    await instance.schedules.schedule_player(player_id, 7 * 60)
    async with instance.db.writing() as connection:
        await table.set_interval(connection, player_id, 11 * 60)
    assert counts(await reconcile.reconcile(instance)) == {"different": 1}
    stored = await instance.source.get_schedule(schedule_id_of(player_id))
    assert stored is not None
    assert str(stored.labels["interval_minutes"]) == "660"


async def test_the_schedule_of_a_paused_player_is_removed(instance: Instance) -> None:
    (player_id,) = await players(instance, "a")
    async with instance.db.writing() as connection:
        await table.set_active(connection, player_id, False)
    assert counts(await reconcile.reconcile(instance)) == {"missing_in_database": 1, "inactive": 1}
    assert await instance.schedules.next_fire(player_id) is None
    assert (await get_player(instance, "a")).schedule_id is None


async def test_the_schedule_of_nobody_is_removed(instance: Instance) -> None:
    await players(instance, "a")
    await instance.schedules.schedule_player(4711, 60)
    report = await reconcile.reconcile(instance)
    assert (counts(report), report.orphaned.ids) == ({"orphaned": 1}, [schedule_id_of(4711)])
    assert await instance.source.get_schedule(schedule_id_of(4711)) is None


async def test_a_dry_run_counts_the_same_and_changes_nothing(instance: Instance) -> None:
    first, _ = await players(instance, "a", "b")
    await instance.source.delete_schedule(schedule_id_of(first))
    await instance.schedules.schedule_player(4711, 60)
    dry = await reconcile.reconcile(instance, dry_run=True)
    assert (dry.mended, counts(dry)) == (False, {"missing_in_redis": 1, "orphaned": 1})
    assert await instance.schedules.next_fire(first) is None
    assert counts(await reconcile.reconcile(instance)) == counts(dry)


async def test_more_players_than_a_page_are_all_seen(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    ids = await players(instance, "a", "b", "c", "d", "e")
    await instance.source.delete_schedules(schedule_id_of(player_id) for player_id in ids)
    report = await reconcile.reconcile(instance)
    assert (report.players, report.missing_in_redis.count) == (5, 5)


async def test_while_the_breaker_is_open_one_probe_is_admitted(instance: Instance) -> None:
    assert await instance.admitted() == queue_places(instance.config) > 1
    await instance.budget().troubled(60.0)
    assert await instance.admitted() == 1


async def test_a_noted_run_shows_in_the_status(instance: Instance) -> None:
    await players(instance, "a")
    assert (await status(instance)).last_reconcile is None
    await jobs.run_reconcile(instance)
    seen = await status(instance)
    assert seen.last_reconcile is not None
    assert (seen.players_active, round(seen.requests_needed * 3600)) == (1, 1)
    assert (seen.ready, seen.parts["worker"]) == (False, "no worker is alive")


CHANGES = {
    "pause": pause_player,
    "remove": remove_player,
    "retime": lambda instance, name: set_interval(instance, name, 7),
}


@pytest.mark.parametrize("step", ["check_players", "schedule_players", "unschedule_players"])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_between_any_two_steps_is_not_undone(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, change: str, step: str
) -> None:
    (player_id, _) = await players(instance, "a", "b")
    await instance.source.delete_schedules([schedule_id_of(player_id)])
    original, changed = getattr(instance.schedules, step), list[str]()

    async def late(*given: Any, **options: Any) -> object:
        if not changed:
            changed.append(change)
            monkeypatch.setattr(instance.schedules, step, original)
            await CHANGES[change](instance, "a")
        return await original(*given, **options)

    monkeypatch.setattr(instance.schedules, step, late)
    report = await reconcile.reconcile(instance)
    assert changed
    if step == "check_players":  # it was seen to in time, so it is no difference
        assert counts(report) == {}
    assert counts(await reconcile.reconcile(instance, dry_run=True)) == {}


async def test_a_player_who_is_resumed_while_its_schedule_is_dropped_keeps_it(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (player_id,) = await players(instance, "a")
    async with instance.db.writing() as connection:
        await table.set_active(connection, player_id, False)
    original = instance.schedules.unschedule_players

    async def late(player_ids: Iterable[int]) -> int:
        monkeypatch.setattr(instance.schedules, "unschedule_players", original)
        await resume_player(instance, "a")
        return await original(player_ids)

    monkeypatch.setattr(instance.schedules, "unschedule_players", late)
    await reconcile.reconcile(instance)
    assert await instance.schedules.next_fire(player_id) is not None
    assert counts(await reconcile.reconcile(instance, dry_run=True)) == {}


async def test_two_at_once_do_no_harm(instance: Instance, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    ids = await players(instance, "a", "b", "c", "d", "e")
    await pause_player(instance, "e")
    await redis.flushall()
    await instance.schedules.schedule_players({4711: 60, ids[-1]: 60})
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(reconcile.reconcile, instance)
    assert counts(await reconcile.reconcile(instance, dry_run=True)) == {}
    assert set(await instance.schedules.next_fires(ids)) == set(ids[:-1])


async def test_a_redis_that_is_emptied_meanwhile_is_filled_again(
    instance: Instance, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    ids = await players(instance, "a", "b", "c", "d", "e")
    original, pages = instance.schedules.check_players, list[int]()

    async def late(intervals: Mapping[int, int]) -> Checked:
        pages.append(len(intervals))
        if len(pages) == 3:
            await redis.flushall()
        return await original(intervals)

    monkeypatch.setattr(instance.schedules, "check_players", late)
    await reconcile.reconcile(instance)
    assert pages == [2, 2, 1] * 2
    assert set(await instance.schedules.next_fires(ids)) == set(ids)


async def test_as_many_schedules_as_players_are_not_yet_the_right_ones(instance: Instance) -> None:
    (player_id, _) = await players(instance, "a", "b")
    for removed, added in ((player_id, 4711), (4711, 4712)):
        await instance.source.delete_schedule(schedule_id_of(removed))
        await instance.schedules.schedule_player(added, 60)
        dry = await reconcile.reconcile(instance, dry_run=True)
        assert dry.orphaned.ids == [schedule_id_of(added)]
    await pause_player(instance, "b")
    await instance.schedules.schedule_player(player_id, 60)
    assert counts(await reconcile.reconcile(instance)) == {"orphaned": 1}
    assert await instance.redis.hkeys(Keys(instance.prefix).schedules) == [schedule_id_of(player_id).encode()]


async def test_ids_that_no_player_can_have_are_orphans(instance: Instance) -> None:
    await players(instance, "a")
    beyond = ("player_fetch_9999999999", f"player_fetch_{10**30}", "something else")
    await instance.redis.hset(Keys(instance.prefix).schedules, mapping=dict.fromkeys(beyond, "x"))
    report = await reconcile.reconcile(instance)
    assert (counts(report), set(report.orphaned.ids)) == ({"orphaned": 3}, set(beyond))
    assert counts(await reconcile.reconcile(instance)) == {}


async def test_progress_ends_with_everything_done(instance: Instance) -> None:
    await players(instance, "a", "b", "c")
    seen: list[tuple[int, int]] = []
    await reconcile.reconcile(instance, progress=lambda *step: seen.append(step))
    assert (seen[0], seen[-1]) == ((0, 6), (6, 6))


async def test_a_run_that_failed_is_noted_as_failed(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    await players(instance, "a")

    async def away(*_: object) -> None:
        raise RedisUnreachable("Redis does not answer.")

    monkeypatch.setattr(instance.schedules, "check_players", away)
    with pytest.raises(RedisUnreachable):
        await jobs.run_reconcile(instance)
    assert await jobs.by_the_clock(jobs.run_reconcile(instance)) is None
    (reconciled, *_) = await jobs.list_jobs(instance)
    assert reconciled.last_run is not None
    assert (reconciled.last_run.outcome, reconciled.last_run.detail) == ("failed", "Redis does not answer.")


async def test_a_dry_run_is_not_noted(instance: Instance) -> None:
    await jobs.run_reconcile(instance, dry_run=True)
    assert [job.last_run for job in await jobs.list_jobs(instance)] == [None] * len(FIXED_JOBS)


async def test_jobs_say_when_they_run_next_and_can_be_run_now(instance: Instance) -> None:
    now = datetime.now(UTC)
    listed = await jobs.list_jobs(instance)
    assert {job.name: job.cron for job in listed} == FIXED_JOBS
    assert all(now < job.next_run <= now + timedelta(days=31) for job in listed)
    assert await jobs.run_job(instance, RECONCILE_TASK)
    assert await instance.redis.xlen(Keys(instance.prefix).queue) == 1
    with pytest.raises(JobNotFound, match="reconcile_schedules"):
        await jobs.run_job(instance, "fetch_player_hiscores")
