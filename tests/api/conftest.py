"""The API as it runs: a real server on loopback over a real database and a real Redis, asked by a real client."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest
from redis.asyncio import Redis as RedisClient

from osrsdiff.api.app import create_app
from osrsdiff.api.server import serving
from osrsdiff.config import Api, Config, Database, Redis
from osrsdiff.game.metrics import activity_named
from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import history
from osrsdiff.storage.players import Player
from osrsdiff.storage.tokens import Scope
from osrsdiff.tracking import looks
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.instance import Instance, open_instance
from osrsdiff.tracking.tokens import create_token

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

NEW_BOSS = activity_named("Brand-New Boss")


@pytest.fixture
def public_read() -> bool:
    return True


@pytest.fixture
def served_redis_url(redis_url: str, redis: RedisClient) -> str:
    """The Redis of the instance: a real one, emptied."""
    return redis_url


@pytest.fixture
def config(migrated_url: str, served_redis_url: str, tmp_path: Path, public_read: bool) -> Config:
    return Config(
        data_dir=tmp_path,
        database=Database(url=migrated_url),
        redis=Redis(url=served_redis_url),
        api=Api(public_read=public_read),
    )


@pytest.fixture
async def instance(config: Config) -> AsyncIterator[Instance]:
    async with open_instance(config) as opened:
        yield opened


@pytest.fixture
async def address(instance: Instance) -> AsyncIterator[str]:
    """Where the API of `instance` listens."""
    async with serving(create_app(instance), "127.0.0.1", 0) as served:
        yield served


@pytest.fixture
async def admin_token(instance: Instance) -> str:
    return (await create_token(instance.db, "tests", Scope.ADMIN))[1]


@pytest.fixture
async def api(address: str, admin_token: str) -> AsyncIterator[Ask]:
    """Asks the API with an admin token, or with `token`: (method, path, …) → status, headers, text, document."""
    async with aiohttp.ClientSession() as session:

        async def ask(
            method: str,
            path: str,
            *,
            token: str | None = admin_token,
            headers: Mapping[str, str] | None = None,
            **body: Any,
        ) -> SimpleNamespace:
            sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
            url = address + path
            async with session.request(method, url, headers=sent, allow_redirects=False, **body) as answer:
                text = await answer.text()
                is_json = bool(text) and answer.content_type.endswith(("/json", "+json"))
                document = msgspec.json.decode(text) if is_json else None
                return SimpleNamespace(
                    status=answer.status, headers=answer.headers, text=text, type=answer.content_type, document=document
                )

        yield ask


@pytest.fixture
async def lynx(instance: Instance) -> Player:
    """A tracked player, never looked at."""
    return (await tracking.add_player(instance, "Lynx Titan")).player


@pytest.fixture
def look(instance: Instance) -> Look:
    """Stores a look as if the hiscores had answered so: (player, at, metric=reading, …)."""

    async def store(player: Player, at: datetime, **readings: Reading) -> None:
        async with instance.db.writing() as connection:
            state = await history.load_state(connection, player.id)
            stored = await history.store_look(
                connection,
                player.id,
                difference(state, readings, at),
                expected_version=state.version if state else 0,
                new_metrics=[NEW_BOSS],
            )
        assert stored

    return store


@pytest.fixture
def see(instance: Instance) -> Look:
    """Stores a look as `look` does, with the records, achievements and events that come of it."""

    async def store(player: Player, at: datetime, **readings: Reading) -> None:
        async with instance.db.reading() as connection:
            state = await history.load_state(connection, player.id)
        await looks.store(instance.db, player, state, Observation(readings, (NEW_BOSS,)), at)

    return store
