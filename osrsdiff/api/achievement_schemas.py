"""The JSON of achievements. As in `schemas`, the OpenAPI document is made from these types."""

from typing import Annotated

from msgspec import Meta, Struct

from osrsdiff.api.schemas import IsReckoned, PlayerName, Time
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.thresholds import Measure


class Threshold(Struct, frozen=True):
    """What there is to reach."""

    title: Annotated[str, Meta(description="In a few words.", examples=["99 Attack"])]
    metric: Annotated[str, Meta(examples=["attack"])]
    name: Annotated[str, Meta(description="The metric's name, as the hiscores spell it.", examples=["Attack"])]
    kind: MetricKind
    measure: Annotated[
        Measure,
        Meta(
            description="value: xp, kills or score; level: a skill's, of Overall the total level; base_level and "
            "combat_level: of Overall.",
            examples=["level"],
        ),
    ]
    threshold: Annotated[int, Meta(examples=[99])]


class Achievement(Threshold, frozen=True):
    """A threshold that was reached, and between which looks."""

    reached_at: Annotated[
        Time | None, Meta(description="The first look past it; null where it was there when first seen.")
    ]
    after: Annotated[Time | None, Meta(description="The look before: it was reached between the two.")]


class NextAchievement(Threshold, frozen=True):
    """The next threshold of a measure, and how far it is."""

    value: Annotated[int, Meta(description="What the measure is now.", examples=[98])]
    percent: Annotated[
        float,
        Meta(
            description="How much is done, counted from nothing; of a level the xp that it takes, of the base level "
            "that of all skills.",
            examples=[95.4],
        ),
    ]


class Achievements(Struct, frozen=True):
    """What a player has reached, and what comes next."""

    player: PlayerName
    achievements: Annotated[list[Achievement], Meta(description="The newest first, then those of unknown date.")]
    ahead: Annotated[list[NextAchievement], Meta(description="The next of each measure, the nearest first.")]
    is_reckoned: IsReckoned
    message: Annotated[str | None, Meta(description="Why there is nothing, where there is nothing.")]
