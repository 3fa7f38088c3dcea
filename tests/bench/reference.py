"""The loop to compare with: fetches and parses, and does nothing else. One process, as many requests under way as a
worker has. Prints fetches a second and processor milliseconds a fetch.

    python tests/bench/reference.py <base url> <players> <concurrency> <seconds>
"""

import itertools
import sys
import time
from collections.abc import Iterator

import anyio
import uvloop

from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.hiscores.parser import parse


async def measured(url: str, players: int, concurrency: int, seconds: float) -> tuple[float, float]:
    """Fetched and parsed bodies a second, and the milliseconds of processor that each took."""
    numbers = itertools.count()
    async with HiscoresClient(url, "") as client:
        started, used = time.monotonic(), time.process_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(concurrency):
                tasks.start_soon(_fetch_until, client, numbers, players, started + seconds)
        fetched = next(numbers) - concurrency
        return fetched / (time.monotonic() - started), 1000 * (time.process_time() - used) / fetched


async def _fetch_until(client: HiscoresClient, numbers: Iterator[int], players: int, end: float) -> None:
    for number in numbers:
        if time.monotonic() > end:
            return
        parse(await client.fetch(f"bench {number % players}"))


def main() -> None:
    """The command line."""
    _, url, players, concurrency, seconds = sys.argv
    print(*uvloop.run(measured(url, int(players), int(concurrency), float(seconds))))


if __name__ == "__main__":
    main()
