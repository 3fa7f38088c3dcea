"""How schedules, queue and processes stand, in one round trip. Reads only."""

from datetime import UTC, datetime

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.constants import ALIVE_S


class Overview(Struct, frozen=True):
    """`due` falls due within the next minute, `overdue` should have been handed over already."""

    scheduled: int
    due: int
    overdue: int
    queue_length: int
    workers_alive: int
    schedulers_alive: int


async def overview(redis: Redis, prefix: str, now: datetime | None = None) -> Overview:
    """The instance's schedules, queue and processes. Raises RedisUnreachable."""
    at = (now or datetime.now(UTC)).timestamp()
    pipeline = redis.pipeline(transaction=False)
    pipeline.zcard(f"{prefix}due")
    pipeline.zcount(f"{prefix}due", at, at + 60)
    pipeline.zcount(f"{prefix}due", "-inf", f"({at}")
    pipeline.xlen(f"{prefix}queue")
    pipeline.zcount(f"{prefix}workers", at - ALIVE_S, "+inf")
    pipeline.zcount(f"{prefix}schedulers", at - ALIVE_S, "+inf")
    try:
        return Overview(*await pipeline.execute())
    except (RedisError, OSError) as error:
        raise RedisUnreachable(f"Redis does not answer: {error}") from error
