"""The one place that makes a Redis client, embedded or by URL."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from osrsdiff.config import EMBEDDED, Config
from osrsdiff.embedded_redis import trusted_socket_path
from osrsdiff.errors import RedisRefused


def redis_url(config: Config) -> str:
    """The URL of the configured Redis; for the embedded one that of its socket. Raises SetupError: see there."""
    return f"unix://{trusted_socket_path(config.data_dir)}" if config.redis.url == EMBEDDED else config.redis.url


PATIENCE_S = 5.0


def create(url: str, *, patience_s: float = PATIENCE_S) -> Redis:
    """A client with a pool of its own, which waits so long for each reply. Connects at the first command.

    No retries inside: who calls decides what an outage means. Raises RedisRefused on a malformed URL.
    """
    try:
        return Redis.from_url(
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
