"""A player's row when its history is taken apart or put together: which part keeps what. Pure."""

from datetime import datetime

from msgspec.structs import replace

from osrsdiff.errors import Outcome
from osrsdiff.game.modes import GameMode
from osrsdiff.storage.players import Player


def later_part(player: Player, at: datetime, was: Player | None) -> Player:
    """The row for the looks from a time on, whose id and name are not given yet. `was`: that player before a join."""
    new = replace(
        player,
        schedule_id=None,
        created_at=at,
        last_changed_at=max(at, player.last_changed_at or at),
        mode_since=_since(player.mode_since, at),
        mode_checked_at=_since(player.mode_checked_at, at),
        flagged_at=_since(player.flagged_at, at),
    )
    if was is None:
        return new
    mode_since = was.mode_since if new.mode_since == at else new.mode_since  # then it was the join that changed it
    return replace(
        new, created_at=was.created_at, fetch_interval_minutes=was.fetch_interval_minutes, mode_since=mode_since
    )


def earlier_part(player: Player, at: datetime, mode: GameMode | None) -> Player:
    """The row without what was learned from a time on. `mode`: the one before, where it changed since."""
    return replace(
        player,
        game_mode=mode or player.game_mode,
        mode_since=_before(player.mode_since, at),
        mode_checked_at=_before(player.mode_checked_at, at),
        flagged_at=_before(player.flagged_at, at),
    )


def whole(earlier: Player, later: Player, at: datetime, *, looked_at: datetime, taken_at: datetime) -> Player:
    """The row of two players who are one from the look `at` on, with the later one's last look."""
    is_other_mode = later.game_mode is not earlier.game_mode
    outcome = later.last_outcome
    if outcome is Outcome.CHANGED and taken_at < looked_at:
        outcome = Outcome.UNCHANGED
    return replace(
        later,
        id=earlier.id,
        username=earlier.username,
        display_name=earlier.display_name,
        schedule_id=earlier.schedule_id,
        fetch_interval_minutes=earlier.fetch_interval_minutes,
        is_active=earlier.is_active or later.is_active,
        created_at=min(earlier.created_at, later.created_at),
        last_changed_at=taken_at,
        last_outcome=outcome,
        mode_since=later.mode_since or (at if is_other_mode else earlier.mode_since),
        flagged_at=later.flagged_at or earlier.flagged_at,
    )


def seen(player: Player, *, looked_at: datetime, taken_at: datetime) -> Player:
    """The row as the last look left it."""
    return replace(
        player,
        last_attempt_at=looked_at,
        last_look_at=looked_at,
        last_changed_at=taken_at,
        last_outcome=Outcome.CHANGED if taken_at == looked_at else Outcome.UNCHANGED,
        failures=0,
        missing_since=None,
    )


def never_seen(player: Player) -> Player:
    """The row before the first attempt."""
    return replace(
        player,
        last_attempt_at=None,
        last_look_at=None,
        last_changed_at=None,
        last_outcome=None,
        failures=0,
        missing_since=None,
    )


def _since(when: datetime | None, at: datetime) -> datetime | None:
    return when if when is not None and when >= at else None


def _before(when: datetime | None, at: datetime) -> datetime | None:
    return when if when is not None and when < at else None
