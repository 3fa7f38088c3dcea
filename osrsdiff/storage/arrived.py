"""What a file has of a player besides its looks, and of groups and metrics: the steps that add it where it is missing.

The caller owns the transactions, and has found out what is missing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Executable, Table, Text, bindparam, exists, insert, literal_column, or_, select

from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import Event
from osrsdiff.game.records import PERIOD_CODES, Record
from osrsdiff.game.thresholds import MEASURE_CODES
from osrsdiff.storage import events as events_table
from osrsdiff.storage import reviews as reviews_table
from osrsdiff.storage.connection import Connection, Params, Step
from osrsdiff.storage.dialects import ID, SECONDS, OnConflict
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.export import Belongs, ModeChanged, NameChanged, Reviewed
from osrsdiff.storage.tables import (
    achievements,
    group_members,
    groups,
    metrics,
    mode_changes,
    name_changes,
    players,
    records,
    reviews,
)


class Belongings(Struct):
    """What is kept of one player besides its looks."""

    mode_changes: list[ModeChanged] = []
    name_changes: list[NameChanged] = []
    reviews: list[Reviewed] = []
    events: list[Event] = []
    achievements: list[Reached] = []
    records: list[Record] = []
    memberships: list[Belongs] = []


def _adding(table: Table, *keys: str) -> OnConflict:
    return OnConflict(keys or [column.name for column in table.primary_key])


_METRIC = (
    insert(metrics)
    .values({name: bindparam(name) for name in ("key", "name", "kind", "first_seen_at")})
    .ext(OnConflict(["key"]))
    .inline()
)
_GROUP = (
    insert(groups)
    .values({name: bindparam(name) for name in ("key", "name", "description", "created_at")})
    .ext(OnConflict(["key"]))
    .inline()
)
_GROUPS = select(groups.c.key)
_MODE_CHANGE = (
    insert(mode_changes)
    .values({column.name: bindparam(column.name) for column in mode_changes.c})
    .ext(_adding(mode_changes))
)
_NAME_CHANGE = (
    insert(name_changes)
    .values({column.name: bindparam(column.name) for column in name_changes.c if column.name != "id"})
    .inline()
)
_player_id = bindparam("player_id", type_=ID)
_reviewed = {column.name: bindparam(column.name, type_=column.type) for column in reviews.c if column.name != "id"}
# A player has at most one open review.
_REVIEW = insert(reviews).from_select(
    list(_reviewed),
    select(*_reviewed.values()).where(
        or_(
            _reviewed["resolved_at"].is_not(None),
            ~exists(literal_column("1")).where(reviews.c.player_id == _player_id, reviews.c.resolved_at.is_(None)),
        )
    ),
)
_ACHIEVEMENT = (
    insert(achievements)
    .values({column.name: bindparam(column.name) for column in achievements.c})
    .ext(_adding(achievements))
)
_RECORD = insert(records).values({column.name: bindparam(column.name) for column in records.c}).ext(_adding(records))
# Finds no row for a group or a player that is being removed, instead of failing on it.
_MEMBER = (
    insert(group_members)
    .from_select(
        ["group_id", "player_id", "role", "joined_at"],
        select(groups.c.id, players.c.id, bindparam("role", type_=Text), bindparam("joined_at", type_=SECONDS))
        .where(groups.c.key == bindparam("key", type_=Text), players.c.id == _player_id)
        .with_for_update(read=True, key_share=True),
    )
    .ext(_adding(group_members))
)


def metric(key: str, name: str, kind: str, first_seen_at: datetime) -> Step:
    """Adds a metric, unless it is here."""
    return Step(_METRIC, {"key": key, "name": name, "kind": kind, "first_seen_at": seconds(first_seen_at)})


def group(key: str, name: str, description: str, created_at: datetime) -> Step:
    """Adds a group, unless one has this key."""
    return Step(_GROUP, {"key": key, "name": name, "description": description, "created_at": seconds(created_at)})


async def group_keys(conn: Connection) -> set[str]:
    """The keys of all groups."""
    return {key for (key,) in await conn.all(_GROUPS)}


def steps(player_id: int, missing: Belongings, ids: Mapping[str, int]) -> Iterable[Step]:
    """Adds what is missing, a row each; the reviews last, and with an open one the flag."""
    for mode in missing.mode_changes:
        yield _step(_MODE_CHANGE, player_id, at=mode.at, after_at=mode.after, before=mode.before, mode=mode.mode)
    for name in missing.name_changes:
        yield _step(_NAME_CHANGE, player_id, **name._asdict())
    for event in missing.events:
        yield from events_table.steps(player_id, [event], ids)
    for one in missing.achievements:
        of = {"metric_id": ids[one.metric], "measure": MEASURE_CODES[one.measure], "threshold": one.threshold}
        yield _step(_ACHIEVEMENT, player_id, **of, reached_at=one.at, after_at=one.after)
    for record in missing.records:
        of = {"metric_id": ids[record.metric], "period": PERIOD_CODES[record.period], "gained": record.gained}
        yield _step(_RECORD, player_id, **of, start_at=record.start, end_at=record.end)
    for member in missing.memberships:
        yield _step(_MEMBER, player_id, key=member.group, role=member.role, joined_at=member.joined_at)
    for review in missing.reviews:
        columns = review._asdict()
        yield _step(_REVIEW, player_id, after_at=columns.pop("after"), **columns)
    if any(review.resolved_at is None for review in missing.reviews):
        yield from reviews_table.flag_as_open(player_id)


def _step(statement: Executable, player_id: int, **values: object) -> Step:
    row: Params = {name: seconds(one) if isinstance(one, datetime) else one for name, one in values.items()}
    return Step(statement, {**row, "player_id": player_id})
