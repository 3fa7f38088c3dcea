"""The JSON of leaderboards. As in `schemas`, the OpenAPI document is made from the types that validate."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.group_schemas import GroupName
from osrsdiff.api.schemas import PlayerName, SpanQuery, Time
from osrsdiff.api.sight_schemas import Value
from osrsdiff.game.leaderboards import LEAST_LEVEL, LEAST_SCORE, By
from osrsdiff.game.metrics import OVERALL, MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.tracking.leaderboards import DEFAULT_LIMIT, MOST_AT_ONCE

Limit = Annotated[int, Meta(ge=1, le=MOST_AT_ONCE, description="How many at most.")]
After = Annotated[str, Meta(min_length=1, description="The `next` of the page before, of the same leaderboard.")]
Order = Annotated[
    By,
    Meta(
        description="value: what is current; gained: over a window, `week` where none is given; improved: that gain in "
        f"percent of the start, from level {LEAST_LEVEL} or a score of {LEAST_SCORE} on. Left out: gained if "
        "a window is given, else value."
    ),
]


class LeaderboardQuery(SpanQuery, frozen=True):
    """Which leaderboard of a metric, and which page of it."""

    by: Order | UnsetType = UNSET
    group: (
        Annotated[str, Meta(min_length=1, description="Only who is in this group.", examples=["iron-squad"])]
        | UnsetType
    ) = UNSET
    mode: Annotated[GameMode, Meta(description="Only players of this game mode.")] | UnsetType = UNSET
    limit: Limit = DEFAULT_LIMIT
    after: After | UnsetType = UNSET


class GroupGainsQuery(SpanQuery, frozen=True):
    """Which gains of a group, `week` where no window is given, and which page of them."""

    metric: Annotated[str, Meta(min_length=1, description="The metric's key.", examples=["overall"])] = OVERALL
    limit: Limit = DEFAULT_LIMIT
    after: After | UnsetType = UNSET


class BoardWindow(Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The span that was asked for."""

    start: Annotated[Time | None, Meta(description="Null where it begins with each player's first look.")]
    end: Time


class BoardPlace(Struct, frozen=True):
    """A player on a leaderboard."""

    place: Annotated[int, Meta(description="From 1; those who are equal share one.", examples=[1])]
    player: PlayerName
    gained: Annotated[int | None, Meta(description="End minus start; null by value.", examples=[125000])]
    improved_percent: Annotated[
        float | None, Meta(description="The gain in percent of the start; null but by improved.", examples=[2.5])
    ]
    start: Annotated[
        Value | None,
        Meta(description="The last value known at the start, else the first one inside; null by value."),
    ]
    end: Annotated[Value, Meta(description="The last value known at the end; by value, the current one.")]
    last_look_at: Annotated[Time | None, Meta(description="Until when nothing later is known of the player.")]


class Leaderboard(Struct, frozen=True):
    """Players in order. Falls of what can't fall count as no gain; who gained nothing is on no board of gains."""

    metric: Annotated[str, Meta(examples=["attack"])]
    name: Annotated[str, Meta(description="As the hiscores spell it.", examples=["Attack"])]
    kind: MetricKind
    by: By
    window: Annotated[BoardWindow | None, Meta(description="Null by value.")]
    group: Annotated[GroupName | None, Meta(description="Null for everybody.")]
    mode: Annotated[GameMode | None, Meta(description="Null for every game mode.")]
    count: Annotated[int, Meta(description="How many players are on all its pages.", examples=[42])]
    total_gained: Annotated[
        int | None, Meta(description="What these gained together; null by value.", examples=[9_000_000])
    ]
    items: list[BoardPlace]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]
