"""Which Redis, and where its socket is."""

import os
from pathlib import Path

import pytest
from redis.asyncio import Redis

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


async def test_embedded_server_keeps_what_it_is_told_and_never_evicts(redis: Redis) -> None:
    options = await redis.config_get("appendonly", "appendfsync", "maxmemory-policy", "port", "unixsocketperm")
    assert options == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "unixsocketperm": "700",
    }
