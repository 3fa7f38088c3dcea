"""The end of a player's import: its row is that of the file, but for what is newer here, and the import is over.

What is stored is returned as steps; the caller stores them together.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Boolean, Case, ColumnElement, Text, and_, bindparam, case, delete, null, or_, update

from osrsdiff.storage.connection import Step
from osrsdiff.storage.dialects import ID
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.tables import moves, players

SOURCE = "import"
"""What a player's row in `moves` says while an import has added it and has not come to its end."""

_player_id = bindparam("player_id", type_=ID)
_c = players.c
_SETTINGS = ("display_name", "fetch_interval_minutes")
_ATTEMPT = ("last_attempt_at", "last_outcome", "failures", "missing_since")
_MODE = ("game_mode", "mode_since", "mode_checked_at")
_PENDING = ("mode_pending", "mode_pending_at")
_SEEN = ("last_look_at", "last_changed_at")
_NAMES = (*_SETTINGS, *_ATTEMPT, *_MODE, *_PENDING, *_SEEN, "created_at", "is_active")
_given = {name: bindparam(name, type_=_c[name].type) for name in _NAMES}


def _is_later(name: str) -> ColumnElement[bool]:
    """Whether the file's time is later than the one that is here."""
    return and_(_given[name].is_not(None), or_(_c[name].is_(None), _c[name] < _given[name]))


def _unless(is_kept: ColumnElement[bool], *names: str) -> dict[str, Case[object]]:
    return {name: case((is_kept, _c[name]), else_=_given[name]) for name in names}


_is_tried_since = or_(_given["last_attempt_at"].is_(None), _c.last_attempt_at > _given["last_attempt_at"])
_is_checked_since = and_(
    _c.mode_checked_at.is_not(None),
    or_(_given["mode_checked_at"].is_(None), _c.mode_checked_at > _given["mode_checked_at"]),
)
# Who was made active since an import was interrupted is somebody's: settings, and whatever is newer, stay as they are.
_AS_THERE = (
    update(players)
    .where(_c.id == _player_id)
    .values(
        {
            **_unless(_c.is_active, *_SETTINGS),
            **_unless(_is_tried_since, *_ATTEMPT),
            **_unless(_is_checked_since, *_MODE, *_PENDING),
            **{name: case((_is_later(name), _given[name]), else_=_c[name]) for name in _SEEN},
            "is_active": or_(_c.is_active, _given["is_active"]),
            "created_at": case((_c.created_at < _given["created_at"], _c.created_at), else_=_given["created_at"]),
            "reckoned_by": null(),
        }
    )
)
_ACTIVE = (
    update(players)
    .where(_c.id == _player_id)
    .values(is_active=or_(_c.is_active, bindparam("is_active", type_=Boolean)))
)
_LATER_MODE = (
    update(players)
    .where(_c.id == _player_id, _is_later("mode_checked_at"))
    .values({name: _given[name] for name in _MODE})
)
_LATER_ATTEMPT = (
    update(players)
    .where(_c.id == _player_id, _is_later("last_attempt_at"))
    .values({name: _given[name] for name in _ATTEMPT})
)
_END = delete(moves).where(moves.c.player_id == _player_id, moves.c.source == bindparam("source", type_=Text))


def as_there(player_id: int, columns: Mapping[str, object], *, is_whole: bool) -> list[Step]:
    """The end of a player who was added. `is_whole`: all its looks are here; else when it was looked at is not told."""
    row = _row(player_id, columns)
    if not is_whole:
        row |= dict.fromkeys((*_ATTEMPT, *_SEEN))
    return [Step(_AS_THERE, row), *_ended(player_id)]


def active(player_id: int, *, is_active: bool) -> list[Step]:
    """The end of a player who was added and of whom the file has nothing but looks."""
    return [Step(_ACTIVE, {"player_id": player_id, "is_active": is_active}), *_ended(player_id)]


def as_here(player_id: int, columns: Mapping[str, object], *, is_whole: bool) -> list[Step]:
    """The end of a player who was here before: of its row, what the file has found out or tried later."""
    row = _row(player_id, columns)
    return [Step(_LATER_MODE, row), *([Step(_LATER_ATTEMPT, row)] if is_whole else [])]


def _row(player_id: int, columns: Mapping[str, object]) -> dict[str, object]:
    return {"player_id": player_id, **{name: _plain(columns[name]) for name in _NAMES}}


def _ended(player_id: int) -> list[Step]:
    """Forgets that the player is being imported."""
    return [Step(_END, {"player_id": player_id, "source": SOURCE})]


def _plain(value: object) -> object:
    return seconds(value) if isinstance(value, datetime) else value
