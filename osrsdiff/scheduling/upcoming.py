"""Which schedules fire next, page by page in the order of their fires. Reads only, and only what a page needs.

A claimed schedule stands among the next fires with the end of its lease; the fire that it is claimed for stands in the
claims, which are few.
"""

from collections.abc import Collection
from heapq import merge
from typing import Any, NamedTuple

from redis.asyncio import Redis

from osrsdiff.scheduling.keys import Keys, text
from osrsdiff.scheduling.outage import reaching_redis


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
    with reaching_redis():
        claimed = {text(id_): float(fire) for id_, fire in (await redis.hgetall(keys.claims)).items()}
        waiting = await _waiting(redis, keys, after, until, limit, claimed.keys())
    claims = sorted(Fire(at, id_) for id_, at in claimed.items())
    return [*merge(waiting, (fire for fire in claims if fire.at <= until and _past(fire, after)))][:limit]


async def _waiting(
    redis: Redis, keys: Keys, after: Fire | None, until: float, limit: int, claimed: Collection[str]
) -> list[Fire]:
    """The same of those that nobody has claimed."""
    found: list[Fire] = []
    start = await _rank_after(redis, keys, after)
    while len(found) < limit:
        rows: Any = await redis.zrange(keys.due, start, start + limit - 1, withscores=True)
        fires = [Fire(score, text(id_)) for id_, score in rows]
        found += [fire for fire in fires if fire.at <= until and fire.schedule_id not in claimed and _past(fire, after)]
        if len(fires) < limit or fires[-1].at > until:
            break
        start += limit
    return found[:limit]


async def _rank_after(redis: Redis, keys: Keys, after: Fire | None) -> int:
    """From which place on fires are past `after`; that of the first one at its time, where it has moved meanwhile."""
    if after is None:
        return 0
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.zscore(keys.due, after.schedule_id)
        pipeline.zrank(keys.due, after.schedule_id)
        pipeline.zcount(keys.due, "-inf", f"({after.at!r}")
        score, rank, earlier = await pipeline.execute()
    return int(rank + 1 if score == after.at else earlier)


def _past(fire: Fire, after: Fire | None) -> bool:
    return after is None or fire > after
