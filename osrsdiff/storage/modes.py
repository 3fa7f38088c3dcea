"""What is known of players' game modes: which changed when, who is to be checked, and what a check comes to.

What a check has found is stored only for the player as it was read: neither renamed nor paused nor flagged since, nor
shown meanwhile to have the mode that it had. What a look has noticed is stored with it, also of who is paused or
flagged. A player's state comes before its row, as in looks: in another order each would wait for the other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Integer, Text, and_, bindparam, case, func, insert, null, or_, select, update
from sqlalchemy.sql.dml import Update

from osrsdiff.game.modes import GameMode, ModeChange, Pending
from osrsdiff.storage.connection import Connection, Params, Row, Step
from osrsdiff.storage.dialects import ID, SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.players import COLUMNS, Player, of_row
from osrsdiff.storage.tables import mode_changes, player_states, players, snapshots

ROUND = timedelta(days=1)
"""How often every ironman's mode is to be shown."""

_c = players.c
_player_id = bindparam("player_id", type_=ID)
_at = bindparam("at", type_=SECONDS)
_mode = bindparam("mode", type_=Text)
_cutoff = bindparam("cutoff", type_=SECONDS)

_ADD = insert(mode_changes).values({column.name: bindparam(column.name) for column in mode_changes.c})
_OF_PLAYER = (
    select(*(mode_changes.c[name] for name in ("at", "after_at", "before", "mode")))
    .where(mode_changes.c.player_id == _player_id)
    .order_by(mode_changes.c.at.desc())
)
_begun = bindparam("begun", type_=SECONDS)
_is_untried = or_(_c.mode_pending_at.is_(None), _c.mode_pending_at < _begun)
_was_never_shown = and_(_c.mode_checked_at.is_(None), _c.last_look_at.is_not(None))
_went_on = _c.last_changed_at >= _cutoff
_is_ironman_of_old = and_(
    _c.game_mode != GameMode.REGULAR.value,
    _c.mode_checked_at < _begun,
    or_(_c.mode_checked_at < _cutoff, _c.last_changed_at.is_(None), ~_went_on),
)
_DUE = (
    select(*COLUMNS)
    .where(
        _c.id > bindparam("after_id", type_=ID),
        _c.is_active,
        _c.flagged_at.is_(None),
        or_(
            and_(_c.mode_pending.is_not(None), _c.mode_pending_at <= bindparam("second_look_before", type_=SECONDS)),
            and_(_c.mode_pending.is_(None), _is_untried, or_(_was_never_shown, _is_ironman_of_old)),
        ),
    )
    .order_by(_c.id)
    .limit(bindparam("most", type_=Integer))
)
_SHOWN_AT = select(snapshots.c.previous_look_at).where(snapshots.c.player_id == _player_id, snapshots.c.taken_at == _at)


def _of_same(**values: object) -> Update:
    return (
        update(players)
        .where(
            _c.id == _player_id,
            _c.username == bindparam("username", type_=Text),
            _c.game_mode == bindparam("before", type_=Text),
            _c.mode_checked_at.is_not_distinct_from(bindparam("checked_at", type_=SECONDS)),
        )
        .values(**values)
    )


def _of_tracked(**values: object) -> Update:
    return _of_same(**values).where(_c.is_active, _c.flagged_at.is_(None))


_NOTHING_PENDING: Mapping[str, object] = {"mode_pending": null(), "mode_pending_at": null()}
_RIGHT = _of_tracked(mode_checked_at=_at, **_NOTHING_PENDING)
_PENDING = _of_tracked(mode_pending=_mode, mode_pending_at=_at)
_DOUBTED = _of_same(mode_pending=_mode, mode_pending_at=_at)
_TRIED = _of_tracked(mode_pending=null(), mode_pending_at=_at)
_SET = _of_tracked(game_mode=_mode, mode_since=_at, mode_checked_at=_at, **_NOTHING_PENDING)
_GUESSED = _of_same(game_mode=_mode)
_FORGET = update(players).where(_c.id == _player_id).values(mode_checked_at=null(), **_NOTHING_PENDING)


def _later(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one > other, one), else_=other)


_s = player_states.c
_since = _later(_s.taken_at, func.coalesce(bindparam("after_at", type_=SECONDS), _s.taken_at))
_MOVE_ON = update(player_states).where(_s.player_id == _player_id).values(version=_s.version + 1)
_UNLOOK = _MOVE_ON.values(looked_at=case((_since < _s.looked_at, _since), else_=_s.looked_at))


def changed(player_id: int, change: ModeChange) -> list[Step]:
    """What notes a change of mode."""
    row = {
        "player_id": player_id,
        "at": seconds(change.at),
        "after_at": None if change.after is None else seconds(change.after),
        "before": change.before.value,
        "mode": change.mode.value,
    }
    return [Step(_ADD, row)]


async def of_player(conn: Connection, player_id: int) -> list[ModeChange]:
    """A player's changes of mode, the newest first."""
    return [_of_row(row) for row in await conn.all(_OF_PLAYER, {"player_id": player_id})]


async def due(
    conn: Connection, *, begun: datetime, second_look_before: datetime, after_id: int, limit: int
) -> list[Player]:
    """The next `limit` players by id, past `after_id`, whose mode is to be looked at.

    Those of whom a look before `second_look_before` has found another mode, and who were seen and whose mode was never
    shown. Of the ironmen those whose mode was not shown in the round that has `begun`, unless the round before it and
    this one saw their row go on. Nobody who is paused or flagged, and nobody twice in a round of whom the tables say
    nothing.
    """
    params = {
        "cutoff": seconds(begun - ROUND),
        "begun": seconds(begun),
        "second_look_before": seconds(second_look_before),
        "after_id": after_id,
        "most": limit,
    }
    return [of_row(row) for row in await conn.all(_DUE, params)]


async def last_shown(conn: Connection, player: Player) -> datetime | None:
    """A time at which the player surely had its mode, the last one that is known; None where there is none.

    A look that found more than the one before it shows that the row went on after that one, not for how long.
    """
    if player.mode_checked_at is None:
        return None
    row = await conn.one(_SHOWN_AT, {"player_id": player.id, "at": seconds(player.mode_checked_at)})
    return moment_or_none(row[0]) if row else player.mode_checked_at


def right(player: Player, at: datetime) -> list[Step]:
    """What notes that the tables agreed with the player's mode at that time."""
    return [Step(_RIGHT, _same(player, at=seconds(at)), must_hit=True)]


def pending(player: Player, found: Pending) -> list[Step]:
    """What notes that a first look has found another mode."""
    return [Step(_PENDING, _same(player, at=seconds(found.at), mode=found.mode.value), must_hit=True)]


def doubted(player: Player, at: datetime) -> list[Step]:
    """What notes with a look that the mode is to be shown anew, by all tables. Nothing is found thereby."""
    return [Step(_DOUBTED, _same(player, at=seconds(at), mode=player.game_mode.value), must_hit=True)]


def tried(player: Player, at: datetime) -> list[Step]:
    """What notes that the tables gave no answer: it is not asked for again at once."""
    return [Step(_TRIED, _same(player, at=seconds(at)), must_hit=True)]


def set_to(player: Player, mode: GameMode, *, at: datetime, after: datetime | None) -> list[Step]:
    """What gives the player another mode from the look `at` on; misses where the player is another by now.

    The old table's row may have stayed as it was since `after` or the last change, whichever is later: the next look
    counts from there. A look under way, which read the old table, is not stored.
    """
    values = _same(player, at=seconds(at), mode=mode.value)
    state = {"player_id": player.id, "after_at": None if after is None else seconds(after)}
    return [
        Step(_MOVE_ON if player.game_mode is GameMode.REGULAR else _UNLOOK, state),
        Step(_SET, values, must_hit=True),
    ]


def cannot_be(player: Player, at: datetime, flag: Sequence[Step]) -> list[Step]:
    """What flags the player by `flag`, unless it was changed meanwhile, and notes when the tables were asked."""
    return [Step(_MOVE_ON, {"player_id": player.id}), *tried(player, at), *flag]


def guessed(player: Player, mode: GameMode) -> list[Step]:
    """What takes with a first look a player of whom nobody knew the mode for one of `mode`, until a check shows it."""
    return [Step(_GUESSED, _same(player, mode=mode.value), must_hit=True)]


def forgotten(player_id: int) -> list[Step]:
    """What makes the player's mode one that was never shown: the next check sets it, whatever it was."""
    return [Step(_FORGET, {"player_id": player_id})]


def _same(player: Player, **values: object) -> Params:
    checked_at = player.mode_checked_at
    return {
        "player_id": player.id,
        "username": player.username,
        "before": player.game_mode.value,
        "checked_at": None if checked_at is None else seconds(checked_at),
        **values,
    }


def _of_row(row: Row) -> ModeChange:
    at, after_at, before, mode = row
    return ModeChange(moment(at), moment_or_none(after_at), GameMode(before), GameMode(mode))
