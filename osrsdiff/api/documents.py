"""Players, schedules and tasks as clients see them: what the API answers and commands print with `--json`. Pure."""

from collections.abc import Callable

import msgspec

from osrsdiff.api import schedule_schemas, schemas
from osrsdiff.errors import UserError
from osrsdiff.storage.failures import RecentFailure
from osrsdiff.storage.players import Player
from osrsdiff.tracking.jobs import Job
from osrsdiff.tracking.reconcile import Reconciled
from osrsdiff.tracking.schedules import Scheduled, ScheduleShown
from osrsdiff.tracking.steering import Steered


def player_document(player: Player) -> schemas.Player:
    """A player."""
    return msgspec.convert(player, schemas.Player, from_attributes=True)


def name_document(player: Player) -> schemas.PlayerName:
    """Which player it is."""
    return msgspec.convert(player, schemas.PlayerName, from_attributes=True)


def schedule_document(one: Scheduled | ScheduleShown) -> schedule_schemas.Schedule:
    """A player's schedule as lists have it."""
    values = msgspec.structs.asdict(one.player)
    return schedule_schemas.Schedule(
        player=name_document(one.player),
        cron=one.cron,
        next_fetch_at=one.next_fire,
        is_overdue=one.is_overdue,
        **{name: values[name] for name in _OF_THE_PLAYER},
    )


_OF_THE_PLAYER = [name for name in schedule_schemas.Schedule.__struct_fields__ if name in Player.__struct_fields__]


def player_schedule_document(shown: ScheduleShown, message: str) -> schedule_schemas.PlayerSchedule:
    """A player's schedule in full. `message`: whether what is stored is what should be, in words."""
    stored = msgspec.convert(shown.stored, schedule_schemas.StoredSchedule | None, from_attributes=True)
    return schedule_schemas.PlayerSchedule(
        **msgspec.structs.asdict(schedule_document(shown)), stored=stored, agrees=shown.agrees, message=message
    )


def steered_document(
    steered: Steered, message: str, *, reason: Callable[[UserError], str] = str, most: int | None = None
) -> schedule_schemas.Steered:
    """What a change of many players came to. `message`: the same in words. `most`: so many refused names are listed."""
    refused = [schedule_schemas.RefusedName(one.name, reason(one.error)) for one in steered.refused[:most]]
    return schedule_schemas.Steered(
        steered.matched, steered.changed, steered.scheduled, refused, len(steered.refused), message
    )


def verified_document(report: Reconciled) -> schedule_schemas.Verified:
    """Where players and schedules did not agree."""
    return msgspec.convert(report, schedule_schemas.Verified, from_attributes=True)


def job_document(job: Job) -> schedule_schemas.Task:
    """A task with its last run, which says all that is known."""
    last = msgspec.convert(job.last_run, schedule_schemas.TaskRun | None, from_attributes=True)
    return schedule_schemas.Task(job.name, job.cron, last, job.next_run)


def failure_document(failure: RecentFailure) -> schedule_schemas.FetchFailure:
    """A fetch that gave no data."""
    return msgspec.convert(failure, schedule_schemas.FetchFailure, from_attributes=True)
