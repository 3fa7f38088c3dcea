"""How fast a player goes on: what a day gives, how long that leads to levels, which days and hours are played. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from osrsdiff.game.gains import Gain, PlayerGains, level_of
from osrsdiff.game.levels import MAX_LEVEL, MAX_XP, xp_for_level
from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of, place_of
from osrsdiff.game.zones import DAY_S

_DAY = timedelta(days=1)
_FIRST = date(1970, 1, 1)
HOURS_OF_WEEK = 7 * 24


class RateWindow(StrEnum):
    """Over which time a pace is measured."""

    WEEK = "week"
    MONTH = "month"


class Rate(Struct, frozen=True):
    """What one metric gained over the window, and a day of it."""

    metric: str
    gained: int
    per_day: float


class Target(Struct, frozen=True):
    """What is left to an amount of xp. `days`, `at`: None where it does not move; `at` also after the year 9999."""

    xp: int
    left: int
    days: float | None
    at: datetime | None


class Projection(Struct, frozen=True):
    """Where a skill leads at its pace. A target is None where it is reached."""

    metric: str
    xp: int
    level: int
    per_day: float
    next_level: Target | None
    level_99: Target | None
    xp_200m: Target | None


class Streak(Struct, frozen=True):
    """Days in a row, from `first` to `last`; none where both are None."""

    days: int = 0
    first: date | None = None
    last: date | None = None


class HourOfWeek(Struct, frozen=True):
    """An hour of each week: `weekday` 0 is Monday, `hour` from 0 to 23."""

    weekday: int
    hour: int
    xp: int


def days_measured(found: PlayerGains, last_look: datetime) -> float:
    """Over how many days the gains have come: from the look that they count from to the last one, a day at least."""
    if found.start is not None:
        begun = found.start.earliest
    else:
        begun = min((gain.start.at for gain in found.gains), default=last_look)
    return max((last_look - begun) / _DAY, 1.0)


def rates(gains: Iterable[Gain], days: float) -> list[Rate]:
    """The pace of what moved forward, in the order of the gains; Overall's even where it stands."""
    return [
        Rate(gain.metric, gain.gained, gain.gained / days)
        for gain in gains
        if gain.gained > 0 or (gain.metric == OVERALL and not gain.gained)
    ]


def projections(gains: Iterable[Gain], days: float, since: datetime) -> list[Projection]:
    """Each skill's way on from `since`, in the hiscores' order; Overall has none."""
    skills = [gain for gain in gains if gain.metric != OVERALL and kind_of(gain.metric) is MetricKind.SKILL]
    return [_projection(gain, days, since) for gain in sorted(skills, key=lambda gain: place_of(gain.metric))]


def _projection(gain: Gain, days: float, since: datetime) -> Projection:
    xp, level, per_day = gain.end.value, level_of(gain.metric, gain.end) or 1, max(gain.gained, 0) / days

    def target(wanted: int) -> Target | None:
        return _target(wanted, xp, per_day, since)

    return Projection(
        metric=gain.metric,
        xp=xp,
        level=level,
        per_day=per_day,
        next_level=target(xp_for_level(level + 1)) if level < MAX_LEVEL else None,
        level_99=target(xp_for_level(MAX_LEVEL)),
        xp_200m=target(MAX_XP),
    )


def _target(wanted: int, xp: int, per_day: float, since: datetime) -> Target | None:
    left = wanted - xp
    if left <= 0:
        return None
    if not per_day:
        return Target(wanted, left, None, None)
    days = left / per_day
    return Target(wanted, left, days, _after(since, days))


def _after(since: datetime, days: float) -> datetime | None:
    try:
        return (since + timedelta(days=days)).replace(microsecond=0)
    except OverflowError:
        return None


def streaks(active_days: Sequence[int], today: int) -> tuple[Streak, Streak]:
    """The present streak and the longest one, of days since 1970 in order; `today` may be without a gain yet."""
    current, longest, first = Streak(), Streak(), None
    for before, day in zip([None, *active_days], active_days, strict=False):
        first = day if before is None or first is None or day != before + 1 else first
        if day - first + 1 > longest.days:
            longest = _streak(first, day)
    if first is not None and active_days[-1] >= today - 1:
        current = _streak(first, active_days[-1])
    return current, longest


def _streak(first: int, last: int) -> Streak:
    return Streak(last - first + 1, _FIRST + timedelta(days=first), _FIRST + timedelta(days=last))


def day_number(local: int) -> int:
    """Which day since 1970 a clock shows, given its seconds since then."""
    return local // DAY_S


def busiest(xp_by_hour: Sequence[int]) -> HourOfWeek | None:
    """The hour of the week with the most xp, the first of equal ones; None where there is none."""
    most = max(xp_by_hour)
    if not most:
        return None
    weekday, hour = divmod(list(xp_by_hour).index(most), 24)
    return HourOfWeek(weekday, hour, most)
