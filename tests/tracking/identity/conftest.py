"""The cast on a simulated hiscores whose clock stands still until a step lets time pass."""

from collections.abc import AsyncIterator

import pytest
from cast import CAST, EPOCH
from stage import Stage, open_stage

from osrsdiff.demo import clocks
from osrsdiff.demo.server import Simulation
from osrsdiff.demo.world import World
from osrsdiff.tracking.fetch import Fetcher
from osrsdiff.tracking.instance import Instance

pytest.register_assert_rewrite("steps", "expectations")


@pytest.fixture
async def hiscores() -> AsyncIterator[Simulation]:
    async with Simulation(World(clan=CAST, epoch=EPOCH), clock=clocks.fixed(EPOCH)) as simulation:
        yield simulation


@pytest.fixture
async def stage(instance: Instance, fetcher: Fetcher, hiscores: Simulation) -> AsyncIterator[Stage]:
    async for opened in open_stage(instance, fetcher, hiscores):
        yield opened
