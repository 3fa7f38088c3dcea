"""The JSON of names that change. As in `schemas`, the OpenAPI document is made from the types that validate."""

from typing import Annotated

from msgspec import Meta, Struct

from osrsdiff.api.schemas import FetchQueued, PlayerName, PlayerSaved, Request, Time, Username


class RenamePlayer(Request, frozen=True):
    """What a player is called now."""

    name: Username
    force: Annotated[
        bool, Meta(description="Although what is known of the two can't be of one player.", examples=[False])
    ] = False


class PlayerRenamed(PlayerSaved, frozen=True):
    """A player whose name has changed."""

    before: Annotated[str, Meta(description="What it was called until now.", examples=["Lynx Titan"])]
    joined_at: Annotated[
        Time | None,
        Meta(
            description="From this look on the history is that of who was tracked under the new name; null where "
            "nobody was, or was never seen."
        ),
    ]
    apart: Annotated[
        str | None,
        Meta(
            description="Who stands alone now, by its username: after `force` who has the looks that do not fit, after "
            "an undo who has the name that was taken back, and all that was seen under it. Null where there is nobody.",
            examples=["lynx titan~1"],
        ),
    ]
    fetch: Annotated[FetchQueued | None, Meta(description="The next fetch; null where none was queued.")]


class NameChange(Struct, frozen=True):
    """A name that a player was given."""

    before: Annotated[str, Meta(description="What it was called until then.", examples=["Lynx Titan"])]
    after: Annotated[str, Meta(description="The name it was given.", examples=["Fern Gully"])]
    at: Annotated[Time, Meta(description="When it was given here; in the game that was before.")]
    merged: Annotated[
        bool, Meta(description="Whether somebody was tracked under the new name and is one with the player since.")
    ]
    joined_at: Annotated[Time | None, Meta(description="That one's first look; null where there was none.")]
    forced: Annotated[bool, Meta(description="Whether it was given although something spoke against it.")]
    undone_at: Annotated[Time | None, Meta(description="When it was taken back; null where it stands.")]


class Names(Struct, frozen=True):
    """The names that a player was given here, the newest first."""

    player: PlayerName
    changes: list[NameChange]
