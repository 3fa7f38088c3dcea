"""What fetches and checks of game modes need in one process, opened and closed together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from osrsdiff.hiscores.budget import PROBE_S, RequestBudget
from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.scheduling.constants import CHECK_MODES_TASK
from osrsdiff.storage.engine import Database
from osrsdiff.tracking.instance import Instance, longest_wait_s

TIMEOUT_S = 8.0
"""Of one request. A stopping worker waits less long: what is under way then is given back, and done by the next one."""
_STOPPED_WITHIN_S = 1.0

Clock = Callable[[], datetime]
"""Gives the time, aware and in UTC."""


def utc_now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


class Retries(Protocol):
    """Whoever can move a player's next fire."""

    async def retry_player(
        self, player_id: int, at: float, *, beat: int | None = None, retry: int = 0, only_sooner: bool = False
    ) -> datetime | None:
        """Moves the next fire to the epoch second `at`; it still belongs to `beat`, tried `retry` times before.

        `only_sooner`: not where it comes before, or was moved already. When it comes; None where nothing is scheduled.
        """


async def _nobody() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Fetcher:
    """What a fetch needs.

    `most_retries`: after so many of them the next beat is soon enough. `patience_s`: a fetch by hand waits so long for
    another one of the same player. `reckons`: whether looks set records, reach achievements and tell events.
    `clock`: what looks are dated by. `ask_for_mode_checks`: asks for a run of the job, may raise RedisUnreachable.
    `under_way`: the tasks that fetch just now.
    """

    db: Database
    client: HiscoresClient
    budget: RequestBudget
    schedules: Retries
    most_retries: int
    patience_s: float
    reckons: bool = True
    clock: Clock = utc_now
    ask_for_mode_checks: Callable[[], Awaitable[object]] = _nobody
    under_way: set[asyncio.Task[object]] = field(default_factory=set)


@asynccontextmanager
async def open_fetcher(instance: Instance) -> AsyncIterator[Fetcher]:
    """What fetches need in this process: one HTTP session, and the budget that all processes share.

    At the end, what is still under way is stopped: it says nothing of the hiscores, and keeps nobody's name.
    """
    hiscores = instance.config.hiscores
    async with HiscoresClient(hiscores.base_url, hiscores.contact, total_timeout_s=TIMEOUT_S) as client:
        fetcher = Fetcher(
            instance.db,
            client,
            instance.budget(),
            instance.schedules,
            hiscores.retries,
            patience_s=longest_wait_s(instance.config) + PROBE_S,
            ask_for_mode_checks=lambda: instance.asked.job(CHECK_MODES_TASK),
        )
        try:
            yield fetcher
        finally:
            await _stop(fetcher.under_way)


@contextmanager
def noted_as_under_way(fetcher: Fetcher) -> Iterator[None]:
    """The running task asks the hiscores meanwhile: it is stopped where the fetcher is closed."""
    task: asyncio.Task[object] | None = asyncio.current_task()
    if task is None:
        raise RuntimeError("a fetch runs in an asyncio task")
    is_noted = task in fetcher.under_way
    fetcher.under_way.add(task)
    try:
        yield
    finally:
        if not is_noted:
            fetcher.under_way.discard(task)


async def _stop(tasks: set[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_STOPPED_WITHIN_S)
