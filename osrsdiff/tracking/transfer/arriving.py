"""One player out of a file: added or found, its looks merged into what is here, then all else that is missing.

Looks are stored a batch at a time, each whole and true by itself, so that an import that is killed and started again
skips what is here and comes to the same end. Whoever is added is paused until then, and a note says so. A look that
is fetched meanwhile is not lost: what was compared with an older state is compared once more.
"""

import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from osrsdiff.errors import DatabaseBusy, UserError
from osrsdiff.game.events import EventKind
from osrsdiff.game.merged import NOTHING_KNOWN, Batch, Known, Look, look_of_state
from osrsdiff.game.merging import Merge
from osrsdiff.game.snapshots import State
from osrsdiff.storage import arrivals, arrived, export, moves
from osrsdiff.storage.arrived import Belongings
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.export import Kept
from osrsdiff.storage.metrics import ids_of
from osrsdiff.storage.moves import Arrival, Standing

COMMIT_S = 0.012
"""How long a commit should take; four times that and it is still short."""
FEWEST_ROWS, MOST_ROWS = 100, 2_000
TRIES = 10

T = TypeVar("T")


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

    `is_new`: added now, or by an import that was interrupted.
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
        self._has_changed = False

    async def begin(self) -> None:
        """Adds the player where it is not here. Raises Unwelcome."""
        standing = await self._standing()
        self._was_here = standing is not None
        if standing is None and not self._dry_run:
            await self._db.write_together(moves.begun(arrivals.SOURCE, [self._person.arrival], (), ()))
            standing = await self._standing()
        if standing is None:
            self._is_new = True
            return
        move = standing.move
        if move is not None and not move.is_joined and move.source != arrivals.SOURCE:
            raise Unwelcome("its move from another database is not finished here: finish that one first.")
        self._is_new = move is not None and move.source == arrivals.SOURCE
        self._player_id = standing.player_id

    async def look(self, look: Look) -> None:
        """The next look; now and then what has come together is stored."""
        merge = await self._merging(look.at)
        self._pending.append(look)
        merge.take(look)
        if merge.rows >= self._pace.rows:
            await self._store(None, is_last=False)

    async def end(self, belongings: Belongings) -> Came:
        """Stores what is left."""
        newest = self._person.newest
        if newest is not None and self._last_at is not None and newest.looked_at < self._last_at:
            newest = None  # it is none that these looks led to
        if newest is not None:
            merge = await self._merging(newest.looked_at)
            if newest.looked_at != self._last_at:
                self._pending.append(look_of_state(newest))
                merge.take(self._pending[-1])
        if self._merge is not None:
            await self._store(newest, is_last=True)
        missing = await self._missing(belongings)
        if not self._dry_run:
            await self._store_rest(missing)
        counts = self._merge or Merge(NOTHING_KNOWN)
        return Came(
            self._player_id,
            self._is_new,
            counts.stored,
            counts.unchanged,
            counts.known,
            missing,
            self._has_changed,
        )

    @property
    def _last_at(self) -> datetime | None:
        return self._merge.file_at if self._merge else None

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

    async def _missing(self, given: Belongings) -> Belongings:
        """What of it is not here. Of who was here before, records and achievements are reckoned, not brought."""
        kept = await self._kept() if self._was_here and self._player_id is not None else None
        if kept is None:
            return given
        events = set(kept.events)
        kinds = {event.kind for event in kept.events}
        missing = Belongings(
            mode_changes=_but(given.mode_changes, kept.mode_changes, lambda one: one.at),
            name_changes=_but(given.name_changes, kept.name_changes, lambda one: (one.at, one.before, one.after)),
            reviews=_but(given.reviews, kept.reviews, lambda one: (one.flagged_at, one.why)),
            events=[event for event in given.events if event not in events],
            memberships=_but(given.memberships, kept.memberships, lambda one: one.group),
        )
        if self._is_new:
            missing.achievements = _but(given.achievements, kept.achievements, lambda one: one.rule)
            missing.records = _but(given.records, kept.records, lambda one: (one.metric, one.period))
        else:
            of_here = {EventKind.ACHIEVEMENT, *kinds & {EventKind.FIRST_SEEN}}
            missing.events = [event for event in missing.events if event.kind not in of_here]
        return missing

    async def _kept(self) -> Kept | None:
        async with self._db.reading() as conn:
            try:
                return await export.kept(conn, self._player_id or 0)
            except TimeoutError as error:
                name = self._person.arrival.display_name
                raise DatabaseBusy(f"{name} is changed all the time. Import it again later.") from error

    async def _store_rest(self, missing: Belongings) -> None:
        """Adds what is missing, then ends the player's import."""
        if self._player_id is None:
            return
        told = {one.metric for one in missing.events if one.metric is not None}
        kept = {one.metric for one in missing.achievements} | {one.metric for one in missing.records}
        ids = await self._ids(told | kept, self._now)
        steps = list(arrived.steps(self._player_id, missing, ids))
        self._has_changed = self._has_changed or bool(steps) or self._is_new
        columns = self._person.columns
        if self._is_new and columns is not None:
            last = arrivals.as_there(self._player_id, {**columns, "is_active": self._person.is_active})
        elif self._is_new:
            last = arrivals.active(self._player_id, is_active=self._person.is_active)
        else:
            last = _mode(self._player_id, columns)
        while len(steps) > self._pace.rows:
            some, steps = steps[: self._pace.rows], steps[self._pace.rows :]
            await self._db.write_together(some)
        if steps or last:
            await self._db.write_together([*steps, *last])


def _mode(player_id: int, columns: Mapping[str, object] | None) -> list[Step]:
    if columns is None or not isinstance(columns["mode_checked_at"], datetime):
        return []
    mode, since = columns["game_mode"], columns["mode_since"]
    since = since if isinstance(since, datetime) else None
    return [arrivals.mode(player_id, str(mode), since, columns["mode_checked_at"])]


def _but(given: Sequence[T], kept: Sequence[T], key: Callable[[T], object]) -> list[T]:
    """Those that are not kept by the same key."""
    known = {key(one) for one in kept}
    return [one for one in given if key(one) not in known]
