"""The JSON of reviews. As in `schemas`, the OpenAPI document is made from the types that validate."""

from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.history_schemas import MetricKey
from osrsdiff.api.schemas import Player, PlayerName, Request, Time, Username
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.tracking.reviews import DEFAULT_LIMIT, MOST_AT_ONCE


class Action(StrEnum):
    """What to do about what was found."""

    ACCEPT = "accept"
    SPLIT = "split"
    DISCARD = "discard"


class ReviewsQuery(Request, frozen=True):
    """Which page of the reviews."""

    all: Annotated[bool, Meta(description="Also those that have ended.")] = False
    limit: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE, description="How many at most.")] = DEFAULT_LIMIT
    after: Annotated[str, Meta(description="The `next` of the page before.")] | UnsetType = UNSET


class DecideReview(Request, frozen=True):
    """How a player's review is to end."""

    EXAMPLE: ClassVar = {"action": "split", "renamed_to": "Fern Gully"}

    action: Annotated[
        Action,
        Meta(
            description="`accept`: it is the same player. `split`: from then on it is somebody else, who becomes a "
            "player of this name; what was seen before is kept under an archived name. `discard`: what was seen from "
            "then on is thrown away, which is refused where it is the game mode that can't be."
        ),
    ]
    renamed_to: (
        Annotated[
            Username,
            Meta(
                description="With `split`: how the player of before is called now, and tracked on. Where that name is "
                "tracked already, the two become one; where it can't be given, nothing is done."
            ),
        ]
        | UnsetType
    ) = UNSET


class Review(Struct, frozen=True):
    """Something that somebody has to look at."""

    id: Annotated[int, Meta(examples=[7])]
    player: PlayerName
    flagged_at: Annotated[Time, Meta(description="The look that gave the reason.")]
    after: Annotated[Time | None, Meta(description="The look before.")]
    why: Annotated[
        Why,
        Meta(
            description="`collapse`: so much fell that it can't be the same account. `impossible_mode`: the account "
            "can't have come to its game mode."
        ),
    ]
    detail: Annotated[
        str, Meta(description="The reason in words.", examples=["23 skills fell, by 45,678,901 of 46,000,000 xp"])
    ]
    resolved_at: Annotated[Time | None, Meta(description="When it was decided; null while it is open.")]
    resolution: Annotated[
        Resolution | None,
        Meta(description="What was decided; `recovered` where the sheet came back by itself. Null while it is open."),
    ]


class ReviewPage(Struct, frozen=True):
    """Some reviews, the newest first."""

    items: list[Review]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]


class MetricMoved(Struct, frozen=True):
    """A metric that the look changed."""

    metric: MetricKey
    name: Annotated[str, Meta(examples=["Attack"])]
    kind: MetricKind
    before: Annotated[int, Meta(description="What was known until then.")]
    after: Annotated[int, Meta(description="What that look saw.")]
    now: Annotated[int | None, Meta(description="What was seen last.")]
    fell: Annotated[bool, Meta(description="Whether it fell although it can't.")]


class ReviewShown(Review, frozen=True):
    """A review with what its look changed."""

    moved: Annotated[
        list[MetricMoved],
        Meta(description="In the hiscores' order; empty where the look is not the player's any more, or changed none."),
    ]


class PlayerReviews(Struct, frozen=True):
    """A player's reviews, the newest first. It is flagged where the first of them is open."""

    player: PlayerName
    items: list[ReviewShown]


class ReviewDecided(Struct, frozen=True):
    """How a review ended."""

    player: Annotated[Player, Meta(description="Who keeps what was seen before.")]
    apart: Annotated[
        Player | None, Meta(description="After a split, who has the name, and what was seen from then on.")
    ]
    review: Review
    scheduled: Annotated[bool, Meta(description="False while Redis is away: then it takes effect by itself.")]
    message: Annotated[str, Meta(description="The same in words.")]
