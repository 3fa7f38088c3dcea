"""The JSON of a player's pace. These types validate and are documented."""

import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.history_schemas import Message, MetricKey, MetricTitle
from osrsdiff.api.schemas import PlayerName, Request, Time, Zone
from osrsdiff.api.sight_schemas import Window
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.rates import RateWindow

PerDay = Annotated[float, Meta(description="Xp, kills or score a day, of one decimal.", examples=[17857.1])]


class RatesQuery(Request, frozen=True):
    """Over which time the pace is measured."""

    period: Annotated[RateWindow, Meta(description="The last week or the last month.")] = RateWindow.WEEK
    tz: Zone | UnsetType = UNSET


class Rate(Struct, frozen=True):
    """A metric that moved."""

    metric: MetricKey
    name: MetricTitle
    kind: MetricKind
    gained: Annotated[int, Meta(description="Over the window.", examples=[125000])]
    per_day: PerDay


class Target(Struct, frozen=True):
    """An amount of xp that is not reached yet."""

    xp: Annotated[int, Meta(examples=[14391160])]
    left: Annotated[int, Meta(description="Xp from the present value to it.", examples=[1356729])]
    days: Annotated[float | None, Meta(description="At this pace; null where it does not move.", examples=[76.0])]
    at: Annotated[Time | None, Meta(description="When that is, counted from the last look; null after 9999.")]


class Projection(Struct, frozen=True):
    """Where a skill leads at its pace; a target is null where it is reached."""

    metric: MetricKey
    name: MetricTitle
    xp: Annotated[int, Meta(examples=[13034431])]
    level: Annotated[int, Meta(examples=[99])]
    per_day: PerDay
    next_level: Target | None
    level_99: Target | None
    xp_200m: Target | None


class Streak(Struct, frozen=True):
    """Active days in a row; 0, and no days, where there is none."""

    days: Annotated[int, Meta(examples=[12])]
    first: Annotated[datetime.date | None, Meta(examples=["2026-01-20"])]
    last: Annotated[datetime.date | None, Meta(examples=["2026-01-31"])]


class Streaks(Struct, frozen=True):
    """Days on which something was gained, or a rating moved, as of the last look. Days are those of the zone."""

    current: Annotated[Streak, Meta(description="It lasts where the day before the last look was active.")]
    longest: Streak


class Busiest(Struct, frozen=True):
    """The hour of the week with the most xp."""

    weekday: Annotated[int, Meta(description="From 0, Monday, to 6, Sunday.", examples=[5])]
    hour: Annotated[int, Meta(description="From 0 to 23.", examples=[20])]
    xp: Annotated[int, Meta(description="In all 13 weeks.", examples=[480000])]


class Hours(Struct, frozen=True):
    """When in the week Overall gained: over the 13 weeks before the last look, on the zone's clock.

    A gain belongs to the hour in the middle between its two looks. Those more than 2 hours apart are left out.
    """

    xp: Annotated[
        list[list[int]],
        Meta(description="By weekday from Monday on, then by hour from 0 on.", examples=[[[0] * 24] * 7]),
    ]
    busiest: Annotated[Busiest | None, Meta(description="Null where nothing was gained.")]
    counted: Annotated[int, Meta(description="How many gains.", examples=[412])]
    uncertain: Annotated[int, Meta(description="How many were left out.", examples=[3])]


class Rates(Struct, frozen=True):
    """How fast a player goes on, and when."""

    player: PlayerName
    window: Window
    tz: Annotated[str, Meta(description="The zone of days and hours.", examples=["UTC"])]
    days: Annotated[
        float | None,
        Meta(
            description="Over how many days the pace was measured: from the look that the gains count from to the last "
            "one, 1 at least. Null before the first look.",
            examples=[7.0],
        ),
    ]
    rates: Annotated[list[Rate], Meta(description="Overall, skills, bosses, activities; of each the fastest first.")]
    projections: Annotated[list[Projection], Meta(description="Each skill, in the hiscores' order.")]
    streaks: Streaks
    hours: Hours
    message: Message
