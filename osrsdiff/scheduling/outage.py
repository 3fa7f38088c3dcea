"""Says once that Redis is away and once that it is back, however often it is asked in between."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from osrsdiff import logs
from osrsdiff.errors import RedisUnreachable

log = logs.get(__name__)

AWAY = (RedisError, OSError)
"""What a command raises while Redis does not serve: unreachable, loading, out of memory, read-only."""


@contextmanager
def reaching_redis() -> Iterator[None]:
    """Turns what redis raises while it does not serve into RedisUnreachable."""
    try:
        yield
    except AWAY as error:
        raise RedisUnreachable(f"Redis does not answer: {_said(error)}") from error


class Outage:
    """What one part of the program knows of Redis' absence. `part` names it in the log."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._since: float | None = None

    def noticed(self, reason: BaseException) -> None:
        """A command failed."""
        if self._since is None:
            self._since = time.monotonic()
            log.warning("redis away, going on when it is back", part=self._part, reason=_said(reason))

    def ended(self) -> bool:
        """A command succeeded; whether that ends an outage."""
        if self._since is None:
            return False
        log.info("redis back", part=self._part, away_s=round(time.monotonic() - self._since, 1))
        self._since = None
        return True


def _said(reason: BaseException) -> str:
    return str(reason) or type(reason).__name__
