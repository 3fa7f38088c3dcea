"""What OSRS Diff's schedulers have left in a Redis: found, counted, removed. Nothing of any osrsdiff instance.

Its first scheduler wrote locks and last runs; its second was taskiq's, whose stock sources and stream broker write
under names that they share with every program that leaves them at their defaults. So a key is taken for a leftover
by its name and its type, and an entry by its beginning too: pickled or JSON, it names a task. Pickled entries are
never unpickled: they would run what they say; those of taskiq name a task in their first bytes.

Its errors name the old install's Redis, which need not be the one that this instance uses.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

from msgspec import Struct, field
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from osrsdiff.errors import RedisRefused, SetupError, Unreachable
from osrsdiff.scheduling.keys import text
from osrsdiff.scheduling.outage import AWAY

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


ALIVE_S = 300
"""Whoever has not been seen for so long is gone; the old scheduler's locks lasted as long."""


async def find_leftovers(redis: Redis, *, remove: bool = False) -> Leftovers:
    """Looks through the whole Redis, batch by batch; with `remove` takes away what it finds.

    Raises Unreachable, RedisRefused.
    """
    found = Leftovers(removed=remove)
    with reaching_old_redis():
        async for keys in _pages(redis):
            named = [(key, *kind) for key in keys if (kind := _named(key)) is not None]
            if named:
                await _take(redis, named, found)
    return found


async def check_is_idle(redis: Redis) -> None:
    """Raises SetupError where the old install is visibly at work: it holds a lock, or its workers ask for tasks."""
    with reaching_old_redis():
        async for keys in _pages(redis):
            for key in keys:
                kind = (_named(key) or (None,))[0]
                is_held = kind is Kind.LOCK and await redis.pttl(key) > 0
                if is_held or (kind is Kind.QUEUE and await _has_workers(redis, key)):
                    raise SetupError(
                        f"The old install is still at work: {_shown(key)} in its Redis is in use. Stop its scheduler "
                        f"and its workers, wait {ALIVE_S // 60} minutes, and start this again."
                    )


@contextmanager
def reaching_old_redis() -> Iterator[None]:
    """Turns what redis raises into what the caller can act on."""
    try:
        yield
    except AWAY as error:
        match error.__cause__ if isinstance(error.__cause__, AuthenticationError) else error:
            case AuthenticationError() as refusal:  # while connecting, the client takes it for a lost connection
                raise RedisRefused(f"The old install's Redis refuses the user or password: {refusal}") from error
            case NoPermissionError():
                raise RedisRefused(f"The old install's Redis does not let this user do that: {error}") from error
        raise Unreachable(f"The old install's Redis does not answer: {error or type(error).__name__}") from error


async def _has_workers(redis: Redis, key: bytes | str) -> bool:
    if text(await redis.type(key)) != "stream":
        return False
    for group in await redis.xinfo_groups(key):
        for consumer in await redis.xinfo_consumers(key, group["name"]):
            if consumer["idle"] < ALIVE_S * 1000:
                return True
    return False


async def _pages(redis: Redis) -> AsyncIterator[Sequence[bytes | str]]:
    cursor = 0
    seen: set[bytes | str] = set()  # a key may come twice while Redis moves its keys to a larger table
    while True:
        cursor, page = await redis.scan(cursor, count=SCANNED_AT_ONCE)
        mine = {key for key in page if _named(key) is not None} - seen
        seen |= mine
        yield list(mine)
        if cursor == 0:
            return


def _named(key: bytes | str) -> tuple[Kind, str] | None:
    """What a key of this name is for, and of which type it has to be."""
    name = _shown(key)
    if _OWN.match(name):
        return None
    return next(((kind, needed) for pattern, kind, needed in _NAMES if pattern.fullmatch(name)), None)


def _shown(key: bytes | str) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else key


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
            found.leave(_shown(key))
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
    return (raw.startswith(_PICKLED) and b"task_name" in raw) or _NAMES_A_TASK.match(raw) is not None
