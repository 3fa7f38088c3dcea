"""Which minutes a cron expression (five fields) matches, before and after a given time. Pure.

Days and hours without a match are passed over whole, so that a yearly cron is as quick to ask as an hourly one.
"""

from datetime import UTC, datetime, timedelta, tzinfo

import pycron  # type: ignore[import-untyped]

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_LOOKED_AHEAD = 8 * 366 * _DAY
"""So far ahead every cron fires that ever does, the 29th of February over a year 2100 included."""
_LOOKED_BACK = 32 * _DAY


def run_after(cron: str, after: datetime, zone: tzinfo = UTC) -> datetime | None:
    """The first minute strictly after `after` (aware) that the cron matches in `zone`; None where it never fires."""
    at = after.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
    last = at + _LOOKED_AHEAD
    while at < last:
        local = at.astimezone(zone)
        missed = _first_mismatch(cron, local)
        if missed is None:
            return at
        if missed is _DAY:  # however long the day is where clocks are changed
            at = (local.replace(hour=0, minute=0, fold=0) + _DAY).astimezone(UTC)
        else:
            at += _HOUR - local.minute * _MINUTE if missed is _HOUR else _MINUTE
    return None


def next_run(cron: str, after: datetime) -> datetime:
    """The first matching minute (UTC) strictly after `after` (aware). Raises ValueError where the cron never fires."""
    at = run_after(cron, after)
    if at is None:
        raise ValueError(f"the cron never fires: {cron!r}")
    return at


def latest_run(cron: str, at: datetime) -> datetime | None:
    """The newest matching minute (UTC) that begins at or before `at` (aware); None without one in the last 32 days."""
    at = at.astimezone(UTC).replace(second=0, microsecond=0)
    first = at - _LOOKED_BACK
    while at >= first:
        missed = _first_mismatch(cron, at)
        if missed is None:
            return at
        at = _beginning(at, missed) - _MINUTE
    return None


def _first_mismatch(cron: str, at: datetime) -> timedelta | None:
    """The longest span around `at` of day, hour and minute in which nothing matches; None where `at` does."""
    _, hour, day_of_month, month, weekday = cron.split()
    if not pycron.is_now(f"* * {day_of_month} {month} {weekday}", at):
        return _DAY
    if not pycron.is_now(f"* {hour} * * *", at):
        return _HOUR
    return None if pycron.is_now(cron, at) else _MINUTE


def _beginning(at: datetime, span: timedelta) -> datetime:
    if span is _DAY:
        return at.replace(hour=0, minute=0)
    return at.replace(minute=0) if span is _HOUR else at
