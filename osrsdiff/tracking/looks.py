"""What a look comes to: what changed, the records it sets, the achievements it reaches, the events that tell of it.

All of it is stored together or not at all. What records stand is read and judged in the same transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from osrsdiff.errors import UnderWay
from osrsdiff.game import events
from osrsdiff.game.achievements import reached
from osrsdiff.game.events import Event
from osrsdiff.game.reckoning import RULES
from osrsdiff.game.records import Beaten, Candidate, beaten
from osrsdiff.game.snapshots import Difference, State, difference
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import achievements, candidates, history, reckoning, records
from osrsdiff.storage import events as events_table
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database


async def store(
    db: Database,
    player_id: int,
    state: State | None,
    observation: Observation,
    looked_at: datetime,
    *,
    reckons: bool = True,
) -> Difference:
    """What the look changed in `state`, stored with all that comes of it; without `reckons`, as a difference alone.

    Raises UnderWay, with nothing stored, where the player has another state by now.
    """
    found = difference(state, observation.sheet, looked_at)
    comes = _come_of(player_id, state, found) if reckons else _nothing
    stored = await history.store_look_together(
        db,
        player_id,
        found,
        expected_version=state.version if state else 0,
        new_metrics=observation.new_metrics,
        further=comes,
    )
    if not stored:
        raise UnderWay("another fetch of this player was stored meanwhile")
    return found


def _nothing(_: Mapping[str, int]) -> Sequence[Step]:
    return ()


def _come_of(player_id: int, state: State | None, found: Difference) -> history.Further:
    """What is stored with the look."""
    passed = reached(state.sheet if state else None, found)
    happened = [*events.first_seen(found), *events.level_ups(found)]

    def steps(ids: Mapping[str, int]) -> list[Step]:
        def records_steps(measured: list[Candidate]) -> list[Step]:
            new = beaten(found, measured)
            return [
                *records.steps(player_id, [one.record for one in new], ids),
                *events_table.steps(player_id, _of_records(new), ids),
            ]

        return [
            *candidates.steps(player_id, found, ids, records_steps),
            *achievements.steps(player_id, passed, ids),
            *events_table.steps(player_id, happened, ids),
            *([reckoning.reckoned(player_id, RULES)] if found.is_first_look else []),
        ]

    return steps


def _of_records(new: Sequence[Beaten]) -> list[Event]:
    """An event for each record that another gain beat, not for one that only goes on."""
    return [events.of_record(one.record, one.standing) for one in new if one.begins_anew]
