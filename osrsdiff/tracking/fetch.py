"""One player's line: from a schedule that fell due to a stored difference.

`fetch_player` is the six steps in order. No database connection is held while waiting for the network.
"""

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import anyio
from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    FetchError,
    OsrsdiffError,
    Outcome,
    RedisUnreachable,
    UnderWay,
)
from osrsdiff.game.absence import is_not_found
from osrsdiff.game.events import not_found
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import State
from osrsdiff.game.usernames import is_archived
from osrsdiff.hiscores.budget import RequestBudget
from osrsdiff.storage import events, failures
from osrsdiff.storage import players as table
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.players import Player
from osrsdiff.tracking import looks
from osrsdiff.tracking.asking import Answer, known, look
from osrsdiff.tracking.fetcher import Clock as Clock
from osrsdiff.tracking.fetcher import Fetcher as Fetcher
from osrsdiff.tracking.fetcher import Retries, noted_as_under_way
from osrsdiff.tracking.fetcher import open_fetcher as open_fetcher
from osrsdiff.tracking.fetcher import utc_now as utc_now
from osrsdiff.tracking.mode_notes import ask_for_check, needs_check, noticed, since_own_row
from osrsdiff.tracking.retries import Due, Fire, beat_after, fire_after, soon

log = logs.get(__name__)

_LOOK_AGAIN_S = 0.25
_CLOCKS_DIFFER = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


class FetchReport(Struct, frozen=True):
    """How one fetch ended. `changed`: metrics with a new value. `retry_at`: None where the next beat is the right time.

    `joined`: another fetch had looked since this one was asked for, so this one did nothing; `changed` is not known.
    """

    player_id: int
    outcome: Outcome
    changed: int = 0
    first_look: bool = False
    message: str | None = None
    retry_at: datetime | None = None
    joined: bool = False


async def fetch_player(
    fetcher: Fetcher, player_id: int, due: Due | None = None, *, asked_at: float | None = None
) -> FetchReport | None:
    """Looks at one player and stores what changed; puts the look off where the database is away.

    `due`: None for a look by hand, which was asked for at the epoch second `asked_at`: one that was stored since will
    do, and one that is under way is waited for. None is returned where there was nothing to do: the player is gone, or
    archived, was paused meanwhile, or was looked at since the schedule fell due.
    """
    with noted_as_under_way(fetcher):
        try:
            if due is not None:
                return await _fetched(fetcher, player_id, due, None)
            return await _by_hand(fetcher, player_id, asked_at)
        except (DatabaseUnreachable, DatabaseBusy) as error:
            return await _put_off(fetcher.schedules, player_id, due, error)


async def _by_hand(fetcher: Fetcher, player_id: int, asked_at: float | None) -> FetchReport | None:
    end = time.monotonic() + fetcher.patience_s
    while True:
        try:
            return await _fetched(fetcher, player_id, None, asked_at)
        except UnderWay as error:
            if time.monotonic() >= end:
                log.warning("player not fetched", player_id=player_id, reason=error)
                return FetchReport(player_id, Outcome.DEFERRED, message=str(error))
            if asked_at is None:
                asked_at = math.floor(time.time())  # what the other stores from now on
            await anyio.sleep(_LOOK_AGAIN_S)


async def _fetched(fetcher: Fetcher, player_id: int, due: Due | None, asked_at: float | None) -> FetchReport | None:
    loaded = await known(fetcher.db, player_id)
    if loaded is None or _is_obsolete(loaded[0], due, fetcher.clock()):
        log.info("fetch skipped", player_id=player_id, **_due_fields(due))
        return None
    player, state = loaded
    if asked_at is not None and _was_seen_since(player, asked_at, fetcher.clock()):
        return _joined(player)
    started = time.monotonic()
    try:
        async with _request(fetcher.budget, player.username):
            answer = await look(fetcher, player, state)
            report = await _store(fetcher, player, state, answer)
        await _found_again(fetcher, player)
    except FetchError as error:
        if due is None and isinstance(error, UnderWay):
            raise
        report = await _failed(fetcher, player, due, error)
    _log(player, report, due, started)
    return report


def _is_obsolete(player: Player, due: Due | None, now: datetime) -> bool:
    """A message that waited, or came twice: its work was done meanwhile, is no longer wanted, or can't be done."""
    if is_archived(player.username):
        return True
    if due is None:
        return False
    return not player.is_active or _was_seen_since(player, due.beat, now)


def _was_seen_since(player: Player, at: float, now: datetime) -> bool:
    """Whether data was stored at the epoch second `at` or later; one of the future tells of a wrong clock."""
    if player.last_look_at is None or player.last_look_at.timestamp() < at:
        return False
    if player.last_look_at <= now + _CLOCKS_DIFFER:
        return True
    log.warning("last look lies in the future, looking anew", player=player.username, last_look_at=player.last_look_at)
    return False


def _joined(player: Player) -> FetchReport:
    changed = player.last_changed_at == player.last_look_at
    log.info("fetch joined", player=player.username, player_id=player.id)
    return FetchReport(player.id, Outcome.CHANGED if changed else Outcome.UNCHANGED, joined=True)


@asynccontextmanager
async def _request(budget: RequestBudget, username: str) -> AsyncIterator[None]:
    """A place in the request budget; meanwhile nobody else asks for this player."""
    await budget.take(username)
    try:
        yield
    finally:
        await budget.release(username)


async def _store(fetcher: Fetcher, player: Player, state: State | None, answer: Answer) -> FetchReport:
    is_own_table, at = answer.table is player.game_mode, answer.at
    if state is not None and not is_own_table:
        at = max(at, state.looked_at + _SECOND)
        state = await since_own_row(fetcher.db, player, state)
    found = await looks.store(
        fetcher.db,
        player,
        state,
        answer.observation,
        at,
        reckons=fetcher.reckons,
        is_own_table=is_own_table and answer.table is not GameMode.REGULAR,
        noticed=noticed(player, answer),
    )
    if needs_check(player, found):
        await ask_for_check(fetcher)
    outcome = Outcome.CHANGED if found.changes else Outcome.UNCHANGED
    return FetchReport(player.id, outcome, len(found.changes), found.is_first_look)


async def _put_off(schedules: Retries, player_id: int, due: Due | None, error: OsrsdiffError) -> FetchReport:
    """What a fetch without a database comes to: it comes again soon, and counts as no failure."""
    fire = soon(utc_now(), due)
    log.warning("player not fetched", player_id=player_id, reason=error, retry_at=fire.at, **_due_fields(due))
    retry_at = await _move_next_fire(schedules, player_id, fire, due)
    return FetchReport(player_id, Outcome.DEFERRED, message=str(error), retry_at=retry_at)


async def _failed(fetcher: Fetcher, player: Player, due: Due | None, error: FetchError) -> FetchReport:
    now = fetcher.clock()
    if error.outcome is not Outcome.DEFERRED and not await _book(fetcher, player, error, now):
        return FetchReport(player.id, error.outcome, message=str(error))
    fire = fire_after(player, due, error, now, fetcher.most_retries)
    retry_at = None
    if fire is not None and player.is_active:
        retry_at = await _move_next_fire(fetcher.schedules, player.id, fire, due)
    return FetchReport(player.id, error.outcome, message=str(error), retry_at=retry_at)


async def _book(fetcher: Fetcher, player: Player, error: FetchError, now: datetime) -> bool:
    """Notes a failure; False, and nothing noted, where it says nothing of the player: gone, or called otherwise now."""
    async with fetcher.db.writing() as connection:
        if not await table.record_attempt(
            connection, player.id, at=now, outcome=error.outcome, asked_for=player.username
        ):
            return False
        await failures.add(connection, player.id, at=now, outcome=error.outcome, message=str(error))
        await _note_absence(connection, player, error, now)
    return True


async def _note_absence(connection: Connection, player: Player, error: FetchError, now: datetime) -> None:
    """Makes it an event, once until the player is seen again, that this answer made the player count as not found."""
    since = player.missing_since or now
    if error.outcome is Outcome.NOT_RANKED and is_not_found(since, player.failures + 1, now):
        await events.add_once(connection, player.id, not_found(now, player.last_look_at), since=since)


async def _found_again(fetcher: Fetcher, player: Player) -> None:
    """Ends the slower pace of somebody who was not found."""
    now = fetcher.clock()
    if player.is_active and is_not_found(player.missing_since, player.failures, now):
        await _move_next_fire(fetcher.schedules, player.id, Fire(beat_after(player, now)), None)


async def _move_next_fire(schedules: Retries, player_id: int, fire: Fire, due: Due | None) -> datetime | None:
    """When the player is fetched next; None where nobody knows. A fetch by hand puts off no other, and no retry."""
    at = fire.at.timestamp()
    try:
        return await schedules.retry_player(
            player_id, at, beat=fire.beat, retry=fire.retry, only_sooner=due is None and fire.beat is not None
        )
    except RedisUnreachable as error:
        log.warning("next fetch not moved", player_id=player_id, reason=error)
        return None


def _due_fields(due: Due | None) -> dict[str, object]:
    return {"schedule_id": due.schedule_id, "beat": due.beat, **due.labels} if due else {}


def _log(player: Player, report: FetchReport, due: Due | None, started: float) -> None:
    fields: dict[str, object] = {
        "player": player.username,
        "outcome": report.outcome.value,
        "metrics": report.changed,
        "ms": round((time.monotonic() - started) * 1000),
        "player_id": player.id,
        **_due_fields(due),
    }
    match report.outcome:
        case Outcome.CHANGED | Outcome.UNCHANGED:
            log.info("player fetched", **fields)
        case Outcome.MALFORMED:
            log.error("player not fetched", reason=report.message, **fields)
        case Outcome.NOT_RANKED | Outcome.INVALID_NAME | Outcome.RATE_LIMITED | Outcome.UNAVAILABLE | Outcome.DEFERRED:
            log.warning("player not fetched", reason=report.message, retry_at=report.retry_at, **fields)
