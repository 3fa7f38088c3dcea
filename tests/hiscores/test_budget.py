import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from redis.asyncio import Redis

from osrsdiff import redis_client
from osrsdiff.errors import Deferred, RedisUnreachable, UnderWay
from osrsdiff.hiscores.budget import FIRST_PAUSE_S, KEPT_S, LONGEST_PAUSE_S, PROBE_S, BreakerState, RequestBudget

MakeBudget = Callable[..., RequestBudget]


@pytest.fixture(params=["fake_redis", "redis"])
def store(request: pytest.FixtureRequest) -> Redis:
    """The semantics are tried on both: what passes on the fake alone is not known to be true."""
    client: Redis = request.getfixturevalue(request.param)
    return client


QUIET = {"slot": 0, "at": 0, "epoch": 1}
"""A bucket that nobody has taken from for long."""


@pytest.fixture
async def budget_of(store: Redis, prefix: str) -> MakeBudget:
    """Budgets of several processes after a quiet time: one request each 100 s, so that no test's own pace matters."""
    await store.hset(f"{prefix}budget", mapping=QUIET)

    def make(*, burst: int = 1, max_wait_s: float = 0.0, requests_per_second: float = 0.01) -> RequestBudget:
        return RequestBudget(store, prefix, requests_per_second=requests_per_second, burst=burst, max_wait_s=max_wait_s)

    return make


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long callers would have slept; nobody does."""
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("osrsdiff.hiscores.budget.sleep", note)
    return slept


@pytest.fixture
def later(store: Redis, prefix: str) -> Callable[[float], Awaitable[None]]:
    """Lets time pass in what the budget has stored; negative: the clock goes back."""

    async def shift(seconds: float) -> None:
        for key in (f"{prefix}budget", f"{prefix}breaker"):
            for name, value in (await store.hgetall(key)).items():
                if name not in (b"failures", b"epoch"):
                    await store.hset(key, name, str(int(value) - round(seconds * 1e6)))

    return shift


Later = Callable[[float], Awaitable[None]]


async def deferred(budget: RequestBudget) -> float:
    """Seconds until the next try of a caller that gets no slot."""
    with pytest.raises(Deferred) as caught:
        await budget.take()
    assert caught.value.retry_after_s is not None
    return caught.value.retry_after_s


def about(seconds: float) -> Any:
    return pytest.approx(seconds, abs=5)


async def test_a_burst_goes_out_at_once_and_then_the_pace_holds(budget_of: MakeBudget, waits: list[float]) -> None:
    budget = budget_of(burst=3, max_wait_s=1000)
    for _ in range(6):
        await budget.take()
    assert waits == [about(100), about(200), about(300)]


async def test_a_slot_too_far_away_is_not_taken(budget_of: MakeBudget, waits: list[float]) -> None:
    budget = budget_of(max_wait_s=150)
    await budget.take()
    await budget.take()
    assert await deferred(budget) == about(200)
    assert await deferred(budget) == about(200)
    assert waits == [about(100)]


async def test_after_a_quiet_time_there_is_a_burst_and_no_more(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of(burst=2)
    for _ in range(3):
        await budget.take()
        await budget.take()
        assert await deferred(budget) == about(100)
        await later(100_000)


async def test_the_budget_is_shared(budget_of: MakeBudget, waits: list[float]) -> None:
    one, other = budget_of(max_wait_s=1000), budget_of(max_wait_s=1000)
    for budget in (one, other, one, other):
        await budget.take()
    assert waits == [about(100), about(200), about(300)]


async def test_prefixes_have_budgets_and_breakers_of_their_own(store: Redis, prefix: str) -> None:
    one, other = (
        RequestBudget(store, f"{prefix}{name}:", requests_per_second=0.01, burst=1, max_wait_s=0) for name in "ab"
    )
    await one.take()
    await one.troubled(None)
    await other.take()
    assert await other.breaker() == BreakerState(None, 0)


async def test_a_clock_that_went_back_changes_no_distance(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of()
    await budget.take()
    await later(-86_400)
    assert await deferred(budget) == about(100)


async def test_a_clock_that_went_back_ends_the_pause(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of()
    await budget.troubled(3600)
    await later(-86_400)
    await budget.take()


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
async def test_a_budget_of_nothing_is_refused(budget_of: MakeBudget, rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        budget_of(requests_per_second=rate, burst=burst)


async def test_while_the_breaker_is_open_nobody_asks(budget_of: MakeBudget, waits: list[float]) -> None:
    one, other = budget_of(burst=100), budget_of(burst=100)
    await one.take()
    await one.troubled(None)
    for budget in (one, other, other):
        assert await deferred(budget) == pytest.approx(FIRST_PAUSE_S * 1.1, abs=FIRST_PAUSE_S * 0.2)
    assert waits == []


async def test_its_state_can_be_read(budget_of: MakeBudget) -> None:
    budget = budget_of()
    assert await budget.breaker() == BreakerState(None, 0)
    await budget.troubled(60)
    state = await budget.breaker()
    assert state.failures == 1
    assert state.open_until is not None
    assert abs(state.open_until - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=5)


async def test_after_the_pause_one_probe_goes_out(budget_of: MakeBudget, later: Later) -> None:
    one, other = budget_of(burst=100), budget_of(burst=100)
    await one.troubled(None)
    await later(20)
    await one.take()
    assert await deferred(one) == about(PROBE_S)
    assert await deferred(other) == about(PROBE_S)


async def test_a_probes_success_closes_the_breaker(budget_of: MakeBudget, later: Later) -> None:
    one, other = budget_of(burst=100), budget_of(burst=100)
    await one.troubled(None)
    await later(20)
    await other.take()
    await other.succeeded()
    assert await one.breaker() == BreakerState(None, 0)
    await one.take()
    await other.take()


async def test_a_probe_that_never_ends_makes_room_for_another(budget_of: MakeBudget, later: Later) -> None:
    one, other = budget_of(burst=100), budget_of(burst=100)
    await one.troubled(None)
    await later(20)
    await one.take()
    await later(PROBE_S)
    await other.take()
    assert await deferred(one) == about(PROBE_S)


async def test_each_failed_probe_doubles_the_pause_up_to_a_limit(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of(burst=100)
    await budget.troubled(None)
    pauses = []
    for _ in range(9):
        pauses.append(await deferred(budget))
        await later(LONGEST_PAUSE_S)
        await budget.take()
        await budget.troubled(None)
    for place, pause in enumerate(pauses):
        least = min(FIRST_PAUSE_S * 2**place, LONGEST_PAUSE_S)
        assert least - 2 <= pause <= min(least * 1.2, LONGEST_PAUSE_S)


async def test_a_failed_probe_stands_in_no_ones_way(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of(burst=100)
    await budget.troubled(None)
    await later(FIRST_PAUSE_S * 1.2)
    await budget.take()
    await budget.troubled(None)
    await later(FIRST_PAUSE_S * 2.4)  # the second pause is over, the first probe's time is not
    await budget.take()


async def test_requests_that_fail_of_one_trouble_count_once(budget_of: MakeBudget) -> None:
    one, other = budget_of(), budget_of()
    for budget in (one, other, one, other):
        await budget.troubled(None)
    assert (await one.breaker()).failures == 1
    assert await deferred(one) <= FIRST_PAUSE_S * 1.2


async def test_retry_after_is_honoured_also_by_an_open_breaker(budget_of: MakeBudget) -> None:
    budget = budget_of()
    await budget.troubled(None)
    await budget.troubled(3600)
    assert await deferred(budget) == about(3600)
    await budget.troubled(60)
    assert await deferred(budget) == about(3600)


async def test_a_late_success_does_not_close_what_opened_meanwhile(budget_of: MakeBudget, later: Later) -> None:
    one, other = budget_of(burst=100), budget_of(burst=100)
    await one.troubled(None)
    await later(20)
    await one.take()
    await other.troubled(None)
    await one.succeeded()
    assert (await other.breaker()).failures == 2
    assert await deferred(other) > FIRST_PAUSE_S


async def test_who_waits_while_the_breaker_opens_does_not_ask(
    budget_of: MakeBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, other = budget_of(max_wait_s=1000), budget_of()
    await other.take()

    async def trouble(seconds: float) -> None:
        await other.troubled(500)

    monkeypatch.setattr("osrsdiff.hiscores.budget.sleep", trouble)
    assert await deferred(waiting) == about(500)


async def test_who_waits_over_a_whole_pause_asks_again(
    budget_of: MakeBudget, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, other = budget_of(max_wait_s=1000), budget_of()
    await other.take()

    async def trouble_and_pause(seconds: float) -> None:
        await other.troubled(None)
        await later(20)

    monkeypatch.setattr("osrsdiff.hiscores.budget.sleep", trouble_and_pause)
    assert await deferred(waiting) == 0


async def test_a_probe_may_wait_for_its_slot(budget_of: MakeBudget, later: Later, waits: list[float]) -> None:
    budget, other = budget_of(max_wait_s=1000), budget_of(max_wait_s=1000)
    await budget.take()
    await budget.troubled(None)
    await later(20)
    await budget.take()
    assert waits == [about(80)]
    assert await deferred(other) == about(80 + PROBE_S)


@pytest.fixture
def asked(store: Redis, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Commands that go to Redis."""
    commands: Counter[str] = Counter()
    execute: Callable[..., Awaitable[Any]] = store.execute_command

    async def counted(*args: Any, **options: Any) -> Any:
        commands[str(args[0])] += 1
        return await execute(*args, **options)

    monkeypatch.setattr(store, "execute_command", counted)
    return commands


async def test_a_request_in_order_costs_one_round_trip(budget_of: MakeBudget, asked: Counter[str]) -> None:
    budget = budget_of(burst=100)
    await budget.take()  # teaches Redis the script
    asked.clear()
    for _ in range(10):
        await budget.take()
        await budget.succeeded()
    assert asked == {"EVALSHA": 10}


async def test_who_asks_at_the_same_moment_shares_a_round_trip(budget_of: MakeBudget, asked: Counter[str]) -> None:
    budget = budget_of(burst=3)
    await budget.take("fern")
    asked.clear()
    fern = asyncio.gather(budget.release("fern"), budget.take("fern"))
    others = asyncio.gather(*(budget.take(name) for name in ("moth", "moth", "wren")), return_exceptions=True)
    await fern
    moth, second_moth, wren = await others
    assert asked == {"EVALSHA": 1}
    assert moth is None
    assert "another request about moth" in str(second_moth)
    assert wren.retry_after_s == about(100)


async def test_of_those_who_ask_at_once_after_the_pause_one_is_the_probe(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of(burst=100)
    await budget.troubled(None)
    await later(20)
    answers = await asyncio.gather(*(budget.take() for _ in range(5)), return_exceptions=True)
    assert [isinstance(answer, Deferred) for answer in answers] == [False, True, True, True, True]


async def test_after_a_probes_success_a_request_costs_one_round_trip_again(
    budget_of: MakeBudget, later: Later, asked: Counter[str]
) -> None:
    budget = budget_of(burst=100)
    await budget.troubled(None)
    await later(20)
    await budget.take()
    await budget.succeeded()
    asked.clear()
    await budget.take()
    await budget.succeeded()
    assert asked == {"EVALSHA": 1}


async def test_scripts_that_redis_forgot_are_taught_again(store: Redis, budget_of: MakeBudget) -> None:
    budget = budget_of(burst=100)
    await budget.take()
    await store.script_flush()
    await budget.take()


async def test_what_is_stored_goes_away_by_itself(store: Redis, prefix: str, budget_of: MakeBudget) -> None:
    budget = budget_of(burst=3)
    await budget.take()
    await budget.troubled(None)
    assert 1000 * KEPT_S < await store.pttl(f"{prefix}budget") <= 1000 * KEPT_S + 101_000
    assert 1_200_000 < await store.pttl(f"{prefix}breaker") <= 1_220_000


async def test_a_new_bucket_has_no_burst(store: Redis, prefix: str, waits: list[float]) -> None:
    budget = RequestBudget(store, prefix, requests_per_second=0.01, burst=3, max_wait_s=1_000)
    for _ in range(3):
        await budget.take()
    assert waits == [about(100), about(200)]


async def test_a_slot_that_redis_forgot_while_it_was_waited_for_is_void(
    store: Redis, prefix: str, budget_of: MakeBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else those who wait would ask besides those who are given the same slots anew."""
    budget, other = budget_of(max_wait_s=1_000), budget_of(max_wait_s=1_000)
    await budget.take()
    slept: list[float] = []

    async def emptied_meanwhile(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            await store.delete(f"{prefix}budget", f"{prefix}asking:moth")
            await other.take()

    monkeypatch.setattr("osrsdiff.hiscores.budget.sleep", emptied_meanwhile)
    await budget.take("moth")
    assert slept == [about(100), about(100)]
    with pytest.raises(Deferred):
        await other.take("moth")


async def test_two_clients_share_every_slot(redis_url: str, redis: Redis, prefix: str, waits: list[float]) -> None:
    await redis.hset(f"{prefix}budget", mapping=QUIET)
    clients = [redis, redis_client.create(redis_url)]
    budgets = [
        RequestBudget(client, prefix, requests_per_second=0.01, burst=5, max_wait_s=10_000) for client in clients
    ]
    async with create_task_group() as tasks:
        for _ in range(20):
            for budget in budgets:
                tasks.start_soon(budget.take)
    assert sorted(waits) == [about(100 * place) for place in range(1, 36)]
    await clients[1].aclose()


async def test_slots_come_no_sooner_than_the_pace_allows(redis: Redis, prefix: str) -> None:
    budget = RequestBudget(redis, prefix, requests_per_second=200, burst=1)
    started = monotonic()
    async with create_task_group() as tasks:
        for _ in range(21):
            tasks.start_soon(budget.take)
    assert monotonic() - started >= 0.1


async def test_while_redis_is_away_requests_are_deferred() -> None:
    away = redis_client.create("unix:///nowhere/redis.sock")
    budget = RequestBudget(away, "osrsdiff:test:", requests_per_second=1, burst=1)
    assert await deferred(budget) > 0
    await budget.troubled(None)
    await budget.succeeded()
    with pytest.raises(RedisUnreachable):
        await budget.breaker()
    await away.aclose()


async def test_a_success_that_redis_missed_is_told_again(
    store: Redis, budget_of: MakeBudget, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = budget_of(burst=100)
    await budget.troubled(None)
    await later(20)
    await budget.take()
    with monkeypatch.context() as outage:

        async def away(*args: Any, **options: Any) -> None:
            raise ConnectionRefusedError

        outage.setattr(store, "execute_command", away)
        await budget.succeeded()
    await budget.succeeded()
    assert await budget.breaker() == BreakerState(None, 0)


async def test_nobody_else_may_ask_for_a_name_that_is_being_asked_for(budget_of: MakeBudget) -> None:
    ours, theirs = budget_of(burst=10), budget_of(burst=10)
    await ours.take("fern")
    with pytest.raises(Deferred, match="another request about fern"):
        await theirs.take("fern")
    await theirs.take("moth")
    await theirs.release("fern")  # not theirs: nothing happens
    with pytest.raises(Deferred):
        await theirs.take("fern")
    await ours.release("fern")
    await theirs.take("fern")


async def test_a_name_whose_asker_died_is_free_again_when_no_request_can_be_under_way(
    budget_of: MakeBudget, store: Redis, prefix: str
) -> None:
    await budget_of().take("fern")
    assert 0 < await store.pttl(f"{prefix}asking:fern") <= PROBE_S * 1000


async def test_who_is_stopped_while_waiting_for_a_slot_keeps_no_name(budget_of: MakeBudget) -> None:
    budget = budget_of(burst=2, max_wait_s=1_000)
    await budget.take()
    await budget.take()
    async with create_task_group() as tasks:
        tasks.start_soon(budget.take, "moth")
        await wait_all_tasks_blocked()
        with pytest.raises(UnderWay):
            await budget_of(max_wait_s=1_000).take("moth")
        tasks.cancel_scope.cancel()
    with pytest.raises(Deferred) as caught:
        await budget_of().take("moth")
    assert not isinstance(caught.value, UnderWay)


async def spare_deferred(budget: RequestBudget) -> float:
    with pytest.raises(Deferred) as caught:
        await budget.take_spare(0)
    assert caught.value.retry_after_s is not None
    return caught.value.retry_after_s


async def test_a_spare_slot_is_had_only_from_a_full_bucket(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of(burst=3, max_wait_s=1000)
    await budget.take_spare(0)
    assert await spare_deferred(budget) == about(100)
    await budget.take()
    assert await spare_deferred(budget) == about(200)
    await later(100)
    assert await spare_deferred(budget) == about(100)
    await later(100)
    await budget.take_spare(0)


async def test_a_spare_slot_leaves_the_burst_to_the_others(budget_of: MakeBudget, waits: list[float]) -> None:
    budget = budget_of(burst=3, max_wait_s=1000)
    await budget.take_spare(0)
    for _ in range(3):
        await budget.take()
    assert waits == [about(100)]


async def test_who_wants_a_spare_slot_waits_as_long_as_it_likes(
    budget_of: MakeBudget, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget, slept = budget_of(), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await later(seconds)
        if len(slept) == 1:
            await budget.take()  # somebody else was quicker

    monkeypatch.setattr("osrsdiff.hiscores.budget.sleep", sleep)
    await budget.take()
    await budget.take_spare(1000)
    assert len(slept) == 2
    assert all(95 <= seconds <= 120 for seconds in slept)
    with pytest.raises(Deferred):
        await budget.take_spare(50)
    assert slept[2:] == [50]


async def test_an_open_breaker_gives_no_spare_slot_and_then_one_may_probe(budget_of: MakeBudget, later: Later) -> None:
    budget = budget_of(burst=100)
    await budget.troubled(60)
    assert await spare_deferred(budget) == about(60)
    await later(61)
    await budget.take_spare(0)
    assert await deferred(budget) == about(PROBE_S)
    await budget.succeeded()
    assert (await budget.breaker()).open_until is None


async def test_without_redis_there_is_no_spare_slot(store: Redis, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(**_: object) -> None:
        raise OSError("gone")

    budget = RequestBudget(store, prefix, requests_per_second=1, burst=1)
    monkeypatch.setattr(budget, "_round", away)
    assert await spare_deferred(budget) > 0
