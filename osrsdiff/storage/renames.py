"""Names that players were given: written when one is renamed, read back, found by an old name. The caller commits."""

from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Text, and_, bindparam, delete, func, insert, null, select, update

from osrsdiff.errors import NotUnique, PlayerExists
from osrsdiff.game import usernames
from osrsdiff.game.events import KIND_CODES, EventKind
from osrsdiff.storage.arrival_ends import SOURCE
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS, OnConflict
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.instance import instance_id
from osrsdiff.storage.lineage import Remains
from osrsdiff.storage.standing import MOVE_ON
from osrsdiff.storage.tables import events, group_members, groups, moves, name_changes, players


class NameChange(Struct, frozen=True):
    """A name given to a player, both canonical. `joined_at`: from then on the history of who was tracked as `after`.

    `before_display`, `after_display`: the names as they are spelled. `was_merged`: somebody was tracked as `after`.
    `undone_at`: taken back then.
    """

    id: int
    at: datetime
    before: str
    before_display: str
    after: str
    after_display: str
    joined_at: datetime | None
    was_merged: bool
    forced: bool
    undone_at: datetime | None


class Merged(Struct, frozen=True):
    """What it takes to take a merge back. `groups`: those of who is no more, with role and since when.

    `new_groups`: those of them that the other one was not in before. `archived_id`: who has the looks that did not fit.
    `review_id`: the open review of the one who stays, closed since the other one had one too. `instance`: the database
    whose ids these are; elsewhere they are somebody else's.
    """

    instance: str
    remains: Remains
    groups: list[tuple[int, str, int]]
    new_groups: list[int]
    archived_id: int | None = None
    review_id: int | None = None


_c = name_changes.c
_player_id = bindparam("player_id", type_=ID)
_number = bindparam("number", type_=ID)
_name = bindparam("name", type_=Text)

_CALL = (
    update(players)
    .where(players.c.id == _player_id)
    .values(username=_name, display_name=bindparam("shown", type_=Text), failures=0, missing_since=null())
)
_SPELL = (
    update(players)
    .where(players.c.id == _player_id, players.c.username == _name)
    .values(display_name=bindparam("shown", type_=Text))
)
_BETWEEN = select(players.c.username).where(
    players.c.username >= _name, players.c.username < bindparam("end", type_=Text)
)
_BRINGING = select(moves.c.source).where(moves.c.player_id == _player_id, moves.c.is_joined.is_(False))

_STORED = ("player_id", "at", "before", "before_display", "after", "joined_at", "merged", "forced")
_ADD = insert(name_changes).values({name: bindparam(name) for name in _STORED}).inline()
_later = name_changes.alias("later")
# As it was spelled when it was given up, as it is where somebody has it, or canonical: no row of its own keeps it.
_AFTER_DISPLAY = func.coalesce(
    select(func.coalesce(_later.c.before_display, _later.c.before))
    .where(_later.c.player_id == _c.player_id, _later.c.before == _c.after, _later.c.id > _c.id)
    .order_by(_later.c.id)
    .limit(1)
    .scalar_subquery(),
    select(players.c.display_name).where(players.c.username == _c.after).scalar_subquery(),
    _c.after,
)
_COLUMNS = [
    *(_c[name] for name in ("id", "at", "before", "before_display", "after", "joined_at", "forced", "undone_at")),
    _c.merged.is_not(None),
    _AFTER_DISPLAY,
]
_OF_PLAYER = select(*_COLUMNS).where(_c.player_id == _player_id).order_by(_c.id.desc())
_NEWEST = (
    select(*_COLUMNS, _c.merged)
    .where(_c.player_id == _player_id, _c.undone_at.is_(None))
    .order_by(_c.id.desc())
    .limit(1)
)
_UNDONE = update(name_changes).where(_c.id == _number).values(undone_at=bindparam("at", type_=SECONDS))
_NO_EVENT = delete(events).where(
    events.c.player_id == _player_id,
    events.c.at == bindparam("at", type_=SECONDS),
    events.c.kind == bindparam("kind", type_=events.c.kind.type),
)
_NOW_CALLED = (
    select(players.c.display_name)
    .join_from(name_changes, players, players.c.id == _c.player_id)
    .where(
        _c.before == _name,
        _c.undone_at.is_(None),
        players.c.username != _name,
        ~and_(players.c.username == _c.after, _c.after.contains(usernames.ARCHIVE_MARK)),
    )
    .order_by(_c.id.desc())
    .limit(1)
)

_GIVEN_UP = (
    select(players.c.display_name, _c.at)
    .join_from(name_changes, players, players.c.id == _c.player_id)
    .where(_c.before == _name, _c.undone_at.is_(None), players.c.username != _name)
    .order_by(_c.id.desc())
    .limit(1)
)

_member = group_members.c
_GROUPS = select(_member.group_id, _member.role, _member.joined_at).where(_member.player_id == _player_id)
_ENTER = (
    insert(group_members)
    .from_select(
        ["group_id", "player_id", "role", "joined_at"],
        select(groups.c.id, _player_id, bindparam("role", type_=Text), bindparam("joined_at", type_=SECONDS)).where(
            groups.c.id == _number
        ),
    )
    .ext(OnConflict(["group_id", "player_id"]))
)
_LEAVE = delete(group_members).where(_member.group_id == _number, _member.player_id == _player_id)
_USERNAME = select(players.c.username).where(players.c.id == _player_id)


async def call(conn: Connection, player_id: int, username: str, display_name: str) -> None:
    """Gives the player another name and nothing else; a fetch that is under way stores nothing.

    The failures in a row of the old name are forgotten. Raises PlayerExists where the name is another's: nothing of the
    transaction can be stored then.
    """
    row = {"player_id": player_id, "name": username, "shown": display_name}
    await conn.run(MOVE_ON, row)
    try:
        await conn.run(_CALL, row)
    except NotUnique as error:
        raise PlayerExists(username) from error


async def spell(conn: Connection, player_id: int, username: str, display_name: str) -> bool:
    """Shows the player's name in another spelling; whether the player is still called so."""
    return await conn.run(_SPELL, {"player_id": player_id, "name": username, "shown": display_name}) > 0


async def archived_name(conn: Connection, username: str) -> str:
    """`username~N` with the first number that is free; of an archived name the next one of the same base."""
    mark = usernames.archived(usernames.bare(username), 0).removesuffix("0")
    taken = {name for (name,) in await conn.all(_BETWEEN, {"name": mark, "end": mark + ":"})}
    return next(name for number in range(1, len(taken) + 2) if (name := f"{mark}{number}") not in taken)


async def what_brings(conn: Connection, player_id: int) -> str | None:
    """What just brings in older looks of the player: a move or an import; None where nothing does."""
    row = await conn.one(_BRINGING, {"player_id": player_id})
    return None if row is None else "import" if row[0] == SOURCE else "move"


async def note(conn: Connection, player_id: int, change: NameChange, merged: Merged | None) -> None:
    """Notes that a player was given a name; id and `after_display` of `change` do not count."""
    row = {
        "player_id": player_id,
        "at": seconds(change.at),
        "before": change.before,
        "before_display": change.before_display if change.before_display != change.before else None,
        "after": change.after,
        "joined_at": None if change.joined_at is None else seconds(change.joined_at),
        "merged": None if merged is None else msgspec.json.encode(merged).decode(),
        "forced": change.forced,
    }
    await conn.run(_ADD, row)


async def of_player(conn: Connection, player_id: int) -> list[NameChange]:
    """The names that the player was given, the newest first."""
    return [_change(row) for row in await conn.all(_OF_PLAYER, {"player_id": player_id})]


async def newest(conn: Connection, player_id: int) -> tuple[NameChange, Merged | None] | None:
    """The newest change of the player's name that stands, and what it takes to take it back, as far as that is here."""
    row = await conn.one(_NEWEST, {"player_id": player_id})
    if row is None:
        return None
    merged = None if row[-1] is None else _merged(row[-1])
    is_ours = merged is not None and merged.instance == await instance_id(conn)
    return _change(row), merged if is_ours else None


async def taken_back(conn: Connection, player_id: int, change: NameChange, at: datetime) -> None:
    """Notes that a change stands no more; the event that told of it goes."""
    named = KIND_CODES[EventKind.NAME_CHANGE]
    await conn.run(_NO_EVENT, {"player_id": player_id, "at": seconds(change.at), "kind": named})
    await conn.run(_UNDONE, {"number": change.id, "at": seconds(at)})


async def now_called(conn: Connection, username: str) -> str | None:
    """The display name of the player who was last called so, and is not any more; None where nobody was.

    Nor who has an archived name since a split: the name went on with the other one.
    """
    row = await conn.one(_NOW_CALLED, {"name": username})
    return str(row[0]) if row else None


async def given_up(conn: Connection, username: str) -> tuple[str, datetime] | None:
    """Who was last called so and is not any more, by display name, and since when; archived ones count too."""
    row = await conn.one(_GIVEN_UP, {"name": username})
    return (str(row[0]), moment(row[1])) if row else None


async def unite_groups(conn: Connection, player_id: int, other_id: int) -> tuple[list[tuple[int, str, int]], list[int]]:
    """Puts a player into the groups of another one; those groups, and which of them are new to the player."""
    theirs = [(number, role, at) for number, role, at in await conn.all(_GROUPS, {"player_id": other_id})]
    own = {row[0] for row in await conn.all(_GROUPS, {"player_id": player_id})}
    new = [one for one in theirs if one[0] not in own]
    await enter_groups(conn, player_id, new)
    return theirs, [one[0] for one in new]


async def enter_groups(conn: Connection, player_id: int, memberships: list[tuple[int, str, int]]) -> None:
    """Puts a player into those of the groups that there are, with role and since when."""
    rows = [
        {"player_id": player_id, "number": number, "role": role, "joined_at": at}
        for number, role, at in sorted(memberships)
    ]
    if rows:
        await conn.run_many(_ENTER, rows)


async def leave_groups(conn: Connection, player_id: int, group_ids: list[int]) -> None:
    """Takes a player out of groups."""
    if group_ids:
        await conn.run_many(_LEAVE, [{"player_id": player_id, "number": number} for number in sorted(group_ids)])


async def is_archived(conn: Connection, player_id: int, username: str) -> bool:
    """Whether there is such a player, under an archived name of who was called `username`."""
    row = await conn.one(_USERNAME, {"player_id": player_id})
    return row is not None and usernames.is_archived(row[0]) and usernames.bare(row[0]) == usernames.bare(username)


def _merged(stored: str) -> Merged | None:
    """None for what another program wrote."""
    try:
        return msgspec.json.decode(stored, type=Merged)
    except msgspec.DecodeError:
        return None


def _change(row: Row) -> NameChange:
    number, at, before, spelled, after, joined_at, forced, undone_at, merged, shown = row[:10]
    return NameChange(
        id=number,
        at=moment(at),
        before=before,
        before_display=spelled or before,
        after=after,
        after_display=shown,
        joined_at=moment_or_none(joined_at),
        was_merged=bool(merged),
        forced=bool(forced),
        undone_at=moment_or_none(undone_at),
    )
