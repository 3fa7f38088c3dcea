"""Two tracked players who are one: what speaks against it, how their rows become one's, and how they part again.

In the caller's transaction; names, schedules and what is said of it are the caller's part.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from osrsdiff.game import usernames
from osrsdiff.game.lineage import contradictions
from osrsdiff.game.reviews import Resolution
from osrsdiff.storage import ends, lineage, reviews
from osrsdiff.storage import renames as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.instance import instance_id
from osrsdiff.storage.players import Player
from osrsdiff.storage.renames import Merged, NameChange

_MINUTE = "%Y-%m-%d %H:%M"


class Doubts(Struct, frozen=True):
    """What speaks against calling a player otherwise. `reasons`: in words; somebody who knows better may insist.

    `overlap_at`: the player's first look that comes too late to be followed by the other history; None where there is
    none. `are_moving`: what just brings in older looks; nobody may insist then.
    """

    reasons: list[str]
    overlap_at: datetime | None
    are_moving: str


class Joining(Struct, frozen=True):
    """A merge. `at`: the first look of who is no more, None where there was none. `apart`: who has what did not fit."""

    at: datetime | None
    merged: Merged
    apart: str | None


async def doubts(connection: Connection, player: Player, other: Player | None) -> Doubts:
    """All that speaks against `player` being called as `other` is, or as nobody is where None."""
    both = [player] if other is None else [player, other]
    are_moving = await who_is_moving(connection, both)
    reasons = [_to_be_reviewed(one, one.flagged_at) for one in both if one.flagged_at is not None]
    later = None if other is None else await ends.beginning(connection, other.id)
    if other is None or later is None:
        return Doubts(reasons, None, are_moving)
    overlap_at = await _overlap(connection, player, later.at)
    if overlap_at is not None:
        begun = await ends.beginning(connection, player.id)
        have_played = (begun and begun.at) != player.last_changed_at and later.at != other.last_changed_at
        reasons.append(_overlapping(player, other, later.at, have_played=have_played))
    earlier = await ends.end(connection, player.id, later.at)
    if earlier is not None:
        reasons += contradictions(earlier, later)
    return Doubts(reasons, overlap_at, are_moving)


async def who_is_moving(connection: Connection, players: Iterable[Player]) -> str:
    """What just brings in older looks of these players, in words; empty where nothing does."""
    found = [(one, await table.what_brings(connection, one.id)) for one in players]
    return " and ".join(f"the {what} that brings older looks of {one.display_name}" for one, what in found if what)


async def merge(
    connection: Connection, player: Player, other: Player, overlap_at: datetime | None, *, now: datetime
) -> Joining:
    """Makes the other player's history and groups the player's; looks from `overlap_at` on go to an archived one.

    Where both are flagged the other one's review, which is about the newer looks, stays open.
    """
    archived_id, apart = None, None
    if overlap_at is not None:
        apart = await table.archived_name(connection, player.username)
        shown = usernames.bare(player.display_name) + apart.removeprefix(usernames.bare(apart))
        archived_id = await lineage.split(
            connection, player.id, overlap_at, username=apart, display_name=shown, is_active=False
        )
    theirs, new = await table.unite_groups(connection, player.id, other.id)
    review_id = None if other.flagged_at is None else await _close_review(connection, player, now)
    joined = await lineage.join(connection, player.id, other.id)
    merged = Merged(await instance_id(connection), joined.remains, theirs, new, archived_id, review_id)
    return Joining(joined.at, merged, apart)


async def restore(connection: Connection, player_id: int, change: NameChange, merged: Merged) -> tuple[int, str]:
    """Makes two players of one again; id and username of the restored one, who has all looks since the join."""
    later = merged.remains.later
    at = change.joined_at or await lineage.first_look_since(connection, player_id, change.at) or change.at
    restored_id = await lineage.split(
        connection,
        player_id,
        at,
        username=later.username,
        display_name=later.display_name,
        is_active=later.is_active,
        player_id_of_new=later.id,
        remains=merged.remains,
    )
    if merged.review_id is not None:
        await connection.run_all(reviews.reopened_steps(player_id, merged.review_id))
    # what was decided since is not flagged again
    await connection.run_all([*reviews.flag_as_open(player_id), *reviews.flag_as_open(restored_id)])
    await table.enter_groups(connection, restored_id, merged.groups)
    await table.leave_groups(connection, player_id, merged.new_groups)
    if merged.archived_id is not None and await table.is_archived(connection, merged.archived_id, change.before):
        await lineage.join(connection, player_id, merged.archived_id)
    return restored_id, later.username


async def _close_review(connection: Connection, player: Player, now: datetime) -> int | None:
    """Ends the player's open review: whoever insists on the join says that it is one player. Its id, None without."""
    review = await reviews.open_of(connection, player.id)
    if review is None:
        return None
    await connection.run_all(reviews.closed_steps(review.id, at=now, resolution=Resolution.ACCEPTED))
    return review.id


async def _overlap(connection: Connection, player: Player, at: datetime) -> datetime | None:
    """The player's first look at a time or later, where one of these changed something."""
    if player.last_changed_at is None or player.last_changed_at < at:
        return None
    return await lineage.first_look_since(connection, player.id, at)


def _to_be_reviewed(player: Player, flagged_at: datetime) -> str:
    return f"{player.display_name} is flagged since {flagged_at:{_MINUTE}} UTC: review it first"


def _overlapping(player: Player, other: Player, at: datetime, *, have_played: bool) -> str:
    """`have_played`: whether both changed after their first looks, which may be of who has not played for years."""
    changed_at = player.last_changed_at or at
    return (
        f"both were seen{' playing' if have_played else ''}: {player.display_name} until {changed_at:{_MINUTE}} UTC, "
        f"{other.display_name} since {at:{_MINUTE}} UTC"
    )
