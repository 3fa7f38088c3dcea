"""One run of an import: what it is told to do, how it takes players in, and what it counts."""

from collections.abc import Iterable
from datetime import UTC, datetime

from osrsdiff.game.merged import Look
from osrsdiff.game.metrics import KNOWN, Metric, register
from osrsdiff.game.modes import GameMode
from osrsdiff.storage import arrived
from osrsdiff.storage.arrived import Belongings
from osrsdiff.storage.engine import Database
from osrsdiff.storage.export import all_metrics
from osrsdiff.storage.moves import Arrival
from osrsdiff.tracking.transfer import items
from osrsdiff.tracking.transfer.arriving import Arriving, Came, Pace, Person, Unwelcome
from osrsdiff.tracking.transfer.given import Checked
from osrsdiff.tracking.transfer.import_report import ImportReport, RefusedRows


class Run:
    """`new`: the ids of players who were added."""

    def __init__(
        self,
        db: Database,
        report: ImportReport,
        rows: RefusedRows,
        now: datetime,
        *,
        interval_minutes: int,
        dry_run: bool,
        paused: bool,
    ) -> None:
        self._db = db
        self._interval_minutes = interval_minutes
        self._dry_run = dry_run
        self._pace = Pace()
        self.report = report
        self.rows = rows
        self.now = now.astimezone(UTC).replace(microsecond=0)
        self.paused = paused
        self.new: list[int] = []

    def arriving(self, person: Person, *, is_check: bool = False) -> Arriving:
        """Takes in one player; with `is_check` nothing of it is stored."""
        return Arriving(self._db, person, self._pace, dry_run=self._dry_run or is_check, now=self.now)

    async def check(self, username: str, name: str) -> None:
        """Notes a player of whom there are looks and nothing else, where none could be taken in."""
        try:
            await self.arriving(self._person(username, name, self.now), is_check=True).begin()
        except Unwelcome as error:
            self.rows.add(f"player {name}", str(error))

    async def take_in(self, username: str, name: str, looks: Iterable[Look]) -> None:
        """A player of whom there are looks and nothing else, in the order of their times."""
        arriving, count = None, 0
        try:
            for look in looks:
                if arriving is None:
                    arriving = self.arriving(self._person(username, name, look.at))
                    await arriving.begin()
                count += 1
                await arriving.look(look)
            if arriving is not None:
                self.came(await arriving.end(Belongings()), count)
        except Unwelcome as error:
            self.rows.add(f"player {name}", str(error))

    def _person(self, username: str, name: str, created_at: datetime) -> Person:
        arrival = Arrival(username, name, GameMode.REGULAR, self._interval_minutes, created_at)
        return Person(arrival, not self.paused)

    def came(self, came: Came, looks: int) -> None:
        """Counts a player who is done with."""
        report, missing = self.report, came.missing
        report.players_new += came.is_new
        report.players_known += not came.is_new
        report.looks += looks
        report.looks_stored += came.looks_stored
        report.looks_unchanged += came.looks_unchanged
        report.looks_known += came.looks_known
        report.added.memberships += len(missing.memberships)
        report.added.mode_changes += len(missing.mode_changes)
        report.added.name_changes += len(missing.name_changes)
        report.added.reviews += len(missing.reviews)
        report.added.events += len(missing.events)
        report.reckoning |= came.has_changed
        if came.is_new and came.player_id is not None:
            self.new.append(came.player_id)

    async def add_metric(self, item: items.Metric) -> None:
        """Adds a metric that is not here."""
        register(Metric(item.key, item.name, item.kind))
        if item.key in self._db.metrics.ids or item.key in await self._stored():
            return
        self.report.added.metrics += 1
        if not self._dry_run:
            await self._db.write_together([arrived.metric(item.key, item.name, item.kind.value, item.first_seen_at)])

    async def add_group(self, item: items.Group) -> None:
        """Adds a group that is not here."""
        self.report.added.groups += 1
        if not self._dry_run:
            await self._db.write_together([arrived.group(item.key, item.name, item.description, item.created_at)])

    async def checked(self) -> Checked:
        """What the rows of a file are checked against."""
        async with self._db.reading() as conn:
            return Checked(self.now, await self.metrics(), await arrived.group_keys(conn))

    async def metrics(self) -> set[str]:
        """The metrics that the game or this instance has."""
        return {metric.key for metric in KNOWN} | await self._stored()

    async def _stored(self) -> set[str]:
        async with self._db.reading() as conn:
            return {metric.key for metric, _ in await all_metrics(conn)}
