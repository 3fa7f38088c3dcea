"""Whom OSRS Diff tracks, as this program would: canonical names, intervals, modes. Pure.

What can't be carried over as it is, is told: a refused name, a default instead of an interval, two of its names that
the game takes for one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from osrsdiff.errors import InvalidInterval, InvalidUsername
from osrsdiff.game import usernames
from osrsdiff.game.intervals import parse_interval
from osrsdiff.game.modes import GameMode
from osrsdiff.storage.predecessor import OldPlayer
from osrsdiff.tracking.move.report import About, Failure, Remark

GAME_BEGAN = datetime(2013, 2, 22, tzinfo=UTC)


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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def people_of(rows: Iterable[OldPlayer], *, default_interval: int, now: datetime) -> People:
    """The players of those rows. Where several rows are one player, the one that was fetched last has its way."""
    refused: list[Failure] = []
    remarks: list[Remark] = []
    by_name: dict[str, list[OldPlayer]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        if row.username is None:
            refused.append(Failure("player", row.id, "", "It has no name."))
            continue
        try:
            by_name[usernames.canonical(row.username)].append(row)
        except InvalidUsername as error:
            refused.append(Failure("player", row.id, row.username[:40], str(error)))
    everybody = [_person(username, same, default_interval, now, remarks) for username, same in by_name.items()]
    return People(everybody, refused, remarks, sum(len(same) - 1 for same in by_name.values()))


def _person(
    username: str, same: list[OldPlayer], default_interval: int, now: datetime, remarks: list[Remark]
) -> Person:
    created = _moments(username, "when it was added", [row.created_us for row in same], now, remarks)
    fetched = _moments(username, "when it was fetched last", [row.fetched_us for row in same], now, remarks)
    _, _, _, newest = max(
        (fetched[i] or _EPOCH, created[i] or _EPOCH, row.id, row) for i, row in enumerate(same)
    )  # ids differ, so that rows are never compared
    if len(same) > 1:
        names = ", ".join(repr(row.username) for row in same)
        remarks.append(Remark(username, f"{names} are one player: their records are merged by time", About.NAMES))
    return Person(
        username=username,
        display_name=usernames.display(newest.username or username),
        source_ids=tuple(row.id for row in same),
        game_mode=_mode(username, newest.game_mode, remarks),
        is_active=_is_active(username, same, remarks),
        interval_minutes=_interval(username, newest.fetch_interval_minutes, default_interval, remarks),
        created_at=min((at for at in created if at is not None), default=None),
        fetched_at=max((at for at in fetched if at is not None), default=None),
    )


def _is_active(username: str, same: Sequence[OldPlayer], remarks: list[Remark]) -> bool:
    if all(row.is_active is None for row in same):
        remarks.append(Remark(username, "it was neither active nor not: taken for active", About.ACTIVITY))
        return True
    return any(row.is_active for row in same)


def _mode(username: str, given: str | None, remarks: list[Remark]) -> GameMode:
    if given is None:
        return GameMode.REGULAR
    mode = _MODES.get(given.strip().lower())
    if mode is None:
        remarks.append(Remark(username, f"{given[:40]!r} is no game mode: taken for regular", About.MODE))
    return mode or GameMode.REGULAR


def _interval(username: str, given: int | None, default: int, remarks: list[Remark]) -> int:
    try:
        return parse_interval(given)
    except InvalidInterval:
        what = "it had no interval" if given is None else f"{given} minutes is no interval"
        remarks.append(Remark(username, f"{what}: {default} minutes, the default", About.INTERVAL))
        return default


def _moments(
    username: str, what: str, given: Sequence[int | None], now: datetime, remarks: list[Remark]
) -> list[datetime | None]:
    """Times to the second, None for what can't be, which is told once."""
    moments = [None if us is None else _moment(us, now) for us in given]
    if any(at is None and us is not None for at, us in zip(moments, given, strict=True)):
        remarks.append(Remark(username, f"{what} can't be, or is yet to come: taken for unknown", About.TIME))
    return moments


def _moment(us: int, now: datetime) -> datetime | None:
    try:
        at = _EPOCH + timedelta(seconds=us // 1_000_000)
    except OverflowError:
        return None
    return at if GAME_BEGAN <= at <= now else None
