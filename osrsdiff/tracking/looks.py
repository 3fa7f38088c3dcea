"""What a look comes to: what changed, the records it sets, the achievements it reaches, the events that tell of it.

All of it is stored together or not at all. What records stand is read and judged in the same transaction. A sheet that
collapses flags the player for a review instead; until that has ended, looks are stored as differences alone, and what
they come to is reckoned afterwards. A sheet that comes back ends it by itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from osrsdiff import logs
from osrsdiff.errors import UnderWay
from osrsdiff.game import events
from osrsdiff.game.achievements import reached
from osrsdiff.game.events import Event
from osrsdiff.game.reckoning import RULES
from osrsdiff.game.records import Beaten, Candidate, beaten
from osrsdiff.game.reviews import ROLLED_BACK, Resolution, Why, collapse, has_recovered, may_collapse
from osrsdiff.game.snapshots import Difference, Sheet, State, difference
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import achievements, candidates, history, reckoning, records, reviews, snapshots
from osrsdiff.storage import events as events_table
from osrsdiff.storage.connection import Connection, Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.history import Further
from osrsdiff.storage.players import Player

log = logs.get(__name__)

_SECOND = timedelta(seconds=1)


async def store(
    db: Database,
    player: Player,
    state: State | None,
    observation: Observation,
    looked_at: datetime,
    *,
    reckons: bool = True,
    is_own_table: bool = False,
    noticed: Sequence[Step] = (),
) -> Difference:
    """What the look changed in `state`, stored with all that comes of it; without `reckons`, as a difference alone.

    `player`: as it was when `state` was read. `is_own_table`: see `history.store_look`. `noticed`: what else is stored
    with it. Raises UnderWay, with nothing stored, where the player has another state or name by now.
    """
    found = difference(state, observation.sheet, looked_at)
    further = await _further(db, player, state, found) if reckons else _nothing
    stored = await history.store_look_together(
        db,
        player.id,
        found,
        expected_version=state.version if state else 0,
        new_metrics=observation.new_metrics,
        further=lambda ids: [*further(ids), *noticed],
        asked_for=player.username,
        is_own_table=is_own_table,
    )
    if not stored:
        raise UnderWay("another fetch of this player was stored meanwhile")
    return found


def _nothing(_: Mapping[str, int]) -> Sequence[Step]:
    return ()


async def _further(db: Database, player: Player, state: State | None, found: Difference) -> Further:
    """What is stored with the look."""
    if player.flagged_at is not None:
        return await _come_of_flagged(db, player, player.flagged_at, found)
    if may_collapse(found):
        async with db.reading() as connection:
            earlier = await _day_before(connection, player.id, found)
        if (reason := collapse(found, earlier)) is not None:
            log.warning("player flagged for a review", player=player.username, player_id=player.id, reason=reason)
            return _flagged(player.id, found, reason)
    return _come_of(player, state, found)


async def _day_before(connection: Connection, player_id: int, found: Difference) -> Sheet | None:
    """What a rollback can lead to, at the least; None where nobody knows."""
    if found.previous_look_at is None:
        return None
    return await _sheet_at(connection, player_id, found.previous_look_at - ROLLED_BACK)


async def _sheet_at(connection: Connection, player_id: int, at: datetime) -> Sheet | None:
    then = await snapshots.sheet_at(connection, player_id, at)
    return {row.metric.key: row.reading for row in then.rows} or None


def _flagged(player_id: int, found: Difference, reason: str) -> Further:
    at, after = found.looked_at, found.previous_look_at
    return lambda _: reviews.flag_steps(player_id, at=at, after=after, why=Why.COLLAPSE, detail=reason)


async def _come_of_flagged(db: Database, player: Player, flagged_at: datetime, found: Difference) -> Further:
    """Nothing, but where the sheet is back: then the flag ends, and the levels are told that it has risen by since."""
    if not found.changes:
        return _nothing
    async with db.reading() as connection:
        review = await reviews.open_of(connection, player.id)
        before = await _sheet_at(connection, player.id, flagged_at - _SECOND)
    if review is None or review.why is not Why.COLLAPSE or not before or not has_recovered(before, found.sheet):
        return _nothing
    log.info("player recovered", player=player.username, player_id=player.id)
    last = State(0, review.after or flagged_at, flagged_at, before)
    risen = events.level_ups(difference(last, found.sheet, found.looked_at))
    resolved = reviews.resolved_steps(
        player.id, flagged_at=flagged_at, at=found.looked_at, resolution=Resolution.RECOVERED
    )
    return lambda ids: [*resolved, *events_table.steps(player.id, risen, ids)]


def _come_of(player: Player, state: State | None, found: Difference) -> Further:
    passed = reached(state.sheet if state else None, found)
    has_fallen = player.fell_at is not None  # then some levels may only be regained
    happened = [*events.first_seen(found), *([] if has_fallen else events.level_ups(found))]

    def steps(ids: Mapping[str, int]) -> list[Step]:
        def decided(measured: list[Candidate]) -> list[Step]:
            new = beaten(found, measured)
            peaks = {one.metric: one.peak for one in measured}
            risen = events.level_ups(found, peaks) if has_fallen else []
            return [
                *records.steps(player.id, [one.record for one in new], ids),
                *events_table.steps(player.id, [*risen, *_of_records(new)], ids),
            ]

        return [
            *candidates.steps(player.id, found, ids, decided),
            *achievements.steps(player.id, passed, ids),
            *events_table.steps(player.id, happened, ids),
            *([reckoning.reckoned(player.id, RULES)] if found.is_first_look else []),
        ]

    return steps


def _of_records(new: Sequence[Beaten]) -> list[Event]:
    """An event for each record that another gain beat, not for one that only goes on."""
    return [events.of_record(one.record, one.standing) for one in new if one.begins_anew]
