"""One player out of a file: added or found, its looks merged into what is here, then all else that is missing.

Looks are stored a batch at a time, each whole and true by itself, so that an import that is killed and started again
skips what is here and comes to the same end. Whoever is added is paused until then, and a note says so. A look that
is fetched meanwhile is not lost: what was compared with an older state is compared once more.

The file's newest state is taken where all looks came that led to it. Else what is stored is what the looks show that
came, and a whole file brings the others.
"""

import time
from collections.abc import Mapping, Set
from datetime import datetime

from msgspec import Struct

from osrsdiff.errors import DatabaseBusy, UserError
from osrsdiff.game.merged import NOTHING_KNOWN, Batch, Known, Look, look_of_state
from osrsdiff.game.merging import Merge
from osrsdiff.game.snapshots import State
from osrsdiff.storage import arrival_ends, arrivals, arrived, export, moves
from osrsdiff.storage.arrived import Belongings
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.export import Kept
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.moves import Arrival, Standing
from osrsdiff.storage.standing import MOVE_ON
from osrsdiff.tracking.transfer.missing import missing

COMMIT_S = 0.012
"""How long a commit should take; four times that and it is still short."""
FEWEST_ROWS, MOST_ROWS = 100, 2_000
TRIES = 10


class Unwelcome(UserError):
    """A player who can't be imported now; the text says why."""


class Pace:
    """How many rows go into a commit, which follows how long the last ones took."""

    def __init__(self) -> None:
        self.rows = 500

    def took(self, rows: int, seconds: float) -> None:
        """So many rows took so long."""
        fitting = int(rows * COMMIT_S / max(seconds, 1e-6))
        self.rows = max(FEWEST_ROWS, min(MOST_ROWS, (self.rows + fitting) // 2))


class Person(Struct, frozen=True):
    """Who is to be imported. `columns`: of the player's row, None where the file has nothing but looks."""

    arrival: Arrival
    is_active: bool
    columns: Mapping[str, object] | None = None
    newest: State | None = None


class Came(Struct, frozen=True):
    """What became of a player. `player_id`: None in a dry run for who is not here. `missing`: what was added.

    `is_new`: added now, or by an import that was interrupted. `has_changed`: whether the history is to be reckoned.
    """

    player_id: int | None
    is_new: bool
    looks_stored: int
    looks_unchanged: int
    looks_known: int
    missing: Belongings
    has_changed: bool


class Arriving:
    """Takes one player's looks in the order of their times, then the rest."""

    def __init__(self, db: Database, person: Person, pace: Pace, *, dry_run: bool, now: datetime) -> None:
        self._db = db
        self._person = person
        self._pace = pace
        self._dry_run = dry_run
        self._now = now
        self._player_id: int | None = None
        self._is_new = False
        self._was_here = False
        self._merge: Merge | None = None
        self._begun: Merge | None = None
        self._pending: list[Look] = []
        self._came_at: datetime | None = None
        self._has_changed = False

    async def begin(self) -> None:
        """Adds the player where it is not here. Raises Unwelcome."""
        standing = await self._standing()
        self._was_here = standing is not None
        if standing is None and not self._dry_run:
            await self._db.write_together(moves.begun(arrival_ends.SOURCE, [self._person.arrival], (), ()))
            standing = await self._standing()
        if standing is None:
            self._is_new = True
            return
        move = standing.move
        if move is not None and not move.is_joined and move.source != arrival_ends.SOURCE:
            raise Unwelcome("its move from another database is not finished here: finish that one first.")
        self._is_new = move is not None and move.source == arrival_ends.SOURCE
        self._player_id = standing.player_id

    async def look(self, look: Look) -> None:
        """The next look; now and then what has come together is stored."""
        merge = await self._merging(look.at)
        self._came_at = look.at
        self._pending.append(look)
        merge.take(look)
        if merge.rows >= self._pace.rows:
            await self._store(None, is_last=False)

    async def end(self, belongings: Belongings, *, is_whole: bool = True) -> Came:
        """Stores what is left. `is_whole`: no look is missing in the file."""
        newest = self._person.newest if is_whole else None
        if newest is not None and (newest.taken_at != self._came_at or newest.looked_at < newest.taken_at):
            newest = None  # it is none that these looks led to
        if newest is not None:
            merge = await self._merging(newest.looked_at)
            if newest.looked_at != merge.file_at:
                self._pending.append(look_of_state(newest))
                merge.take(self._pending[-1])
        if self._merge is not None:
            await self._store(newest, is_last=True)
        added = await self._missing(belongings, is_whole=is_whole)
        if not self._dry_run:
            await self._store_rest(added, is_whole=is_whole)
        counts = self._merge or Merge(NOTHING_KNOWN)
        return Came(
            self._player_id,
            self._is_new,
            counts.stored,
            counts.unchanged,
            counts.known,
            added,
            self._has_changed or (self._is_new and self._merge is not None),
        )

    async def _merging(self, since: datetime) -> Merge:
        if self._merge is None:
            self._merge = Merge(await self._known(since))
            self._begun = self._merge.copy()
        return self._merge

    async def _known(self, since: datetime) -> Known:
        if self._player_id is None:
            return NOTHING_KNOWN
        async with self._db.reading() as conn:
            return await arrivals.known(conn, self._player_id, since)

    async def _store(self, newest: State | None, *, is_last: bool) -> None:
        """Stores what has come together, however often the player is fetched meanwhile."""
        for _ in range(TRIES):
            if self._merge is None:
                return
            rows = self._merge.rows
            batch = self._merge.batch(is_last=is_last, newest=newest)
            if batch is None or await self._is_stored(batch, rows):
                break
            await self._again()
        else:
            raise DatabaseBusy(f"{self._person.arrival.display_name} is fetched all the time. Import it again later.")
        if batch is not None:
            self._has_changed = True
            self._merge.is_stored(batch)
        self._begun = self._merge.copy()
        self._pending.clear()

    async def _is_stored(self, batch: Batch, rows: int) -> bool:
        if self._dry_run or self._player_id is None:
            return True
        keys = {metric for put in batch.puts for metric in put.row.readings} | batch.state.sheet.keys()
        ids = await self._ids(keys, min((put.row.at for put in batch.puts), default=self._now))
        started = time.perf_counter()
        stored = await self._db.write_together(arrivals.stored(self._player_id, batch, ids))
        self._pace.took(rows, time.perf_counter() - started)
        return stored

    async def _again(self) -> None:
        """Merges what is not stored into what is here by now."""
        standing = await self._standing()
        if standing is None or standing.player_id != self._player_id or self._begun is None:
            raise Unwelcome("it was removed or renamed here while it was imported.")
        since = self._begun.last_at or (self._pending[0].at if self._pending else self._now)
        self._merge = self._begun.again(await self._known(since))
        for look in self._pending:
            self._merge.take(look)

    async def _standing(self) -> Standing | None:
        username = self._person.arrival.username
        async with self._db.reading() as conn:
            return (await moves.standings(conn, [username])).get(username)

    async def _ids(self, keys: Set[str], seen_at: datetime) -> Mapping[str, int]:
        if keys <= self._db.metrics.ids.keys():
            return self._db.metrics.ids
        async with self._db.writing() as conn:
            return await ids_of(conn, keys, (), at=seen_at)

    async def _missing(self, given: Belongings, *, is_whole: bool) -> Belongings:
        kept = await self._kept() if self._was_here and self._player_id is not None else None
        return missing(given, kept, is_new=self._is_new, is_whole=is_whole)

    async def _kept(self) -> Kept | None:
        async with self._db.reading() as conn:
            try:
                return await export.kept(conn, self._player_id or 0)
            except TimeoutError as error:
                name = self._person.arrival.display_name
                raise DatabaseBusy(f"{name} is changed all the time. Import it again later.") from error

    async def _store_rest(self, added: Belongings, *, is_whole: bool) -> None:
        """Adds what is missing, then ends the player's import. Whoever reads of the player sees it: `seen`."""
        if self._player_id is None:
            return
        told = {one.metric for one in added.events if one.metric is not None}
        kept = {one.metric for one in added.achievements} | {one.metric for one in added.records}
        ids = await self._ids(told | kept, self._now)
        steps = list(arrived.steps(self._player_id, added, ids))
        last = self._last_steps(self._player_id, is_whole=is_whole)
        moved_on = Step(MOVE_ON, {"player_id": self._player_id})
        while len(steps) > self._pace.rows:
            some, steps = steps[: self._pace.rows], steps[self._pace.rows :]
            await self._db.write_together([moved_on, *some])
        if steps:
            last = [moved_on, *steps, *last]
        if last:
            await self._db.write_together(last)

    def _last_steps(self, player_id: int, *, is_whole: bool) -> list[Step]:
        columns = self._person.columns
        if columns is None:
            return arrival_ends.active(player_id, is_active=self._person.is_active) if self._is_new else []
        if not self._is_new:
            return arrival_ends.as_here(player_id, columns, is_whole=is_whole)
        columns = {**columns, "is_active": self._person.is_active}
        return arrival_ends.as_there(player_id, columns, is_whole=is_whole)
