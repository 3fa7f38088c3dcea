"""Opening the instance for one command: the parts are there while its coroutine runs, and closed after it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from osrsdiff.cli.place import configured
from osrsdiff.tracking.instance import Instance, open_instance

T = TypeVar("T")


def on_instance(work: Callable[[Instance], Awaitable[T]]) -> T:
    """What `work` returns, given the instance that this command line names.

    Raises InstanceMissing where there is none; creates nothing.
    """
    config = configured()

    async def opened() -> T:
        async with open_instance(config) as instance:
            return await work(instance)

    return anyio.run(opened)
