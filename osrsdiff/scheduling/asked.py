"""The fetches that somebody asked for by hand and that are not done yet: one for each player, which others join."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.constants import ASKED_AT, FETCH_TASK
from osrsdiff.scheduling.keys import Keyring, LoadPrefix, text
from osrsdiff.scheduling.outage import AWAY, reaching_redis

_FORGOTTEN_AFTER_S = 900
"""By then a fetch that has not ended was lost with its Redis or its worker; whoever asks gets a new one."""


class AskedFetches:
    """One instance's. `redis` is shared and its maker's to close."""

    def __init__(self, redis: Redis, load_prefix: LoadPrefix, broker: StreamBroker) -> None:
        self._redis = redis
        self._keyring = Keyring(load_prefix)
        self._broker = broker

    async def ask(self, player_id: int, at: float) -> tuple[str, bool]:
        """Asks the workers for a look at a player; the task's id, and whether it is one that was asked for before.

        `at`: now, as an epoch second; a look that is stored later than this will do. Raises RedisUnreachable.
        """
        key = (await self._keyring.load()).asked(player_id)
        task_id = uuid4().hex
        with reaching_redis():
            earlier: Any = await self._redis.set(key, task_id, nx=True, get=True, ex=_FORGOTTEN_AFTER_S)
        if earlier is not None:
            return text(earlier), True
        try:
            await self._broker.send(FETCH_TASK, player_id, task_id=task_id, labels={ASKED_AT: repr(at)})
        except BaseException:
            with suppress(*AWAY):
                await self._redis.delete(key)
            raise
        return task_id, False

    @asynccontextmanager
    async def ending(self, player_id: int) -> AsyncIterator[None]:
        """Does what was asked for; whoever asks afterwards asks anew."""
        try:
            yield
        finally:
            key = (await self._keyring.load()).asked(player_id)
            with suppress(*AWAY):  # then it is forgotten by itself
                await self._redis.delete(key)
