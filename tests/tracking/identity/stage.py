"""Where the cases are played: an instance, its fetcher and the simulated hiscores, all on the simulation's clock."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiohttp
from cast import EPOCH, hours

from osrsdiff.api.app import create_app
from osrsdiff.api.server import serving
from osrsdiff.demo.server import Simulation
from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetch import Fetcher, FetchReport, fetch_player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

HASTY_S = 0.3


class Moved:
    """Takes note of where fetches move next fires: those lie in the simulation's time, not in a scheduler's."""

    def __init__(self) -> None:
        self.fires: list[tuple[int, datetime]] = []

    async def retry_player(self, player_id: int, at: float, **_: object) -> datetime | None:
        """Takes note."""
        fire = datetime.fromtimestamp(at, EPOCH.tzinfo)
        self.fires.append((player_id, fire))
        return fire


class Stage:
    """What a case's steps play on. `ids`: of those who were tracked under these names, whatever they are called now."""

    def __init__(self, instance: Instance, fetcher: Fetcher, hiscores: Simulation, resources: AsyncExitStack) -> None:
        self.instance = instance
        self.hiscores = hiscores
        self.ids: dict[str, int] = {}
        self.moved = Moved()
        self.fetcher = replace(fetcher, clock=hiscores.now, schedules=self.moved)
        self._resources = resources
        self._api: aiohttp.ClientSession | None = None

    @property
    def hour(self) -> float:
        """Hours since the epoch."""
        return (self.hiscores.now() - EPOCH) / hours(1)

    async def player(self, name: str) -> Player:
        """The player of that name."""
        return await get_player(self.instance, name)

    async def look(self, name: str) -> FetchReport:
        """A fetch, as a worker makes it."""
        report = await fetch_player(self.fetcher, (await self.player(name)).id)
        assert report is not None
        return report

    async def close_breaker(self) -> None:
        """As if the pause after an outage were over."""
        await self.instance.redis.delete(f"{self.instance.prefix}breaker")

    async def hasty(self) -> Fetcher:
        """The fetcher with a client that waits for no slow answer."""
        client = HiscoresClient(self.hiscores.url, "", total_timeout_s=HASTY_S)
        return replace(self.fetcher, client=await self._resources.enter_async_context(client))

    async def document(self, path: str) -> Any:
        """What the API answers."""
        if self._api is None:
            address = await self._resources.enter_async_context(serving(create_app(self.instance), "127.0.0.1", 0))
            self._api = await self._resources.enter_async_context(aiohttp.ClientSession(address))
        async with self._api.get(f"/api/v1{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


async def open_stage(instance: Instance, fetcher: Fetcher, hiscores: Simulation) -> AsyncIterator[Stage]:
    """A stage on which nothing has happened."""
    async with AsyncExitStack() as resources:
        yield Stage(instance, fetcher, hiscores, resources)
