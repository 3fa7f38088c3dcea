"""Opening the instance for one command: the parts are there while its coroutine runs, and closed after it."""

import asyncio
from collections.abc import Awaitable, Callable
from signal import SIGINT
from typing import TypeVar

import anyio

from osrsdiff import redis_client
from osrsdiff.cli.place import configured
from osrsdiff.config import EMBEDDED, Config
from osrsdiff.embedded_redis import socket_path
from osrsdiff.errors import RedisUnreachable
from osrsdiff.tracking.instance import Instance

T = TypeVar("T")

NOTHING_RUNS = "Nothing is running here. Start it with: osrsdiff run"

_PATIENCE_S = 2.0
"""Somebody waits at a terminal: a Redis that does not reply by then is said to be away, and not asked again."""


def on_instance(work: Callable[[Instance], Awaitable[T]], *, attached: bool = True) -> T:
    """What `work` returns, given the instance that this command line names.

    `attached`: False for what neither writes to Redis nor needs it, so that nobody waits for it. Raises InstanceMissing
    where there is none; creates nothing. Raises KeyboardInterrupt where Ctrl-C ended the work.
    """
    config = configured()

    async def opened() -> list[T]:
        async with Instance(config, patience_s=_PATIENCE_S) as instance:
            redis_client.wait_only_once(instance.redis)
            await instance.open(wait=False)
            if attached:
                await instance.attach()
            try:
                return await _until_interrupted(work(instance))
            except RedisUnreachable as error:
                if config.redis.url != EMBEDDED:
                    raise
                raise RedisUnreachable(_embedded_away(config, error)) from error

    if result := anyio.run(opened):
        return result[0]
    raise KeyboardInterrupt


async def _until_interrupted(work: Awaitable[T]) -> list[T]:
    """What `work` gives, as the only item; nothing where Ctrl-C ended it.

    A scope cancels as often as it takes. What asyncio does by itself on Ctrl-C is lost where Redis is just being
    written to (asyncio.wait_for swallows it, before Python 3.12), and long work would go on to its end.
    """
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        loop.add_signal_handler(SIGINT, scope.cancel)
        try:
            return [await work]
        finally:
            loop.remove_signal_handler(SIGINT)
    return []


def nothing_runs(config: Config) -> bool:
    """Whether no `osrsdiff run` is there: an embedded Redis makes its socket when it starts and takes it away."""
    return config.redis.url == EMBEDDED and not socket_path(config.data_dir).exists()


def _embedded_away(config: Config, error: RedisUnreachable) -> str:
    if nothing_runs(config):
        return NOTHING_RUNS
    return f"{error}. It may be starting; where it was killed, start it again with: osrsdiff run"
