"""The documents that `--json` prints and the API does not have. Fields may be added; none is renamed or removed.

Players, schedules, jobs and gains are printed as the API answers them: see `osrsdiff.api.documents`.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from osrsdiff.api import schemas
from osrsdiff.errors import Outcome
from osrsdiff.game.builds import Build
from osrsdiff.game.modes import GameMode, Verdict
from osrsdiff.tracking.fetch import FetchReport
from osrsdiff.tracking.modes import ModeChecked
from osrsdiff.tracking.reckoning import Differences, Reckoned


class Headline(Struct, frozen=True):
    """A player's sheet in four numbers; None where hidden or not looked at yet."""

    total_level: int | None = None
    combat_level: int | None = None
    overall_xp: int | None = None
    overall_rank: int | None = None


class PlayerShown(Struct, frozen=True):
    """One player, and what is known of it. `builds`: as the sheet in the API has them."""

    player: schemas.Player
    next_fetch_at: datetime | None
    headline: Headline
    builds: list[Build]


class Fetched(Struct, frozen=True):
    """How a fetch ended. `retry_at`: None where the next beat is soon enough."""

    outcome: Outcome
    changed: int
    first_look: bool
    message: str | None
    retry_at: datetime | None


class ModeCheck(Struct, frozen=True):
    """How a check of a game mode ended. `mode`: what the player is tracked as now, `found`: what the tables told of.

    `verdict`: None where nothing was learnt; `message` says why. `pending`: what a second look has to find too.
    """

    mode: GameMode
    verdict: Verdict | None
    found: GameMode | None
    changed_from: GameMode | None
    pending: GameMode | None
    second_look_at: datetime | None
    requests: int
    message: str | None


class NameResult(Struct, frozen=True):
    """What became of one name. `fetch`: None where nobody waited for a look, or it has not ended in time.

    `joined`: the look was asked for before, or another one has just answered. `check`: as `fetch`, of a game mode.
    """

    name: str
    username: str | None
    done: bool
    error: str | None
    fetch: Fetched | None
    joined: bool = False
    check: ModeCheck | None = None


class NameResults(Struct, frozen=True):
    """What became of several names. `fetching`: whether a worker runs that looks at them."""

    fetching: bool
    results: list[NameResult]


class NameRefused(Struct, frozen=True):
    """A name that is nobody's, and why."""

    name: str
    error: str


class RecordsRebuilt(Struct, frozen=True):
    """What reckoning anew has found. `mended`: False for a dry run. `busy`: players to be reckoned once more."""

    mended: bool
    players: int
    busy: int
    records: Differences
    achievements: Differences
    refused: list[NameRefused]


def records_rebuilt(report: Reckoned) -> RecordsRebuilt:
    """A report as scripts see it."""
    refused = [NameRefused(one.name, str(one.error)) for one in report.refused]
    return RecordsRebuilt(report.mended, report.players, report.busy, report.records, report.achievements, refused)


def fetched(report: FetchReport | None) -> Fetched | None:
    """A report as scripts see it."""
    return None if report is None else msgspec.convert(report, Fetched, from_attributes=True)


def checked(report: ModeChecked | None) -> ModeCheck | None:
    """A report of a check as scripts see it."""
    return None if report is None else msgspec.convert(report, ModeCheck, from_attributes=True)
