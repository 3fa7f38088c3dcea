"""Which players somebody means: by name, by how their schedules stand, or everybody. Reads only.

Who falls due stands in Redis; everything else in the database, so that it works while Redis is away.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from enum import StrEnum
from itertools import islice

from msgspec import Struct

from osrsdiff.errors import InvalidUsername, PlayerNotFound, UserError
from osrsdiff.game import usernames
from osrsdiff.scheduling.constants import player_id_of
from osrsdiff.scheduling.upcoming import Fire, redis_now, upcoming
from osrsdiff.storage import plan
from osrsdiff.storage.plan import BATCH, Which
from osrsdiff.tracking.instance import Instance


class Only(StrEnum):
    """A part of the players. Due: falls due within a minute, or is overdue. Failing: active, with failures in a row."""

    DUE = "due"
    OVERDUE = "overdue"
    PAUSED = "paused"
    FAILING = "failing"


class RefusedName(Struct, frozen=True):
    """A name that nothing was done about, as it was given, and why."""

    name: str
    error: UserError


def by_time(only: Only | None) -> bool:
    """Whether it is a matter of when players fall due, which Redis knows."""
    return only in (Only.DUE, Only.OVERDUE)


def within_s(only: Only | None) -> float:
    """How soon, from now on, schedules fall due that are meant by `only`, one that is by time."""
    return 60.0 if only is Only.DUE else 0.0


def which(only: Only | None) -> Which:
    """What `only` is to the database, where it is not by time."""
    match only:
        case Only.PAUSED:
            return Which.PAUSED
        case Only.FAILING:
            return Which.FAILING
        case _:
            return Which.ALL


async def named(instance: Instance, names: Sequence[str]) -> tuple[list[int], list[RefusedName]]:
    """The ids of the players with these names in any spelling, each once; each name that is nobody's, once."""
    refused: dict[str, RefusedName] = {}
    given: dict[str, str] = {}
    for name in names:
        try:
            given.setdefault(usernames.tracked_name(name), name)
        except InvalidUsername as error:
            refused.setdefault(name, RefusedName(name, error))
    found: dict[str, int] = {}
    for batch in batches(given):
        async with instance.db.reading() as connection:
            found |= await plan.ids_by_username(connection, batch)
    nobodys = [RefusedName(name, PlayerNotFound(name)) for one, name in given.items() if one not in found]
    return [found[one] for one in given if one in found], [*refused.values(), *nobodys]


async def count(instance: Instance, only: Only | None) -> int:
    """How many players that are; of those by time 0, since they change while one counts."""
    if by_time(only):
        return 0
    async with instance.db.reading() as connection:
        return await plan.count(connection, which(only))


async def pages(instance: Instance, only: Only | None) -> AsyncIterator[list[int]]:
    """The ids of all of them, in batches. Raises RedisUnreachable for those by time."""
    if by_time(only):
        async for page in _pages_by_time(instance, await redis_now(instance.redis) + within_s(only)):
            yield page
        return
    after = 0
    while True:
        async with instance.db.reading() as connection:
            page = await plan.page_of_ids(connection, which(only), after=after, limit=BATCH)
        if not page:
            return
        yield page
        after = page[-1]


def batches(items: Iterable[str]) -> Iterable[list[str]]:
    """The items, so many at a time as one statement takes."""
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


async def _pages_by_time(instance: Instance, until: float) -> AsyncIterator[list[int]]:
    after: Fire | None = None
    while True:
        page = await upcoming(instance.redis, instance.prefix, after=after, until=until, limit=BATCH)
        if not page:
            return
        owners = [owner for fire in page if (owner := player_id_of(fire.schedule_id)) is not None]
        async with instance.db.reading() as connection:
            active = await plan.wanted(connection, owners)
        yield list(active)
        after = page[-1]
