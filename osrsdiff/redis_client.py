"""The one place that makes a Redis client, embedded or by URL."""

import errno
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self, TypeVar

from redis.asyncio import Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSilent
from redis.maint_notifications import MaintNotificationsConfig

from osrsdiff.config import EMBEDDED, Config
from osrsdiff.embedded_redis import trusted_socket_path
from osrsdiff.errors import RedisRefused


def redis_url(config: Config) -> str:
    """The URL of the configured Redis; for the embedded one that of its socket. Raises SetupError: see there."""
    return f"unix://{trusted_socket_path(config.data_dir)}" if config.redis.url == EMBEDDED else config.redis.url


PATIENCE_S = 5.0

T = TypeVar("T")


def create(url: str, *, patience_s: float = PATIENCE_S) -> Redis:
    """A client with a pool of its own, which waits so long for each reply. Connects at the first command.

    No retries inside: who calls decides what an outage means. Raises RedisRefused on a malformed URL.
    """
    try:
        client = Redis.from_url(
            url,
            socket_timeout=patience_s,
            socket_connect_timeout=2,
            health_check_interval=0,
            retry=Retry(NoBackoff(), 0),
            # with them on, a pooled connection that the server has closed is not noticed before a command fails on it
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            max_connections=64,
        )
    except ValueError as error:
        raise RedisRefused(f"redis.url is malformed: {error}. Expected redis://host:port/number.") from error
    pool = client.connection_pool
    pool.connection_class = _NOTICING[pool.connection_class]
    return client


def wait_only_once(client: Redis) -> None:
    """Has the client send nothing any more once a reply has not come in time: the next one would not come either."""
    client.set_retry(_OnePatience())


class Noticing(AbstractConnection):
    """Notices that it was lost: while nobody used it, it is made anew; later that is the OSError that it should be.

    redis-py has no eye for a connection that was reset, and uvloop refuses to write to one with a RuntimeError.
    """

    async def can_read(self) -> bool:
        self._refuse_lost()
        return await super().can_read()

    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        self._refuse_lost()
        await super()._send_packed_command(command)

    def _refuse_lost(self) -> None:
        if self._writer is not None and self._writer.is_closing():
            raise ConnectionResetError(errno.ECONNRESET, "the connection was lost")


class _Tcp(Noticing, Connection):
    pass


class _Tls(Noticing, SSLConnection):
    pass


class _UnixSocket(Noticing, UnixDomainSocketConnection):
    pass


_NOTICING: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: _Tcp,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _UnixSocket,
}


class _OnePatience(Retry):
    """No retries; one for all of a client's connections, which each copy what they are given."""

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 0)
        self._silence: RedisError | None = None

    def __deepcopy__(self, memo: object) -> Self:
        return self

    async def call_with_retry(self, do: Callable[[], Awaitable[T]], *given: Any, **options: Any) -> T:
        if self._silence is not None:
            raise RedisSilent(str(self._silence))
        try:
            return await super().call_with_retry(do, *given, **options)
        except RedisError as error:
            # while connecting to a socket file, what was too slow is only the cause of what is raised
            if isinstance(error, RedisSilent) or isinstance(error.__cause__, RedisSilent):
                self._silence = error
            raise
