"""Many players at once: pages of those who are paused or failing, and what bulk changes read and write.

Every statement takes any number of players; whoever changes some keeps its batches small: see BATCH. What is written
goes to the database in one trip, so that the write lock is held for no longer than that takes, however busy the rest
of the process is.
"""

from collections.abc import Collection
from enum import StrEnum
from itertools import islice

import msgspec
from sqlalchemy import (
    Boolean,
    Executable,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    update,
)

from osrsdiff.game.usernames import ARCHIVE_MARK
from osrsdiff.storage.connection import Connection, Params, Step
from osrsdiff.storage.dialects import ID, JsonItems
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import COLUMNS, Player, of_row
from osrsdiff.storage.tables import players

BATCH = 1_000
"""So many players in one transaction: SQLite's write lock is held for a few milliseconds."""

LARGEST_ID = 2**31 - 1
"""Nobody has an id beyond this one, and Postgres would refuse it."""

_NOTED = 500
"""So many notes in one transaction: each changes an index, too."""


class Which(StrEnum):
    """Which players a query is about. Failing: active, with failures in a row."""

    ALL = "all"
    PAUSED = "paused"
    FAILING = "failing"


_c = players.c
_FITS = {
    Which.ALL: true(),
    Which.PAUSED: _c.is_active.is_(False),
    Which.FAILING: and_(_c.is_active, _c.failures > 0),
}
_after_name, _after_id = bindparam("after", type_=Text), bindparam("after", type_=ID)
_most = bindparam("most", type_=Integer)
_given = JsonItems(bindparam("given", type_=Text)).table_valued("value")
_GIVEN_IDS = select(cast(_given.c.value, ID))
_ARCHIVED = select(_c.id, _c.display_name).where(
    _c.id.in_(_GIVEN_IDS), _c.username.contains(literal_column(f"'{ARCHIVE_MARK}'"))
)


def _page(which: Which) -> Select[tuple[object, ...]]:
    return select(*COLUMNS).where(_c.username > _after_name, _FITS[which]).order_by(_c.username).limit(_most)


def _page_of_ids(which: Which) -> Select[tuple[int]]:
    return select(_c.id).where(_c.id > _after_id, _FITS[which]).order_by(_c.id).limit(_most)


_PAGE = {which: _page(which) for which in Which}
_PAGE_OF_IDS = {which: _page_of_ids(which) for which in Which}
_COUNT = {which: select(func.count()).select_from(players).where(_FITS[which]) for which in Which}
_BY_IDS = select(*COLUMNS).where(_c.id.in_(_GIVEN_IDS))
_BY_USERNAMES = select(_c.username, _c.id).where(_c.username.in_(select(_given.c.value)))
_WANTED = select(_c.id, _c.fetch_interval_minutes).where(_c.id.in_(_GIVEN_IDS), _c.is_active)
_are_otherwise = and_(_c.id.in_(_GIVEN_IDS), _c.is_active != bindparam("active", type_=Boolean))
_COUNT_OTHERWISE = select(func.count()).select_from(players).where(_are_otherwise)
_SET_ACTIVE = update(players).where(_are_otherwise).values(is_active=bindparam("active", type_=Boolean))
_scheduled_as = bindparam("prefix", type_=Text) + cast(_c.id, Text)
_NOTE_SCHEDULED = (
    update(players)
    .where(_c.id.in_(_GIVEN_IDS), _c.is_active, _c.schedule_id.is_distinct_from(_scheduled_as))
    .values(schedule_id=_scheduled_as)
)
_NOTE_UNSCHEDULED = (
    update(players).where(_c.id.in_(_GIVEN_IDS), ~_c.is_active, _c.schedule_id.is_not(None)).values(schedule_id=null())
)


async def page(conn: Connection, which: Which, *, after: str | None, limit: int) -> list[Player]:
    """The next `limit` players by username, from the first one past `after`."""
    rows = await conn.all(_PAGE[which], {"after": after or "", "most": limit})
    return [of_row(row) for row in rows]


async def page_of_ids(conn: Connection, which: Which, *, after: int, limit: int) -> list[int]:
    """The next `limit` players' ids, from the first one past `after` (0 for the first page)."""
    return [row[0] for row in await conn.all(_PAGE_OF_IDS[which], {"after": after, "most": limit})]


async def count(conn: Connection, which: Which) -> int:
    """How many players there are of that kind. Reads every player."""
    [(number,)] = await conn.all(_COUNT[which])
    return int(number)


async def by_ids(conn: Connection, player_ids: Collection[int]) -> dict[int, Player]:
    """Those of the players that there are."""
    rows = await conn.all(_BY_IDS, _ids(player_ids))
    return {row[0]: of_row(row) for row in rows}


async def ids_by_username(conn: Connection, usernames: Collection[str]) -> dict[str, int]:
    """The ids of those that there are, by canonical name."""
    return dict(await conn.all(_BY_USERNAMES, _json(usernames)))


async def wanted(conn: Connection, player_ids: Collection[int]) -> dict[int, int]:
    """Which of these players are to be fetched, and every how many minutes."""
    return dict(await conn.all(_WANTED, _ids(player_ids)))


async def archived(conn: Connection, player_ids: Collection[int]) -> dict[int, str]:
    """The display names of those of the players who have an archived name, by id."""
    return dict(await conn.all(_ARCHIVED, _ids(player_ids)))


async def set_active(db: Database, player_ids: Collection[int], is_active: bool) -> int:
    """Pauses or resumes, stored when this returns; how many were not so just before."""
    given = {**_ids(player_ids), "active": is_active}
    async with db.reading() as conn:
        [(number,)] = await conn.all(_COUNT_OTHERWISE, given)
    if number:
        await db.write_together([Step(_SET_ACTIVE, given)])
    return int(number)


async def note_scheduled(db: Database, player_ids: Collection[int], prefix: str) -> None:
    """Notes that these players have their schedules, whose ids are `prefix` and the player's. Stored when this returns.

    Who was paused meanwhile is left as whoever did it has left or will leave it.
    """
    await _note(db, _NOTE_SCHEDULED, player_ids, {"prefix": prefix})


async def note_unscheduled(db: Database, player_ids: Collection[int]) -> None:
    """Notes that these players have none; who was resumed meanwhile is left as he is. Stored when this returns."""
    await _note(db, _NOTE_UNSCHEDULED, player_ids, {})


async def _note(db: Database, statement: Executable, player_ids: Collection[int], given: Params) -> None:
    rest = iter(player_ids)
    while some := list(islice(rest, _NOTED)):
        await db.write_together([Step(statement, {**given, **_ids(some)})])


def _ids(given: Collection[int]) -> dict[str, object]:
    return _json([player_id for player_id in given if player_id <= LARGEST_ID])


def _json(given: Collection[int] | Collection[str]) -> dict[str, object]:
    return {"given": msgspec.json.encode(list(given)).decode()}
