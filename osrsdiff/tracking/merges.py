"""Two tracked players who are one: what speaks against it, how their rows become one's, and how they part again.

In the caller's transaction; names, schedules and what is said of it are the caller's part.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from osrsdiff.game import usernames
from osrsdiff.game.lineage import contradictions
from osrsdiff.storage import ends, lineage
from osrsdiff.storage import renames as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.instance import instance_id
from osrsdiff.storage.players import Player
from osrsdiff.storage.renames import Merged, NameChange


class Doubts(Struct, frozen=True):
    """What speaks against calling a player otherwise. `reasons`: in words; somebody who knows better may insist.

    `overlap_at`: the player's first look that comes too late to be followed by the other history; None where there is
    none. `are_moving`: whose older looks are just being brought in; nobody may insist then.
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
        reasons.append(_overlapping(player, other, later.at))
    earlier = await ends.end(connection, player.id, later.at)
    if earlier is not None:
        reasons += [one.words for one in contradictions(earlier, later)]
    return Doubts(reasons, overlap_at, are_moving)


async def who_is_moving(connection: Connection, players: Iterable[Player]) -> str:
    """Those of the players whose older looks are just being brought in, in words; empty where there is none."""
    moving = [one.display_name for one in players if await table.is_moving(connection, one.id)]
    return " and ".join(moving)


async def merge(connection: Connection, player: Player, other: Player, overlap_at: datetime | None) -> Joining:
    """Makes the other player's history and groups the player's; looks from `overlap_at` on go to an archived one."""
    archived_id, apart = None, None
    if overlap_at is not None:
        apart = await table.archived_name(connection, player.username)
        shown = usernames.bare(player.display_name) + apart.removeprefix(usernames.bare(apart))
        archived_id = await lineage.split(
            connection, player.id, overlap_at, username=apart, display_name=shown, is_active=False
        )
    theirs, new = await table.unite_groups(connection, player.id, other.id)
    joined = await lineage.join(connection, player.id, other.id)
    return Joining(joined.at, Merged(await instance_id(connection), joined.remains, theirs, new, archived_id), apart)


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
    await table.enter_groups(connection, restored_id, merged.groups)
    await table.leave_groups(connection, player_id, merged.new_groups)
    if merged.archived_id is not None and await table.is_archived(connection, merged.archived_id):
        await lineage.join(connection, player_id, merged.archived_id)
    return restored_id, later.username


async def _overlap(connection: Connection, player: Player, at: datetime) -> datetime | None:
    """The player's first look at a time or later, where one of these changed something."""
    if player.last_changed_at is None or player.last_changed_at < at:
        return None
    return await lineage.first_look_since(connection, player.id, at)


def _to_be_reviewed(player: Player, flagged_at: datetime) -> str:
    return f"{player.display_name} is flagged since {flagged_at:%Y-%m-%d}: review it first"


def _overlapping(player: Player, other: Player, at: datetime) -> str:
    changed_at = player.last_changed_at or at
    return (
        f"both were seen playing: {player.display_name} until {changed_at:{_MINUTE}}, "
        f"{other.display_name} since {at:{_MINUTE}} UTC"
    )


_MINUTE = "%Y-%m-%d %H:%M"
