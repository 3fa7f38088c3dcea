"""Adding, pausing, resuming, retiming, removing: the row first, then the schedule, and what an outage leaves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from osrsdiff import config
from osrsdiff.errors import InvalidInterval, InvalidUsername, PlayerExists, PlayerNotFound, RedisUnreachable
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.tracking.instance import Instance, open_instance
from osrsdiff.tracking.players import (
    Applied,
    add_player,
    enqueue_fetch,
    fetch_outcome,
    get_player,
    list_players,
    pause_player,
    remove_player,
    resume_player,
    set_interval,
)
from osrsdiff.tracking.reconcile import reconcile
from osrsdiff.tracking.sight import next_fire

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
"""Of what is refused before any database is asked, one kind is enough."""


@pytest.fixture
async def without_redis(migrated_url: str, tmp_path: Path) -> AsyncIterator[Instance]:
    settings = config.Config(
        data_dir=tmp_path,
        database=config.Database(url=migrated_url),
        redis=config.Redis(url="unix:///nonexistent/redis.sock"),
    )
    async with open_instance(settings) as opened:
        yield opened


async def test_an_added_player_is_stored_and_scheduled(instance: Instance) -> None:
    added = await add_player(instance, "Fern_Gully 7", interval_minutes=30)
    player = await get_player(instance, "fern-gully 7")
    assert (player, added.scheduled) == (added.player, True)
    assert (player.username, player.display_name) == ("fern gully 7", "Fern_Gully 7")
    assert player.schedule_id == schedule_id_of(player.id)
    fire = await next_fire(instance, player)
    assert fire is not None
    assert fire - datetime.now(UTC) <= timedelta(minutes=30)


async def test_the_default_interval_is_the_configured_one(instance: Instance) -> None:
    assert (await add_player(instance, "moth")).player.fetch_interval_minutes == 60


@pytest.mark.parametrize("name", ["", "way too long a name", "tab\there", "é"])
@on_sqlite
async def test_a_name_outside_the_rules_is_refused_and_nothing_stored(instance: Instance, name: str) -> None:
    with pytest.raises(InvalidUsername):
        await add_player(instance, name)
    assert await list_players(instance) == []


@pytest.mark.parametrize("minutes", [0, -1, 43_201, 10**9, 45.5, "x", True])
@on_sqlite
async def test_an_interval_outside_the_range_is_refused_and_nothing_changed(
    instance: Instance, minutes: object
) -> None:
    with pytest.raises(InvalidInterval, match="1 to 43200"):
        await add_player(instance, "moth", interval_minutes=minutes)  # type: ignore[arg-type]
    assert await list_players(instance) == []
    player = (await add_player(instance, "moth")).player
    before = await next_fire(instance, player)
    with pytest.raises(InvalidInterval):
        await set_interval(instance, "moth", minutes)
    assert await get_player(instance, "moth") == player
    assert await next_fire(instance, player) == before


async def test_a_player_is_added_once_in_whatever_spelling(instance: Instance) -> None:
    await add_player(instance, "Iron Thimble")
    with pytest.raises(PlayerExists):
        await add_player(instance, "iron_thimble")


async def test_pausing_ends_the_schedule_and_resuming_brings_it_back(instance: Instance) -> None:
    player = (await add_player(instance, "moth", interval_minutes=7 * 60)).player
    paused = (await pause_player(instance, "moth")).player
    assert (paused.is_active, paused.schedule_id) == (False, None)
    assert await next_fire(instance, player) is None
    assert await get_player(instance, "moth") == paused
    resumed = (await resume_player(instance, "moth")).player
    assert resumed == player
    assert await next_fire(instance, player) is not None


async def test_a_changed_interval_changes_the_schedule_and_keeps_its_id(instance: Instance) -> None:
    player = (await add_player(instance, "moth", interval_minutes=7 * 60)).player
    changed = (await set_interval(instance, "moth", "660")).player
    assert (changed.fetch_interval_minutes, changed.schedule_id) == (660, player.schedule_id)
    stored = await instance.source.get_schedule(schedule_id_of(player.id))
    assert stored is not None
    assert str(stored.labels["interval_minutes"]) == "660"


async def test_a_paused_players_new_interval_waits_for_its_resuming(instance: Instance) -> None:
    player = (await add_player(instance, "moth")).player
    await pause_player(instance, "moth")
    await set_interval(instance, "moth", 5)
    assert await next_fire(instance, player) is None
    assert (await resume_player(instance, "moth")).player.fetch_interval_minutes == 5


async def test_a_removed_player_leaves_no_schedule_and_no_id_to_reuse(instance: Instance) -> None:
    player = (await add_player(instance, "moth")).player
    await remove_player(instance, "moth")
    with pytest.raises(PlayerNotFound):
        await get_player(instance, "moth")
    assert await instance.source.get_schedule(schedule_id_of(player.id)) is None
    assert (await add_player(instance, "moth")).player.id > player.id


async def test_without_redis_a_change_is_saved_and_the_next_reconcile_makes_it_effective(
    without_redis: Instance, migrated_url: str, redis_url: str, redis: object, tmp_path: Path
) -> None:
    added = await add_player(without_redis, "moth", interval_minutes=45)
    assert (added.scheduled, added.player.schedule_id) == (False, None)
    with pytest.raises(RedisUnreachable):
        await enqueue_fetch(without_redis, added.player)
    settings = config.Config(
        data_dir=tmp_path, database=config.Database(url=migrated_url), redis=config.Redis(url=redis_url)
    )
    async with open_instance(settings) as instance:
        report = await reconcile(instance)
        assert (report.missing_in_redis.ids, report.missing_in_database.ids) == ([added.player.id], [added.player.id])
        assert (await get_player(instance, "moth")).schedule_id == schedule_id_of(added.player.id)
        assert await next_fire(instance, added.player) is not None


async def test_an_enqueued_fetch_that_nobody_runs_has_no_outcome(instance: Instance) -> None:
    player = (await add_player(instance, "moth")).player
    task_id = (await enqueue_fetch(instance, player)).task_id
    assert await fetch_outcome(instance, task_id, timeout_s=0.05) is None


async def test_who_asks_while_a_fetch_waits_joins_it(instance: Instance) -> None:
    player, other = [(await add_player(instance, name)).player for name in ("moth", "stoat")]
    first = await enqueue_fetch(instance, player)
    second = await enqueue_fetch(instance, player)
    assert (first.joined, second.joined, second.task_id) == (False, True, first.task_id)
    assert (await enqueue_fetch(instance, other)).task_id != first.task_id
    assert await instance.redis.xlen(f"{instance.prefix}queue") == 2
    async with instance.asked.fetching(player.id, "of another one"):
        pass
    async with instance.asked.fetching(player.id, first.task_id):
        assert (await enqueue_fetch(instance, player)).joined
    anew = await enqueue_fetch(instance, player)
    assert (anew.joined, anew.task_id != first.task_id) == (False, True)


@pytest.mark.parametrize(
    ("slower", "verb", "quicker", "is_scheduled"),
    [
        (pause_player, "unschedule_player", resume_player, True),
        (resume_player, "ensure_player_scheduled", pause_player, False),
        (resume_player, "ensure_player_scheduled", remove_player, False),
    ],
)
async def test_of_two_changes_at_once_the_schedule_follows_the_later_row(
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
    slower: Callable[..., Awaitable[Applied]],
    verb: str,
    quicker: Callable[..., Awaitable[Applied]],
    is_scheduled: bool,
) -> None:
    player = (await add_player(instance, "moth")).player
    done = getattr(instance.schedules, verb)

    async def overtaken(*given: object) -> None:
        monkeypatch.setattr(instance.schedules, verb, done)
        await quicker(instance, "moth")
        await done(*given)

    monkeypatch.setattr(instance.schedules, verb, overtaken)
    await slower(instance, "moth")
    assert (await instance.schedules.next_fire(player.id) is not None) is is_scheduled
    assert (await reconcile(instance)).differences == 0
