"""What OSRS Diff's schedulers have left in a Redis: found, counted, removed. Nothing of any osrsdiff instance.

Its first scheduler wrote locks and last runs; its second was taskiq's, whose stock sources and stream broker write
under names that they share with every program that leaves them at their defaults. So a key is taken for a leftover
by its name and its type, and an entry by its beginning too: pickled, or JSON that names a task. Pickled entries are
never unpickled: they would run what they say.
"""

import re
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

from msgspec import Struct, field
from redis.asyncio import Redis

from osrsdiff.errors import RedisRefused
from osrsdiff.scheduling.identity import REFUSALS
from osrsdiff.scheduling.keys import text
from osrsdiff.scheduling.outage import reaching_redis

SCANNED_AT_ONCE = 1_000
_BEGINNING = 4_096
"""So many bytes of an entry are enough to see what it is."""


class Kind(StrEnum):
    """What a key was for."""

    LOCK = "locks of the old scheduler"
    LAST_RUN = "last runs of the old scheduler"
    ENTRY = "schedules of taskiq"
    INDEX = "lists of such schedules"
    QUEUE = "queues of taskiq"


class Leftovers(Struct):
    """Keys by kind. `unrecognised`: keys named as a leftover that hold something else, and so stay."""

    removed: bool
    counts: dict[Kind, int] = field(default_factory=dict)
    unrecognised: list[str] = field(default_factory=list)
    unrecognised_count: int = 0

    @property
    def total(self) -> int:
        """How many keys."""
        return sum(self.counts.values())

    def leave(self, key: str) -> None:
        """Counts a key that stays, and names the first few."""
        self.unrecognised_count += 1
        if len(self.unrecognised) < _NAMED:
            self.unrecognised.append(key)


_NAMED = 20
_OWN = re.compile(r"osrsdiff:[0-9a-f]{12}:")
_NAMES = (
    (re.compile(r"osrsdiff:scheduler:lock:.+", re.DOTALL), Kind.LOCK, "string"),
    (re.compile(r"osrsdiff:scheduler:last_run:.+", re.DOTALL), Kind.LAST_RUN, "string"),
    (re.compile(r"schedule:(cron|interval|time:\d{4}-\d\d-\d\dT\d\d:\d\d)"), Kind.INDEX, "list"),
    (re.compile(r"schedule:.+", re.DOTALL), Kind.ENTRY, "string"),  # schedule:<id> and schedule:data:<id>
    (re.compile(r"taskiq"), Kind.QUEUE, "stream"),
    (re.compile(r"autoclaim:taskiq:taskiq"), Kind.QUEUE, "string"),
)
_PICKLED = b"\x80"
_NAMES_A_TASK = re.compile(rb'\s*\{.*"task_name"', re.DOTALL)


async def find_leftovers(redis: Redis, *, remove: bool = False) -> Leftovers:
    """Looks through the whole Redis, batch by batch; with `remove` takes away what it finds.

    Raises RedisUnreachable, RedisRefused.
    """
    found = Leftovers(removed=remove)
    with reaching_redis():
        async for keys in _pages(redis):
            named = [(key, *kind) for key in keys if (kind := _named(key)) is not None]
            if named:
                await _take(redis, named, found)
    return found


async def _pages(redis: Redis) -> AsyncIterator[Sequence[bytes | str]]:
    cursor = 0
    seen: set[bytes | str] = set()  # a key may come twice while Redis moves its keys to a larger table
    while True:
        try:
            cursor, page = await redis.scan(cursor, count=SCANNED_AT_ONCE)
        except REFUSALS as error:
            raise RedisRefused(f"The old install's Redis refuses the user or password: {error}") from error
        mine = {key for key in page if _named(key) is not None} - seen
        seen |= mine
        yield list(mine)
        if cursor == 0:
            return


def _named(key: bytes | str) -> tuple[Kind, str] | None:
    """What a key of this name is for, and of which type it has to be."""
    name = key.decode(errors="replace") if isinstance(key, bytes) else key
    if _OWN.match(name):
        return None
    return next(((kind, needed) for pattern, kind, needed in _NAMES if pattern.fullmatch(name)), None)


async def _take(redis: Redis, named: Sequence[tuple[bytes | str, Kind, str]], found: Leftovers) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        for key, _, _ in named:
            pipeline.type(key)
        types = [text(kind) for kind in await pipeline.execute()]
    is_right = [needed == kind for (_, _, needed), kind in zip(named, types, strict=True)]
    entries = [key for (key, kind, _), right in zip(named, is_right, strict=True) if right and kind is Kind.ENTRY]
    foreign = await _foreign(redis, entries)
    leftovers: list[bytes | str] = []
    for (key, kind, _), kind_there, right in zip(named, types, is_right, strict=True):
        if kind_there == "none":
            continue  # it has expired meanwhile
        if not right or key in foreign:
            found.leave(text(key) if isinstance(key, str) else key.decode(errors="replace"))
            continue
        found.counts[kind] = found.counts.get(kind, 0) + 1
        leftovers.append(key)
    if found.removed and leftovers:
        await redis.unlink(*leftovers)


async def _foreign(redis: Redis, entries: Sequence[bytes | str]) -> set[bytes | str]:
    """Those of the entries that no taskiq has written."""
    if not entries:
        return set()
    async with redis.pipeline(transaction=False) as pipeline:
        for key in entries:
            pipeline.getrange(key, 0, _BEGINNING - 1)
        beginnings = await pipeline.execute()
    return {key for key, start in zip(entries, beginnings, strict=True) if not _is_entry(start)}


def _is_entry(beginning: bytes | str) -> bool:
    raw = beginning if isinstance(beginning, bytes) else beginning.encode()
    return raw.startswith(_PICKLED) or _NAMES_A_TASK.match(raw) is not None
