"""What dead processes and lost schedules leave behind in Redis: found, and removed where nobody needs it.

Nothing here takes away a schedule, or a message that a dead worker has not finished: living workers take those over.
"""

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from osrsdiff.scheduling.broker import GROUP
from osrsdiff.scheduling.constants import ALIVE_S
from osrsdiff.scheduling.keys import Keys, text
from osrsdiff.scheduling.outage import reaching_redis
from osrsdiff.scheduling.store import CHUNK, script_keys

_STALE = """
-- KEYS: schedules, due, claims, leases, moved; ARGV: which of the keys to look through, cursor, how many, '1' to remove
-- gives {next cursor, how many were looked at, ids of those without a schedule}
local key = KEYS[tonumber(ARGV[1])]
local scan = redis.call('TYPE', key).ok == 'zset' and 'ZSCAN' or 'HSCAN'
local page = redis.call(scan, key, ARGV[2], 'COUNT', ARGV[3])
local stale = {}
for place = 1, #page[2], 2 do
  local id = page[2][place]
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    stale[#stale + 1] = id
    if ARGV[4] == '1' then
      redis.call('ZREM', KEYS[2], id)
      redis.call('HDEL', KEYS[3], id)
      redis.call('ZREM', KEYS[4], id)
      redis.call('HDEL', KEYS[5], id)
    end
  end
end
return {page[1], #page[2] / 2, stale}
"""
_LOOKED_THROUGH = range(2, 6)

_DEAD_SCHEDULERS = """
-- KEYS: schedulers; ARGV: seconds without a sign of life, '1' to remove; gives their names
local dead_since = redis.call('TIME')[1] - ARGV[1]
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', dead_since)
if ARGV[2] == '1' then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', dead_since) end
return dead
"""

_DEAD_WORKERS = """
-- KEYS: workers, queue; ARGV: seconds without a sign of life, '1' to remove, group
-- gives the names of those that have nothing unfinished
local dead_since = redis.call('TIME')[1] - ARGV[1]
local busy, known, dead = {}, {}, {}
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[2], ARGV[3])
local function look(name)
  if known[name] then return end
  known[name] = true
  local seen = tonumber(redis.call('ZSCORE', KEYS[1], name) or '0')
  if seen > dead_since or busy[name] then return end
  dead[#dead + 1] = name
  if ARGV[2] == '1' then
    redis.call('ZREM', KEYS[1], name)
    redis.pcall('XGROUP', 'DELCONSUMER', KEYS[2], ARGV[3], name)
  end
end
if not consumers.err then
  for _, flat in ipairs(consumers) do
    local info = {}
    for i = 1, #flat, 2 do info[flat[i]] = flat[i + 1] end
    busy[info.name] = info.pending > 0 or info.idle <= ARGV[1] * 1000
    look(info.name)
  end
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', dead_since)) do look(name) end
return dead
"""


async def dead_schedulers(redis: Redis, prefix: str, *, remove: bool) -> list[str]:
    """Names of schedulers that gave no sign of life for long. Raises RedisUnreachable."""
    with reaching_redis():
        found: Any = await redis.eval(_DEAD_SCHEDULERS, 1, Keys(prefix).schedulers, str(ALIVE_S), _flag(remove))
    return [text(name) for name in found]


async def dead_workers(redis: Redis, prefix: str, *, remove: bool) -> list[str]:
    """The same of workers, but for those whose unfinished messages nobody has taken over yet."""
    keys = Keys(prefix)
    arguments = [str(ALIVE_S), _flag(remove), GROUP]
    with reaching_redis():
        found: Any = await redis.eval(_DEAD_WORKERS, 2, keys.workers, keys.queue, *arguments)
    return [text(name) for name in found]


async def stale_entries(redis: Redis, prefix: str, *, remove: bool) -> AsyncIterator[tuple[int, list[str]]]:
    """Ids without a schedule among next fires, claims and moved beats: how many were looked at, and which those are.

    One that is not removed may come more than once. Raises RedisUnreachable.
    """
    keys = Keys(prefix)
    script = redis.register_script(_STALE)
    with reaching_redis():
        for place in _LOOKED_THROUGH:
            cursor = "0"
            while True:
                found: Any = await script(keys=script_keys(keys), args=[place, cursor, CHUNK, _flag(remove)])
                cursor = text(found[0])
                yield int(found[1]), [text(id_) for id_ in found[2]]
                if cursor == "0":
                    break


def _flag(value: bool) -> str:
    return "1" if value else "0"
