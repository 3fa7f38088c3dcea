"""Which span of a player's time a question is about, and reading over it in one trip where the player has no say in it.

A period ends now. What has no start begins when the player was first tracked, what has no end ends now.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from msgspec import Struct

from osrsdiff.errors import InvalidPeriod
from osrsdiff.game import usernames
from osrsdiff.game.periods import ALL, Window, window_between, window_of
from osrsdiff.storage import players as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.names import not_found

T = TypeVar("T")


class Asked(Struct, frozen=True):
    """A period's name or a duration, or two times of which one may be missing."""

    period: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def at_once(self, default: str, now: datetime) -> Window | None:
        """The window, `default` where nothing is asked for; None where it depends on the player.

        Raises InvalidPeriod.
        """
        if self.start is not None and self.end is not None and self.period is None:
            return window_between(self.start, self.end)
        period = self._period(default)
        return None if period is None or period.strip().lower() == ALL else window_of(period, now, None)

    def of(self, player: Player, default: str, now: datetime) -> Window:
        """The window of this player. Raises InvalidPeriod."""
        # a look may be stored as of a second later than the clock says: two looks never share one
        now = max(now, player.last_look_at or player.created_at)
        period = self._period(default)
        if period is not None:
            return window_of(period, now, player.created_at)
        if self.start is None and self.end is not None and self.end <= player.created_at:
            raise InvalidPeriod(
                f"{player.display_name} is tracked since {player.created_at:%Y-%m-%d}: nothing is known before."
            )
        return window_between(self.start or player.created_at, self.end or now)

    def _period(self, default: str) -> str | None:
        """The period; None where times are given."""
        if self.start is None and self.end is None:
            return default if self.period is None else self.period
        if self.period is not None:
            raise InvalidPeriod("Give either a period or from and to, not both.")
        return None


async def over_window(
    instance: Instance,
    name: str,
    asked: Asked,
    default: str,
    read: Callable[[Connection, str, Window], Awaitable[tuple[Player, T] | None]],
) -> tuple[Player, T]:
    """What `read` finds, given the player's canonical name and the window; it gives None where nobody has that name.

    Raises InvalidUsername, PlayerNotFound, InvalidPeriod.
    """
    username, now = usernames.tracked_name(name), datetime.now(UTC)
    window = asked.at_once(default, now)
    async with instance.db.reading() as conn:
        if window is None:
            player = await table.by_username(conn, username)
            found = None if player is None else await read(conn, username, asked.of(player, default, now))
        else:
            found = await read(conn, username, window)
            if found and asked.end is None and (found[0].last_look_at or now) > now:
                found = await read(conn, username, asked.of(found[0], default, now))
        if found is None:
            raise await not_found(conn, name)
    return found
