"""An open instance on each kind of database, with a real Redis and the simulated hiscores."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from osrsdiff import config
from osrsdiff.demo.server import Simulation
from osrsdiff.tracking.fetch import Fetcher, open_fetcher
from osrsdiff.tracking.instance import Instance, open_instance


@pytest.fixture
async def instance(
    migrated_url: str, redis_url: str, redis: Redis, hiscores: Simulation, tmp_path: Path
) -> AsyncIterator[Instance]:
    settings = config.Config(
        data_dir=tmp_path,
        database=config.Database(url=migrated_url),
        redis=config.Redis(url=redis_url),
        hiscores=config.Hiscores(base_url=hiscores.url, requests_per_second=10_000, burst=1_000),
    )
    async with open_instance(settings) as opened:
        yield opened


@pytest.fixture
async def fetcher(instance: Instance) -> AsyncIterator[Fetcher]:
    async with open_fetcher(instance) as opened:
        yield opened
