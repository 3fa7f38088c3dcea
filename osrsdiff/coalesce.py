"""Many callers, one round trip: what is asked for while a flush is under way goes out together with the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Coalescer(Generic[T, R]):
    """Collects items for `flush`, which gives each item's result or its exception, in order.

    `linger_s`: so long each flush waits for more, where nobody is in a hurry.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[Sequence[R | Exception]]],
        *,
        most: int = 1_000,
        linger_s: float = 0.0,
    ) -> None:
        self._flush = flush
        self._most = most
        self._linger_s = linger_s
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The item's result, when the flush that it went out with is done. Raises what the flush raised or gave."""
        return await self.add(item)

    def add(self, item: T) -> asyncio.Future[R]:
        """As `do`, for whoever does not wait."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._run())
        return future

    async def drained(self) -> None:
        """Returns when everything asked for so far is done."""
        if self._flusher is not None:
            await self._flusher

    async def _run(self) -> None:
        while self._waiting:
            if self._linger_s and len(self._waiting) < self._most:
                await asyncio.sleep(self._linger_s)
            batch = [(item, future) for item, future in self._waiting[: self._most] if not future.done()]
            del self._waiting[: self._most]
            for (_, future), result in zip(batch, await self._results([item for item, _ in batch]), strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    async def _results(self, items: list[T]) -> Sequence[R | Exception]:
        try:
            return await self._flush(items)
        except Exception as error:  # it is every waiting caller's to handle
            return [error] * len(items)
