"""Which schedules fire next, page by page in the order of their fires. Reads only, and only what a page needs.

A page goes on behind a fire, not at a rank: whatever moves between two pages, who stays where they are comes once.

A claimed schedule stands among the next fires with the end of its lease; the fire that it is claimed for stands in the
claims, which are few.
"""

from heapq import merge
from typing import Any, NamedTuple

from redis.asyncio import Redis

from osrsdiff.scheduling.keys import Keys, text
from osrsdiff.scheduling.outage import reaching_redis

# ids are compared byte by byte, as sorted sets order them: Lua's own order depends on the server's language
_PAGE = """
-- KEYS: due, claims; ARGV: until, limit, then score and id of the fire that the page comes after, where there is one
-- gives {{id, fire, ...}, {id, fire, ...}}: all that are claimed, the next that are not
local due, claims, limit = KEYS[1], KEYS[2], tonumber(ARGV[2])
local function is_past(id, other)
  for i = 1, math.min(#id, #other) do
    local ours, theirs = id:byte(i), other:byte(i)
    if ours ~= theirs then return ours > theirs end
  end
  return #id > #other
end

local first, last = 0, redis.call('ZCOUNT', due, '-inf', ARGV[1])
if ARGV[3] then
  local high = redis.call('ZCOUNT', due, '-inf', ARGV[3])
  first = redis.call('ZCOUNT', due, '-inf', '(' .. ARGV[3])
  while first < high do
    local middle = math.floor((first + high) / 2)
    if is_past(redis.call('ZRANGE', due, middle, middle)[1], ARGV[4]) then high = middle else first = middle + 1 end
  end
end

local claimed, is_claimed = redis.call('HGETALL', claims), {}
for i = 1, #claimed, 2 do is_claimed[claimed[i]] = true end
local page = {}
while #page < 2 * limit and first < last do
  local count = math.min(limit - #page / 2, last - first)
  local fires = redis.call('ZRANGE', due, first, first + count - 1, 'WITHSCORES')
  first = first + count
  for i = 1, #fires, 2 do
    if not is_claimed[fires[i]] then
      page[#page + 1] = fires[i]
      page[#page + 1] = fires[i + 1]
    end
  end
end
return {claimed, page}
"""


class Fire(NamedTuple):
    """When a schedule fires next, an epoch second. Sorts as pages do."""

    at: float
    schedule_id: str


async def redis_now(redis: Redis) -> float:
    """The epoch second by the clock that schedules fall due by. Raises RedisUnreachable."""
    with reaching_redis():
        seconds, microseconds = await redis.time()
    return float(seconds) + microseconds / 1e6


async def upcoming(redis: Redis, prefix: str, *, after: Fire | None, until: float, limit: int) -> list[Fire]:
    """The next `limit` fires past `after` and not later than `until`, the longest overdue first.

    Raises RedisUnreachable.
    """
    keys = Keys(prefix)
    place = () if after is None else (repr(after.at), after.schedule_id)
    with reaching_redis():
        found: Any = await redis.eval(_PAGE, 2, keys.due, keys.claims, repr(until), str(limit), *place)
    claimed, waiting = map(_fires, found)
    claims = sorted(fire for fire in claimed if fire.at <= until and (after is None or fire > after))
    return [*merge(waiting, claims)][:limit]


def _fires(flat: list[bytes | str]) -> list[Fire]:
    return [Fire(float(at), text(id_)) for id_, at in zip(flat[::2], flat[1::2], strict=True)]
