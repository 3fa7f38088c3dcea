"""The JSON of records. As in `schemas`, the OpenAPI document is made from the types that validate."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.group_schemas import GroupName
from osrsdiff.api.schemas import IsReckoned, PlayerName, Request, Time
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import RecordPeriod
from osrsdiff.tracking.records import DEFAULT_LIMIT, DEFAULT_PERIOD, MOST_AT_ONCE


class RecordsQuery(Request, frozen=True):
    """Of which period; of all where it is left out."""

    period: Annotated[RecordPeriod, Meta(description="Only records of this period.")] | UnsetType = UNSET


class RecordTableQuery(Request, frozen=True):
    """Whose records, of which period, and which page of them."""

    period: Annotated[RecordPeriod, Meta(description="How long the windows are.")] = DEFAULT_PERIOD
    group: (
        Annotated[str, Meta(min_length=1, description="Only who is in this group.", examples=["iron-squad"])]
        | UnsetType
    ) = UNSET
    mode: Annotated[GameMode, Meta(description="Only players of this game mode.")] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE, description="How many at most.")] = DEFAULT_LIMIT
    after: (
        Annotated[str, Meta(min_length=1, description="The `next` of the page before, of the same table.")] | UnsetType
    ) = UNSET


Gained = Annotated[int, Meta(examples=[1_250_000])]
Start = Annotated[Time, Meta(description="The look that the gain counts from.")]
End = Annotated[Time, Meta(description="The look that completed it.")]


class PlayerRecord(Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A player's largest gain of a metric in any window of a period's length, and the looks that it lies between."""

    metric: Annotated[str, Meta(examples=["attack"])]
    name: Annotated[str, Meta(description="As the hiscores spell it.", examples=["Attack"])]
    kind: MetricKind
    period: RecordPeriod
    gained: Gained
    start: Start
    end: End


class PlayerRecords(Struct, frozen=True):
    """A player's records over all that is known of it."""

    player: PlayerName
    records: Annotated[
        list[PlayerRecord], Meta(description="In the hiscores' order of metrics, the shortest period first")
    ]
    is_reckoned: IsReckoned
    message: Annotated[str | None, Meta(description="Why there is nothing, where there is nothing.")]


class RecordPlace(Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A player's record among those of others."""

    place: Annotated[int, Meta(description="From 1; equal gains share one.", examples=[1])]
    player: PlayerName
    gained: Gained
    start: Start
    end: End


class RecordTable(Struct, frozen=True):
    """The highest records of a metric and a period."""

    metric: Annotated[str, Meta(examples=["attack"])]
    name: Annotated[str, Meta(description="As the hiscores spell it.", examples=["Attack"])]
    kind: MetricKind
    period: RecordPeriod
    group: Annotated[GroupName | None, Meta(description="Null for everybody.")]
    mode: Annotated[GameMode | None, Meta(description="Null for every game mode.")]
    items: list[RecordPlace]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]
