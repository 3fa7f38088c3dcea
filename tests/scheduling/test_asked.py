"""What is asked for is in the queue once, and whoever asks for it again joins."""

from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.asked import Asked
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.constants import ASKED_AT, CHECK_MODE_TASK, FETCH_TASK
from osrsdiff.scheduling.keys import Keys, LoadPrefix


@pytest.fixture
async def broker(make_broker: Callable[..., StreamBroker]) -> StreamBroker:
    made = make_broker()
    await made.attach()
    return made


@pytest.fixture
def asked(load_prefix: LoadPrefix, broker: StreamBroker) -> Asked:
    return Asked(load_prefix, broker)


async def test_a_fetch_is_sent_with_its_player_and_when_it_was_asked_for(
    asked: Asked, broker: StreamBroker, redis: Redis, keys: Keys
) -> None:
    task_id, joined = await asked.fetch(7, 12.5)
    [(_, fields)] = await redis.xrange(keys.queue)
    message = broker.formatter.loads(fields[b"data"])
    assert (message.task_id, message.task_name, message.args, joined) == (task_id, FETCH_TASK, [7], False)
    assert message.labels[ASKED_AT] == "12.5"


async def test_who_asks_again_joins_until_it_is_done(asked: Asked, redis: Redis, keys: Keys) -> None:
    first, _ = await asked.fetch(7, 1.0)
    assert await asked.fetch(7, 2.0) == (first, True)
    async with asked.fetching(7, first):
        assert await asked.fetch(7, 3.0) == (first, True)
    second, joined = await asked.fetch(7, 4.0)
    assert (second != first, joined, await redis.xlen(keys.queue)) == (True, False, 2)


async def test_a_task_of_earlier_takes_nobody_elses_place(asked: Asked) -> None:
    first, _ = await asked.fetch(7, 1.0)
    async with asked.fetching(7, "one that was taken over"):
        pass
    assert await asked.fetch(7, 2.0) == (first, True)


async def test_a_job_waits_once_and_may_be_asked_for_again_as_soon_as_it_begins(
    asked: Asked, redis: Redis, keys: Keys
) -> None:
    first, _ = await asked.job("tidy")
    assert [await asked.job("tidy") for _ in range(5)] == [(first, True)] * 5
    assert await redis.xlen(keys.queue) == 1
    await asked.begins("tidy", first)
    assert not (await asked.job("tidy"))[1]


async def test_what_redis_did_not_take_is_not_joined(
    asked: Asked, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as gone:
        gone.setattr(redis, "execute_command", away)
        with pytest.raises(RedisUnreachable):
            await asked.fetch(7, 1.0)
    assert not (await asked.fetch(7, 2.0))[1]
    assert await redis.xlen(keys.queue) == 1


async def test_a_check_of_a_game_mode_is_joined_until_it_is_done_and_is_no_fetch(
    asked: Asked, broker: StreamBroker, redis: Redis, keys: Keys
) -> None:
    first, joined = await asked.mode_check(7)
    assert (joined, (await asked.fetch(7, 1.0))[1], (await asked.mode_check(8))[1]) == (False, False, False)
    message = broker.formatter.loads((await redis.xrange(keys.queue))[0][1][b"data"])
    assert (message.task_id, message.task_name, message.args) == (first, CHECK_MODE_TASK, [7])
    async with asked.checking(7, first):
        assert await asked.mode_check(7) == (first, True)
    assert (await asked.mode_check(7))[1] is False


async def test_a_job_that_keeps_its_place_runs_once_at_a_time(asked: Asked) -> None:
    first, _ = await asked.job("tidy")
    async with asked.running("tidy", first):
        assert await asked.job("tidy") == (first, True)
    assert (await asked.job("tidy"))[1] is False
