"""What tasks returned, as JSON, for whoever waits for it; gone after a while by itself."""

import asyncio
from typing import Any

from redis.asyncio import Redis
from taskiq import AsyncResultBackend, TaskiqResult
from taskiq_redis.exceptions import ResultIsMissingError

from osrsdiff.coalesce import Coalescer
from osrsdiff.scheduling.keys import Keyring, LoadPrefix
from osrsdiff.scheduling.outage import AWAY, Outage, reaching_redis

_FIRST_LOOK_S = 0.02
_SLOWEST_LOOK_S = 0.25


class ResultStore(AsyncResultBackend[Any]):
    """One instance's results, each kept for `kept_s`. `redis` is shared and its maker's to close.

    A result that can't be kept while Redis is away is lost; the task's message is acknowledged all the same.
    """

    def __init__(self, redis: Redis, load_prefix: LoadPrefix, *, kept_s: int = 600) -> None:
        self._redis = redis
        self._keyring = Keyring(load_prefix)
        self._kept_s = kept_s
        self._outage = Outage("results")
        self._writes = Coalescer(self._write_all)

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Keeps a result, together with whatever else ends meanwhile. What schedules send nobody waits for."""
        if "schedule_id" in result.labels:
            return
        await self._writes.do((task_id, result.model_dump_json(exclude={"log"})))

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether a task's result is there. Raises RedisUnreachable."""
        with reaching_redis():
            return bool(await self._redis.exists((await self._keyring.load()).result(task_id)))

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:  # noqa: ARG002
        """A task's result. Raises ResultIsMissingError where there is none (any more), RedisUnreachable."""
        with reaching_redis():
            found = await self._redis.get((await self._keyring.load()).result(task_id))
        if found is None:
            raise ResultIsMissingError
        return TaskiqResult[Any].model_validate_json(found)

    async def wait(self, task_id: str, timeout_s: float) -> Any:
        """What a task returned; None when it has not ended within `timeout_s`, or ended in an error.

        Raises RedisUnreachable.
        """
        delay_s = _FIRST_LOOK_S
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while not await self.is_result_ready(task_id):
            if loop.time() >= end:
                return None
            await asyncio.sleep(min(delay_s, max(end - loop.time(), 0)))
            delay_s = min(2 * delay_s, _SLOWEST_LOOK_S)
        return (await self.get_result(task_id)).return_value

    async def _write_all(self, results: list[tuple[str, str]]) -> list[None]:
        keys = await self._keyring.load()
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for task_id, result in results:
                    pipeline.set(keys.result(task_id), result, ex=self._kept_s)
                await pipeline.execute()
        except AWAY as error:
            self._outage.noticed(error)
        else:
            self._outage.ended()
        return [None] * len(results)
