"""The JSON of schedules and tasks. As in `schemas`, the OpenAPI document is made from the types that validate."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.schemas import Interval, PlayerName, Request, Time, Username
from osrsdiff.errors import Outcome
from osrsdiff.tracking.selection import Only

Part = Annotated[
    Only,
    Meta(
        description="due: falls due within a minute, or is overdue; overdue: longest first; paused; failing: active, "
        "with failures in a row.",
        examples=["overdue"],
    ),
]
Cron = Annotated[
    str,
    Meta(
        description="Five fields in UTC. Where no five fields say the interval exactly, the coarsest grid it lies on.",
        examples=["37 * * * *"],
    ),
]
ScheduleId = Annotated[str, Meta(examples=["player_fetch_1"])]


class SchedulesQuery(Request, frozen=True):
    """Which page of the schedules, of which players."""

    only: Part | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=500, description="How many at most.")] = 50
    after: (
        Annotated[str, Meta(min_length=1, description="The `next` of the page before, of the same `only`.")] | UnsetType
    ) = UNSET


class Steer(Request, frozen=True):
    """Which players: exactly one of the three."""

    EXAMPLE: ClassVar = {"usernames": ["Lynx Titan", "Fern Gully"]}

    usernames: (
        Annotated[
            list[Username],
            Meta(
                min_length=1,
                max_length=10_000,
                description="These, in any spelling; 10,000 at most.",
                examples=[["Lynx Titan"]],
            ),
        ]
        | UnsetType
    ) = UNSET
    only: Part | UnsetType = UNSET
    everybody: Annotated[bool, Meta(description="All players, where true.", examples=[False])] = False


class VerifyQuery(Request, frozen=True):
    """How to verify."""

    dry_run: Annotated[bool, Meta(description="Only look; change nothing.")] = False


class TasksQuery(Request, frozen=True):
    """How much of the log of failures."""

    failures: Annotated[int, Meta(ge=0, le=500, description="How many failed fetches at most.")] = 20


class Schedule(Struct, frozen=True):
    """When a player is fetched, and how that went last."""

    player: PlayerName
    is_active: Annotated[bool, Meta(description="False while paused.", examples=[True])]
    schedule_id: Annotated[ScheduleId | None, Meta(description="Null while not scheduled.")]
    cron: Annotated[Cron | None, Meta(description="Null while paused.")]
    fetch_interval_minutes: Interval
    next_fetch_at: Annotated[
        Time | None,
        Meta(description="Past while it waits its turn; null while paused or not scheduled, or while Redis is away."),
    ]
    is_overdue: Annotated[bool, Meta(examples=[False])]
    last_attempt_at: Annotated[Time | None, Meta(description="When the hiscores were last asked.")]
    last_look_at: Annotated[Time | None, Meta(description="When they last answered with data.")]
    last_outcome: Outcome | None
    failures: Annotated[int, Meta(description="Failed fetches in a row.", examples=[0])]
    missing_since: Annotated[Time | None, Meta(description="Since when the hiscores have not listed the player.")]


class SchedulePage(Struct, frozen=True):
    """Some schedules: by username; due and overdue ones by their next fetch."""

    items: list[Schedule]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]


class StoredSchedule(Struct, frozen=True):
    """A schedule as Redis holds it."""

    schedule_id: ScheduleId
    cron: Cron | None
    interval_minutes: Annotated[int | None, Meta(examples=[60])]
    phase_s: Annotated[int | None, Meta(description="Where in its interval it fires, in seconds.", examples=[2225])]


class PlayerSchedule(Schedule, frozen=True):
    """A player's schedule as it should be, and as it is stored."""

    stored: Annotated[StoredSchedule | None, Meta(description="Null where there is none, or while Redis is away.")]
    agrees: Annotated[
        bool | None, Meta(description="Whether the two agree; null while Redis is away.", examples=[True])
    ]
    message: Annotated[str, Meta(examples=["It is as it should be."])]


class RefusedName(Struct, frozen=True):
    """A name that nothing was done about."""

    username: Annotated[str, Meta(description="As it was given.", examples=["nobody"])]
    reason: Annotated[str, Meta(examples=["No tracked player is called 'nobody'."])]


class Steered(Struct, frozen=True):
    """What a change of many players came to."""

    matched: Annotated[int, Meta(description="How many players were meant.", examples=[12])]
    changed: Annotated[int, Meta(description="How many of them were not so already.", examples=[11])]
    scheduled: Annotated[
        bool,
        Meta(
            description="Whether all of it is in effect; false while Redis is away, then it follows by itself.",
            examples=[True],
        ),
    ]
    refused: Annotated[list[RefusedName], Meta(description="The first twenty names with which nothing was done.")]
    refused_count: Annotated[int, Meta(description="How many there are in all, each counted once.", examples=[1])]
    message: Annotated[str, Meta(examples=["Saved and in effect."])]


class Difference(Struct, frozen=True):
    """One kind of difference."""

    count: Annotated[int, Meta(examples=[0])]
    ids: Annotated[
        list[int | str], Meta(description="The first twenty: of players, or of schedules that are nobody's.")
    ]


class Verified(Struct, frozen=True):
    """Where players and schedules did not agree."""

    mended: Annotated[bool, Meta(description="False for a dry run.", examples=[True])]
    players: Annotated[int, Meta(description="How many there are.", examples=[300])]
    differences: Annotated[int, Meta(description="How many in all.", examples=[0])]
    missing_in_redis: Annotated[Difference, Meta(description="Active, but not scheduled.")]
    missing_in_database: Annotated[Difference, Meta(description="The player's `schedule_id` was not as it should be.")]
    different: Annotated[Difference, Meta(description="Scheduled otherwise than the interval says.")]
    inactive: Annotated[Difference, Meta(description="Paused, but scheduled.")]
    orphaned: Annotated[Difference, Meta(description="Schedules of nobody.")]


class TaskRun(Struct, frozen=True):
    """One run of a task."""

    started_at: Time
    finished_at: Annotated[Time | None, Meta(description="Null while it runs, and where it died.")]
    outcome: Annotated[str | None, Meta(description="done or failed.", examples=["done"])]
    detail: Annotated[str | None, Meta(description="What it came to; not why it failed.", examples=["0 mended"])]


class Task(Struct, frozen=True):
    """A task that belongs to no player and runs by the clock."""

    name: Annotated[str, Meta(examples=["reconcile_schedules"])]
    cron: Annotated[str, Meta(description="Five fields in UTC.", examples=["*/10 * * * *"])]
    last_run: TaskRun | None
    next_run_at: Time


class FetchFailure(Struct, frozen=True):
    """One fetch that gave no data."""

    username: Annotated[str, Meta(examples=["lynx titan"])]
    display_name: Annotated[str, Meta(examples=["Lynx Titan"])]
    at: Time
    outcome: Annotated[Outcome, Meta(examples=["unavailable"])]
    message: Annotated[str, Meta(examples=["the hiscores answer 502"])]


class TaskList(Struct, frozen=True):
    """The tasks, and the fetches that failed lately."""

    tasks: list[Task]
    recent_failures: Annotated[list[FetchFailure], Meta(description="The newest first.")]


class TaskQueued(Struct, frozen=True):
    """A task that waits for a worker."""

    name: Annotated[str, Meta(examples=["reconcile_schedules"])]
    task_id: Annotated[str, Meta(examples=["2f6d0c9e8a4b4f6b9d3e5a7c1b0d8e42"])]
    message: Annotated[str, Meta(examples=["Queued."])]
