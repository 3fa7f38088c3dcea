"""Compares what was moved with the source, player by player: how many records, and what each led to at its end."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from osrsdiff.errors import Malformed
from osrsdiff.game.snapshots import Sheet, State
from osrsdiff.storage import history, move_ends, moves
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.engine import Database
from osrsdiff.storage.moves import Standing
from osrsdiff.storage.predecessor import OldRecord
from osrsdiff.tracking.move.people import Person
from osrsdiff.tracking.move.records import seen_in
from osrsdiff.tracking.move.report import About, Remark
from osrsdiff.tracking.move.track import Track
from osrsdiff.tracking.progress import Progress

if TYPE_CHECKING:
    from osrsdiff.storage.predecessor_reader import Source

AT_ONCE = 200
_VALUES_NAMED = 3


async def verify(
    db: Database, source: "Source", everybody: Sequence[Track], counts: Mapping[int, int], progress: Progress
) -> list[Remark]:
    """What differs; nothing where all that was to be read is here as it is there."""
    found: list[Remark] = []
    for start in range(0, len(everybody), AT_ONCE):
        some = everybody[start : start + AT_ONCE]
        progress(start, len(everybody))
        async with db.reading() as conn:
            standings = await moves.standings(conn, [track.person.username for track in some])
            newest = await source.records_by_id(
                {s.move.newest_record_id for s in standings.values() if s.move and s.move.newest_record_id is not None}
            )
            for track in some:
                there = sum(counts.get(source_id, 0) for source_id in track.person.source_ids) - track.unread
                standing = standings.get(track.person.username)
                found += await _compare(conn, track.person, standing, there, newest)
    progress(len(everybody), len(everybody))
    return found


async def _compare(
    conn: Connection, person: Person, standing: Standing | None, there: int, newest: Mapping[int, OldRecord]
) -> list[Remark]:
    name = person.display_name
    if standing is None or standing.move is None:
        return [_differs(name, "is not here")]
    move = standing.move
    found = []
    if not move.is_joined:
        found.append(_differs(name, "its history is not whole"))
    if move.records != there:
        found.append(_differs(name, f"{there:,} records there, {move.records:,} of them here"))
    if move.newest_record_id is None or move.looked_at is None:
        return found
    if (record := newest.get(move.newest_record_id)) is None:
        return [*found, _differs(name, f"record {move.newest_record_id} is not there any more")]
    here = await move_ends.values_at(conn, move.player_id, move.looked_at)
    if standing.version == move.looks:
        here = _agreeing(here, await history.load_state(conn, move.player_id))
    return found + _values_that_differ(name, record, here)


def _differs(name: str, text: str) -> Remark:
    return Remark(name, text, About.DIFFERENCE)


def _agreeing(values: Mapping[str, int], state: State | None) -> dict[str, int]:
    """The values of the history that the newest sheet has too, where nothing has come after it."""
    sheet: Sheet = state.sheet if state else {}
    return {m: value for m, value in values.items() if (reading := sheet.get(m)) is not None and reading.value == value}


def _values_that_differ(name: str, record: OldRecord, here: Mapping[str, int]) -> list[Remark]:
    try:
        there = seen_in(record).sheet
    except Malformed as error:
        return [_differs(name, f"record {record.id} has become unusable: {error}")]
    wrong = [
        f"{metric} ends with {reading.value:,} there, {here.get(metric, 'nothing')} here"
        for metric, reading in there.items()
        if reading.value is not None and here.get(metric) != reading.value
    ]
    if not wrong:
        return []
    more = ["and more"] if len(wrong) > _VALUES_NAMED else []
    return [_differs(name, "; ".join([*wrong[:_VALUES_NAMED], *more]))]
