"""Looking at schedules and steering many of them: pages, one in full, pausing and resuming, rebuilding, tidying."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis

from osrsdiff.errors import InvalidCursor, InvalidUsername, Outcome, PlayerNotFound, RedisUnreachable
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.scheduling.keys import Keys
from osrsdiff.storage import players as table
from osrsdiff.tracking import cursors, selection, steering
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, get_player, pause_player, resume_player
from osrsdiff.tracking.reconcile import reconcile
from osrsdiff.tracking.schedules import list_schedules, schedule_of
from osrsdiff.tracking.selection import Only
from osrsdiff.tracking.steering import pause_players, resume_players
from osrsdiff.tracking.upkeep import clean_up, rebuild_schedules

Steer = Callable[..., Awaitable[Any]]

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
"""Of what is refused before any database is asked, one kind is enough."""


@pytest.fixture
async def ids(instance: Instance) -> dict[str, int]:
    """Seven players, all active and scheduled."""
    return {name: (await add_player(instance, name, interval_minutes=60)).player.id for name in "gfedcba"}


@contextmanager
def cut_off(instance: Instance) -> Iterator[None]:
    """Redis can't be reached by this instance until the end."""
    pool = instance.redis.connection_pool
    path = pool.connection_kwargs["path"]
    pool.connection_kwargs["path"] = "/nonexistent/redis.sock"
    instance.redis.connection_pool = type(pool)(pool.connection_class, **pool.connection_kwargs)
    try:
        yield
    finally:
        instance.redis.connection_pool = pool
        pool.connection_kwargs["path"] = path


async def names(instance: Instance, only: Only | None, limit: int = 2) -> list[str]:
    """The usernames of all pages of a list."""
    found, after = list[str](), None
    while True:
        page = await list_schedules(instance, only=only, after=after, limit=limit)
        assert len(page.items) <= limit
        found += [one.player.username for one in page.items]
        if page.next is None:
            return found
        after = page.next


async def agree(instance: Instance) -> None:
    """Rows and schedules agree in everything."""
    assert (await reconcile(instance, dry_run=True)).differences == 0


async def fails(instance: Instance, *player_ids: int) -> None:
    now = (await get_player(instance, "a")).created_at
    async with instance.db.writing() as connection:
        for player_id in player_ids:
            await table.record_attempt(connection, player_id, at=now, outcome=Outcome.UNAVAILABLE)


async def test_all_are_listed_by_name_with_their_next_fires(instance: Instance, ids: dict[str, int]) -> None:
    assert await names(instance, None) == list("abcdefg")
    page = await list_schedules(instance, limit=100)
    for one in page.items:
        assert one.next_fire == await instance.schedules.next_fire(one.player.id)
        stored = await instance.source.get_schedule(schedule_id_of(one.player.id))
        assert stored is not None
        assert (one.cron, one.is_overdue) == (stored.cron, False)


async def test_paused_and_failing_ones_can_be_listed_alone(instance: Instance, ids: dict[str, int]) -> None:
    await fails(instance, ids["b"], ids["c"], ids["e"])
    await pause_players(instance, names=["c", "d", "f"])
    assert await names(instance, Only.PAUSED) == ["c", "d", "f"]
    assert await names(instance, Only.FAILING) == ["b", "e"]
    (first, *_) = (await list_schedules(instance, only=Only.PAUSED)).items
    assert (first.cron, first.next_fire, first.is_overdue) == (None, None, False)


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_due_ones_are_listed_by_when_the_longest_overdue_first(
    instance: Instance, ids: dict[str, int], limit: int
) -> None:
    now, due = time.time(), Keys(instance.prefix).due
    fires = {"a": now - 5, "b": now + 30, "c": now - 500, "d": now + 900, "e": now - 5, "f": now + 900, "g": now + 900}
    await instance.redis.zadd(due, {schedule_id_of(ids[name]): at for name, at in fires.items()})
    by_id = sorted("ae", key=lambda name: schedule_id_of(ids[name]))
    assert await names(instance, Only.OVERDUE, limit) == ["c", *by_id]
    assert await names(instance, Only.DUE, limit) == ["c", *by_id, "b"]
    overdue = (await list_schedules(instance, only=Only.DUE)).items
    assert [one.is_overdue for one in overdue] == [True, True, True, False]


async def test_a_schedule_that_nobody_has_any_more_is_not_listed(instance: Instance, ids: dict[str, int]) -> None:
    past = time.time() - 10
    stray = {schedule_id_of(4711): past, "player_fetch_99999999999999": past, "other": past, schedule_id_of(1): past}
    await instance.redis.zadd(Keys(instance.prefix).due, stray)
    assert len(await names(instance, Only.OVERDUE)) == 1


@pytest.mark.parametrize(
    "cursor",
    [
        *["x", "!", "", "é", "Zm9v", "W10", "a" * 5_000],
        *map(cursors.cursor, ["\0", "a\0", "way too long a name", (1.0, 7)]),
    ],
)
@pytest.mark.parametrize("only", [None, Only.DUE])
@on_sqlite
async def test_a_cursor_that_is_none_is_refused(instance: Instance, cursor: str, only: Only | None) -> None:
    with pytest.raises(InvalidCursor):
        await list_schedules(instance, only=only, after=cursor)


async def test_a_cursor_of_another_order_is_refused(instance: Instance, ids: dict[str, int]) -> None:
    page = await list_schedules(instance, limit=1)
    with pytest.raises(InvalidCursor):
        await list_schedules(instance, only=Only.DUE, after=page.next)


async def test_without_redis_lists_by_name_go_on(instance: Instance, ids: dict[str, int]) -> None:
    with cut_off(instance):
        assert await names(instance, None) == list("abcdefg")
        assert {one.next_fire for one in (await list_schedules(instance)).items} == {None}
        with pytest.raises(RedisUnreachable):
            await list_schedules(instance, only=Only.DUE)


async def test_one_schedule_is_shown_beside_what_it_should_be(instance: Instance, ids: dict[str, int]) -> None:
    shown = await schedule_of(instance, "A")
    assert await schedule_of(instance, f"player_fetch_{ids['a']}") == shown
    assert shown.stored is not None
    assert (shown.stored.schedule_id, shown.stored.interval_minutes) == (schedule_id_of(ids["a"]), 60)
    assert (shown.stored.cron, shown.agrees) == (shown.cron, True)
    assert shown.next_fire == await instance.schedules.next_fire(ids["a"])
    await instance.schedules.schedule_player(ids["a"], 11 * 60)
    shown = await schedule_of(instance, "a")
    assert shown.stored is not None
    assert (shown.stored.interval_minutes, shown.agrees) == (660, False)
    await pause_player(instance, "a")
    shown = await schedule_of(instance, "a")
    assert (shown.stored, shown.cron, shown.next_fire, shown.agrees) == (None, None, None, True)
    with cut_off(instance):
        shown = await schedule_of(instance, "b")
        assert (shown.stored, shown.agrees, shown.cron is None) == (None, None, False)
    with pytest.raises(PlayerNotFound):
        await schedule_of(instance, "nobody")
    with pytest.raises(InvalidUsername):
        await schedule_of(instance, f"player_fetch_{'9' * 4_400}")


async def test_those_named_are_paused_and_resumed(instance: Instance, ids: dict[str, int]) -> None:
    paused = await pause_players(instance, names=["A", "b", "b", "B "])
    assert (paused.matched, paused.changed, paused.scheduled, paused.refused) == (2, 2, True, [])
    assert await names(instance, Only.PAUSED) == ["a", "b"]
    assert await instance.schedules.next_fire(ids["a"]) is None
    assert (await get_player(instance, "a")).schedule_id is None
    await agree(instance)
    resumed = await resume_players(instance, names=["a", "c"])
    assert (resumed.matched, resumed.changed) == (2, 1)
    assert (await get_player(instance, "a")).schedule_id == schedule_id_of(ids["a"])
    assert await names(instance, Only.PAUSED) == ["b"]
    await agree(instance)


async def test_names_that_are_nobodys_are_told_and_the_others_done(instance: Instance, ids: dict[str, int]) -> None:
    refused = ["nobody", "way too long a name"]
    paused = await pause_players(instance, names=[*refused, "a", *refused, "NOBODY", "b"])
    assert (paused.matched, paused.changed) == (2, 2)
    assert sorted(one.name for one in paused.refused) == refused
    errors = {one.name: one.error for one in paused.refused}
    assert isinstance(errors["nobody"], PlayerNotFound)
    assert isinstance(errors["way too long a name"], InvalidUsername)
    nothing = await pause_players(instance, names=["nobody"])
    assert (nothing.matched, nothing.changed, nothing.scheduled) == (0, 0, True)


async def test_a_part_or_everybody_is_paused_and_resumed(
    instance: Instance, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (selection, steering):
        monkeypatch.setattr(module, "BATCH", 2)
    await fails(instance, ids["a"], ids["b"], ids["c"])
    seen: list[tuple[int, int]] = []
    failing = await pause_players(instance, only=Only.FAILING, progress=lambda *step: seen.append(step))
    assert (failing.matched, failing.changed) == (3, 3)
    assert (seen[0], seen[-1]) == ((0, 3), (3, 3))
    assert seen == sorted(seen)
    everybody = await pause_players(instance, everybody=True)
    assert (everybody.matched, everybody.changed) == (7, 4)
    assert await instance.redis.zcard(Keys(instance.prefix).due) == 0
    resumed = await resume_players(instance, only=Only.PAUSED)
    assert (resumed.matched, resumed.changed) == (7, 7)
    assert await names(instance, Only.PAUSED) == []
    await agree(instance)


async def test_those_who_are_overdue_are_paused(
    instance: Instance, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "BATCH", 2)
    past = time.time() - 10
    late = {schedule_id_of(ids[name]): past for name in "abcde"}
    await instance.redis.zadd(Keys(instance.prefix).due, late | {schedule_id_of(4711): past})
    paused = await pause_players(instance, only=Only.OVERDUE)
    assert (paused.matched, paused.changed) == (5, 5)
    assert await names(instance, Only.PAUSED) == list("abcde")


@pytest.mark.parametrize("given", [{}, {"names": ["a"], "everybody": True}, {"only": Only.DUE, "everybody": True}])
async def test_it_must_be_said_once_who_is_meant(instance: Instance, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        await pause_players(instance, **given)


@pytest.mark.parametrize("steer", [pause_players, resume_players])
async def test_where_redis_goes_away_in_the_middle_the_rows_are_changed_and_the_rest_follows(
    instance: Instance, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch, steer: Steer
) -> None:
    for module in (selection, steering):
        monkeypatch.setattr(module, "BATCH", 2)
    pauses = steer is pause_players
    if not pauses:
        await pause_players(instance, everybody=True)
    outage = cut_off(instance)

    def lose_redis(done: int, _total: int) -> None:
        if done == 2:
            outage.__enter__()

    steered = await steer(instance, everybody=True, progress=lose_redis)
    outage.__exit__(None, None, None)
    assert (steered.matched, steered.changed, steered.scheduled) == (7, 7, False)
    assert len(await names(instance, Only.PAUSED)) == (7 if pauses else 0)
    left_over = await instance.redis.zcard(Keys(instance.prefix).due)
    assert left_over == (5 if pauses else 2)
    await reconcile(instance)
    await agree(instance)
    assert await instance.redis.zcard(Keys(instance.prefix).due) == (0 if pauses else 7)


async def test_whom_a_part_by_time_means_redis_must_say(instance: Instance, ids: dict[str, int]) -> None:
    with cut_off(instance):
        with pytest.raises(RedisUnreachable):
            await pause_players(instance, only=Only.DUE)
        paused = await pause_players(instance, names=["a"])
    assert (paused.changed, paused.scheduled) == (1, False)
    assert await names(instance, Only.PAUSED) == ["a"]


async def test_pausing_and_resuming_the_same_at_once_ends_as_the_rows_say(
    instance: Instance, ids: dict[str, int]
) -> None:
    for _ in range(5):
        async with anyio.create_task_group() as group:
            for steer in (pause_players, resume_players, pause_players, resume_players):
                group.start_soon(lambda steer=steer: steer(instance, everybody=True))
        await agree(instance)


@pytest.mark.parametrize("pauses", [True, False])
async def test_a_change_that_comes_between_row_and_schedule_wins(
    instance: Instance, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch, pauses: bool
) -> None:
    step = "unschedule_players" if pauses else "schedule_players"
    original = getattr(instance.schedules, step)

    async def late(*given: Any, **options: Any) -> int:
        monkeypatch.setattr(instance.schedules, step, original)
        await (resume_player if pauses else pause_player)(instance, "a")
        return int(await original(*given, **options))

    monkeypatch.setattr(instance.schedules, step, late)
    await (pause_players if pauses else resume_players)(instance, names=["a"])
    assert (await get_player(instance, "a")).is_active is pauses
    await agree(instance)


async def test_a_rebuild_makes_every_schedule_anew(instance: Instance, ids: dict[str, int]) -> None:
    await pause_player(instance, "g")
    keys = Keys(instance.prefix)
    await instance.redis.zadd(keys.due, {schedule_id_of(ids["a"]): time.time() - 500, "stale": 1.0})
    await instance.redis.hset(keys.schedules, schedule_id_of(ids["b"]), "no schedule at all")
    await instance.schedules.schedule_player(4711, 60)
    seen: list[tuple[int, int]] = []
    rebuilt = await rebuild_schedules(instance, progress=lambda *step: seen.append(step))
    assert (rebuilt.removed, rebuilt.scheduled) == (7, 6)
    assert seen[-1][0] == seen[-1][1] > 0
    fire = await instance.schedules.next_fire(ids["a"])
    assert fire is not None
    assert fire.timestamp() > time.time()
    assert await instance.redis.zcard(keys.due) == await instance.redis.hlen(keys.schedules) == 6
    await agree(instance)


async def test_a_rebuild_that_breaks_off_is_mended_by_the_next_reconcile(
    instance: Instance, ids: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "BATCH", 2)
    outage = cut_off(instance)
    with pytest.raises(RedisUnreachable):
        await rebuild_schedules(instance, progress=lambda done, _: outage.__enter__() if done == 4 else None)
    outage.__exit__(None, None, None)
    await reconcile(instance)
    await agree(instance)


async def leave_traces(instance: Instance) -> None:
    keys, long_ago = Keys(instance.prefix), time.time() - 1_000
    await instance.schedules.schedule_player(4711, 60)
    await instance.redis.zadd(keys.due, {"stale": 1.0})
    await instance.redis.zadd(keys.workers, {"gone": long_ago})
    await instance.redis.zadd(keys.schedulers, {"gone too": long_ago, "alive": time.time()})


async def test_what_nobody_needs_is_cleaned_up_and_active_players_keep_theirs(
    instance: Instance, ids: dict[str, int]
) -> None:
    await leave_traces(instance)
    async with instance.db.writing() as connection:
        await table.set_active(connection, ids["g"], False)
    before = await instance.schedules.next_fires([ids[name] for name in "abcdef"])
    seen: list[tuple[int, int]] = []
    cleaned = await clean_up(instance, progress=lambda *step: seen.append(step))
    assert cleaned.removed
    assert set(cleaned.orphaned.ids) == {schedule_id_of(4711), schedule_id_of(ids["g"])}
    assert (cleaned.dead_workers.ids, cleaned.dead_schedulers.ids) == (["gone"], ["gone too"])
    assert cleaned.stale.ids == ["stale"]
    assert seen[-1][0] == seen[-1][1] > 0
    assert await instance.schedules.next_fires([ids[name] for name in "abcdef"]) == before
    await agree(instance)
    again = await clean_up(instance)
    assert [again.orphaned.count, again.stale.count, again.dead_workers.count, again.dead_schedulers.count] == [0] * 4


async def test_a_dry_clean_up_finds_the_same_and_removes_nothing(
    instance: Instance, ids: dict[str, int], redis: Redis
) -> None:
    await leave_traces(instance)
    before = sorted(await redis.zrange(Keys(instance.prefix).due, 0, -1))
    dry = await clean_up(instance, dry_run=True)
    assert not dry.removed
    assert sorted(await redis.zrange(Keys(instance.prefix).due, 0, -1)) == before
    wet = await clean_up(instance)
    assert [dry.orphaned, dry.stale, dry.dead_workers, dry.dead_schedulers] == [
        wet.orphaned,
        wet.stale,
        wet.dead_workers,
        wet.dead_schedulers,
    ]


async def test_without_redis_nothing_is_rebuilt_or_cleaned(instance: Instance, ids: dict[str, int]) -> None:
    with cut_off(instance):
        for work in (rebuild_schedules, clean_up):
            with pytest.raises(RedisUnreachable):
                await work(instance)
