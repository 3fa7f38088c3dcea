"""The links to a Postgres, lent out of asyncpg's pool and kept at hand for a moment: the pool takes longer to hand one
over than a small read takes with it.

A link that nobody used for a while goes back to the pool, which closes it when nobody uses it for longer.
"""

import asyncio
from typing import Any

import asyncpg  # type: ignore[import-untyped]

ACQUIRE_TIMEOUT_S = 30.0
AT_HAND_S = 1.0


class Links:
    """Lends links out of `pool`, never more than it has, and none that is closed."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._at_hand: list[Any] = []
        self._waiting = 0
        self._fewest_at_hand = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._going_back: set[asyncio.Task[None]] = set()

    async def take(self) -> Any:
        """A link. Raises TimeoutError, and what asyncpg raises where it has to connect and can't."""
        while self._at_hand:
            link = self._at_hand.pop()
            self._fewest_at_hand = min(self._fewest_at_hand, len(self._at_hand))
            if not is_lost(link):
                return link
            await self._pool.release(link)
        self._waiting += 1
        try:
            return await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        finally:
            self._waiting -= 1

    async def give_back(self, link: Any, *, is_sound: bool = True) -> None:
        """Takes a link back. `is_sound`: nothing went wrong with it; else the pool looks after it."""
        if not is_sound or self._waiting or self._pool.is_closing() or is_lost(link):
            await self._pool.release(link)
            return
        self._at_hand.append(link)
        if self._sweeper is None:
            self._fewest_at_hand = 0
            self._sweeper = asyncio.get_running_loop().call_later(AT_HAND_S, self._sweep)

    async def give_all_back(self) -> None:
        """Leaves no link at hand, so that the pool may close or replace them."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self._at_hand:
            await self._pool.release(self._at_hand.pop())

    def _sweep(self) -> None:
        """Gives back as many as were at hand all the time since the last sweep; those used longest ago come first."""
        unused, self._at_hand = self._at_hand[: self._fewest_at_hand], self._at_hand[self._fewest_at_hand :]
        for link in unused:
            task = asyncio.ensure_future(self._pool.release(link))
            self._going_back.add(task)
            task.add_done_callback(self._gone_back)
        self._fewest_at_hand = len(self._at_hand)
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(AT_HAND_S, self._sweep) if self._at_hand else None

    def _gone_back(self, task: asyncio.Task[None]) -> None:
        self._going_back.discard(task)
        if not task.cancelled():
            task.exception()  # a link that breaks on its way back is the pool's to replace


def is_lost(link: Any) -> bool:
    """Whether nothing can be asked over the link any more."""
    try:
        return bool(link.is_closed())
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back, which it does with what is lost
