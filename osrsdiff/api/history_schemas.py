"""The JSON of what was: lines to draw, years by days, snapshots. These types validate and are documented."""

import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.schemas import (
    LONGEST_TIME,
    PlayerName,
    Request,
    SpanQuery,
    Time,
    Zone,
)
from osrsdiff.api.sight_schemas import Accuracy, MetricReading, Window
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.series import Resolution

MetricKey = Annotated[str, Meta(examples=["overall"])]
MetricTitle = Annotated[str, Meta(description="As the hiscores spell it.", examples=["Overall"])]
Value = Annotated[int, Meta(description="Xp, kills or score.", examples=[13034431])]
Level = Annotated[int | None, Meta(description="Null outside skills.", examples=[99])]
Message = Annotated[str | None, Meta(description="Why there is nothing, where there is nothing.")]


class HistoryQuery(SpanQuery, frozen=True):
    """Which span, `year` where nothing is given, and how fine."""

    resolution: Annotated[
        Resolution,
        Meta(
            description="`raw` has each change, `hour`, `day` and `week` the last one of each; hours are those of UTC, "
            "days and weeks (from Monday) those of the zone. `auto` is the finest that is sure to fit."
        ),
    ] = Resolution.AUTO


class Points(Struct, frozen=True):
    """Points to be joined by straight lines, as columns of equal length. In order, at most 2,000."""

    times: Annotated[
        list[int], Meta(description="Seconds since 1970 UTC, as charts take them.", examples=[[1790000000, 1790003600]])
    ]
    values: Annotated[list[int], Meta(description="Xp, kills or score.", examples=[[13034431, 13040000]])]
    ranks: Annotated[
        list[int | None],
        Meta(
            description="As it was when the value was first seen, on the table of the game mode of that time: where "
            "the mode changed, ranks before and after don't compare. Null where unranked.",
            examples=[[150000, 149980]],
        ),
    ]
    levels: Annotated[list[int | None] | None, Meta(description="Null outside skills.", examples=[[99, 99]])]


class History(Struct, frozen=True):
    """The course of a metric. A value holds until the look before the next change, so the line has a point there."""

    player: PlayerName
    metric: MetricKey
    name: MetricTitle
    kind: MetricKind
    window: Window
    resolution: Annotated[Resolution, Meta(description="The one that was taken, never `auto`.", examples=["day"])]
    points: Points
    next: Annotated[Time | None, Meta(description="Where it did not fit: what `from` takes to go on; else null.")]
    message: Message


class CalendarQuery(Request, frozen=True):
    """Which year."""

    year: Annotated[int, Meta(ge=1971, le=2100, description="The present one where it is left out.")] | UnsetType = (
        UNSET
    )
    tz: Zone | UnsetType = UNSET


class Calendar(Struct, frozen=True):
    """What was gained on each day of a year.

    A gain belongs to the day of the look that saw it. Where the look before was on an earlier day, it may have come
    then or in between: such a day is uncertain.
    """

    player: PlayerName
    metric: MetricKey
    name: MetricTitle
    kind: MetricKind
    year: Annotated[int, Meta(examples=[2026])]
    days: Annotated[
        list[int | None],
        Meta(
            description="From the 1st of January on; negative for a fall, null where nobody looked.",
            examples=[[0, 125000, None]],
        ),
    ]
    uncertain: Annotated[
        list[datetime.date],
        Meta(description="Days whose gain may have come on an earlier one.", examples=[["2026-01-02"]]),
    ]
    gained: Annotated[int, Meta(description="In all.", examples=[125000])]
    message: Message


class SnapshotsQuery(Request, frozen=True):
    """Which page of the snapshots."""

    limit: Annotated[int, Meta(ge=1, le=100, description="How many at most.")] = 20
    after: (
        Annotated[
            str,
            Meta(
                max_length=LONGEST_TIME,
                description="The `next` of the page before, or any other time: what was seen before it.",
                examples=["2026-01-31T12:00:00Z"],
            ),
        ]
        | UnsetType
    ) = UNSET
    tz: Zone | UnsetType = UNSET


class Change(Struct, frozen=True):
    """A metric whose value was another than before."""

    metric: MetricKey
    name: MetricTitle
    kind: MetricKind
    value: Value
    level: Level
    rank: Annotated[
        int | None,
        Meta(description="On the table of the game mode of that time; null where unranked.", examples=[150000]),
    ]
    gained: Annotated[
        int, Meta(description="Since the look before; 0 where first seen, negative for a fall.", examples=[125000])
    ]
    first_seen: Annotated[bool, Meta(description="Nothing was known before.", examples=[False])]
    fell: Annotated[bool, Meta(description="It fell although it can't.", examples=[False])]


class Snapshot(Struct, frozen=True):
    """A look that changed something: it happened between the look before and this one."""

    taken_at: Time
    previous_look_at: Annotated[Time | None, Meta(description="Null at the first look of all.")]
    has_fall: Annotated[bool, Meta(description="Something fell although it can't.", examples=[False])]
    in_review: Annotated[
        bool,
        Meta(
            description="Seen since the player was flagged for review: it counts for nothing until that is decided.",
            examples=[False],
        ),
    ]
    changes: Annotated[list[Change], Meta(description="In the hiscores' order.")]


class SnapshotPage(Struct, frozen=True):
    """Some snapshots, the newest first."""

    player: PlayerName
    items: list[Snapshot]
    next: Annotated[Time | None, Meta(description="What `after` takes for the next page; null at the end.")]
    message: Message


class AtQuery(Request, frozen=True):
    """How to read the time in the path."""

    tz: Zone | UnsetType = UNSET


class SheetAt(Struct, frozen=True):
    """The full sheet as it was at a time."""

    player: PlayerName
    at: Time
    accuracy: Annotated[
        Accuracy | None,
        Meta(description="How sure it is: between which two looks it may have changed; null before the first look."),
    ]
    metrics: Annotated[
        list[MetricReading], Meta(description="In the hiscores' order; ranks are those of the time `seen_at`.")
    ]
    message: Message
