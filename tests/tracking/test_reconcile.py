"""Five kinds of difference between players and schedules: found, counted, mended."""

import pytest
from redis.asyncio import Redis

from osrsdiff import worker
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.storage import players as table
from osrsdiff.tracking import jobs, reconcile
from osrsdiff.tracking.instance import Instance, queue_places
from osrsdiff.tracking.players import add_player, get_player
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


async def test_a_missing_note_of_the_schedule_is_written(instance: Instance) -> None:
    (player_id,) = await players(instance, "a")
    async with instance.db.writing() as connection:
        await table.set_schedule_ids(connection, {player_id: None})
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
    assert await worker.admitted(instance) == queue_places(instance.config) > 1
    await instance.budget().troubled(60.0)
    assert await worker.admitted(instance) == 1


async def test_a_noted_run_shows_in_the_status(instance: Instance) -> None:
    await players(instance, "a")
    assert (await status(instance)).last_reconcile is None
    await jobs.run_reconcile(instance)
    seen = await status(instance)
    assert seen.last_reconcile is not None
    assert (seen.players_active, round(seen.requests_needed * 3600)) == (1, 1)
    assert (seen.ready, seen.parts["worker"]) == (False, "no worker is alive")
