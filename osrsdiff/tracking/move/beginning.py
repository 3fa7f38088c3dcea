"""Finds each player here, or adds it, and says from where on its records are to be read."""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime

import msgspec
from msgspec import Struct

from osrsdiff.storage import move_ends, moves
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.engine import Database
from osrsdiff.storage.moves import Arrival, Move, Standing
from osrsdiff.tracking.move.people import Person
from osrsdiff.tracking.move.report import About, Failure, Remark
from osrsdiff.tracking.move.track import Track
from osrsdiff.tracking.progress import Progress

AT_ONCE = 100
"""So many players in one transaction."""


class Begun(Struct):
    """Whose records are to be read. `new`: added now, or by a run that was interrupted. `moved`: by an earlier run.

    `removed`: were moved and have been removed here since, which a move does not undo.
    """

    tracks: list[Track] = []
    refused: list[Failure] = []
    remarks: list[Remark] = []
    new: int = 0
    moved: int = 0
    known: int = 0
    removed: int = 0


async def begin(
    db: Database, everybody: Sequence[Person], source: str, now: datetime, *, dry_run: bool, progress: Progress
) -> Begun:
    """Everybody's track. Adds who is not here, but in a dry run."""
    begun = Begun()
    async with db.reading() as conn:
        noted = await moves.origins(conn, source)
    for start in range(0, len(everybody), AT_ONCE):
        some = everybody[start : start + AT_ONCE]
        async with db.reading() as conn:
            standings = await moves.standings(conn, [person.username for person in some])
        wanted = list(_wanted(some, standings, source, noted, begun))
        if not dry_run:
            standings = await _noted(db, wanted, standings, source, noted, now)
        async with db.reading() as conn:
            for person in wanted:
                begun.tracks.append(await _track(conn, person, standings.get(person.username), source))
        progress(start + len(some), len(everybody))
    return begun


def _wanted(
    some: Sequence[Person], standings: Mapping[str, Standing], source: str, noted: Set[int], begun: Begun
) -> Iterator[Person]:
    """Those whose records are to be read; tells of the others, and counts."""
    for person in some:
        standing = standings.get(person.username)
        if standing is None and not noted.isdisjoint(person.source_ids):
            begun.removed += 1
            begun.remarks.append(
                Remark(person.display_name, "removed here since it was moved: left out", About.REMOVED)
            )
            continue
        move = standing.move if standing else None
        is_new = standing is None or (move is not None and move.is_new)
        is_moved = move is not None and move.is_joined and move.source == source
        begun.new += is_new
        begun.moved += is_moved
        begun.known += not is_new and not is_moved
        if move is not None and move.source != source and not move.is_joined:
            begun.refused.append(Failure("player", person.source_ids[0], person.display_name, _unfinished(person)))
            continue
        yield person


def _unfinished(person: Person) -> str:
    return (
        "its move from another database was begun here and is not finished. Finish that one first; where that database "
        f"is gone, remove the player here, with all its history (osrsdiff player remove {person.username!r}), "
        "and move again"
    )


async def _noted(
    db: Database,
    wanted: Sequence[Person],
    standings: Mapping[str, Standing],
    source: str,
    noted: set[int],
    now: datetime,
) -> dict[str, Standing]:
    """Everybody as they stand once who is missing is added and each move is noted: one small commit, or none."""
    arrivals = [_arrival(person, now) for person in wanted if person.username not in standings]
    here = [person.username for person in wanted if person.username in standings]
    known = [name for name in here if (move := standings[name].move) is None or move.source != source]
    ids = {source_id for person in wanted for source_id in person.source_ids} - noted
    if not arrivals and not known and not ids:
        return dict(standings)
    await db.write_together(moves.begun(source, arrivals, known, sorted(ids)))
    noted |= ids
    async with db.reading() as conn:
        return await moves.standings(conn, [person.username for person in wanted])


def _arrival(person: Person, now: datetime) -> Arrival:
    return Arrival(
        person.username, person.display_name, person.game_mode, person.interval_minutes, person.created_at or now
    )


async def _track(conn: Connection, person: Person, standing: Standing | None, source: str) -> Track:
    """A player whose move may be at any point; in a dry run it may not be noted, nor the player be here."""
    if standing is None:
        return _begun(person, moves.unbegun(0, source, is_new=True))
    move = standing.move
    if move is None or move.source != source:
        move = moves.unbegun(standing.player_id, source, is_new=False)
    track = _begun(person, move)
    if move.is_joined:
        track.is_done = True
        track.must_reopen = standing.version == move.looks
        track.is_closed = not track.must_reopen
    elif standing.version:
        track.own_since = await move_ends.first_look_after(conn, move.player_id, move.looked_at)
    return track


def _begun(person: Person, move: Move) -> Track:
    return Track(person, msgspec.structs.replace(move), move)
