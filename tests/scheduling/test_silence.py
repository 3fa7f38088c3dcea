"""That nobody asks for schedules any more is noticed once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from osrsdiff.scheduling.silence import Silence

Second = Callable[[], Awaitable[None]]


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Second:
    """Lets a second pass for whoever sleeps."""
    ticks: asyncio.Queue[None] = asyncio.Queue()
    sleep = asyncio.sleep

    async def asleep(delay: float) -> None:
        await ticks.get()

    async def passes() -> None:
        ticks.put_nowait(None)
        for _ in range(5):
            await sleep(0)

    monkeypatch.setattr("osrsdiff.scheduling.silence.asyncio.sleep", asleep)
    return passes


async def test_it_is_noticed_once_after_so_many_seconds_without_a_word(second: Second) -> None:
    noticed: list[int] = []
    silence = Silence(lambda: noticed.append(1), silent_s=3)
    for _ in range(2):
        await second()
    silence.heard()
    for _ in range(2):
        await second()
    assert noticed == []
    await second()
    assert noticed == [1]
    for _ in range(5):
        await second()
    assert noticed == [1]


async def test_whoever_stopped_is_not_silent(second: Second) -> None:
    noticed: list[int] = []
    silence = Silence(lambda: noticed.append(1), silent_s=1)
    silence.stop()
    await second()
    assert noticed == []
