"""The tables that items become in CSV and SQLite: which there are, their columns, and what each says. Pure.

An item is a row of its kind's table. A look's changes and the readings of a player's newest sheet, which are parts of
items, have tables of their own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum

import msgspec
from msgspec import Struct

from osrsdiff.game.snapshots import Unranked
from osrsdiff.storage.plain_file import Column, PlainTable, Sort
from osrsdiff.tracking.transfer.items import (
    Achievement,
    Counter,
    Event,
    Group,
    Header,
    Item,
    Level,
    Look,
    Member,
    Metric,
    MetricKey,
    ModeChange,
    NameChange,
    Player,
    Rank,
    Record,
    Review,
    Time,
    Username,
    Value,
)

Plain = str | int | bool | None
Cells = tuple[Plain, ...]


class SheetRow(Struct, frozen=True, gc=False):
    """A reading of a player's newest sheet."""

    player: Username
    metric: MetricKey
    value: Value | None = None
    rank: Rank | None = None
    level: Level | None = None
    unranked: Unranked | None = None


class ChangeRow(Struct, frozen=True, gc=False):
    """A change of a look."""

    player: Username
    taken_at: Time
    metric: MetricKey
    value: Value
    rank: Rank | None = None
    level: Level | None = None
    unranked: Unranked | None = None


class StateRow(Struct, frozen=True):
    """What the row of a player says of its state: nothing, or all of it."""

    state_version: Counter | None = None
    state_looked_at: Time | None = None
    state_taken_at: Time | None = None


_ABOUT: Mapping[str, str] = {
    "format": "the version of this layout",
    "made_by": "the program that wrote this",
    "exported_at": "when the export began",
    "players": "how many players were to be written",
    "key": "what identifies it",
    "name": "how it is called",
    "kind": "skill, boss or activity",
    "events.kind": "what kind of thing happened",
    "first_seen_at": "when it was first on the hiscores",
    "description": "what the group says of itself",
    "groups.created_at": "when it was made",
    "players.created_at": "since when it is tracked",
    "username": "what identifies the player: lower case, words joined by single blanks",
    "display_name": "the name as it was typed",
    "game_mode": "regular, ironman, hardcore_ironman or ultimate_ironman",
    "is_active": "whether it is fetched; false: paused",
    "fetch_interval_minutes": "how often it is fetched",
    "last_attempt_at": "the last fetch",
    "last_look_at": "the last fetch that gave data",
    "last_changed_at": "the last look that changed something",
    "last_outcome": "how the last fetch ended",
    "failures": "fetches in a row that gave no data",
    "missing_since": "the first answer in a row that it is not on the hiscores",
    "reckoned_by": "by which rules records and achievements were reckoned; none: not yet",
    "mode_since": "since when it has this game mode; none: always",
    "mode_checked_at": "when the mode was last shown to be right",
    "mode_pending": "another mode that was found, and not confirmed yet",
    "mode_pending_at": "when that was",
    "flagged_at": "the look that somebody has to review",
    "fell_at": "the last look at which something fell that can't fall",
    "state_version": "how often the newest sheet was replaced",
    "state_looked_at": "when the newest sheet was last seen",
    "state_taken_at": "the newest look that changed something",
    "player": "the player's username",
    "metric": "the metric's key",
    "value": "xp, kills or score",
    "sheets.value": "xp, kills or score; none: never seen",
    "events.value": "the new level, the threshold or the gain",
    "rank": "the rank then; none: unranked",
    "level": "the level where it doesn't follow from xp",
    "sheets.level": "the level as the hiscores say",
    "unranked": "why there is no rank: hidden, zero or below_cutoff",
    "taken_at": "when the look was taken",
    "previous_look_at": "the look before; none: this is the first",
    "has_fall": "whether something fell that can't fall",
    "is_partial": "whether it came from elsewhere and says nothing of what it did not change",
    "at": "when it was seen",
    "after_at": "the look before: it happened since; none: unknown since when",
    "before": "the level or the record before",
    "mode_changes.before": "the game mode before",
    "mode": "the game mode from then on",
    "name_changes.before": "the name before",
    "before_display": "the same as it was spelled; none: so",
    "after": "the name from then on",
    "forced": "whether it was done although the histories contradict each other",
    "joined_at": "since when it is a member",
    "name_changes.joined_at": "from then on the history is that of who was tracked under the new name",
    "undone_at": "when the change was taken back",
    "why": "what was found",
    "detail": "the same in words; of an event what else is to say",
    "resolved_at": "when it was decided",
    "resolution": "what was decided; none: nothing yet",
    "measure": "what of the metric: value, level, base_level or combat_level",
    "threshold": "what was passed",
    "reached_at": "the first look past it; none: it was there at the first look",
    "period": "day, week, month or year",
    "gained": "the gain",
    "start_at": "the look that the gain counts from",
    "end_at": "the look at its end",
    "group": "the group's key",
    "role": "the role in the group",
}

HEADER, METRICS, GROUPS, PLAYERS, SHEETS, LOOKS, CHANGES = (
    "header", "metrics", "groups", "players", "sheets", "looks", "changes",
)  # fmt: skip

LISTS: Mapping[str, type[Item]] = {
    "mode_changes": ModeChange,
    "name_changes": NameChange,
    "reviews": Review,
    "achievements": Achievement,
    "records": Record,
    "events": Event,
    "members": Member,
}
"""The tables that have a row for each of a player's items of a kind, in the order of the items."""


def _columns(table: str, *structs: type[Struct]) -> tuple[Column, ...]:
    fields = [field for struct in structs for field in msgspec.structs.fields(struct)]
    return tuple(
        Column(
            field.name,
            _sort_of(msgspec.inspect.type_info(field.type)),
            _ABOUT.get(f"{table}.{field.name}") or _ABOUT[field.name],
            is_required=field.required,
        )
        for field in fields
        if field.name not in ("state", "changes")
    )


def _sort_of(info: msgspec.inspect.Type) -> Sort:
    match info:
        case msgspec.inspect.Metadata():
            return _sort_of(info.type)
        case msgspec.inspect.UnionType():
            return _sort_of(next(part for part in info.types if not isinstance(part, msgspec.inspect.NoneType)))
        case msgspec.inspect.BoolType():
            return Sort.BOOLEAN
        case msgspec.inspect.IntType():
            return Sort.INTEGER
        case _:
            return Sort.TEXT


def _table(name: str, about: str, found_by: tuple[str, ...], *structs: type[Struct]) -> PlainTable:
    return PlainTable(name, about, _columns(name, *structs), found_by)


TABLES: Mapping[str, PlainTable] = {
    table.name: table
    for table in (
        _table(HEADER, "One row: what this is.", (), Header),
        _table(METRICS, "What the hiscores count.", (), Metric),
        _table(GROUPS, "Groups of players.", (), Group),
        _table(PLAYERS, "Who is tracked.", ("username",), Player, StateRow),
        _table(SHEETS, "The newest sheet: each metric's value, with the rank of the last look.", ("player",), SheetRow),
        _table(LOOKS, "The looks at the hiscores that changed something.", ("player", "taken_at"), Look),
        _table(
            CHANGES,
            "What looks changed. A metric keeps a value from taken_at on, until its next row.",
            ("player", "taken_at"),
            ChangeRow,
        ),
        _table("mode_changes", "Changes of game mode.", ("player",), ModeChange),
        _table("name_changes", "Changes of name.", ("player",), NameChange),
        _table("reviews", "What somebody had to look at, or still has.", ("player",), Review),
        _table("achievements", "Thresholds that were passed.", ("player",), Achievement),
        _table("records", "The largest gains of any day, week, month and year.", ("player",), Record),
        _table("events", "What happened.", ("player",), Event),
        _table("members", "Who is in which group.", ("player",), Member),
    )
}
"""All tables. Rows stand in the order of the items, which is by player and, where it is a key, by `taken_at`."""

_NAMES: Mapping[type[Struct], str] = {
    Header: HEADER,
    Metric: METRICS,
    Group: GROUPS,
    **{kind: name for name, kind in LISTS.items()},
}


def rows_of(item: Item) -> Iterator[tuple[str, Cells]]:
    """The rows that an item is, each with its table."""
    match item:
        case Look():
            yield from _rows_of_look(item)
        case Player():
            yield from _rows_of_player(item)
        case _:
            yield _NAMES[type(item)], _cells(item)


def _rows_of_look(look: Look) -> Iterator[tuple[str, Cells]]:
    at, before = _plain(look.taken_at), _plain(look.previous_look_at)
    yield LOOKS, (look.player, at, before, look.has_fall, look.is_partial)
    for change in look.changes:
        unranked = None if change.unranked is None else change.unranked.value
        yield CHANGES, (look.player, at, change.metric, change.value, change.rank, change.level, unranked)


def _rows_of_player(player: Player) -> Iterator[tuple[str, Cells]]:
    *own, _ = _struct_values(player)
    state = player.state
    told = (state.version, state.looked_at, state.taken_at) if state else (None, None, None)
    yield PLAYERS, tuple(map(_plain, (*own, *told)))
    for reading in state.sheet if state else ():
        yield SHEETS, (player.username, *_cells(reading))


def _cells(struct: Struct) -> Cells:
    return tuple(map(_plain, _struct_values(struct)))


def _struct_values(struct: Struct) -> tuple[object, ...]:
    return msgspec.structs.astuple(struct)


def _plain(value: object) -> Plain:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Enum():
            return str(value.value)
        case str() | int() | None:
            return value
        case _:
            raise TypeError(f"no cell holds {value!r}")
