"""When somebody plays, and how far that has taken them. Pure: a seed and names in, the same numbers out, for ever.

Effort is counted in usual weeks since the epoch. A week's effort is split over its hours by dice, so any moment costs
one week's dice and no walk from the epoch, and what has been reached is never lost again.
"""

from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate

from msgspec import Struct

HOUR_S = 3600
WEEK_S = 7 * 24 * HOUR_S


class Rhythm(Struct, frozen=True):
    """A player's habits. `days`: share of days played; `starts`: usual UTC hour of login; `hours`: how long."""

    days: float
    starts: int
    hours: int


ALWAYS = Rhythm(days=1.0, starts=0, hours=24)
"""Gains evenly, every second."""
NEVER = Rhythm(days=0.0, starts=0, hours=0)
"""Does not log in."""


def dice(seed: int, *of: object) -> float:
    """A throw in [0, 1), the same in every process for the same arguments."""
    digest = blake2b(repr((seed, *of)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def effort(seed: int, who: str, what: str, rhythm: Rhythm, since_epoch_s: float) -> float:
    """Usual weeks that `who` has put into `what` until then; never falls, 0 before the epoch."""
    if rhythm is NEVER or since_epoch_s <= 0:
        return 0.0
    if rhythm is ALWAYS:
        return since_epoch_s / WEEK_S
    week, into_week_s = divmod(int(since_epoch_s), WEEK_S)
    hour, into_hour_s = divmod(into_week_s, HOUR_S)
    until_hour = _shares(seed, who, what, rhythm, week)
    share = until_hour[hour] + (until_hour[hour + 1] - until_hour[hour]) * into_hour_s / HOUR_S
    before, after = _reached(seed, who, what, week), _reached(seed, who, what, week + 1)
    return before + (after - before) * share


def _reached(seed: int, who: str, what: str, week: int) -> float:
    """Effort at the start of a week: some weeks bring 0.2, some 1.8."""
    return 0.0 if week == 0 else week + 0.8 * (dice(seed, who, what, "week", week) - 0.5)


@lru_cache(maxsize=2048)
def _shares(seed: int, who: str, what: str, rhythm: Rhythm, week: int) -> tuple[float, ...]:
    """Part of the week's effort done at the start of each of its 168 hours, and 1.0 at its end."""
    weights = [0.0] * 168
    for day in range(7):
        if dice(seed, who, what, "day", week, day) < 0.6:
            for hour in _sitting(seed, who, rhythm, week, day):
                weights[hour] = max(0.0, dice(seed, who, what, "hour", week, hour) - 0.35)
    total = sum(weights)
    if total == 0:
        weights[_some_hour(seed, who, rhythm, week)] = total = 1.0
    return tuple(min(1.0, done / total) for done in accumulate(weights, initial=0.0))


@lru_cache(maxsize=1 << 12)
def _sitting(seed: int, who: str, rhythm: Rhythm, week: int, day: int) -> tuple[int, ...]:
    """Hours of the week that are played on this day, the same for all that the player does."""
    if dice(seed, who, "plays", week, day) >= rhythm.days:
        return ()
    first = rhythm.starts + int(3 * dice(seed, who, "starts", week, day)) - 1
    return tuple(24 * day + hour for hour in range(max(0, first), min(24, first + rhythm.hours)))


def _some_hour(seed: int, who: str, rhythm: Rhythm, week: int) -> int:
    """The one hour of a week in which somebody who has not played at all has played after all."""
    return 24 * int(7 * dice(seed, who, "some day", week)) + rhythm.starts
