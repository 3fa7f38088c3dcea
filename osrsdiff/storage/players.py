"""Tracked players: added, found, paged through, marked, removed. Names are canonical; the caller commits."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Boolean, Integer, Text, and_, bindparam, case, cast, delete, func, insert, select, update
from sqlalchemy.sql.dml import Update

from osrsdiff.errors import Outcome, PlayerExists
from osrsdiff.game.modes import GameMode
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS, JsonItems, OnConflict
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.tables import moves, player_states, players


class Player(Struct, frozen=True):
    """A tracked player. `username` canonical. `last_look_at`: when the hiscores last gave data. `failures` in a row.

    `missing_since`: the first of the answers in a row that the player is not ranked; None since the last data.
    `mode_since`: when its table became that of `game_mode`, None: always. `mode_checked_at`: when the mode was last
    shown to be right, None: never. `flagged_at`: the look that somebody has to review. `fell_at`: the last one at which
    something fell that can't fall. `mode_pending`: another mode that a look at the tables found at `mode_pending_at`;
    that time alone says when they gave no answer.
    """

    id: int
    username: str
    display_name: str
    game_mode: GameMode
    is_active: bool
    fetch_interval_minutes: int
    schedule_id: str | None
    created_at: datetime
    last_attempt_at: datetime | None
    last_look_at: datetime | None
    last_changed_at: datetime | None
    last_outcome: Outcome | None
    failures: int
    missing_since: datetime | None = None
    mode_since: datetime | None = None
    mode_checked_at: datetime | None = None
    flagged_at: datetime | None = None
    fell_at: datetime | None = None
    mode_pending: GameMode | None = None
    mode_pending_at: datetime | None = None


class PlayerCounts(Struct, frozen=True):
    """How many there are, and how often the active ones are to be fetched: players by interval in minutes."""

    active: int
    paused: int
    by_interval: dict[int, int]


class Troubled(Struct, frozen=True):
    """Active players: missing for long; whose last fetch failed; of whom there never was data."""

    missing: int
    failing: int
    never_seen: int


_c = players.c
COLUMNS = [_c[name] for name in Player.__struct_fields__]
"""What `of_row` takes."""

_ADD = (
    insert(players)
    .values(
        username=bindparam("username"),
        display_name=bindparam("display_name"),
        game_mode=bindparam("game_mode"),
        is_active=bindparam("is_active"),
        fetch_interval_minutes=bindparam("fetch_interval_minutes"),
        created_at=bindparam("created_at"),
        failures=bindparam("failures"),
    )
    .ext(OnConflict(["username"]))
    .returning(*COLUMNS)
)
_BY_USERNAME = select(*COLUMNS).where(_c.username == bindparam("username"))
_BY_SCHEDULE_ID = select(*COLUMNS).where(_c.schedule_id == bindparam("schedule_id"))
_PAGE = (
    select(*COLUMNS)
    .where(_c.username > bindparam("after", type_=Text))
    .order_by(_c.username)
    .limit(bindparam("most", type_=Integer))
)
_PAGE_OF_SOME = _PAGE.where(
    _c.is_active == func.coalesce(bindparam("is_active", type_=Boolean), _c.is_active),
    _c.game_mode == func.coalesce(bindparam("game_mode", type_=Text), _c.game_mode),
)
_PAGE_BY_ID = select(*COLUMNS).where(_c.id > bindparam("after")).order_by(_c.id).limit(bindparam("most", type_=Integer))
_COUNT = select(_c.is_active, _c.fetch_interval_minutes, func.count()).group_by(_c.is_active, _c.fetch_interval_minutes)
_is_missing = and_(
    _c.missing_since <= bindparam("since", type_=SECONDS), _c.failures >= bindparam("failures", type_=Integer)
)
_COUNT_TROUBLED = (
    select(
        *(
            func.coalesce(func.sum(case((is_so, 1), else_=0)), 0)
            for is_so in (_is_missing, _c.failures > 0, _c.last_look_at.is_(None))
        )
    )
    .select_from(players)
    .where(_c.is_active)
)
_given_ids = JsonItems(bindparam("ids", type_=Text)).table_valued("value")
_ACTIVITY = select(_c.id, _c.is_active).where(_c.id.in_(select(cast(_given_ids.c.value, Integer))))
_REMOVE = delete(players).where(_c.id == bindparam("player_id"))
# In the order in which looks and moves take these rows: in another one each would wait for the other.
_REMOVE_FIRST = [delete(table).where(table.c.player_id == bindparam("player_id")) for table in (player_states, moves)]


def _setting(**values: object) -> Update:
    return update(players).where(_c.id == bindparam("player_id", type_=ID)).values(**values)


_SET_ACTIVE = _setting(is_active=bindparam("given", type_=Boolean))
_SET_INTERVAL = _setting(fetch_interval_minutes=bindparam("given", type_=Integer))
_ATTEMPTED = _setting(
    last_attempt_at=bindparam("at", type_=SECONDS),
    last_outcome=bindparam("outcome", type_=Text),
    failures=_c.failures + 1,
    missing_since=case(
        (bindparam("missing", type_=Boolean), func.coalesce(_c.missing_since, bindparam("at", type_=SECONDS))),
        else_=_c.missing_since,
    ),
).where(_c.username == func.coalesce(bindparam("asked_for", type_=Text), _c.username))


async def add(
    conn: Connection,
    *,
    username: str,
    display_name: str,
    interval_minutes: int,
    now: datetime,
    game_mode: GameMode = GameMode.REGULAR,
) -> Player:
    """The new player, active and never looked at. Raises PlayerExists."""
    row = await conn.one(
        _ADD,
        {
            "username": username,
            "display_name": display_name,
            "game_mode": game_mode.value,
            "is_active": True,
            "fetch_interval_minutes": interval_minutes,
            "created_at": seconds(now),
            "failures": 0,
        },
    )
    if row is None:
        raise PlayerExists(username)
    return of_row(row)


async def by_username(conn: Connection, username: str) -> Player | None:
    """The player with this canonical name."""
    row = await conn.one(_BY_USERNAME, {"username": username})
    return of_row(row) if row else None


async def by_schedule_id(conn: Connection, schedule_id: str) -> Player | None:
    """The player whose schedule this is."""
    row = await conn.one(_BY_SCHEDULE_ID, {"schedule_id": schedule_id})
    return of_row(row) if row else None


async def page(
    conn: Connection,
    *,
    after: str | None,
    limit: int,
    is_active: bool | None = None,
    game_mode: GameMode | None = None,
) -> list[Player]:
    """The next `limit` players by username, from the first one past `after`; None takes any activity, any mode."""
    params = {"after": after or "", "most": limit}
    if is_active is None and game_mode is None:
        return [of_row(row) for row in await conn.all(_PAGE, params)]
    some = {**params, "is_active": is_active, "game_mode": None if game_mode is None else game_mode.value}
    return [of_row(row) for row in await conn.all(_PAGE_OF_SOME, some)]


async def page_by_id(conn: Connection, *, after: int, limit: int) -> list[Player]:
    """The next `limit` players by id, from the first one past `after` (0 for the first page)."""
    return [of_row(row) for row in await conn.all(_PAGE_BY_ID, {"after": after, "most": limit})]


async def which_active(conn: Connection, player_ids: Collection[int]) -> dict[int, bool]:
    """Which of these players there are, and whether each is active."""
    ids = msgspec.json.encode(list(player_ids)).decode()
    return {number: bool(is_active) for number, is_active in await conn.all(_ACTIVITY, {"ids": ids})}


async def set_active(conn: Connection, player_id: int, is_active: bool) -> None:
    """Pauses or resumes."""
    await conn.run(_SET_ACTIVE, {"player_id": player_id, "given": is_active})


async def set_interval(conn: Connection, player_id: int, minutes: int) -> None:
    """Changes how often the player is fetched."""
    await conn.run(_SET_INTERVAL, {"player_id": player_id, "given": minutes})


async def record_attempt(
    conn: Connection, player_id: int, *, at: datetime, outcome: Outcome, asked_for: str | None = None
) -> bool:
    """Notes a fetch that gave no data, one more failure in a row; False where the player is gone.

    `asked_for`: the name that was looked up; False, too, where the player is called otherwise by now.
    """
    missing = outcome is Outcome.NOT_RANKED
    attempt = {
        "player_id": player_id,
        "at": seconds(at),
        "outcome": outcome.value,
        "missing": missing,
        "asked_for": asked_for,
    }
    return await conn.run(_ATTEMPTED, attempt) > 0


async def remove(conn: Connection, player_id: int) -> bool:
    """Removes the player with everything kept of it; False where there is no such player.

    The one write that grows with a history: the longest ones keep other writers waiting for a tenth of a second.
    """
    for statement in _REMOVE_FIRST:
        await conn.run(statement, {"player_id": player_id})
    return await conn.run(_REMOVE, {"player_id": player_id}) > 0


async def count(conn: Connection) -> PlayerCounts:
    """How many players there are, and what fetching them takes. Reads every player."""
    found = await conn.all(_COUNT)
    by_interval = {minutes: number for is_active, minutes, number in found if is_active}
    paused = sum(number for is_active, _, number in found if not is_active)
    return PlayerCounts(sum(by_interval.values()), paused, by_interval)


async def count_troubled(conn: Connection, *, missing_since: datetime, failures: int) -> Troubled:
    """How many active players give no data. Reads every player.

    Missing are those who have been since `missing_since` or longer, with `failures` in a row or more.
    """
    [row] = await conn.all(_COUNT_TROUBLED, {"since": seconds(missing_since), "failures": failures})
    return Troubled(*map(int, row))


def of_row(row: Row) -> Player:
    """The player of a row of `COLUMNS`."""
    number, username, display_name, mode, is_active, interval, schedule_id, created, tried, looked, changed = row[:11]
    return Player(
        id=number,
        username=username,
        display_name=display_name,
        game_mode=GameMode(mode),
        is_active=bool(is_active),
        fetch_interval_minutes=interval,
        schedule_id=schedule_id,
        created_at=moment(created),
        last_attempt_at=moment_or_none(tried),
        last_look_at=moment_or_none(looked),
        last_changed_at=moment_or_none(changed),
        last_outcome=Outcome(row[11]) if row[11] else None,
        failures=row[12],
        missing_since=moment_or_none(row[13]),
        mode_since=moment_or_none(row[14]),
        mode_checked_at=moment_or_none(row[15]),
        flagged_at=moment_or_none(row[16]),
        fell_at=moment_or_none(row[17]),
        mode_pending=GameMode(row[18]) if row[18] else None,
        mode_pending_at=moment_or_none(row[19]),
    )
