"""A schedule on its way into Redis: its id, how it is stored, and which fire it begins with. Pure."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from taskiq import ScheduledTask

from osrsdiff.scheduling import fires


class Draft(NamedTuple):
    """`json`: the same for the same schedule. `first_fire`: the fire that it begins with where it is added at a time,
    both in epoch seconds."""

    id: str
    json: bytes
    first_fire: Callable[[float], float]


def draft_of(schedule: ScheduledTask) -> Draft:
    """A schedule of any kind. Its first fire raises ValueError where it never fires."""
    as_json = schedule.model_dump_json(exclude_none=True).encode()
    return Draft(schedule.schedule_id, as_json, partial(fires.first_fire, schedule))
