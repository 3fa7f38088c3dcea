"""The schedules as Redis keeps them: written, read, compared, moved, removed, many at a time. Claims nothing."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from redis.asyncio import Redis
from taskiq import ScheduledTask

from osrsdiff.scheduling import scripts
from osrsdiff.scheduling.constants import SOONEST_S
from osrsdiff.scheduling.drafts import Draft
from osrsdiff.scheduling.keys import Keys, text

T = TypeVar("T")

CHUNK = 1_000
"""So many in one round trip: Redis is busy for a few milliseconds at most."""
FAR_S = 2 * 86_400
"""A next fire so long after the first one from now was written by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ids of schedules that are not as expected: not there (or without a next fire), or stored differently (or firing
    later than they ever should)."""

    missing: list[str]
    different: list[str]


class ScheduleStore:
    """Schedules under one instance's keys. Every method raises what redis raises."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._add = redis.register_script(scripts.ADD)
        self._delete = redis.register_script(scripts.DELETE)
        self._postpone = redis.register_script(scripts.POSTPONE)

    async def add(self, keys: Keys, drafts: Iterable[Draft], first_fires: Mapping[str, float]) -> int:
        """Writes schedules; how many were new or different.

        One that is there unchanged keeps its next fire. Any other begins with what `first_fires` says, else with its
        first fire from now.
        """
        changed = 0
        seconds, microseconds = await self._redis.time()
        now = seconds + microseconds / 1e6
        for chunk in chunks(drafts):
            ids = [draft.id for draft in chunk]
            stored = [draft.json for draft in chunk]
            first = [first_fires[draft.id] if draft.id in first_fires else draft.first_fire(now) for draft in chunk]
            arguments: list[float | str | bytes] = [FAR_S, *ids, *stored, *(f"{at:.6f}" for at in first)]
            changed += await self._add(keys=script_keys(keys), args=arguments)
        return changed

    async def delete(self, keys: Keys, schedule_ids: Iterable[str]) -> int:
        """Removes schedules with their next fires and claims; how many there were."""
        gone = 0
        for chunk in chunks(schedule_ids):
            gone += await self._delete(keys=script_keys(keys), args=chunk)
        return gone

    async def get(self, keys: Keys, schedule_ids: Iterable[str]) -> dict[str, ScheduledTask]:
        """Those of the schedules that are there."""
        found: dict[str, ScheduledTask] = {}
        for chunk in chunks(schedule_ids):
            for schedule_id, raw in zip(chunk, await self._redis.hmget(keys.schedules, chunk), strict=True):
                if raw is not None:
                    found[schedule_id] = ScheduledTask.model_validate_json(raw)
        return found

    async def compare(self, keys: Keys, expected: Iterable[Draft]) -> Comparison:
        """How what is stored differs from what should be."""
        comparison = Comparison([], [])
        for chunk in chunks(expected):
            ids = [draft.id for draft in chunk]
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hmget(keys.schedules, ids)
                pipeline.zmscore(keys.due, ids)
                pipeline.time()
                stored, scores, (seconds, _) = await pipeline.execute()
            for draft, found, score in zip(chunk, stored, scores, strict=True):
                if found is None or score is None:
                    comparison.missing.append(draft.id)
                elif found != draft.json or score > draft.first_fire(seconds) + FAR_S:
                    comparison.different.append(draft.id)
        return comparison

    async def pages(self, keys: Keys, size: int) -> AsyncIterator[list[str]]:
        """The ids of all schedules, about `size` at a time. One may come twice while schedules come and go."""
        cursor = 0
        while True:
            cursor, page = await self._redis.hscan(keys.schedules, cursor, count=size)
            if page:
                yield [text(schedule_id) for schedule_id in page]
            if cursor == 0:
                return

    async def next_fires(self, keys: Keys, schedule_ids: Sequence[str]) -> list[float | None]:
        """The epoch second at which each fires next, of a claimed one the fire that it is claimed for; None without."""
        found: list[float | None] = []
        for chunk in chunks(schedule_ids):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.zmscore(keys.due, chunk)
                pipeline.hmget(keys.claims, chunk)
                scores, claimed = await pipeline.execute()
            found += [score if fire is None else float(fire) for score, fire in zip(scores, claimed, strict=True)]
        return found

    async def postpone(
        self, keys: Keys, schedule_id: str, at: float, beat: int | None, retry: int, *, only_sooner: bool
    ) -> float | None:
        """Moves the next fire and drops a claim; when it fires now by Redis' clock, None where it is not scheduled.

        `at` is by our clock: where that is not Redis', it is as far ahead by Redis' as it is by ours.
        """
        belongs_to = "" if beat is None else f"{beat}/{retry}"
        arguments = [
            schedule_id,
            f"{at:.6f}",
            str(SOONEST_S),
            belongs_to,
            f"{time.time():.6f}",
            "1" if only_sooner else "",
        ]
        moved_to = await self._postpone(keys=script_keys(keys), args=arguments)
        return float(moved_to) if moved_to else None


def script_keys(keys: Keys) -> list[str]:
    """The five that every script on schedules begins with."""
    return [keys.schedules, keys.due, keys.claims, keys.leases, keys.moved]


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """The items, so many at a time as go out together."""
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
