"""The documents that `--json` prints and the API does not have. Fields may be added; none is renamed or removed.

Players, schedules, jobs and gains are printed as the API answers them (`osrsdiff.api.schemas`, `schedule_schemas`).
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from osrsdiff.api import schedule_schemas, schemas
from osrsdiff.errors import Outcome
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetch import FetchReport
from osrsdiff.tracking.jobs import Job
from osrsdiff.tracking.reconcile import Reconciled
from osrsdiff.tracking.schedules import Scheduled, ScheduleShown, Steered


class Headline(Struct, frozen=True):
    """A player's sheet in four numbers; None where hidden or not looked at yet."""

    total_level: int | None = None
    combat_level: int | None = None
    overall_xp: int | None = None
    overall_rank: int | None = None


class PlayerShown(Struct, frozen=True):
    """One player, and what is known of it."""

    player: schemas.Player
    next_fetch_at: datetime | None
    headline: Headline


class Fetched(Struct, frozen=True):
    """How a fetch ended. `retry_at`: None where the next beat is soon enough."""

    outcome: Outcome
    changed: int
    first_look: bool
    message: str | None
    retry_at: datetime | None


class NameResult(Struct, frozen=True):
    """What became of one name. `fetch`: None where nobody waited for a look, or it has not ended in time.

    `joined`: the look was asked for before, or another one has just answered.
    """

    name: str
    username: str | None
    done: bool
    error: str | None
    fetch: Fetched | None
    joined: bool = False


class NameResults(Struct, frozen=True):
    """What became of several names. `fetching`: whether a worker runs that looks at them."""

    fetching: bool
    results: list[NameResult]


def player_document(player: Player) -> schemas.Player:
    """A player as the API answers it."""
    return msgspec.convert(player, schemas.Player, from_attributes=True)


def schedule_document(one: Scheduled | ScheduleShown) -> schedule_schemas.Schedule:
    """A player's schedule as the API lists it."""
    values = msgspec.structs.asdict(one.player)
    return schedule_schemas.Schedule(
        player=msgspec.convert(one.player, schemas.PlayerName, from_attributes=True),
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


def steered_document(steered: Steered, message: str) -> schedule_schemas.Steered:
    """What a change of many players came to. `message`: the same in words."""
    refused = [schedule_schemas.RefusedName(one.name, one.reason) for one in steered.refused]
    return schedule_schemas.Steered(steered.matched, steered.changed, steered.scheduled, refused, message)


def verified_document(report: Reconciled) -> schedule_schemas.Verified:
    """Where players and schedules did not agree."""
    return msgspec.convert(report, schedule_schemas.Verified, from_attributes=True)


def job_document(job: Job) -> schedule_schemas.Task:
    """A job with its last run."""
    last = msgspec.convert(job.last_run, schedule_schemas.TaskRun | None, from_attributes=True)
    return schedule_schemas.Task(job.name, job.cron, last, job.next_run)


def fetched(report: FetchReport | None) -> Fetched | None:
    """A report as scripts see it."""
    return None if report is None else msgspec.convert(report, Fetched, from_attributes=True)
