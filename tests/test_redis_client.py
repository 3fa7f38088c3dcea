"""Which Redis, where its socket is, and what becomes of a connection that was reset."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from osrsdiff import embedded_redis, redis_client
from osrsdiff.config import Config
from osrsdiff.config import Redis as RedisKeys
from osrsdiff.errors import RedisRefused, SetupError


def test_embedded_redis_is_reached_over_its_socket(tmp_path: Path) -> None:
    assert redis_client.redis_url(Config(data_dir=tmp_path)) == f"unix://{tmp_path}/redis/redis.sock"


def test_configured_url_is_used_as_it_is(tmp_path: Path) -> None:
    url = "redis://127.0.0.1:7000/3"
    assert redis_client.redis_url(Config(data_dir=tmp_path, redis=RedisKeys(url=url))) == url


def test_a_long_data_directory_gets_a_short_socket_path_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    path = embedded_redis.socket_path(directory)
    assert len(os.fsencode(path)) <= 107
    assert path == embedded_redis.socket_path(directory)
    assert path != embedded_redis.socket_path(tmp_path / ("e" * 120))
    embedded_redis.prepare_directories(directory)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.rmdir()


def test_a_strangers_directory_in_a_shared_place_is_not_trusted(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    path = embedded_redis.socket_path(directory)
    assert embedded_redis.trusted_socket_path(directory) == path
    path.parent.symlink_to(tmp_path)
    try:
        for use in (embedded_redis.trusted_socket_path, embedded_redis.prepare_directories):
            with pytest.raises(SetupError, match="belongs to another user"):
                use(directory)
    finally:
        path.parent.unlink()


def test_malformed_url_is_refused() -> None:
    with pytest.raises(RedisRefused, match=r"redis\.url is malformed"):
        redis_client.create("redis://host:port/0")


class ResettingServer:
    """Answers as Redis does as far as a client needs it to connect and ping, until it resets its connections."""

    def __init__(self) -> None:
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving[asyncio.create_task(self._serve(reader, writer))] = writer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                for command in data.split(b"*")[1:]:
                    writer.write(b"%1\r\n$5\r\nproto\r\n:3\r\n" if b"HELLO" in command else b"+PONG\r\n")
        writer.close()

    async def reset(self) -> None:
        for writer in self._serving.values():
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        await self.has_nobody()

    async def has_nobody(self) -> None:
        """Returns when every connection has ended."""
        await asyncio.gather(*self._serving)
        self._serving.clear()


@asynccontextmanager
async def reset_connection() -> AsyncIterator[tuple[Any, Any]]:
    """A client, and a connection of its pool that has just heard that it was reset."""
    server = ResettingServer()
    async with await asyncio.start_server(server.accept, "127.0.0.1", 0) as listening:
        client: Any = redis_client.create(f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        connection = await client.connection_pool.get_connection()
        await server.reset()
        with pytest.raises(ConnectionLost):
            await connection.read_response(disconnect_on_error=False)
        yield client, connection
        await client.aclose()
        await server.has_nobody()


async def ping_over_an_idle_one() -> None:
    async with reset_connection() as (client, connection):
        await client.connection_pool.release(connection)
        assert await client.ping()


async def write_to_one_in_use() -> None:
    async with reset_connection() as (client, connection):
        with pytest.raises(ConnectionLost, match="lost"):
            await connection.send_command("PING")
        await client.connection_pool.release(connection)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("what", [ping_over_an_idle_one, write_to_one_in_use])
def test_reset_connection_is_an_outage_at_most(run: Callable[[Any], None], what: Callable[[], Awaitable[None]]) -> None:
    run(what())


@pytest.mark.parametrize("scheme", ["redis://", "rediss://", "unix:///"])
def test_every_kind_of_connection_notices_that_it_was_reset(scheme: str) -> None:
    kind = redis_client.create(f"{scheme}host/0").connection_pool.connection_class
    assert issubclass(kind, redis_client.Noticing)


async def test_embedded_server_keeps_what_it_is_told_and_never_evicts(redis: Redis) -> None:
    options = await redis.config_get("appendonly", "appendfsync", "maxmemory-policy", "port", "unixsocketperm")
    assert options == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "unixsocketperm": "700",
    }
