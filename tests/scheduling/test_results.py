"""Results are JSON that expires, and their absence is no catastrophe."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from taskiq import TaskiqResult
from taskiq_redis.exceptions import ResultIsMissingError

from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.keys import Keys, LoadPrefix
from osrsdiff.scheduling.results import ResultStore


def result(value: object, error: BaseException | None = None) -> TaskiqResult[object]:
    return TaskiqResult(is_err=error is not None, return_value=value, execution_time=0.1, error=error)


@pytest.fixture
def results(redis: Redis, load_prefix: LoadPrefix) -> ResultStore:
    return ResultStore(redis, load_prefix)


async def test_a_result_comes_back_as_it_was_kept_and_expires(results: ResultStore, redis: Redis, keys: Keys) -> None:
    await results.set_result("a", result({"outcome": "changed", "changed": 3}))
    assert await results.is_result_ready("a")
    assert (await results.get_result("a")).return_value == {"outcome": "changed", "changed": 3}
    assert 590 <= await redis.ttl(keys.result("a")) <= 600


async def test_an_error_comes_back_as_one(results: ResultStore) -> None:
    await results.set_result("a", result(None, ValueError("no")))
    kept = await results.get_result("a")
    assert kept.is_err
    assert isinstance(kept.error, ValueError)
    assert await results.wait("a", 1) is None


async def test_a_missing_result_is_said_to_be_so(results: ResultStore) -> None:
    assert not await results.is_result_ready("a")
    with pytest.raises(ResultIsMissingError):
        await results.get_result("a")
    assert await results.wait("a", 0.05) is None


async def test_a_result_can_be_waited_for(results: ResultStore) -> None:
    waiting = asyncio.create_task(results.wait("a", 10))
    await asyncio.sleep(0)
    await results.set_result("a", result([1, 2]))
    assert await waiting == [1, 2]


async def test_an_absent_redis_loses_a_result_but_raises_nothing_where_it_is_set(
    results: ResultStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    monkeypatch.setattr(redis, "execute_command", away)
    monkeypatch.setattr("redis.asyncio.client.Pipeline.execute", away)
    await results.set_result("a", result(1))
    with pytest.raises(RedisUnreachable):
        await results.wait("a", 1)
