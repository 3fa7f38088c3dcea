"""Many callers share a round trip, and each gets its own answer."""

import asyncio

import pytest

from osrsdiff.coalesce import Coalescer


class Flushes:
    """Doubles numbers, and keeps what it was asked in each flush."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    async def __call__(self, numbers: list[int]) -> list[int | Exception]:
        self.seen.append(numbers)
        await asyncio.sleep(0)
        if 99 in numbers:
            raise ConnectionError("gone")
        return [ValueError("odd") if number % 2 else 2 * number for number in numbers]


async def test_what_is_asked_together_goes_out_together_in_bounded_flushes() -> None:
    flushes = Flushes()
    coalescer = Coalescer(flushes, most=3)
    assert await asyncio.gather(*(coalescer.do(2 * n) for n in range(5))) == [0, 4, 8, 12, 16]
    assert flushes.seen == [[0, 2, 4], [6, 8]]


async def test_each_caller_gets_its_own_error() -> None:
    coalescer = Coalescer(Flushes())
    four, error = await asyncio.gather(coalescer.do(2), coalescer.do(1), return_exceptions=True)
    assert four == 4
    assert isinstance(error, ValueError)


async def test_a_flush_that_fails_fails_for_all_and_the_next_one_works() -> None:
    coalescer = Coalescer(Flushes())
    errors = await asyncio.gather(coalescer.do(99), coalescer.do(2), return_exceptions=True)
    assert [type(error) for error in errors] == [ConnectionError, ConnectionError]
    assert await coalescer.do(2) == 4


async def test_what_nobody_waits_for_any_more_is_not_flushed() -> None:
    flushes = Flushes()
    coalescer = Coalescer(flushes)
    impatient = asyncio.create_task(coalescer.do(2))
    patient = asyncio.create_task(coalescer.do(4))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 8
    assert flushes.seen == [[4]]
    await coalescer.drained()
    with pytest.raises(asyncio.CancelledError):
        await impatient
