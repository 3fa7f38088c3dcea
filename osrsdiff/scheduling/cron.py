"""When a player's schedule fires: beats, which are exact, and the cron expression that shows them.

The epoch second t is a beat when (t - phase_s) mod (60 * interval_minutes) == 0. So every interval is exact over month
and year ends. The cron is the same beat where five fields can say it, else the coarsest regular grid that contains it.
"""

import math
from math import gcd

from osrsdiff.errors import InvalidInterval
from osrsdiff.game.intervals import MAX_INTERVAL, MIN_INTERVAL

_HOUR = 60
_DAY = 1_440
_WEEK = 10_080

_EPOCH_WEEKDAY = 4
"""1970-01-01 was a Thursday; Sunday is 0."""

_GOLDEN, _UNIT = 6_180_339_887, 10**10
"""The golden ratio's fraction: its multiples fill an interval more evenly than chance, however many there are."""


def phase_s(player_id: int, interval_minutes: int) -> int:
    """Where in its interval a player's beat lies: floor(frac(player_id * 0.6180339887) * interval), in seconds."""
    return (player_id * _GOLDEN % _UNIT) * _period_s(interval_minutes) // _UNIT


def next_beat(after: float, interval_minutes: int, phase_s: int) -> int:
    """The first beat later than the epoch second `after`."""
    return beat_at_or_before(after, interval_minutes, phase_s) + _period_s(interval_minutes)


def beat_at_or_before(at: float, interval_minutes: int, phase_s: int) -> int:
    """The last beat not later than the epoch second `at`."""
    period_s = _period_s(interval_minutes)
    return phase_s + (math.floor(at) - phase_s) // period_s * period_s


def interval_to_cron(minutes: int, phase_s: int = 0) -> str:
    """Five fields (UTC, Sunday is 0) that match the minute of every beat.

    They match nothing else where the interval divides an hour, is whole hours that divide a day, a day or a week.
    Raises InvalidInterval outside whole minutes from 1 to 43,200.
    """
    phase_minutes = phase_s % _period_s(minutes) // 60
    minute, hour = phase_minutes % _HOUR, phase_minutes // _HOUR
    if minutes % _WEEK == 0:
        return f"{minute} {hour % 24} * * {(_EPOCH_WEEKDAY + phase_minutes // _DAY) % 7}"
    if minutes % _DAY == 0:
        return f"{minute} {hour % 24} * * *"
    every = gcd(minutes, _DAY)
    if every % _HOUR == 0:
        return f"{minute} {_steps(hour, every // _HOUR, 23)} * * *"
    return f"{_steps(minute, gcd(minutes, _HOUR), 59)} * * * *"


def _steps(start: int, step: int, last: int) -> str:
    """The field that matches start, start ± step, … up to `last`."""
    if step == 1:
        return "*"
    first = start % step
    return f"{first}-{last}/{step}" if first else f"*/{step}"


def _period_s(interval_minutes: int) -> int:
    is_whole = isinstance(interval_minutes, int) and not isinstance(interval_minutes, bool)
    if not is_whole or not MIN_INTERVAL <= interval_minutes <= MAX_INTERVAL:
        raise InvalidInterval(interval_minutes)
    return 60 * interval_minutes
