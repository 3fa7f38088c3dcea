"""Players' schedules are made, changed, checked, moved and removed, one by one and in bulk."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow

from osrsdiff.errors import InvalidInterval, RedisUnreachable
from osrsdiff.scheduling.constants import FETCH_TASK, player_id_of, schedule_id_of
from osrsdiff.scheduling.cron import interval_to_cron, next_beat, phase_s
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.manager import PlayerScheduleManager
from osrsdiff.scheduling.source import PlayerScheduleSource


@pytest.mark.parametrize(
    ("schedule_id", "player_id"),
    [
        ("player_fetch_7", 7),
        ("player_fetch_2147483647", 2_147_483_647),
        ("player_fetch_", None),
        ("player_fetch_07", None),
        ("player_fetch_x", None),
        ("7", None),
        (f"player_fetch_{'9' * 4_400}", None),
    ],
)
def test_a_schedule_id_names_its_player(schedule_id: str, player_id: int | None) -> None:
    assert player_id_of(schedule_id) == player_id


async def test_a_scheduled_player_has_one_schedule_with_id_cron_and_labels(
    manager: PlayerScheduleManager, source: PlayerScheduleSource
) -> None:
    assert await manager.schedule_player(7, 90) == "player_fetch_7" == schedule_id_of(7)
    stored = await source.get_schedule("player_fetch_7")
    assert stored is not None
    phase = phase_s(7, 90)
    assert (stored.task_name, stored.args, stored.cron) == (FETCH_TASK, [7], interval_to_cron(90, phase))
    assert stored.labels == {
        "player_id": "7",
        "schedule_type": "player_fetch",
        "interval_minutes": "90",
        "phase_s": str(phase),
    }


async def test_the_first_fire_is_the_next_beat(manager: PlayerScheduleManager) -> None:
    before = time.time()
    await manager.schedule_player(7, 43_200)
    assert await manager.next_fire(7) == datetime.fromtimestamp(next_beat(before, 43_200, phase_s(7, 43_200)), UTC)


async def test_scheduling_again_changes_nothing_and_another_interval_everything(
    manager: PlayerScheduleManager, source: PlayerScheduleSource
) -> None:
    await manager.schedule_player(7, 60)
    tomorrow = float(int(time.time()) + 86_400)
    await source.postpone("player_fetch_7", tomorrow)
    await manager.schedule_player(7, 60)
    assert await manager.next_fire(7) == datetime.fromtimestamp(tomorrow, UTC)
    await manager.reschedule_player(7, 120)
    fire = await manager.next_fire(7)
    assert fire is not None
    assert fire.timestamp() <= time.time() + 7_200
    stored = await source.get_schedule("player_fetch_7")
    assert stored is not None
    assert stored.labels["interval_minutes"] == "120"


async def test_unscheduling_leaves_nothing_however_often(
    manager: PlayerScheduleManager, redis: Redis, keys: Keys
) -> None:
    await manager.schedule_player(7, 60)
    await manager.unschedule_player(7)
    await manager.unschedule_player(7)
    assert await manager.next_fire(7) is None
    assert await redis.keys(f"{keys.prefix}*") == []


async def test_ensuring_mends_what_is_missing_or_different_and_nothing_else(
    manager: PlayerScheduleManager, redis: Redis, keys: Keys
) -> None:
    assert await manager.ensure_player_scheduled(7, 60)
    assert not await manager.ensure_player_scheduled(7, 60)
    await redis.zrem(keys.due, "player_fetch_7")
    assert await manager.ensure_player_scheduled(7, 60)
    await redis.hdel(keys.schedules, "player_fetch_7")
    assert await manager.ensure_player_scheduled(7, 60)
    assert not await manager.ensure_player_scheduled(7, 60)


async def test_intervals_that_share_a_cron_grid_are_told_apart(
    manager: PlayerScheduleManager, source: PlayerScheduleSource
) -> None:
    ids = [player for player in range(1, 2_000) if interval_to_cron(420, phase_s(player, 420)) == "0 * * * *"]
    player = next(p for p in ids if interval_to_cron(660, phase_s(p, 660)) == "0 * * * *")
    await manager.schedule_player(player, 420)
    checked = await manager.check_players({player: 660})
    assert (checked.missing, checked.different) == ([], [player])
    assert await manager.ensure_player_scheduled(player, 660)


async def test_a_next_fire_that_a_wrong_clock_wrote_is_found_and_mended(
    manager: PlayerScheduleManager, redis: Redis, keys: Keys
) -> None:
    await manager.schedule_players({7: 60, 8: 43_200})
    in_a_year = time.time() + 365 * 86_400
    await redis.zadd(keys.due, {"player_fetch_7": in_a_year})
    assert (await manager.check_players({7: 60, 8: 43_200})).different == [7]
    assert await manager.ensure_player_scheduled(7, 60)
    fire = await manager.next_fire(7)
    assert fire is not None
    assert fire.timestamp() <= time.time() + 3_600


@pytest.mark.parametrize(
    ("field", "value"),
    [("task_name", "other"), ("cron", "1 2 3 4 5"), ("args", [8]), ("labels", {})],
)
async def test_every_part_of_a_schedule_is_checked(
    manager: PlayerScheduleManager, source: PlayerScheduleSource, field: str, value: object
) -> None:
    await manager.schedule_player(7, 60)
    stored = await source.get_schedule("player_fetch_7")
    assert stored is not None
    await source.add_schedule(stored.model_copy(update={field: value}))
    assert (await manager.check_players({7: 60})).different == [7]


async def test_many_players_are_scheduled_checked_and_removed_together(manager: PlayerScheduleManager) -> None:
    intervals = {player: 1 + player % 700 for player in range(1, 2_501)}
    assert (await manager.check_players(intervals)).missing == list(intervals)
    tomorrow = float(int(time.time()) + 86_400)
    assert await manager.schedule_players(intervals, first_fires={9: tomorrow}) == 2_500
    assert await manager.next_fire(9) == datetime.fromtimestamp(tomorrow, UTC)
    assert await manager.schedule_players(intervals) == 0
    mended = await manager.ensure_players_scheduled(intervals | {5: 700, 9_999: 60})
    assert (mended.missing, mended.different) == ([9_999], [5])
    assert len(await manager.next_fires([*intervals, 123_456])) == 2_500
    assert await manager.unschedule_players([*intervals, 9_999, 123_456]) == 2_501


async def test_singly_and_together_scheduled_players_have_the_same_schedules(
    manager: PlayerScheduleManager, source: PlayerScheduleSource
) -> None:
    intervals = {1: 60, 7: 90, 9: 43_200}
    await manager.schedule_players(intervals)
    together = await source.schedules_by_id(schedule_id_of(player) for player in intervals)
    await manager.unschedule_players(intervals)
    for player, minutes in intervals.items():
        await manager.schedule_player(player, minutes)
    assert await source.schedules_by_id(together) == together


async def test_a_retry_moves_the_players_own_fire_and_never_brings_a_paused_one_back(
    manager: PlayerScheduleManager,
) -> None:
    await manager.schedule_player(7, 43_200)
    at = time.time() + 60
    await manager.retry_player(7, at)
    fire = await manager.next_fire(7)
    assert fire is not None
    assert fire.timestamp() == pytest.approx(at, abs=0.01)
    await manager.unschedule_player(7)
    await manager.retry_player(7, at)
    assert await manager.next_fire(7) is None


async def test_the_next_fire_of_a_claimed_schedule_is_the_claimed_one(
    manager: PlayerScheduleManager, source: PlayerScheduleSource
) -> None:
    fire = int(time.time())
    await manager.schedule_players({7: 60}, first_fires={7: fire})
    assert await source.get_schedules()
    assert await manager.next_fire(7) == datetime.fromtimestamp(fire, UTC)


async def test_intervals_out_of_range_are_refused(manager: PlayerScheduleManager) -> None:
    with pytest.raises(InvalidInterval):
        await manager.schedule_player(7, 0)


@pytest.mark.parametrize("error", [RedisAway, RedisSlow, ConnectionRefusedError])
@pytest.mark.parametrize(
    "call",
    [
        lambda manager: manager.schedule_player(7, 60),
        lambda manager: manager.reschedule_player(7, 60),
        lambda manager: manager.unschedule_player(7),
        lambda manager: manager.ensure_player_scheduled(7, 60),
        lambda manager: manager.retry_player(7, 0),
        lambda manager: manager.next_fire(7),
        lambda manager: manager.check_players({7: 60}),
        lambda manager: manager.unschedule_players([7]),
    ],
)
async def test_an_absent_redis_is_said_to_be_so(
    manager: PlayerScheduleManager,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
    call: Callable[[PlayerScheduleManager], object],
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise error("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        patch.setattr("redis.asyncio.client.Pipeline.execute", away)
        with pytest.raises(RedisUnreachable, match="gone"):
            await call(manager)  # type: ignore[misc]


@pytest.mark.parametrize("break_at", [1, 2, 3])
async def test_a_redis_that_dies_in_the_middle_of_many_leaves_what_a_second_run_mends(
    manager: PlayerScheduleManager, redis: Redis, monkeypatch: pytest.MonkeyPatch, break_at: int
) -> None:
    intervals = dict.fromkeys(range(1, 3_001), 60)
    await manager.schedule_players(dict.fromkeys(range(1, 1501), 90))
    answer, written = redis.execute_command, 0

    async def dies(*command: object, **options: object) -> object:
        nonlocal written
        written += "EVALSHA" in command
        if written >= break_at:
            raise RedisAway("gone")
        return await answer(*command, **options)

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", dies)
        with pytest.raises(RedisUnreachable):
            await manager.schedule_players(intervals)
    checked = await manager.check_players(intervals)
    assert len(checked.missing) + len(checked.different) == 3_000 - 1_000 * (break_at - 1)
    mended = await manager.ensure_players_scheduled(intervals)
    assert (mended.missing, mended.different) == (checked.missing, checked.different)
    checked = await manager.check_players(intervals)
    assert (checked.missing, checked.different) == ([], [])

    written = 0
    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", dies)
        with pytest.raises(RedisUnreachable):
            await manager.unschedule_players(intervals)
    assert await manager.unschedule_players(intervals) == 3_000 - 1_000 * (break_at - 1)
    assert await manager.next_fires(intervals) == {}


async def test_another_interval_is_another_schedule_with_the_same_id(
    manager: PlayerScheduleManager, redis: Redis, keys: Keys
) -> None:
    """Also where both share a cron, and while the old one is claimed."""
    for minutes in (420, 660, 1, 43_200):
        assert await manager.reschedule_player(7, minutes) == "player_fetch_7"
        fire = await manager.next_fire(7)
        assert fire is not None
        assert (fire.timestamp() - phase_s(7, minutes)) % (60 * minutes) == 0
        assert fire.timestamp() <= time.time() + 60 * minutes
    assert await redis.hlen(keys.schedules) == await redis.zcard(keys.due) == 1
