"""Reviews: players whose sheet collapsed or whose mode can't be, looked through and decided.

What is decided changes the rows in one transaction; then schedules follow them, and the records and achievements of all
concerned are reckoned anew. Where Redis is away that comes later by itself, and `Decided.scheduled` says so.
"""

from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from osrsdiff import logs
from osrsdiff.errors import (
    NothingToReview,
    PlayerNotFound,
    ReviewRefused,
)
from osrsdiff.game import usernames
from osrsdiff.game.metrics import Metric, may_fall, place_of
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.game.snapshots import State
from osrsdiff.storage import history, snapshots, standing
from osrsdiff.storage import players as players_table
from osrsdiff.storage import reviews as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.players import Player
from osrsdiff.storage.reviews import Review, Reviewed
from osrsdiff.tracking import decisions
from osrsdiff.tracking.cursors import cursor, read_cursor
from osrsdiff.tracking.fetch import Clock, utc_now
from osrsdiff.tracking.following import follow_where_possible
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player
from osrsdiff.tracking.renames import Done, in_effect

log = logs.get(__name__)

DEFAULT_LIMIT = 50
MOST_AT_ONCE = 500

_SECOND = timedelta(seconds=1)


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

    `apart`: after a split, who has the name, and what was seen from then on; None else. `scheduled`: whether all is
    effective; False while Redis is away.
    """

    player: Player
    review: Review
    apart: Player | None = None
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
    return await _decide(instance, name, Resolution.ACCEPTED, decisions.trust, clock)


async def discard(instance: Instance, name: str, *, clock: Clock = utc_now) -> Decided:
    """Throws the looks away, from the flagged one on: the player stands as before.

    Not where the game mode can't be: no look brought that about, and the next check would only find it again. Raises
    InvalidUsername, PlayerNotFound, NothingToReview, ReviewRefused.
    """
    return await _decide(instance, name, Resolution.DISCARDED, decisions.cut, clock)


async def split(instance: Instance, name: str, *, renamed_to: str | None = None, clock: Clock = utc_now) -> Decided:
    """From the flagged look on it is somebody else: a new player, who has the name and the schedule from now on.

    The player keeps id, groups and what was seen before; it is paused under an archived name, or called `renamed_to`
    and goes on: where that player is tracked already, the two become one. Where it can't be renamed, nothing is done.
    Raises InvalidUsername, PlayerNotFound, NothingToReview, ReviewRefused, SameName, SplitRefused.
    """
    if renamed_to is None:
        return await _decide(instance, name, Resolution.SPLIT, decisions.split, clock)
    username = usernames.canonical(renamed_to)
    change = partial(decisions.split_and_rename, renamed_to)
    decided = await _decide(instance, name, Resolution.SPLIT, change, clock, other=username)
    if decided.player.username != username:  # somebody else has split it meanwhile, with no or another name
        raise NothingToReview(decided.player.display_name, _ended(decided.review))
    return decided


async def _decide(
    instance: Instance,
    name: str,
    resolution: Resolution,
    change: decisions.Change,
    clock: Clock,
    *,
    other: str | None = None,
) -> Decided:
    """`other`: who is concerned besides, where there is somebody of this name."""
    player = await get_player(instance, name)
    review = await _open_review(instance, player)
    if resolution is Resolution.DISCARDED and review.why is Why.IMPOSSIBLE_MODE:
        raise ReviewRefused(
            f"There is nothing to discard of {player.display_name}: it is the game mode that can't be, and no look "
            "brought it about. Accept it where it is the same player; else split it."
        )
    done = None
    try:
        player, done = await _change(instance, player.id, review, resolution, change, clock(), other)
    except _EndedMeanwhile:
        log.info("review decided by somebody else", player=player.username, player_id=player.id)
    else:
        log.info("review decided", player=player.username, player_id=player.id, resolution=resolution.value)
    decided = await _decided(instance, player, review.id, resolution)
    if done is None:
        return decided
    renamed = await in_effect(instance, done, clock().timestamp())
    return replace(decided, player=renamed.player, scheduled=decided.scheduled and renamed.scheduled)


async def _open_review(instance: Instance, player: Player) -> Review:
    async with instance.db.reading() as connection:
        found = await table.of_player(connection, player.id)
    if not found or found[0].resolution is not None:
        raise NothingToReview(player.display_name, _ended(found[0]) if found else None)
    return found[0]


async def _change(
    instance: Instance,
    player_id: int,
    review: Review,
    resolution: Resolution,
    change: decisions.Change,
    now: datetime,
    other: str | None,
) -> tuple[Player, Done | None]:
    """Changes the rows; the player as it was until then, whatever it was called when its review was read."""
    steps = table.resolved_steps(player_id, flagged_at=review.flagged_at, at=now, resolution=resolution)
    async with instance.db.writing() as connection:
        concerned = await players_table.by_username(connection, other) if other is not None else None
        if concerned is not None:  # rows are locked in the same order by all
            await standing.lock(connection, {player_id, concerned.id})
        if not await connection.run_all(steps):
            raise _EndedMeanwhile
        loaded = await history.load_player(connection, player_id)
        if loaded is None:
            raise _EndedMeanwhile
        return loaded[0], await change(connection, loaded[0], review.flagged_at, now)


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
    concerned = [player.id] if apart is None else [player.id, apart.id]
    scheduled = await follow_where_possible(instance, concerned, reckon=True)
    return Decided(loaded[0], found, apart, scheduled=scheduled)


def _ended(review: Review) -> str | None:
    """How a review ended, in words."""
    if review.resolution is None or review.resolved_at is None:
        return None
    return f"{review.resolution.value} at {review.resolved_at:%Y-%m-%d %H:%M} UTC"


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
