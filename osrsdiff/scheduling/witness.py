"""Tells whether Redis lost what it held while somebody worked on it: a key of its own that must still be there."""

import secrets

from redis.asyncio import Redis

from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.outage import reaching_redis

_LONGEST_S = 3_600


class Witness:
    """The key under one instance's prefix. Every method raises RedisUnreachable."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = Keys(prefix).witness(secrets.token_hex(8))

    async def place(self) -> None:
        """From now on it sees what happens."""
        with reaching_redis():
            await self._redis.set(self._key, 1, ex=_LONGEST_S)

    async def saw_no_loss(self) -> bool:
        """Whether everything that was written since `place` is still there; the witness is gone then."""
        with reaching_redis():
            return bool(await self._redis.delete(self._key))
