"""Whether the configured Redis may be used, asked before anything is started on it. One that is away is waited for."""

from osrsdiff import redis_client
from osrsdiff.config import Config
from osrsdiff.scheduling.identity import check_login as check
from osrsdiff.tracking.instance import open_instance


async def check_login(config: Config) -> None:
    """Raises RedisRefused where Redis answers, but not to the configured user."""
    async with redis_client.create(redis_client.redis_url(config)) as redis:
        await check(redis)


async def check_owner(config: Config) -> None:
    """Raises RedisOfAnotherDatabase where Redis holds what another copy of this database made."""
    async with open_instance(config):
        pass


async def wait_and_check(config: Config) -> None:
    """Waits for the database and its schema, then checks Redis. Raises RedisRefused, RedisOfAnotherDatabase."""
    async with open_instance(config, wait=True):
        pass
