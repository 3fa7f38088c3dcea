"""Reckons records and achievements from whole histories, and makes what is stored agree.

Looks keep both up to date by themselves. What they can't know is reckoned here: history that was brought from
elsewhere, and rules that are newer than the looks. Player by player, in short transactions; a fetch that is stored
meanwhile is not overwritten, the player is reckoned once more.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from anyio import to_thread
from msgspec import Struct, field

from osrsdiff import logs
from osrsdiff.errors import OsrsdiffError
from osrsdiff.game import achievements as achievement_rules
from osrsdiff.game import records as record_rules
from osrsdiff.game.achievements import Reached
from osrsdiff.game.reckoning import RULES
from osrsdiff.game.records import Record
from osrsdiff.storage import achievements, reckoning, records
from osrsdiff.storage.engine import Database
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.reckoning import History
from osrsdiff.tracking import selection
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.progress import Progress, Steps
from osrsdiff.tracking.selection import RefusedName

log = logs.get(__name__)

_MOST_TRIES = 5
"""So often a player is reckoned who is fetched each time meanwhile."""
_PAGE = 100
_BY_THE_CLOCK_S = 300.0
"""So long a run of the job goes on; the next one does the rest."""

K = TypeVar("K")
T = TypeVar("T")


class Differences(Struct):
    """What was stored and is not what the history comes to: not there, another, there without reason."""

    missing: int = 0
    different: int = 0
    superfluous: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.missing + self.different + self.superfluous

    def add(self, others: "Differences") -> None:
        """Counts further ones."""
        self.missing += others.missing
        self.different += others.different
        self.superfluous += others.superfluous


class Reckoned(Struct):
    """What reckoning found. `mended`: False for a dry run. `busy`: players who were fetched too often meanwhile.

    `failed`: players with whom something went wrong that nobody expected; the job alone goes on after such a one.
    """

    mended: bool
    players: int = 0
    busy: int = 0
    failed: int = 0
    records: Differences = field(default_factory=Differences)
    achievements: Differences = field(default_factory=Differences)
    refused: list[RefusedName] = []

    @property
    def differences(self) -> int:
        """How many in all."""
        return self.records.count + self.achievements.count


class _Found(Struct, frozen=True):
    """A player's history and what stands. `is_whole`: no look came while it was read."""

    history: History
    records: list[Record]
    achievements: list[Reached]
    is_whole: bool


class _Compared(Struct, frozen=True):
    """What a history comes to beside what stands. `wrong`, `superfluous`: records to set, and to take back."""

    version: int
    wrong: list[Record]
    superfluous: list[Record]
    achievements: list[Reached]
    of_records: Differences
    of_achievements: Differences
    is_settled: bool


async def rebuild(
    instance: Instance, names: Sequence[str] | None, *, dry_run: bool = False, progress: Progress | None = None
) -> Reckoned:
    """Reckons the players of these names, or everybody, and mends what differs; names of nobody are refused."""
    report = Reckoned(mended=not dry_run)
    if names is None:
        pages, count = selection.pages(instance, None), await selection.count(instance, None)
    else:
        player_ids, report.refused = await selection.named(instance, names)
        pages, count = _one_page(player_ids), len(player_ids)
    steps = Steps(progress, count)
    async for page in pages:
        for player_id in page:
            await reckon_player(instance.db, player_id, report)
            steps.add(1)
    steps.end()
    return report


async def reckon_pending(instance: Instance, *, within_s: float = _BY_THE_CLOCK_S) -> Reckoned:
    """Reckons players who never were, or by other rules; leaves off after `within_s`.

    What goes wrong with one player is logged and stops nobody else; a database that doesn't answer is everybody's.
    """
    report = Reckoned(mended=True)
    end, tried = time.monotonic() + within_s, set[int]()
    while True:
        # who was reckoned is on no further page; who could not be, comes again
        async with instance.db.reading() as connection:
            page = await reckoning.pending(connection, RULES, limit=_PAGE + report.busy + report.failed)
        new = [player_id for player_id in page if player_id not in tried]
        for player_id in new:
            if time.monotonic() >= end:
                return report
            await _reckon_or_log(instance.db, player_id, report)
        if not new:
            return report
        tried.update(new)


async def _reckon_or_log(db: Database, player_id: int, report: Reckoned) -> None:
    try:
        await reckon_player(db, player_id, report)
    except OsrsdiffError:
        raise
    except Exception:  # else everybody after this player would wait for ever
        log.exception("player not reckoned", player_id=player_id)
        report.failed += 1


async def _one_page(player_ids: list[int]) -> AsyncIterator[list[int]]:
    yield player_ids


async def reckon_player(db: Database, player_id: int, report: Reckoned) -> None:
    """Adds to the report what one player's history comes to, and writes it unless the report is a dry run's."""
    for _ in range(_MOST_TRIES):
        found = await _read(db, player_id)
        if found is None:
            return
        if not found.is_whole:
            continue
        compared = await to_thread.run_sync(_compared, found)  # a long history takes a while
        if report.mended and not compared.is_settled and not await _write(db, player_id, compared):
            continue
        report.players += 1
        report.records.add(compared.of_records)
        report.achievements.add(compared.of_achievements)
        return
    report.busy += 1


async def _read(db: Database, player_id: int) -> _Found | None:
    """None where nobody has seen the player, it is removed, or its older looks are being brought in."""
    async with db.reading() as connection:
        history = await reckoning.history(connection, player_id)
        if history is None:
            return None
        stored = await records.of_player(connection, player_id)
        reached = await achievements.of_player(connection, player_id)
        is_whole = await reckoning.version(connection, player_id) == history.version
    return _Found(history, stored, reached, is_whole)


def _compared(found: _Found) -> _Compared:
    history = found.history
    values = {metric: [(at, value) for at, value, _ in known] for metric, known in history.series.items()}
    right = {(one.metric, one.period): one for one in record_rules.rebuilt(history.looks, values)}
    stored = {(one.metric, one.period): one for one in found.records}
    reached = achievement_rules.rebuilt(history.looks, history.series)
    of_records = _differences(right, stored)
    of_achievements = _differences({one.rule: one for one in reached}, {one.rule: one for one in found.achievements})
    return _Compared(
        version=history.version,
        wrong=[one for key, one in right.items() if stored.get(key) != one],
        superfluous=[one for key, one in stored.items() if key not in right],
        achievements=reached,
        of_records=of_records,
        of_achievements=of_achievements,
        is_settled=not of_records.count and not of_achievements.count and history.rules == RULES,
    )


def _differences(right: Mapping[K, T], stored: Mapping[K, T]) -> Differences:
    there = right.keys() & stored.keys()
    return Differences(
        missing=len(right) - len(there),
        different=sum(right[key] != stored[key] for key in there),
        superfluous=len(stored) - len(there),
    )


async def _write(db: Database, player_id: int, compared: _Compared) -> bool:
    """Whether it is written, in one go; not where another look was stored meanwhile."""
    ids = await _ids(db, compared)
    steps = [
        reckoning.guard(player_id, compared.version),
        *records.taken_back(player_id, compared.superfluous, ids),
        *records.steps(player_id, compared.wrong, ids),
        reckoning.reckoned(player_id, RULES),
    ]
    if compared.of_achievements.count:
        async with db.reading() as connection:
            correction = await achievements.correction(connection, player_id, compared.achievements, ids)
        steps += correction.steps
    if not await db.write_together(steps):
        return False
    log.info(
        "player reckoned",
        player_id=player_id,
        records=compared.of_records.count,
        achievements=compared.of_achievements.count,
    )
    return True


async def _ids(db: Database, compared: _Compared) -> Mapping[str, int]:
    """The ids of all metrics concerned, also of one that no sheet has shown: base levels are Overall's."""
    of_records = {one.metric for one in [*compared.wrong, *compared.superfluous]}
    metrics = of_records | {one.metric for one in compared.achievements}
    if metrics <= db.metrics.ids.keys():
        return db.metrics.ids
    async with db.writing() as connection:
        return await ids_of(connection, metrics, (), at=datetime.now(UTC))
