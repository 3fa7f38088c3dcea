"""Reviews: players whose sheet collapsed or whose mode can't be, looked through and decided.

What is decided changes the rows in one transaction; then schedules follow them, and the records and achievements of all
concerned are reckoned anew. Where Redis is away that comes later by itself, and `Decided.scheduled` says so.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from osrsdiff import logs
from osrsdiff.errors import NothingToReview, PlayerNotFound, RedisUnreachable, ReviewRefused, UserError
from osrsdiff.game import usernames
from osrsdiff.game.metrics import Metric, may_fall, place_of
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.game.snapshots import State
from osrsdiff.scheduling.constants import RECKON_TASK
from osrsdiff.storage import history, lineage, modes, renames, snapshots
from osrsdiff.storage import players as players_table
from osrsdiff.storage import reviews as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.players import Player
from osrsdiff.storage.reviews import Review, Reviewed
from osrsdiff.tracking import renames as renaming
from osrsdiff.tracking.cursors import cursor, read_cursor
from osrsdiff.tracking.fetch import Clock, utc_now
from osrsdiff.tracking.following import follow
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player, resume_player

log = logs.get(__name__)

DEFAULT_LIMIT = 50
MOST_AT_ONCE = 500

_SECOND = timedelta(seconds=1)

Change = Callable[[Connection, Player, datetime], Awaitable[None]]
"""What a decision does to the rows of a player who was flagged at that look."""


class ReviewPage(Struct, frozen=True):
    """Some reviews, the newest first. `next`: the cursor of the following page, None at the end."""

    items: list[Reviewed]
    next: str | None


class Moved(Struct, frozen=True):
    """A metric that the look in question changed: the value until then, at that look, and as it is now."""

    metric: Metric
    before: int
    after: int
    now: int | None

    @property
    def fell(self) -> bool:
        """Whether it fell although it can't."""
        return self.after < self.before and not may_fall(self.metric.key)


class ReviewShown(Struct, frozen=True):
    """A review with what its look changed, in the hiscores' order; nothing where the look is not the player's now."""

    review: Review
    moved: list[Moved]


class Decided(Struct, frozen=True):
    """How a review ended. `player`: who keeps the history until then, as it is now.

    `apart`: after a split, who has the name, and what was seen from then on; None else. `not_renamed`: why the player
    has no new name, though one was given. `scheduled`: whether all is effective; False while Redis is away.
    """

    player: Player
    review: Review
    apart: Player | None = None
    not_renamed: str | None = None
    scheduled: bool = True


class _EndedMeanwhile(Exception):
    """The review was decided, or the flag has ended, since it was read."""


async def list_reviews(
    instance: Instance, *, only_open: bool = True, limit: int = DEFAULT_LIMIT, after: str | None = None
) -> ReviewPage:
    """The newest reviews, those that wait for somebody or all. Raises InvalidCursor."""
    before = None if after is None else read_cursor(after, int)
    async with instance.db.reading() as connection:
        found = await table.page(connection, limit=limit + 1, before=before, only_open=only_open)
    items = found[:limit]
    return ReviewPage(items, cursor(items[-1].review.id) if len(found) > limit else None)


async def player_reviews(instance: Instance, name: str) -> tuple[Player, list[ReviewShown]]:
    """A player's reviews, the newest first, with what fell and rose. Raises InvalidUsername, PlayerNotFound."""
    player = await get_player(instance, name)
    async with instance.db.reading() as connection:
        found = await table.of_player(connection, player.id)
        state = await history.load_state(connection, player.id)
        return player, [ReviewShown(one, await _moved(connection, player.id, one, state)) for one in found]


async def accept(instance: Instance, name: str, *, clock: Clock = utc_now) -> Decided:
    """It is the same player, whatever fell. Raises InvalidUsername, PlayerNotFound, NothingToReview."""
    return await _decide(instance, name, Resolution.ACCEPTED, _trust, clock)


async def discard(instance: Instance, name: str, *, clock: Clock = utc_now) -> Decided:
    """Throws the looks away, from the flagged one on: the player stands as before.

    Raises InvalidUsername, PlayerNotFound, NothingToReview, ReviewRefused.
    """
    return await _decide(instance, name, Resolution.DISCARDED, _cut, clock)


async def split(instance: Instance, name: str, *, renamed_to: str | None = None, clock: Clock = utc_now) -> Decided:
    """From the flagged look on it is somebody else: a new player, who has the name and the schedule from now on.

    The player keeps id, groups and what was seen before; it is paused under an archived name, or called `renamed_to`
    and goes on: where that player is tracked already, the two become one. Where it can't be renamed, the split stands.
    Raises InvalidUsername, PlayerNotFound, NothingToReview, ReviewRefused.
    """
    if renamed_to is not None:
        usernames.canonical(renamed_to)
    flagged = await get_player(instance, name)
    decided = await _decide(instance, name, Resolution.SPLIT, _split, clock)
    if renamed_to is None:
        return decided
    try:
        renamed = await renaming.rename(instance, decided.player.username, renamed_to, clock=clock)
    except UserError as error:
        return replace(decided, not_renamed=str(error))
    player, scheduled = renamed.player, decided.scheduled and renamed.scheduled
    if flagged.is_active and not player.is_active:
        applied = await resume_player(instance, player.username)
        player, scheduled = applied.player, scheduled and applied.scheduled
    return replace(decided, player=player, scheduled=scheduled)


async def _decide(instance: Instance, name: str, resolution: Resolution, change: Change, clock: Clock) -> Decided:
    player = await get_player(instance, name)
    review = await _open_review(instance, player)
    try:
        await _change(instance, player, review, resolution, change, clock())
    except _EndedMeanwhile:
        log.info("review decided by somebody else", player=player.username, player_id=player.id)
    else:
        log.info("review decided", player=player.username, player_id=player.id, resolution=resolution.value)
    return await _decided(instance, player, review.id, resolution)


async def _open_review(instance: Instance, player: Player) -> Review:
    async with instance.db.reading() as connection:
        found = await table.of_player(connection, player.id)
    if not found or found[0].resolution is not None:
        raise NothingToReview(player.display_name, _ended(found[0]) if found else None)
    return found[0]


async def _change(
    instance: Instance, player: Player, review: Review, resolution: Resolution, change: Change, now: datetime
) -> None:
    steps = table.resolved_steps(player.id, flagged_at=review.flagged_at, at=now, resolution=resolution)
    async with instance.db.writing() as connection:
        if not await connection.run_all(steps):
            raise _EndedMeanwhile
        await change(connection, player, review.flagged_at)


async def _trust(connection: Connection, player: Player, _flagged_at: datetime) -> None:
    """The flag ends. Where the mode could not be, the one before it was never right: the next check finds it."""
    review = (await table.of_player(connection, player.id))[0]
    if review.why is Why.IMPOSSIBLE_MODE:
        await connection.run_all(modes.forgotten(player.id))


async def _cut(connection: Connection, player: Player, flagged_at: datetime) -> None:
    await _refuse_moving(connection, player)
    await lineage.cut(connection, player.id, flagged_at)


async def _split(connection: Connection, player: Player, flagged_at: datetime) -> None:
    await _refuse_moving(connection, player)
    username = await renames.archived_name(connection, player.username)
    number = username.removeprefix(usernames.bare(username))
    await renames.call(connection, player.id, username, usernames.bare(player.display_name) + number)
    await players_table.set_active(connection, player.id, False)
    await lineage.split(
        connection,
        player.id,
        flagged_at,
        username=player.username,
        display_name=player.display_name,
        is_active=player.is_active,
    )


async def _refuse_moving(connection: Connection, player: Player) -> None:
    """Half of an old history would be taken for all of it."""
    if await renames.is_moving(connection, player.id):
        raise ReviewRefused(
            f"The move that brings older looks of {player.display_name} has not ended; wait for it, or run it again."
        )


async def _decided(instance: Instance, player: Player, review_id: int, resolution: Resolution) -> Decided:
    """How the review has ended, whoever has ended it. Raises NothingToReview where it ended in another way."""
    async with instance.db.reading() as connection:
        found = await table.by_id(connection, review_id)
        loaded = await history.load_player(connection, player.id)
        named = await players_table.by_username(connection, player.username)
    if found is None or loaded is None:
        raise PlayerNotFound(player.display_name)
    if found.resolution is not resolution:
        raise NothingToReview(player.display_name, _ended(found))
    apart = named if named is not None and named.id != player.id else None
    scheduled = await _in_effect(instance, [player.id] if apart is None else [player.id, apart.id])
    return Decided(loaded[0], found, apart, scheduled=scheduled)


async def _in_effect(instance: Instance, player_ids: Sequence[int]) -> bool:
    """Whether the schedules follow and the reckoning was asked for; else both come later by themselves."""
    try:
        await follow(instance, player_ids)
        await instance.asked.job(RECKON_TASK)
    except RedisUnreachable as error:
        log.warning("schedule not changed, reconcile will", reason=error)
        return False
    return True


def _ended(review: Review) -> str | None:
    """How a review ended, in words."""
    if review.resolution is None or review.resolved_at is None:
        return None
    return f"{review.resolution.value} on {review.resolved_at:%Y-%m-%d at %H:%M} UTC"


async def _moved(connection: Connection, player_id: int, review: Review, state: State | None) -> list[Moved]:
    looks = await snapshots.page(connection, player_id, before=review.flagged_at + _SECOND, limit=1)
    if not looks or looks[0].taken_at != review.flagged_at:
        return []
    found = [
        Moved(one.metric, one.before, one.value, _now(state, one.metric))
        for one in looks[0].changes
        if one.before is not None and one.before != one.value
    ]
    return sorted(found, key=lambda one: place_of(one.metric.key))


def _now(state: State | None, metric: Metric) -> int | None:
    reading = state.sheet.get(metric.key) if state else None
    return reading.value if reading else None
