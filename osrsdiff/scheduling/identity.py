"""Whose schedules Redis holds: a marker beside them names the database that they were built from.

No marker means that Redis lost everything, or never had it: rebuild. Another's marker means that two copies of one
database use this Redis: stop, before each undoes what the other does.
"""

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from osrsdiff.errors import RedisOfAnotherDatabase, RedisRefused
from osrsdiff.scheduling.keys import Keys, text
from osrsdiff.scheduling.outage import AWAY

REFUSALS = (AuthenticationError, NoPermissionError)


async def check_login(redis: Redis) -> None:
    """Raises RedisRefused where Redis answers, but refuses the login. One that is away is waited for elsewhere."""
    try:
        await redis.ping()
    except REFUSALS as error:
        raise RedisRefused(f"Redis refuses the configured user or password: {error}") from error
    except AWAY:
        return


async def check_marker(redis: Redis, keys: Keys, fingerprint: str) -> bool:
    """Whether this database's marker is there; False where there is none.

    Raises RedisOfAnotherDatabase where it is another's, RedisRefused where Redis refuses the login.
    """
    try:
        found = await redis.get(keys.marker)
    except REFUSALS as error:
        raise RedisRefused(f"Redis refuses the configured user or password: {error}") from error
    if found is not None and text(found) != fingerprint:
        raise another_database(keys)
    return found is not None


async def mark(redis: Redis, keys: Keys, fingerprint: str) -> None:
    """Marks the schedules as this database's, unless they are marked."""
    await redis.set(keys.marker, fingerprint, nx=True)


def another_database(keys: Keys) -> RedisOfAnotherDatabase:
    """The error that says what to do."""
    return RedisOfAnotherDatabase(
        f"Redis holds schedules under {keys.prefix} that another copy of this database made. "
        "Only one copy may run: point redis.url at another Redis (or another number, redis://host/1), "
        f"or, where the other copy is gone for good, delete the key {keys.marker} in Redis and start again."
    )
