"""How values read: numbers, spans, moments, outcomes. Pure: `now` is always an argument."""

from datetime import datetime, timedelta

from osrsdiff.errors import Outcome
from osrsdiff.game.modes import GameMode
from osrsdiff.storage.players import Player

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def number(value: int | None) -> str:
    """1,234,567; a dash for None."""
    return "-" if value is None else f"{value:,}"


def signed(value: int) -> str:
    """+1,234 or -5; plain 0."""
    return f"{value:+,}" if value else "0"


def rate(per_second: float) -> str:
    """0.17; <0.01 for what would read as nothing."""
    return "<0.01" if 0 < per_second < 0.005 else f"{per_second:.2f}"


def counted(count: int, thing: str) -> str:
    """1 player, 2 players."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def span(length: timedelta) -> str:
    """The length in its largest fitting unit: 45 s, 3 min, 5 h, 6 days."""
    seconds = int(abs(length.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{seconds // _DAY} days"


def ago(at: datetime, now: datetime) -> str:
    """3 min ago, in 12 min, now."""
    if abs(at - now) < timedelta(seconds=1):
        return "now"
    return f"{span(now - at)} ago" if at < now else f"in {span(at - now)}"


def local(at: datetime, now: datetime) -> str:
    """`at` on this machine's clock: 19:48 today, 14 Nov 19:48 this year, 2025-11-14 19:48 else."""
    here, today = at.astimezone(), now.astimezone()
    if here.date() == today.date():
        return f"{here:%H:%M}"
    return f"{here.day} {here:%b %H:%M}" if here.year == today.year else f"{here:%Y-%m-%d %H:%M}"


def day(at: datetime, now: datetime) -> str:
    """`at` on this machine's clock as short as it stays clear: 19:48 today, 14 Nov this year, 2025-11-14 else."""
    here, today = at.astimezone(), now.astimezone()
    if here.date() == today.date():
        return f"{here:%H:%M}"
    return f"{here.day} {here:%b}" if here.year == today.year else f"{here:%Y-%m-%d}"


def moment(at: datetime | None, now: datetime, never: str = "never") -> str:
    """When, and how far from now: 14 Nov 19:48 (6 days ago)."""
    return never if at is None else f"{local(at, now)} ({ago(at, now)})"


def fire(at: datetime, now: datetime) -> str:
    """How far a fetch is from now: in 12 min, 3 min late."""
    return f"{span(now - at)} late" if now - at >= timedelta(seconds=1) else ago(at, now)


def every(minutes: int) -> str:
    """An interval: 45 min, 1 h, 1 h 30 min, 2 days."""
    days, rest = divmod(minutes, 24 * 60)
    hours, rest = divmod(rest, 60)
    parts = [f"{days} days" if days > 1 else "1 day"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{rest} min"] if rest else []
    return " ".join(parts)


_OUTCOMES = {
    Outcome.CHANGED: "changed",
    Outcome.UNCHANGED: "unchanged",
    Outcome.NOT_RANKED: "not on the hiscores",
    Outcome.INVALID_NAME: "name refused",
    Outcome.RATE_LIMITED: "rate limited",
    Outcome.UNAVAILABLE: "hiscores unavailable",
    Outcome.MALFORMED: "answer not understood",
    Outcome.DEFERRED: "put off",
}


def outcome(value: Outcome | None) -> str:
    """An outcome in words; a dash where there was none yet."""
    return "-" if value is None else _OUTCOMES[value]


def is_data(value: Outcome) -> bool:
    """Whether the look gave data."""
    return value in (Outcome.CHANGED, Outcome.UNCHANGED)


def mode(value: GameMode) -> str:
    """A game mode in words: hardcore ironman."""
    return value.replace("_", " ")


def not_reckoned(player: Player) -> str:
    """Why records and achievements may be missing or change yet, of a player whose history is not reckoned."""
    if player.flagged_at is not None:
        return "Flagged for review: what was seen since then does not count until that is decided."
    return "Not reckoned from the whole history yet: that is done within minutes while `osrsdiff run` runs."


def both(earlier: datetime, later: datetime, now: datetime) -> str:
    """Two times, the day of the second left out where it is the first's: 14 Nov 10:00 and 16:00."""
    same_day = earlier.astimezone().date() == later.astimezone().date()
    return f"{local(earlier, now)} and {f'{later.astimezone():%H:%M}' if same_day else local(later, now)}"
