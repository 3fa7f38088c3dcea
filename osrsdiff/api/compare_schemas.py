"""The JSON of players side by side. These types validate, and the OpenAPI document is made from them."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.schemas import PlayerName, SpanQuery, Time
from osrsdiff.api.sight_schemas import Accuracy, Totals, Window
from osrsdiff.game.metrics import MetricKind


class CompareQuery(SpanQuery, frozen=True, kw_only=True):
    """Whom to compare, over which span (`week` where nothing is given), and whose course to draw."""

    players: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=400,
            description="Two to ten names, with commas between; in any spelling, each counts once.",
            examples=["Lynx Titan,Zezima"],
        ),
    ]
    metric: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=100,
                description="A metric's key, or its name as the hiscores spell it: with it comes the course of that "
                "metric.",
                examples=["overall"],
            ),
        ]
        | UnsetType
    ) = UNSET


class ComparedPlayer(Struct, frozen=True):
    """One of the players, and how sure the ends of the window are."""

    player: PlayerName
    last_look_at: Annotated[Time | None, Meta(description="Null before the first.")]
    start: Annotated[Accuracy | None, Meta(description="How sure the start is; null before the first look.")]
    end: Annotated[Accuracy | None, Meta(description="How sure the end is; null where nothing was seen until then.")]
    totals: Totals


class Side(Struct, frozen=True):
    """What one player has of a metric at the last look, and gained of it over the window."""

    value: Annotated[int | None, Meta(description="Xp, kills or score; null where nothing is known.")]
    level: Annotated[int | None, Meta(description="Null outside skills.", examples=[99])]
    rank: Annotated[
        int | None,
        Meta(
            description="On the table of the player's own game mode; null where unranked. Ranks of players of two "
            "modes don't compare.",
            examples=[150000],
        ),
    ]
    gained: Annotated[int | None, Meta(description="Null where nothing was known until the window's end.")]
    fell: Annotated[bool, Meta(description="It fell although it can't.", examples=[False])]


class ComparedMetric(Struct, frozen=True):
    """A metric of which at least one player has something."""

    metric: Annotated[str, Meta(examples=["attack"])]
    name: Annotated[str, Meta(examples=["Attack"])]
    kind: MetricKind
    sides: Annotated[list[Side], Meta(description="In the order of the players.")]


class ComparedSeries(Struct, frozen=True):
    """The course of a metric, of all players at the same times."""

    metric: Annotated[str, Meta(examples=["overall"])]
    name: Annotated[str, Meta(examples=["Overall"])]
    kind: MetricKind
    times: Annotated[list[int], Meta(description="Seconds since 1970 UTC, as charts take them; in equal steps.")]
    values: Annotated[
        list[list[int | None]],
        Meta(description="In the order of the players, at each time; null before anything was known."),
    ]


class Comparison(Struct, frozen=True):
    """Two to ten players side by side."""

    window: Window
    players: Annotated[list[ComparedPlayer], Meta(description="In the order in which they were named.")]
    metrics: Annotated[list[ComparedMetric], Meta(description="In the hiscores' order.")]
    series: Annotated[ComparedSeries | None, Meta(description="Null where no metric is named.")]
