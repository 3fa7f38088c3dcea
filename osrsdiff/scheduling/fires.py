"""When a stored schedule fires: by its beat where its labels have one, else by its cron, interval or time. Pure."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pycron  # type: ignore[import-untyped]
from taskiq import ScheduledTask

from osrsdiff.scheduling.cron import beat_at_or_before, next_beat

_DAYS_LOOKED_AHEAD = 4 * 366 + 1
"""So far ahead every cron fires that ever does, the 29th of February included."""


def next_fire(schedule: ScheduledTask, after: float) -> float | None:
    """The first fire later than the epoch second `after`; None where there is none any more."""
    if (beat := _beat(schedule)) is not None:
        return next_beat(after, *beat)
    if schedule.cron is not None:
        return _next_match(schedule.cron, schedule.cron_offset, after)
    if schedule.interval is not None:
        every = schedule.interval
        return after + (every.total_seconds() if isinstance(every, timedelta) else every)
    at = _first_fire_of_time(schedule)
    return at if at > after else None


def first_fire(schedule: ScheduledTask, now: float) -> float:
    """The fire that a schedule added at `now` begins with. Raises ValueError where it never fires."""
    if schedule.cron is None and schedule.interval is None and schedule.time is not None:
        return _first_fire_of_time(schedule)
    fire = next_fire(schedule, now)
    if fire is None:
        raise ValueError(f"the schedule {schedule.schedule_id} never fires: {schedule.cron!r}")
    return fire


def beat_of(schedule: ScheduledTask, fire: float, now: float) -> int:
    """The beat that a fire, due since `fire` and claimed at `now`, stands for: the newest of those it makes up for."""
    beat = _beat(schedule)
    newest = beat_at_or_before(now, *beat) if beat else math.floor(fire)
    return max(math.floor(fire), newest)


def _beat(schedule: ScheduledTask) -> tuple[int, int] | None:
    """Interval in minutes and phase in seconds, from the labels, which may have become strings."""
    labels = schedule.labels
    if "interval_minutes" not in labels or "phase_s" not in labels:
        return None
    return int(labels["interval_minutes"]), int(labels["phase_s"])


def _first_fire_of_time(schedule: ScheduledTask) -> float:
    if schedule.time is None:
        raise ValueError(f"the schedule {schedule.schedule_id} has no cron, interval or time")
    time = schedule.time if schedule.time.tzinfo else schedule.time.replace(tzinfo=UTC)
    return time.timestamp()


def _next_match(cron: str, offset: str | timedelta | None, after: float) -> float | None:
    """The first matching minute's start. Days that can't match are passed over whole."""
    _, _, day_of_month, month, weekday = cron.split()
    day_fields = f"* * {day_of_month} {month} {weekday}"
    minute = datetime.fromtimestamp(after // 60 * 60 + 60, UTC)
    last = minute + timedelta(days=_DAYS_LOOKED_AHEAD)
    while minute < last:
        local = _shifted(minute, offset)
        if pycron.is_now(cron, local):
            return minute.timestamp()
        minute += timedelta(minutes=1) if pycron.is_now(day_fields, local) else timedelta(minutes=_left_today(local))
    return None


def _shifted(at: datetime, offset: str | timedelta | None) -> datetime:
    if isinstance(offset, timedelta):
        return at + offset
    return at.astimezone(ZoneInfo(offset)) if offset else at


def _left_today(local: datetime) -> int:
    """Minutes to the next midnight, an hour less where clocks may be changed."""
    return max(1, 1_440 - local.hour * 60 - local.minute - 60 * (local.utcoffset() != timedelta(0)))
