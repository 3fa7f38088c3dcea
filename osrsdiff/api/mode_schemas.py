"""The JSON of game modes. As in `schemas`, the OpenAPI document is made from these types."""

from typing import Annotated

from msgspec import Meta, Struct

from osrsdiff.api.schemas import FetchQueued, PlayerName, Time
from osrsdiff.game.modes import GameMode


class ModeChange(Struct, frozen=True):
    """That a player's game mode became another one between two looks."""

    before: Annotated[GameMode, Meta(examples=["hardcore_ironman"])]
    mode: Annotated[GameMode, Meta(examples=["ironman"])]
    at: Annotated[Time, Meta(description="The look at the tables that showed it.")]
    after: Annotated[
        Time | None, Meta(description="When the mode before was last shown to be right; null where it never was.")
    ]


class PendingMode(Struct, frozen=True):
    """What one look at the tables has found, and a second one has to find too before it counts."""

    mode: Annotated[GameMode, Meta(examples=["ironman"])]
    found_at: Time
    second_look_from: Annotated[Time, Meta(description="When it may be looked at again, at the earliest.")]


class Modes(Struct, frozen=True):
    """A player's game mode, and those that it had."""

    player: PlayerName
    game_mode: Annotated[GameMode, Meta(examples=["ironman"])]
    since: Annotated[
        Time | None, Meta(description="Since when the table of this mode is read; null: since the first look.")
    ]
    checked_at: Annotated[
        Time | None,
        Meta(description="When it was last shown to be right; null: never yet, so it is what it was taken for."),
    ]
    pending: Annotated[PendingMode | None, Meta(description="What waits for a second look; null for nothing.")]
    changes: Annotated[list[ModeChange], Meta(description="The newest first.")]


class CheckAccepted(FetchQueued, frozen=True):
    """A check of a game mode that waits for a worker."""

    joined: Annotated[
        bool, Meta(description="Whether it is one that somebody asked for before and that waits yet.", examples=[False])
    ]
    message: Annotated[str, Meta(examples=["Queued."])]
