"""The JSON of what a player gained and of the current sheet. These types validate, and are documented."""

from typing import Annotated

from msgspec import Meta, Struct

from osrsdiff.api.schemas import PlayerName, SpanQuery, Time
from osrsdiff.game.builds import Build
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.snapshots import Unranked


class GainsQuery(SpanQuery, frozen=True):
    """Which span of gains, `week` where nothing is given, and of which metrics."""

    all: Annotated[bool, Meta(description="Also the metrics that did not move.")] = False


class Window(Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The span that was asked for."""

    start: Time
    end: Time


class Accuracy(Struct, frozen=True):
    """Between which two looks an end of the window lies; equal where it falls on one."""

    earliest: Time
    latest: Annotated[Time | None, Meta(description="Null where no look has come after.")]


class Value(Struct, frozen=True):
    """A metric's value at one time."""

    value: Annotated[int, Meta(description="Xp, kills or score.", examples=[13034431])]
    level: Annotated[int | None, Meta(description="Null outside skills.", examples=[99])]
    rank: Annotated[
        int | None,
        Meta(description="On the table of the game mode of that time; null where unranked.", examples=[150000]),
    ]
    at: Annotated[Time, Meta(description="Since when this value is known.")]


class MetricGain(Struct, frozen=True):
    """What one metric gained."""

    metric: Annotated[str, Meta(examples=["attack"])]
    name: Annotated[str, Meta(description="As the hiscores spell it.", examples=["Attack"])]
    kind: MetricKind
    start: Value
    end: Value
    gained: Annotated[
        int, Meta(description="End minus start minus what was regained; negative for a fall.", examples=[125000])
    ]
    levels_gained: Annotated[int | None, Meta(description="Null outside skills.", examples=[1])]
    rank_moved: Annotated[
        int | None,
        Meta(
            description="Places climbed between the two values' ranks; negative for places lost, null where unranked "
            "or where the game mode changed in between: ranks of two tables don't compare.",
            examples=[420],
        ),
    ]
    rank_today: Annotated[
        int | None,
        Meta(
            description="At the last look, whenever the window ends. Ranks move without a gain too.", examples=[149500]
        ),
    ]
    rank_moved_today: Annotated[
        int | None, Meta(description="As `rank_moved`, from the start to the last look.", examples=[500])
    ]
    first_seen: Annotated[
        bool,
        Meta(
            description="Nothing was known before the window: counted from the first value inside it.", examples=[False]
        ),
    ]
    fell: Annotated[
        bool,
        Meta(description="It fell although it can't: a rollback, or a new owner of the name.", examples=[False]),
    ]
    regained: Annotated[
        int, Meta(description="What had been reached before the window, and was taken by a rollback.", examples=[0])
    ]


class Totals(Struct, frozen=True):
    """All gains in three numbers. Falls of what can't fall are left out."""

    xp: Annotated[int, Meta(description="Of Overall, else of the skills together.", examples=[125000])]
    levels: Annotated[int, Meta(description="Of Overall, else of the skills together.", examples=[1])]
    kills: Annotated[int, Meta(description="Over all bosses.", examples=[12])]


class Gains(Struct, frozen=True):
    """What a player gained, and how sure that is."""

    player: PlayerName
    window: Window
    start: Annotated[Accuracy | None, Meta(description="How sure the start is; null before the first look.")]
    end: Annotated[Accuracy | None, Meta(description="How sure the end is; null where nothing was seen until then.")]
    totals: Totals
    gains: Annotated[
        list[MetricGain], Meta(description="Overall, skills, bosses, activities; of each kind what moved most first.")
    ]
    first_look_at: Annotated[
        Time | None, Meta(description="Where the first look ever lies inside the window: gains count from there.")
    ]
    next_fetch_at: Annotated[
        Time | None, Meta(description="While there is nothing to compare yet: when the next look is due.")
    ]


class MetricReading(Struct, frozen=True):
    """One metric as it was last seen."""

    metric: Annotated[str, Meta(examples=["attack"])]
    name: Annotated[str, Meta(examples=["Attack"])]
    kind: MetricKind
    value: Annotated[int | None, Meta(description="Xp, kills or score; null where hidden.", examples=[13034431])]
    level: Annotated[int | None, Meta(description="Null outside skills.", examples=[99])]
    rank: Annotated[
        int | None, Meta(description="On the game mode's own table; null where unranked.", examples=[150000])
    ]
    unranked: Annotated[Unranked | None, Meta(description="Why there is no rank.")]
    seen_at: Annotated[Time, Meta(description="When this value was first seen.")]


class Stats(Struct, frozen=True):
    """A player's current sheet."""

    player: PlayerName
    last_look_at: Annotated[Time | None, Meta(description="Null before the first.")]
    builds: Annotated[
        list[Build],
        Meta(
            description="Limits that the account keeps to, as far as the sheet proves it: combat level 3, Defence 1, "
            "Hitpoints 10, nothing that takes a membership. Several can hold; a hidden value proves nothing.",
            examples=[["1_defence"]],
        ),
    ]
    metrics: list[MetricReading]
    message: Annotated[str | None, Meta(description="Why there is nothing, where there is nothing.")]
