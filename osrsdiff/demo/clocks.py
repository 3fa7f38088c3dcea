"""Which time it is in the simulated game: the real one, a fixed one, or one that runs faster."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Gives aware UTC."""


def real() -> datetime:
    """Now."""
    return datetime.now(UTC)


def fixed(at: datetime) -> Clock:
    """Always `at`, until somebody advances it."""
    return lambda: at


def running(start: datetime, speed: float = 1.0) -> Clock:
    """`start` now, and from there `speed` seconds a second."""
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=speed * (time.monotonic() - begun))
