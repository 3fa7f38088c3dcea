"""Players whom somebody has to review: flagged, listed, settled. The caller owns the transaction.

A player has at most one open review, and `players.flagged_at` is its look as long as it is open. Whatever is done here
moves the version of the player's state, so that a look that was under way meanwhile is not stored.
"""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, exists, func, insert, null, select, update

from osrsdiff.game.events import Event, EventKind
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.storage import events as events_table
from osrsdiff.storage.connection import Connection, Row, Step
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.players import COLUMNS, Player, of_row
from osrsdiff.storage.standing import MOVE_ON
from osrsdiff.storage.tables import players, reviews


class Review(Struct, frozen=True):
    """Something about a player to be looked at. `flagged_at`: the look, after the one at `after`.

    `resolved_at` and `resolution`: None while it is open.
    """

    id: int
    flagged_at: datetime
    after: datetime | None
    why: Why
    detail: str
    resolved_at: datetime | None = None
    resolution: Resolution | None = None


class Reviewed(Struct, frozen=True):
    """A review and whom it is about."""

    player: Player
    review: Review


_NEWEST = 2**31 - 1

_c = reviews.c
_player_id = bindparam("player_id", type_=ID)
_review_id = bindparam("review_id", type_=ID)
_at = bindparam("at", type_=SECONDS)
_review = (_c.id, _c.flagged_at, _c.after_at, _c.why, _c.detail, _c.resolved_at, _c.resolution)

_is_flagged = exists().where(players.c.id == _player_id, players.c.flagged_at.is_not(None))
_is_player = exists().where(players.c.id == _player_id)

_EVENT = events_table.added_where(_is_player, ~_is_flagged)
_OPEN = insert(reviews).from_select(
    ["player_id", "flagged_at", "after_at", "why", "detail"],
    select(
        _player_id,
        _at,
        bindparam("after_at", type_=SECONDS),
        bindparam("why", type_=Text),
        bindparam("detail", type_=Text),
    ).where(_is_player, ~_is_flagged),
)
_FLAG = (
    update(players)
    .where(players.c.id == _player_id, players.c.flagged_at.is_(None))
    .values(flagged_at=_at, reckoned_by=null())
)
_UNFLAG = (
    update(players)
    .where(players.c.id == _player_id, players.c.flagged_at == bindparam("flagged_at", type_=SECONDS))
    .values(flagged_at=null(), reckoned_by=null())
)
_CLOSE = (
    update(reviews)
    .where(_c.player_id == _player_id, _c.resolved_at.is_(None))
    .values(resolved_at=_at, resolution=bindparam("resolution", type_=Text))
)
_CLOSE_ONE = (
    update(reviews)
    .where(_c.id == _review_id, _c.resolved_at.is_(None))
    .values(resolved_at=_at, resolution=bindparam("resolution", type_=Text))
)
_REOPEN = (
    update(reviews).where(_c.id == _review_id, _c.player_id == _player_id).values(resolved_at=null(), resolution=null())
)
_open_since = select(func.max(_c.flagged_at)).where(_c.player_id == _player_id, _c.resolved_at.is_(None))
_FLAG_AS_OPEN = update(players).where(players.c.id == _player_id).values(flagged_at=_open_since.scalar_subquery())


def _page(*conditions: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    return (
        select(*_review, *COLUMNS)
        .join_from(reviews, players, players.c.id == _c.player_id)
        .where(_c.id < bindparam("before", type_=ID), *conditions)
        .order_by(_c.id.desc())
        .limit(bindparam("most", type_=Integer))
    )


_PAGE = _page()
_PAGE_OF_OPEN = _page(_c.resolved_at.is_(None))
_OF_PLAYER = select(*_review).where(_c.player_id == _player_id).order_by(_c.id.desc())
_BY_ID = select(*_review).where(_c.id == _review_id)
_OPEN_OF_PLAYER = _OF_PLAYER.where(_c.resolved_at.is_(None))
_COUNT_OPEN = select(func.count()).select_from(reviews).where(_c.resolved_at.is_(None))


def flag_steps(player_id: int, *, at: datetime, after: datetime | None, why: Why, detail: str) -> list[Step]:
    """What flags a player for a review and tells of it; nothing but a new version where the player is flagged already.

    `at`: the look, or when it was found, after the last look at `after`. `detail`: the reason in words.
    """
    event = Event(EventKind.FLAGGED, at, after, detail=detail)
    given = {
        "player_id": player_id,
        "at": seconds(at),
        "after_at": None if after is None else seconds(after),
        "why": why.value,
        "detail": detail,
    }
    return [
        Step(MOVE_ON, {"player_id": player_id}),
        Step(_EVENT, events_table.row(player_id, event, {})),
        Step(_OPEN, given),
        Step(_FLAG, given),
    ]


def resolved_steps(player_id: int, *, flagged_at: datetime, at: datetime, resolution: Resolution) -> list[Step]:
    """What ends the review of the look at `flagged_at`, and the flag; they miss where it has ended."""
    given = {
        "player_id": player_id,
        "flagged_at": seconds(flagged_at),
        "at": seconds(at),
        "resolution": resolution.value,
    }
    return [Step(MOVE_ON, given), Step(_UNFLAG, given, must_hit=True), Step(_CLOSE, given)]


def closed_steps(review_id: int, *, at: datetime, resolution: Resolution) -> list[Step]:
    """What ends one review and no flag: that of the player is about another review."""
    return [Step(_CLOSE_ONE, {"review_id": review_id, "at": seconds(at), "resolution": resolution.value})]


def reopened_steps(player_id: int, review_id: int) -> list[Step]:
    """What opens a review of the player again; its flag is to follow: `flag_as_open`."""
    return [Step(_REOPEN, {"player_id": player_id, "review_id": review_id})]


def flag_as_open(player_id: int) -> list[Step]:
    """What makes the player's flag that of its open review, none where there is none: histories were taken apart."""
    return [Step(_FLAG_AS_OPEN, {"player_id": player_id})]


async def page(conn: Connection, *, limit: int, before: int | None = None, only_open: bool = True) -> list[Reviewed]:
    """The newest reviews of everybody, from the first one past the id `before`."""
    statement = _PAGE_OF_OPEN if only_open else _PAGE
    rows = await conn.all(statement, {"before": before or _NEWEST, "most": limit})
    count = len(_review)
    return [Reviewed(of_row(row[count:]), _of_row(row[:count])) for row in rows]


async def of_player(conn: Connection, player_id: int) -> list[Review]:
    """A player's reviews, the newest first."""
    return [_of_row(row) for row in await conn.all(_OF_PLAYER, {"player_id": player_id})]


async def by_id(conn: Connection, review_id: int) -> Review | None:
    """The review with this id, None where its player is gone."""
    row = await conn.one(_BY_ID, {"review_id": review_id})
    return _of_row(row) if row else None


async def open_of(conn: Connection, player_id: int) -> Review | None:
    """The player's open review, None where there is none."""
    row = await conn.one(_OPEN_OF_PLAYER, {"player_id": player_id})
    return _of_row(row) if row else None


async def count_open(conn: Connection) -> int:
    """How many reviews wait for somebody."""
    [(count,)] = await conn.all(_COUNT_OPEN)
    return int(count)


def _of_row(row: Row) -> Review:
    number, flagged_at, after_at, why, detail, resolved_at, resolution = row
    return Review(
        id=number,
        flagged_at=moment(flagged_at),
        after=moment_or_none(after_at),
        why=Why(why),
        detail=detail,
        resolved_at=moment_or_none(resolved_at),
        resolution=Resolution(resolution) if resolution else None,
    )
