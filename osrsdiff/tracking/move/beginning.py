"""Finds each player here, or adds it, and says from where on its records are to be read."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from osrsdiff.storage import move_ends, moves
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.engine import Database
from osrsdiff.storage.moves import Arrival, Move, Standing
from osrsdiff.tracking.move.people import Person
from osrsdiff.tracking.move.report import Failure
from osrsdiff.tracking.move.track import Track
from osrsdiff.tracking.progress import Progress

AT_ONCE = 100
"""So many players in one transaction."""


class Begun(Struct):
    """Whose records are to be read. `new`: added now, or by a run that was interrupted. `moved`: by an earlier run."""

    tracks: list[Track] = []
    refused: list[Failure] = []
    new: int = 0
    moved: int = 0
    known: int = 0


async def begin(
    db: Database, everybody: Sequence[Person], source: str, now: datetime, *, dry_run: bool, progress: Progress
) -> Begun:
    """Everybody's track. Adds who is not here, but in a dry run."""
    begun = Begun()
    for start in range(0, len(everybody), AT_ONCE):
        some = everybody[start : start + AT_ONCE]
        async with db.reading() if dry_run else db.writing() as conn:
            standings = await moves.standings(conn, [person.username for person in some])
            for person in some:
                await _begin(conn, person, standings, source, now, begun, dry_run=dry_run)
        progress(start + len(some), len(everybody))
    return begun


async def _begin(
    conn: Connection,
    person: Person,
    standings: Mapping[str, Standing],
    source: str,
    now: datetime,
    begun: Begun,
    *,
    dry_run: bool,
) -> None:
    standing = standings.get(person.username)
    if standing is None:
        begun.new += 1
        begun.tracks.append(_track(person, await _added(conn, person, source, now, dry_run=dry_run)))
        return
    move = standing.move
    is_new = move is not None and move.is_new
    is_moved = move is not None and move.is_joined and move.source == source
    begun.new += is_new
    begun.moved += is_moved
    begun.known += not is_new and not is_moved
    if move is not None and move.source != source and not move.is_joined:
        why = "its move from another database was begun and not finished; finish that first"
        begun.refused.append(Failure("player", person.source_ids[0], person.display_name, why))
        return
    if move is None or move.source != source:
        move = await _noted(conn, standing.player_id, source, dry_run=dry_run)
    begun.tracks.append(await _continued(conn, person, standing, move))


async def _continued(conn: Connection, person: Person, standing: Standing, move: Move) -> Track:
    """A player who is here, with a move that may be at any point."""
    track = _track(person, move)
    if move.is_joined:
        track.is_done = True
        track.must_reopen = standing.version == move.looks
        track.is_closed = not track.must_reopen
    elif standing.version:
        track.own_since = await move_ends.first_look_after(conn, move.player_id, move.looked_at)
    return track


async def _added(conn: Connection, person: Person, source: str, now: datetime, *, dry_run: bool) -> Move:
    if dry_run:
        return moves.unbegun(0, source, is_new=True)
    arrival = Arrival(
        person.username,
        person.display_name,
        person.game_mode,
        person.interval_minutes,
        person.created_at or now,
    )
    player_id, is_new = await moves.add(conn, arrival)
    return await moves.begin(conn, player_id, source, is_new=is_new)


async def _noted(conn: Connection, player_id: int, source: str, *, dry_run: bool) -> Move:
    if dry_run:
        return moves.unbegun(player_id, source, is_new=False)
    return await moves.begin(conn, player_id, source, is_new=False)


def _track(person: Person, move: Move) -> Track:
    return Track(person, msgspec.structs.replace(move), move)
