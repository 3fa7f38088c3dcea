"""When a stored schedule fires: by its beat where its labels have one, else by its cron, interval or time. Pure."""

import math
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from taskiq import ScheduledTask

from osrsdiff.scheduling.cron import beat_at_or_before, next_beat
from osrsdiff.scheduling.minutes import run_after


def next_fire(schedule: ScheduledTask, after: float) -> float | None:
    """The first fire later than the epoch second `after`; None where there is none any more."""
    if (beat := _beat(schedule)) is not None:
        return next_beat(after, *beat)
    if schedule.cron is not None:
        at = run_after(schedule.cron, datetime.fromtimestamp(after, UTC), _zone(schedule.cron_offset))
        return None if at is None else at.timestamp()
    if schedule.interval is not None:
        every = schedule.interval
        return after + (every.total_seconds() if isinstance(every, timedelta) else every)
    fire = _first_fire_of_time(schedule)
    return fire if fire > after else None


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


def _zone(offset: str | timedelta | None) -> tzinfo:
    """The time that a cron is in, as TaskIQ's schedules name it."""
    if isinstance(offset, timedelta):
        return timezone(offset)
    return ZoneInfo(offset) if offset else UTC
