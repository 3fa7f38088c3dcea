"""One player's line: each kind of answer, what is stored of it and what happens next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import anyio
import pytest
from sqlalchemy import text

from osrsdiff import redis_client
from osrsdiff.demo.faults import Fault, FaultKind
from osrsdiff.demo.server import Simulation
from osrsdiff.errors import Outcome
from osrsdiff.game.modes import GameMode
from osrsdiff.hiscores.budget import RequestBudget
from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.storage import failures, players
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetch import Fetcher, FetchReport, fetch_player, open_fetcher
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import add_player, get_player, pause_player, set_interval
from osrsdiff.tracking.retries import Due
from osrsdiff.tracking.sight import next_fire, player_gains, player_sheet
from osrsdiff.tracking.status import status

NAME = "Mudlark Jo"


@pytest.fixture
async def player(instance: Instance) -> Player:
    """One whose next beat is days away at almost any time, so that every retry comes before it."""
    return (await add_player(instance, NAME, interval_minutes=43_200)).player


@pytest.fixture
async def hourly(instance: Instance, player: Player) -> Player:
    return (await set_interval(instance, NAME, 60)).player


async def look(fetcher: Fetcher, player: Player, due: Due | None = None) -> FetchReport:
    report = await fetch_player(fetcher, player.id, due)
    assert report is not None
    return report


async def asked(hiscores: Simulation) -> None:
    """Returns when a request has arrived."""
    with anyio.fail_after(10):
        while not hiscores.requests.total():  # noqa: ASYNC110 - it is only a counter
            await anyio.sleep(0.001)


async def one_after_the_other(
    fetcher: Fetcher, hiscores: Simulation, player: Player, dues: list[Due | None]
) -> list[FetchReport]:
    """Starts each fetch while the first one waits for its answer."""
    reports: list[FetchReport] = []

    async def run(one: Due | None) -> None:
        reports.append(await look(fetcher, player, one))

    async with anyio.create_task_group() as tasks:
        for one in dues:
            tasks.start_soon(run, one)
            await asked(hiscores)
    return reports


def due(player: Player, beat: float) -> Due:
    return Due(schedule_id_of(player.id), int(beat), {})


async def test_first_look_stores_the_sheet_and_no_gain(instance: Instance, fetcher: Fetcher, player: Player) -> None:
    report = await look(fetcher, player)
    assert (report.outcome, report.first_look, report.retry_at) == (Outcome.CHANGED, True, None)
    _, rows = await player_sheet(instance, NAME)
    assert sum(row.reading.value is not None for row in rows) == report.changed
    _, gains = await player_gains(instance, NAME, period="day")
    assert gains.gains
    assert all(gain.gained == 0 and gain.first_seen for gain in gains.gains)


async def test_what_was_gained_between_two_looks_is_stored(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    await look(fetcher, player)
    before = hiscores.world.page(NAME, hiscores.now())
    hiscores.advance(timedelta(days=7))
    report = await look(fetcher, player)
    after = hiscores.world.page(NAME, hiscores.now())
    assert before is not None
    assert after is not None
    xp_before = {row.name.lower(): row.xp for row in before.skills}
    gained = {row.name.lower(): row.xp - xp_before[row.name.lower()] for row in after.skills}
    assert report.outcome is Outcome.CHANGED
    _, gains = await player_gains(instance, NAME, period="hour")
    shown = {gain.metric: gain.gained for gain in gains.gains if gain.metric in gained}
    assert {metric: shown[metric] for metric in shown} == {metric: gained[metric] for metric in shown}
    assert gained["overall"] > 0


async def test_an_unchanged_look_is_noted_but_adds_no_history(
    instance: Instance, fetcher: Fetcher, hiscores: Simulation
) -> None:
    idle = (await add_player(instance, "Idle Turnip")).player
    await look(fetcher, idle)
    first = await get_player(instance, "Idle Turnip")
    hiscores.advance(timedelta(days=3))
    report = await look(fetcher, idle)
    second = await get_player(instance, "Idle Turnip")
    assert (report.outcome, report.changed) == (Outcome.UNCHANGED, 0)
    assert first.last_look_at is not None
    assert second.last_look_at is not None
    assert second.last_look_at > first.last_look_at
    assert second.last_changed_at == first.last_changed_at


@pytest.mark.parametrize(
    ("fault", "outcome", "retried", "opens_breaker"),
    [
        (FaultKind.NOT_FOUND, Outcome.NOT_RANKED, False, False),
        (FaultKind.NAME_REFUSED, Outcome.INVALID_NAME, False, False),
        (FaultKind.RATE_LIMITED, Outcome.RATE_LIMITED, True, True),
        (FaultKind.UNAVAILABLE, Outcome.UNAVAILABLE, True, True),
        (FaultKind.REDIRECT, Outcome.UNAVAILABLE, True, True),
        (FaultKind.HTML, Outcome.UNAVAILABLE, True, True),
        (FaultKind.TRUNCATED, Outcome.UNAVAILABLE, True, False),
        (FaultKind.MISSING_SKILL, Outcome.MALFORMED, False, False),
    ],
)
async def test_an_answer_without_data_is_counted_and_changes_nothing(
    instance: Instance,
    fetcher: Fetcher,
    player: Player,
    hiscores: Simulation,
    fault: FaultKind,
    outcome: Outcome,
    retried: bool,
    opens_breaker: bool,
) -> None:
    await look(fetcher, player)
    _, before = await player_sheet(instance, NAME)
    hiscores.faults.add(Fault(kind=fault))
    hiscores.advance(timedelta(days=7))
    report = await look(fetcher, player)
    assert (report.outcome, report.retry_at is not None) == (outcome, retried)
    known = await get_player(instance, NAME)
    assert (known.failures, known.last_outcome, known.is_active) == (1, outcome, True)
    assert (await player_sheet(instance, NAME))[1] == before
    async with instance.db.reading() as connection:
        assert [row.outcome for row in await failures.recent(connection, limit=5)] == [outcome]
    assert ((await fetcher.budget.breaker()).failures > 0) is opens_breaker


async def test_a_retry_moves_the_next_fire_and_keeps_the_schedule(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    hiscores.faults.add(Fault(kind=FaultKind.UNAVAILABLE))
    report = await look(fetcher, player)
    assert report.retry_at is not None
    fire = await next_fire(instance, player)
    assert fire is not None
    assert abs(fire - report.retry_at) < timedelta(seconds=1)
    assert (await get_player(instance, NAME)).schedule_id == schedule_id_of(player.id)


async def test_retry_after_is_respected(fetcher: Fetcher, player: Player, hiscores: Simulation) -> None:
    hiscores.faults.add(Fault(kind=FaultKind.RATE_LIMITED, retry_after="240"))
    started = datetime.now(UTC)
    report = await look(fetcher, player)
    soonest = datetime.fromtimestamp(started.timestamp() + 240, UTC)
    assert report.retry_at is None or report.retry_at >= soonest
    open_until = (await fetcher.budget.breaker()).open_until
    assert open_until is not None
    assert open_until >= soonest - timedelta(seconds=1)


async def test_each_retry_of_a_beat_waits_longer_until_the_next_beat_is_soon_enough(
    fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    hiscores.faults.add(Fault(kind=FaultKind.TRUNCATED))
    few = replace(fetcher, most_retries=3)
    beat = datetime.now(UTC).timestamp()
    delays = []
    for retry in (0, 1, 2, 3, 0):
        now = datetime.now(UTC)
        report = await look(few, player, Due(schedule_id_of(player.id), int(beat), {}, retry))
        delays.append(report.retry_at and (report.retry_at - now).total_seconds())
    first, second, third, none, of_the_next_beat = delays
    assert none is None
    for delay_s, least_s in ((first, 30), (second, 60), (third, 120), (of_the_next_beat, 30)):
        assert delay_s is not None
        assert least_s <= delay_s <= 1.25 * least_s + 5


async def test_a_retry_knows_its_beat_and_how_often_it_was_tried(
    fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    moved: list[tuple[int | None, int]] = []

    class Noted:
        async def retry_player(
            self, player_id: int, at: float, *, beat: int | None = None, retry: int = 0, only_sooner: bool = False
        ) -> datetime | None:
            assert (player_id, only_sooner) == (player.id, False)
            moved.append((beat, retry))
            return datetime.fromtimestamp(at, UTC)

    noted = replace(fetcher, schedules=Noted())
    beat = int(datetime.now(UTC).timestamp())
    hiscores.faults.add(Fault(kind=FaultKind.TRUNCATED, times=1))
    await look(noted, player, Due(schedule_id_of(player.id), beat, {}, 1))
    await fetcher.budget.troubled(10.0)
    await look(noted, player, Due(schedule_id_of(player.id), beat, {}, 1))
    assert moved == [(beat, 2), (beat, 1)]


async def test_a_look_that_gives_data_ends_the_count_of_failures(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    hiscores.faults.add(Fault(kind=FaultKind.NOT_FOUND, table=GameMode.REGULAR, times=2))
    await look(fetcher, player)
    await look(fetcher, player)
    assert (await get_player(instance, NAME)).failures == 2
    await look(fetcher, player)
    assert (await get_player(instance, NAME)).failures == 0


async def test_an_open_breaker_defers_without_a_request_or_a_failure(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    await fetcher.budget.troubled(60.0)
    report = await look(fetcher, player)
    assert report.outcome is Outcome.DEFERRED
    assert report.retry_at is not None
    assert hiscores.requests.total() == 0
    assert (await get_player(instance, NAME)).failures == 0


async def test_without_redis_a_look_is_deferred(fetcher: Fetcher, player: Player, hiscores: Simulation) -> None:
    nobody = redis_client.create("unix:///nonexistent/redis.sock")
    budget = RequestBudget(nobody, "x:", requests_per_second=1, burst=1)
    report = await look(replace(fetcher, budget=budget), player)
    assert report.outcome is Outcome.DEFERRED
    assert hiscores.requests.total() == 0
    await nobody.aclose()


async def test_of_two_scheduled_fetches_at_once_only_one_asks_and_stores(
    fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    hiscores.latency_s = 0.5
    now = datetime.now(UTC).timestamp()
    reports = await one_after_the_other(fetcher, hiscores, player, [due(player, now), due(player, now + 1)])
    assert sorted(report.outcome for report in reports) == [Outcome.CHANGED, Outcome.DEFERRED]
    assert hiscores.requests.total() == 1


@pytest.mark.parametrize("is_due", [False, True])
async def test_a_fetch_by_hand_waits_for_the_one_under_way_and_takes_its_look(
    fetcher: Fetcher, player: Player, hiscores: Simulation, is_due: bool
) -> None:
    hiscores.latency_s = 0.5
    other = due(player, datetime.now(UTC).timestamp()) if is_due else None
    reports = await one_after_the_other(fetcher, hiscores, player, [other, None])
    assert [report.outcome for report in reports] == [Outcome.CHANGED] * 2
    assert sorted(report.joined for report in reports) == [False, True]
    assert hiscores.requests.total() == 1


async def test_a_fetch_by_hand_is_done_by_a_look_that_was_stored_since_it_was_asked_for(
    fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    asked_at = datetime.now(UTC).timestamp() - 2
    await look(fetcher, player)
    report = await fetch_player(fetcher, player.id, asked_at=asked_at)
    assert report is not None
    assert (report.outcome, report.joined) == (Outcome.CHANGED, True)
    later = await fetch_player(fetcher, player.id, asked_at=asked_at + 60)
    assert later is not None
    assert not later.joined
    assert hiscores.requests.total() == 2


async def test_an_answer_that_waited_is_not_stored_over_a_newer_look(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    """As of a process that was stopped between the answer and storing it, and woke after its lease on the name."""
    stopped, woken = anyio.Event(), anyio.Event()

    class Sleeper:
        async def fetch(self, username: str, table: GameMode) -> bytes:
            body = await fetcher.client.fetch(username, table)
            stopped.set()
            await woken.wait()
            return body

    reports: list[FetchReport] = []

    async def sleep() -> None:
        reports.append(await look(replace(fetcher, client=cast(HiscoresClient, Sleeper())), player, due(player, 0)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep)
        await stopped.wait()
        await fetcher.budget.release(player.username)
        hiscores.advance(timedelta(days=7))
        newer = await look(fetcher, player)
        sheet = await player_sheet(instance, NAME)
        woken.set()
    assert (newer.outcome, [report.outcome for report in reports]) == (Outcome.CHANGED, [Outcome.DEFERRED])
    assert await player_sheet(instance, NAME) == sheet


async def missing_for(instance: Instance, player: Player, time: timedelta) -> None:
    """Notes an answer of a while ago that the player is not ranked."""
    async with instance.db.writing() as connection:
        at = datetime.now(UTC) - time
        for _ in range(3):
            await players.record_attempt(connection, player.id, at=at, outcome=Outcome.NOT_RANKED)


@pytest.mark.parametrize(("days", "is_slowed"), [(0, False), (2.9, False), (3.1, True), (40, True)])
async def test_who_is_missing_for_days_is_looked_at_once_a_day(
    instance: Instance, fetcher: Fetcher, hourly: Player, hiscores: Simulation, days: float, is_slowed: bool
) -> None:
    await missing_for(instance, hourly, timedelta(days=days))
    hiscores.faults.add(Fault(kind=FaultKind.NOT_FOUND, times=1))
    now = datetime.now(UTC)
    report = await look(fetcher, hourly, due(hourly, now.timestamp()))
    fire = await next_fire(instance, hourly)
    assert report.outcome is Outcome.NOT_RANKED
    assert fire is not None
    assert (fire - now > timedelta(hours=22, minutes=59)) is is_slowed
    assert fire - now <= timedelta(hours=24, seconds=5)
    assert (await status(instance)).players_not_found == is_slowed
    assert (await get_player(instance, NAME)).is_active


@pytest.mark.parametrize("fault", [FaultKind.NAME_REFUSED, FaultKind.MISSING_SKILL, FaultKind.UNAVAILABLE])
async def test_who_is_missing_stays_slowed_whatever_the_next_answer_is(
    instance: Instance, fetcher: Fetcher, hourly: Player, hiscores: Simulation, fault: FaultKind
) -> None:
    await missing_for(instance, hourly, timedelta(days=9))
    hiscores.faults.add(Fault(kind=fault))
    await look(replace(fetcher, most_retries=0), hourly, due(hourly, datetime.now(UTC).timestamp()))
    fire = await next_fire(instance, hourly)
    assert fire is not None
    assert fire - datetime.now(UTC) > timedelta(hours=22, minutes=59)


async def test_two_answers_far_apart_are_not_yet_a_row(
    instance: Instance, fetcher: Fetcher, hourly: Player, hiscores: Simulation
) -> None:
    async with instance.db.writing() as connection:
        at = datetime.now(UTC) - timedelta(days=4)
        await players.record_attempt(connection, hourly.id, at=at, outcome=Outcome.NOT_RANKED)
    hiscores.faults.add(Fault(kind=FaultKind.NOT_FOUND))
    report = await look(fetcher, hourly, due(hourly, datetime.now(UTC).timestamp()))
    assert (report.outcome, report.retry_at) == (Outcome.NOT_RANKED, None)


async def test_a_look_of_the_future_hides_no_later_one(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    await look(fetcher, player)
    async with instance.db.writing() as connection:
        ahead = int((datetime.now(UTC) + timedelta(days=365)).timestamp())
        await connection.run(text(f"UPDATE players SET last_look_at = {ahead}"))
    now = datetime.now(UTC).timestamp()
    assert (await look(fetcher, player, due(player, now))).outcome is Outcome.UNCHANGED
    async with instance.db.writing() as connection:
        await connection.run(text(f"UPDATE players SET last_look_at = {ahead}"))
    by_hand = await fetch_player(fetcher, player.id, asked_at=now)
    assert by_hand is not None
    assert not by_hand.joined
    assert hiscores.requests.total() == 3


async def test_a_fetch_by_hand_that_fails_leaves_a_retry_as_it_is(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    beat = int(datetime.now(UTC).timestamp())
    hiscores.faults.add(Fault(kind=FaultKind.TRUNCATED))
    retried = await look(fetcher, player, Due(schedule_id_of(player.id), beat, {}, 4))
    by_hand = await look(fetcher, player)
    assert retried.retry_at == by_hand.retry_at == await next_fire(instance, player)
    moved = await instance.redis.hget(f"{instance.prefix}moved", schedule_id_of(player.id))
    assert moved == f"{beat}/5".encode()


async def test_no_retry_is_promised_to_who_is_paused(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    await pause_player(instance, NAME)
    hiscores.faults.add(Fault(kind=FaultKind.TRUNCATED))
    report = await look(fetcher, player)
    assert (report.outcome, report.retry_at) == (Outcome.UNAVAILABLE, None)


async def test_a_worker_that_stops_keeps_no_name_and_blames_no_one(
    instance: Instance, player: Player, hiscores: Simulation
) -> None:
    hiscores.latency_s = 30
    async with anyio.create_task_group() as tasks:
        async with open_fetcher(instance) as stopping:
            tasks.start_soon(fetch_player, stopping, player.id, due(player, 0))
            await asked(hiscores)
        tasks.cancel_scope.cancel()
    hiscores.latency_s = 0
    async with open_fetcher(instance) as next_one:
        assert (await look(next_one, player, due(player, 0))).outcome is Outcome.CHANGED
    assert (await instance.budget().breaker()).failures == 0


async def test_who_is_found_again_is_looked_at_as_often_as_before(
    instance: Instance, fetcher: Fetcher, hourly: Player, hiscores: Simulation
) -> None:
    await missing_for(instance, hourly, timedelta(days=9))
    hiscores.faults.add(Fault(kind=FaultKind.NOT_FOUND, times=1))
    await look(fetcher, hourly)
    assert (await look(fetcher, hourly)).outcome is Outcome.CHANGED
    fire = await next_fire(instance, hourly)
    assert fire is not None
    assert fire - datetime.now(UTC) <= timedelta(hours=1, seconds=10)
    assert (await get_player(instance, NAME)).missing_since is None
    assert (await status(instance)).players_not_found == 0


async def test_a_message_whose_work_was_done_meanwhile_is_skipped(fetcher: Fetcher, player: Player) -> None:
    before = datetime.now(UTC).timestamp() - 5
    assert (await look(fetcher, player, due(player, before))).outcome is Outcome.CHANGED
    assert await fetch_player(fetcher, player.id, due(player, before)) is None


async def test_a_paused_player_is_looked_at_only_by_hand(instance: Instance, fetcher: Fetcher, player: Player) -> None:
    await pause_player(instance, NAME)
    soon = datetime.now(UTC).timestamp() + 60
    assert await fetch_player(fetcher, player.id, due(player, soon)) is None
    assert (await look(fetcher, player)).outcome is Outcome.CHANGED


async def test_who_has_an_archived_name_is_not_asked_for(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    async with instance.db.writing() as conn:
        await conn.run(text("UPDATE players SET username = 'mudlark jo~1'"))
    for one in (None, due(player, 1_700_000_000)):
        assert await fetch_player(fetcher, player.id, one) is None
    assert hiscores.requests.total() == 0


async def test_a_failure_under_another_name_is_not_booked_on_the_new_one(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    class Renaming:
        async def fetch(self, username: str, table: GameMode) -> bytes:
            async with instance.db.writing() as conn:
                await conn.run(text("UPDATE players SET username = 'jo mudlark'"))
            return await fetcher.client.fetch(username, table)

    hiscores.faults.add(Fault(FaultKind.NOT_FOUND))
    before = await next_fire(instance, player)
    report = await look(replace(fetcher, client=cast(HiscoresClient, Renaming())), player, due(player, 1_700_000_000))
    stored = await get_player(instance, "jo mudlark")
    assert (report.outcome, report.retry_at) == (Outcome.NOT_RANKED, None)
    assert (stored.failures, stored.last_outcome, stored.missing_since) == (0, None, None)
    assert await next_fire(instance, player) == before
    async with instance.db.reading() as conn:
        assert await failures.recent(conn, limit=9) == []


async def test_a_message_for_a_removed_player_does_nothing(fetcher: Fetcher) -> None:
    assert await fetch_player(fetcher, 4711) is None


async def test_a_new_boss_is_stored_from_its_first_response_on(
    instance: Instance, fetcher: Fetcher, player: Player, hiscores: Simulation
) -> None:
    await look(fetcher, player)
    hiscores.faults.add(Fault(kind=FaultKind.NEW_BOSS))
    report = await look(fetcher, player)
    assert report.outcome is Outcome.CHANGED
    _, rows = await player_sheet(instance, NAME)
    assert "Loopback Leviathan" in {row.metric.name for row in rows}
    _, gains = await player_gains(instance, NAME, period="day")
    boss = next(gain for gain in gains.gains if gain.metric == "loopback_leviathan")
    assert (boss.first_seen, boss.gained) == (True, 0)
