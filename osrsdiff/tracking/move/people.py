"""Whom OSRS Diff tracks, as this program would: canonical names, intervals, modes. Pure.

What can't be carried over as it is, is told: a refused name, a default instead of an interval, two of its names that
the game takes for one.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from osrsdiff.errors import InvalidInterval, InvalidUsername
from osrsdiff.game import usernames
from osrsdiff.game.intervals import parse_interval
from osrsdiff.game.modes import GameMode
from osrsdiff.storage.predecessor import OldPlayer
from osrsdiff.tracking.move.report import Failure, Remark


class Person(Struct, frozen=True):
    """A player to be carried over. `source_ids`: its ids there, several where several names are one."""

    username: str
    display_name: str
    source_ids: tuple[int, ...]
    game_mode: GameMode
    is_active: bool
    interval_minutes: int
    created_at: datetime | None
    fetched_at: datetime | None


class People(Struct, frozen=True):
    """Everybody, in the order of their first ids there. `merged`: how many more names there were than players."""

    everybody: list[Person]
    refused: list[Failure]
    remarks: list[Remark]
    merged: int


_MODES = {
    "regular": GameMode.REGULAR,
    "ironman": GameMode.IRONMAN,
    "hardcore": GameMode.HARDCORE,
    "hardcore_ironman": GameMode.HARDCORE,
    "ultimate": GameMode.ULTIMATE,
    "ultimate_ironman": GameMode.ULTIMATE,
}


def people_of(rows: Iterable[OldPlayer], *, default_interval: int) -> People:
    """The players of those rows. Where several rows are one player, the one that was fetched last has its way."""
    refused: list[Failure] = []
    remarks: list[Remark] = []
    by_name: dict[str, list[OldPlayer]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        try:
            by_name[usernames.canonical(row.username)].append(row)
        except InvalidUsername as error:
            refused.append(Failure("player", row.id, row.username[:40], str(error)))
    everybody = [_person(username, same, default_interval, remarks) for username, same in by_name.items()]
    return People(everybody, refused, remarks, sum(len(same) - 1 for same in by_name.values()))


def _person(username: str, same: list[OldPlayer], default_interval: int, remarks: list[Remark]) -> Person:
    newest = max(same, key=lambda row: (row.fetched_us or 0, row.created_us or 0, row.id))
    if len(same) > 1:
        names = ", ".join(repr(row.username) for row in same)
        remarks.append(Remark(username, f"{names} are one player: their records are merged by time"))
    return Person(
        username=username,
        display_name=usernames.display(newest.username),
        source_ids=tuple(row.id for row in same),
        game_mode=_mode(username, newest.game_mode, remarks),
        is_active=any(row.is_active for row in same),
        interval_minutes=_interval(username, newest.fetch_interval_minutes, default_interval, remarks),
        created_at=_moment(min((row.created_us for row in same if row.created_us is not None), default=None)),
        fetched_at=_moment(max((row.fetched_us for row in same if row.fetched_us is not None), default=None)),
    )


def _mode(username: str, given: str | None, remarks: list[Remark]) -> GameMode:
    if given is None:
        return GameMode.REGULAR
    mode = _MODES.get(given.strip().lower())
    if mode is None:
        remarks.append(Remark(username, f"{given[:40]!r} is no game mode: taken for regular"))
    return mode or GameMode.REGULAR


def _interval(username: str, given: int | None, default: int, remarks: list[Remark]) -> int:
    try:
        return parse_interval(given)
    except InvalidInterval:
        what = "it had no interval" if given is None else f"{given} minutes is no interval"
        remarks.append(Remark(username, f"{what}: {default} minutes, the default"))
        return default


def _moment(us: int | None) -> datetime | None:
    return None if us is None else datetime.fromtimestamp(us // 1_000_000, UTC)
