"""Opening the instance for one command: the parts are there while its coroutine runs, and closed after it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from osrsdiff.cli.place import configured
from osrsdiff.config import EMBEDDED
from osrsdiff.errors import RedisUnreachable
from osrsdiff.tracking.instance import Instance, open_instance

T = TypeVar("T")


def on_instance(work: Callable[[Instance], Awaitable[T]]) -> T:
    """What `work` returns, given the instance that this command line names.

    Raises InstanceMissing where there is none; creates nothing.
    """
    config = configured()

    async def opened() -> T:
        async with open_instance(config) as instance:
            try:
                return await work(instance)
            except RedisUnreachable as error:
                if config.redis.url != EMBEDDED:
                    raise
                raise RedisUnreachable("Nothing is running here. Start it with: osrsdiff run") from error

    return anyio.run(opened)
