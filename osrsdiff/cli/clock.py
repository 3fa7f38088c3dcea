"""The clock of this machine as a time zone, which days and times without an offset are on.

The environment's TZ sets another.
"""

import os
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

_LINK = Path("/etc/localtime")


class Here(tzinfo):
    """The machine's zone with all its rules, which the standard library knows only one time at a time."""

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """How far the clock is ahead at a time that it shows."""
        return None if at is None else at.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _: datetime | None) -> timedelta | None:
        """Not told apart."""
        return None

    def tzname(self, at: datetime | None) -> str | None:
        """The abbreviation in use at that time."""
        return None if at is None else at.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, at: datetime) -> datetime:
        """What the clock shows."""
        return at.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)

    def __str__(self) -> str:
        """The zone's name, as far as the machine tells."""
        if named := os.environ.get("TZ"):
            return named.removeprefix(":")
        target = str(_LINK.resolve())
        return target.partition("/zoneinfo/")[2] or "local time"
