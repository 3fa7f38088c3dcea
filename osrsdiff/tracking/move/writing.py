"""Stores players' old looks, a batch at a time, and joins them to what is here once a player's are whole.

A batch of a player's is stored whole with the note of how far it reaches, or not at all. Several players' batches share
a commit, whose size follows how long the last ones took: nobody else waits long for SQLite's write lock.
"""

import asyncio
import time
from collections.abc import Callable, Sequence, Set
from datetime import datetime

from osrsdiff.errors import DatabaseBusy
from osrsdiff.game.metrics import Metric
from osrsdiff.storage import history, move_ends, moves
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.metrics import ids_of
from osrsdiff.tracking.move.joining import FirstKnown, Join, joined
from osrsdiff.tracking.move.track import Track

COMMIT_S = 0.012
"""How long a commit should take; four times that and it is still short."""
FEWEST_ROWS, MOST_ROWS = 200, 2_000
PLAYER_ROWS = 100
"""About what the end of a player's history writes besides its looks."""
JOINS_TRIED = 10


class Writer:
    """Collects batches and stores them. `before_commit`: what must be on disk first."""

    def __init__(self, db: Database, before_commit: Callable[[], None]) -> None:
        self._db = db
        self._before_commit = before_commit
        self._batch: list[tuple[Track, bool]] = []
        self._rows = 0
        self._most_rows = 500

    async def register(self, new: Sequence[Metric], keys: Set[str], at: datetime) -> None:
        """Makes sure that these metrics have ids."""
        if not keys <= self._db.metrics.ids.keys():
            async with self._db.writing() as conn:
                await ids_of(conn, keys, new, at=at)

    async def keep(self, track: Track, *, is_last: bool = False) -> None:
        """Stores what is pending once there is enough of it. `is_last`: the player's old history is whole."""
        if is_last or track.rows >= self._most_rows - self._rows:
            self._batch.append((track, is_last))
            self._rows += track.rows + (PLAYER_ROWS if is_last else 0)
        if self._rows >= self._most_rows:
            await self.flush()

    async def flush(self) -> None:
        """Stores what has been collected."""
        batch, self._batch, rows, self._rows = self._batch, [], self._rows, 0
        if not batch:
            return
        self._before_commit()
        started = time.perf_counter()
        stored = await asyncio.gather(
            *(self._db.write_together(self._steps(track, is_last and _leads_here(track))) for track, is_last in batch)
        )
        self._set_pace(rows, time.perf_counter() - started)
        for (track, is_last), is_stored in zip(batch, stored, strict=True):
            if is_stored:
                track.is_stored()
            else:
                await self._store_alone(track)
            if is_last and not track.is_gone and not (is_stored and _leads_here(track)):
                await self._join(track)
            if is_last:
                track.end()

    def _steps(self, track: Track, is_end: bool) -> list[Step]:
        ids = self._db.metrics.ids
        steps = moves.reopened(track.stored.player_id, track.reopened_from, ids) if track.must_reopen else []
        steps += moves.advanced(track.move, track.pending, ids, expected_records=track.stored.records)
        if is_end:
            person = track.person
            steps += move_ends.finished(
                track.move,
                ids,
                created_at=person.created_at,
                fetched_at=person.fetched_at,
                is_active=person.is_active,
            )
        return steps

    async def _store_alone(self, track: Track) -> None:
        """What could not be stored with the end of the history: somebody has changed the player meanwhile."""
        username = track.person.username
        async with self._db.reading() as conn:
            standing = (await moves.standings(conn, [username])).get(username)
        if standing is None or standing.player_id != track.move.player_id or standing.move is None:
            track.is_gone = True
        elif standing.move.records != track.stored.records:
            raise DatabaseBusy("Another `osrsdiff migrate-from` is at work on this instance.")
        else:
            if track.must_reopen:
                track.close()
            track.is_gone = not await self._db.write_together(self._steps(track, is_end=False))
        track.is_stored()

    async def _join(self, track: Track) -> None:
        """Puts the old history before what this instance has seen itself, however often it looks meanwhile."""
        for _ in range(JOINS_TRIED):
            steps = await self._joining(track)
            if steps is None or await self._db.write_together(steps):
                return
        raise DatabaseBusy(f"{track.person.display_name} is fetched all the time. Start the move again later.")

    async def _joining(self, track: Track) -> list[Step] | None:
        move, person = track.move, track.person
        async with self._db.reading() as conn:
            newest = await history.load_state(conn, move.player_id)
            if newest is None:
                return self._steps(track, is_end=True)
            first_at = await move_ends.first_look_after(conn, move.player_id, move.looked_at)
            known = await move_ends.first_known(conn, move.player_id, move.looked_at) if move.looked_at else {}
        if track.is_closed:
            return None
        if move.state is None:
            join = Join([], set(), newest.sheet)
        else:
            join = joined(move.state, newest, {metric: FirstKnown(*first) for metric, first in known.items()})
        return move_ends.joined(
            move,
            self._db.metrics.ids,
            version=newest.version,
            first_look_at=first_at or newest.looked_at,
            unchanged=join.unchanged,
            falls=join.falls,
            sheet=join.sheet,
            created_at=person.created_at,
            is_active=person.is_active,
        )

    def _set_pace(self, rows: int, took_s: float) -> None:
        fitting = int(rows * COMMIT_S / max(took_s, 1e-6))
        self._most_rows = max(FEWEST_ROWS, min(MOST_ROWS, (self._most_rows + fitting) // 2))


def _leads_here(track: Track) -> bool:
    """Whether nothing of this instance's own comes after the old history, as far as is known."""
    return track.own_since is None and not track.is_closed
