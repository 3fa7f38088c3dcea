"""Reads all that is kept of players, for a file: in short reads, while fetches go on.

What is read of one player belongs together. All but the looks is read between two glances at the player's row and at
the version of its state, until both show the same: whatever is stored of a player moves one of them. The looks are then
read in pages, see `export_looks`, up to the newest one that the state knows: later ones make no difference to those
before. Where their number is another one at the end, somebody has rewritten the history meanwhile: that is for the
caller to compare.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Integer, Text, bindparam, func, select

from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import KIND_CODES, Event
from osrsdiff.game.metrics import Metric
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import PERIOD_CODES, Record
from osrsdiff.game.snapshots import State
from osrsdiff.game.thresholds import MEASURE_CODES
from osrsdiff.storage import achievements, history, records
from osrsdiff.storage import players as players_table
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import (
    changes,
    events,
    group_members,
    groups,
    metrics,
    mode_changes,
    name_changes,
    player_states,
    players,
    reviews,
    snapshots,
)


class ModeChanged(NamedTuple):
    """A row of mode_changes."""

    at: datetime
    after: datetime | None
    before: GameMode
    mode: GameMode


class NameChanged(NamedTuple):
    """A row of name_changes."""

    at: datetime
    before: str
    before_display: str | None
    after: str
    joined_at: datetime | None
    merged: str | None
    forced: bool
    undone_at: datetime | None


class Reviewed(NamedTuple):
    """A row of reviews."""

    flagged_at: datetime
    after: datetime | None
    why: str
    detail: str
    resolved_at: datetime | None
    resolution: str | None


class Belongs(NamedTuple):
    """A group, by key, that a player is in."""

    group: str
    role: str
    joined_at: datetime


class Kept(Struct, frozen=True):
    """All that is kept of a player but the looks. `looks`, `changes`: how many there are, up to the state's newest."""

    player: Player
    reckoned_by: int | None
    state: State | None
    looks: int
    changes: int
    mode_changes: list[ModeChanged]
    name_changes: list[NameChanged]
    reviews: list[Reviewed]
    achievements: list[Reached]
    records: list[Record]
    events: list[Event]
    memberships: list[Belongs]


_player_id = bindparam("player_id", type_=ID)
_after = bindparam("after", type_=Text)
_most = bindparam("most", type_=Integer)
_until = bindparam("until", type_=SECONDS)

_PAGE = select(players.c.id, players.c.username).where(players.c.username > _after)
_PAGE = _PAGE.order_by(players.c.username).limit(_most)
_NEWEST_ID = select(func.max(players.c.id))
_COUNT = select(func.count()).select_from(players)
_METRICS = select(metrics.c.id, metrics.c.first_seen_at).order_by(metrics.c.id)

# What moves with whatever is stored of a player.
_GLANCE = (
    select(players.c.reckoned_by, player_states.c.version, *players_table.COLUMNS)
    .select_from(players)
    .outerjoin(player_states, player_states.c.player_id == players.c.id)
    .where(players.c.id == _player_id)
)
_upto = snapshots.c.player_id == _player_id, snapshots.c.taken_at <= _until
_COUNTS = select(
    select(func.count()).select_from(snapshots).where(*_upto).scalar_subquery(),
    select(func.count())
    .select_from(changes)
    .where(changes.c.player_id == _player_id, changes.c.taken_at <= _until)
    .scalar_subquery(),
)

_m = mode_changes.c
_MODE_CHANGES = select(_m.at, _m.after_at, _m.before, _m.mode).where(_m.player_id == _player_id).order_by(_m.at)
_n = name_changes.c
_NAME_CHANGES = (
    select(_n.at, _n.before, _n.before_display, _n.after, _n.joined_at, _n.merged, _n.forced, _n.undone_at)
    .where(_n.player_id == _player_id)
    .order_by(_n.id)
)
_r = reviews.c
_REVIEWS = (
    select(_r.flagged_at, _r.after_at, _r.why, _r.detail, _r.resolved_at, _r.resolution)
    .where(_r.player_id == _player_id)
    .order_by(_r.id)
)
_e = events.c
_EVENTS = (
    select(_e.at, _e.after_at, _e.kind, _e.metric_id, _e.value, _e.before, _e.detail)
    .where(_e.player_id == _player_id)
    .order_by(_e.at, _e.id)
)

_MEMBERSHIPS = (
    select(groups.c.key, group_members.c.role, group_members.c.joined_at)
    .join_from(group_members, groups, groups.c.id == group_members.c.group_id)
    .where(group_members.c.player_id == _player_id)
    .order_by(groups.c.key)
)

_KINDS = {code: kind for kind, code in KIND_CODES.items()}
_GLANCES = 20


async def count(conn: Connection) -> int:
    """How many players there are."""
    row = await conn.one(_COUNT)
    return int(row[0]) if row else 0


async def newest_id(conn: Connection) -> int:
    """The highest id of a player, 0 where there is none: who has a higher one came later."""
    row = await conn.one(_NEWEST_ID)
    return int(row[0] or 0) if row else 0


async def page(conn: Connection, *, after: str, limit: int) -> list[tuple[int, str]]:
    """The next `limit` players by username, from the first one past `after`: ids and usernames."""
    rows = await conn.all(_PAGE, {"after": after, "most": limit})
    return [(number, username) for number, username in rows]


async def all_metrics(conn: Connection) -> list[tuple[Metric, datetime]]:
    """Every metric that was ever seen, and when first."""
    rows = await conn.all(_METRICS)
    named = await by_id(conn, {number for number, _ in rows})
    return [(named[number], moment(at)) for number, at in rows]


async def kept(conn: Connection, player_id: int) -> Kept | None:
    """What is kept of a player, as it was at one moment; None where the player is gone.

    Raises TimeoutError where the player is never left alone for long enough.
    """
    seen = await conn.one(_GLANCE, {"player_id": player_id})
    for _ in range(_GLANCES):
        if seen is None:
            return None
        found = await _kept(conn, player_id, seen)
        before, seen = seen, await conn.one(_GLANCE, {"player_id": player_id})
        if before == seen:
            return found
    raise TimeoutError(f"player {player_id} changes too often to be read")


async def _kept(conn: Connection, player_id: int, seen: Row) -> Kept:
    reckoned_by, _, *player = seen
    whose = {"player_id": player_id}
    state = await history.load_state(conn, player_id)
    counts = await conn.one(_COUNTS, {**whose, "until": seconds(state.taken_at)}) if state else None
    looks, changes = counts or (0, 0)
    return Kept(
        player=players_table.of_row(tuple(player)),
        reckoned_by=reckoned_by,
        state=state,
        looks=looks,
        changes=changes,
        mode_changes=[_mode_change(row) for row in await conn.all(_MODE_CHANGES, whose)],
        name_changes=[_name_change(row) for row in await conn.all(_NAME_CHANGES, whose)],
        reviews=[_review(row) for row in await conn.all(_REVIEWS, whose)],
        achievements=sorted(await achievements.of_player(conn, player_id), key=_place_of_achievement),
        records=sorted(await records.of_player(conn, player_id), key=_place_of_record),
        events=await _events(conn, await conn.all(_EVENTS, whose)),
        memberships=[_belongs(row) for row in await conn.all(_MEMBERSHIPS, whose)],
    )


async def _events(conn: Connection, rows: Sequence[Row]) -> list[Event]:
    named = await by_id(conn, {row[3] for row in rows if row[3] is not None})
    return [
        Event(
            _KINDS[kind],
            moment(at),
            moment_or_none(after),
            None if metric_id is None else named[metric_id].key,
            value,
            before,
            detail,
        )
        for at, after, kind, metric_id, value, before, detail in rows
    ]


def _place_of_achievement(one: Reached) -> tuple[str, int, int]:
    return one.metric, MEASURE_CODES[one.measure], one.threshold


def _place_of_record(one: Record) -> tuple[str, int]:
    return one.metric, PERIOD_CODES[one.period]


def _belongs(row: Row) -> Belongs:
    group, role, joined_at = row
    return Belongs(group, role, moment(joined_at))


def _mode_change(row: Row) -> ModeChanged:
    at, after, before, mode = row
    return ModeChanged(moment(at), moment_or_none(after), GameMode(before), GameMode(mode))


def _name_change(row: Row) -> NameChanged:
    at, before, before_display, after, joined_at, merged, forced, undone_at = row
    joined, undone = moment_or_none(joined_at), moment_or_none(undone_at)
    return NameChanged(moment(at), before, before_display, after, joined, merged, bool(forced), undone)


def _review(row: Row) -> Reviewed:
    flagged_at, after, why, detail, resolved_at, resolution = row
    return Reviewed(moment(flagged_at), moment_or_none(after), why, detail, moment_or_none(resolved_at), resolution)
