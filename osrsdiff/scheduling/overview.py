"""How schedules, queue and processes stand, in one round trip and by Redis' own clock. Reads only."""

from typing import Any

from msgspec import Struct
from redis.asyncio import Redis

from osrsdiff.scheduling.constants import ALIVE_S
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.outage import reaching_redis

_OVERVIEW = """
-- KEYS: due, queue, workers, schedulers; ARGV: seconds without a sign of life
local due, queue, workers, schedulers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local time = redis.call('TIME')
local function exact(seconds) return string.format('%.6f', seconds) end
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local alive_since = exact(now - ARGV[1])
return {
  redis.call('ZCARD', due),
  redis.call('ZCOUNT', due, exact(now), exact(now + 60)),
  redis.call('ZCOUNT', due, '-inf', '(' .. exact(now)),
  redis.call('XLEN', queue),
  redis.call('ZCOUNT', workers, alive_since, '+inf'),
  redis.call('ZCOUNT', schedulers, alive_since, '+inf')
}
"""


class Overview(Struct, frozen=True):
    """`due` falls due within the next minute, `overdue` should have been handed over already."""

    scheduled: int
    due: int
    overdue: int
    queue_length: int
    workers_alive: int
    schedulers_alive: int


async def overview(redis: Redis, prefix: str) -> Overview:
    """The instance's schedules, queue and processes. Raises RedisUnreachable."""
    keys = Keys(prefix)
    with reaching_redis():
        found: Any = await redis.eval(_OVERVIEW, 4, keys.due, keys.queue, keys.workers, keys.schedulers, str(ALIVE_S))
    return Overview(*found)


async def count_stored(redis: Redis, prefix: str) -> int:
    """How many schedules are stored, whether they will fire or not. Raises RedisUnreachable."""
    with reaching_redis():
        found: Any = await redis.hlen(Keys(prefix).schedules)
    return int(found)
