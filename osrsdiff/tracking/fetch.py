"""One player's line: from a schedule that fell due to a stored difference.

`fetch_player` is the six steps in order. No database connection is held while waiting for the network.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import uniform
from typing import Protocol

from msgspec import Struct

from osrsdiff import logs
from osrsdiff.errors import (
    DatabaseBusy,
    DatabaseUnreachable,
    Deferred,
    FetchError,
    Malformed,
    NameRefused,
    NotRanked,
    OsrsdiffError,
    Outcome,
    RateLimited,
    RedisUnreachable,
    Unavailable,
)
from osrsdiff.game.snapshots import State, difference, missing_skills
from osrsdiff.hiscores.budget import RequestBudget
from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.hiscores.parser import Observation, parse
from osrsdiff.scheduling.cron import next_beat, phase_s
from osrsdiff.storage import failures, history
from osrsdiff.storage import players as table
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)

TIMEOUT_S = 8.0
"""Of one request: shorter than the time that a stopping worker leaves to what is under way."""
MOST_RETRIES = 5
"""After so many failures in a row the next beat is soon enough."""
FIRST_RETRY_S = 30.0
SOONEST_RETRY_S = 10.0


class FetchReport(Struct, frozen=True):
    """How one fetch ended. `changed`: metrics with a new value. `retry_at`: None where the next beat is soon enough."""

    player_id: int
    outcome: Outcome
    changed: int = 0
    first_look: bool = False
    message: str | None = None
    retry_at: datetime | None = None


class Due(Struct, frozen=True):
    """The schedule that asks for a fetch. `beat`: the epoch second at which it fell due."""

    schedule_id: str
    beat: int
    labels: Mapping[str, str]


class Retries(Protocol):
    """Whoever can move a player's next fire."""

    async def retry_player(self, player_id: int, at: float, *, beat: int | None = None) -> None:
        """Moves the next fire to the epoch second `at`; it still belongs to `beat`."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """What a fetch needs."""

    db: Database
    client: HiscoresClient
    budget: RequestBudget
    schedules: Retries


@asynccontextmanager
async def open_fetcher(instance: Instance) -> AsyncIterator[Fetcher]:
    """What fetches need in this process: one HTTP session, and the budget that all processes share."""
    hiscores = instance.config.hiscores
    async with HiscoresClient(hiscores.base_url, hiscores.contact, total_timeout_s=TIMEOUT_S) as client:
        yield Fetcher(instance.db, client, instance.budget(), instance.schedules)


async def fetch_player(fetcher: Fetcher, player_id: int, due: Due | None = None) -> FetchReport | None:
    """Looks at one player and stores what changed; puts the look off where the database is away.

    `due`: None for a manual look. None is returned where there was nothing to do: the player is gone, was paused
    meanwhile, or was looked at since the schedule fell due.
    """
    try:
        return await _fetched(fetcher, player_id, due)
    except (DatabaseUnreachable, DatabaseBusy) as error:
        return await _put_off(fetcher.schedules, player_id, due, error)


async def _fetched(fetcher: Fetcher, player_id: int, due: Due | None) -> FetchReport | None:
    loaded = await _load(fetcher.db, player_id)
    if loaded is None or _is_obsolete(loaded[0], due):
        log.info("fetch skipped", player_id=player_id, **_due_fields(due))
        return None
    player, state = loaded
    started = time.monotonic()
    try:
        async with _request(fetcher.budget, player.username):
            observation = await _look(fetcher, player, state)
            report = await _store(fetcher.db, player, state, observation)
    except FetchError as error:
        report = await _failed(fetcher, player, due, error)
    _log(player, report, due, started)
    return report


async def _load(db: Database, player_id: int) -> tuple[Player, State | None] | None:
    async with db.reading() as connection:
        return await history.load_player(connection, player_id)


def _is_obsolete(player: Player, due: Due | None) -> bool:
    """A message that waited, or came twice: its work was done meanwhile, or is no longer wanted."""
    if due is None:
        return False
    return not player.is_active or (player.last_look_at is not None and player.last_look_at.timestamp() >= due.beat)


@asynccontextmanager
async def _request(budget: RequestBudget, username: str) -> AsyncIterator[None]:
    """A place in the request budget; meanwhile nobody else asks for this player."""
    await budget.take(username)
    try:
        yield
    finally:
        await budget.release(username)


async def _look(fetcher: Fetcher, player: Player, state: State | None) -> Observation:
    try:
        observation = parse(await fetcher.client.fetch(player.username))
    except FetchError as error:
        await _tell(fetcher.budget, error)
        raise
    await fetcher.budget.succeeded()
    if missing := missing_skills(state, observation.sheet):
        raise Malformed(f"the answer lacks {', '.join(missing)}, which this player had")
    return observation


async def _tell(budget: RequestBudget, error: FetchError) -> None:
    """Tells all workers what an answer without data says of the hiscores themselves."""
    match error:
        case RateLimited() | Unavailable(opens_breaker=True):
            await budget.troubled(error.retry_after_s)
        case NotRanked() | NameRefused() | Malformed():
            await budget.succeeded()


async def _store(db: Database, player: Player, state: State | None, observation: Observation) -> FetchReport:
    found = difference(state, observation.sheet, datetime.now(UTC))
    stored = await history.store_look_together(
        db,
        player.id,
        found,
        expected_version=state.version if state else 0,
        new_metrics=observation.new_metrics,
    )
    if not stored:
        raise Deferred("another fetch of this player was stored meanwhile")
    outcome = Outcome.CHANGED if found.changes else Outcome.UNCHANGED
    return FetchReport(player.id, outcome, len(found.changes), found.is_first_look)


async def _put_off(schedules: Retries, player_id: int, due: Due | None, error: OsrsdiffError) -> FetchReport:
    """What a fetch without a database comes to: it comes again soon, and counts as no failure."""
    at = datetime.now(UTC) + timedelta(seconds=uniform(1.0, 1.5) * SOONEST_RETRY_S)
    log.warning("player not fetched", player_id=player_id, reason=error, retry_at=at, **_due_fields(due))
    await _move_next_fire(schedules, player_id, at, due)
    return FetchReport(player_id, Outcome.DEFERRED, message=str(error), retry_at=at)


async def _failed(fetcher: Fetcher, player: Player, due: Due | None, error: FetchError) -> FetchReport:
    now = datetime.now(UTC)
    if error.outcome is not Outcome.DEFERRED:
        async with fetcher.db.writing() as connection:
            if await table.record_attempt(connection, player.id, at=now, outcome=error.outcome, failed=True):
                await failures.add(connection, player.id, at=now, outcome=error.outcome, message=str(error))
    retry_at = _retry_at(player, error, now)
    if retry_at is not None and player.is_active:
        await _move_next_fire(fetcher.schedules, player.id, retry_at, due)
    return FetchReport(player.id, error.outcome, message=str(error), retry_at=retry_at)


async def _move_next_fire(schedules: Retries, player_id: int, at: datetime, due: Due | None) -> None:
    try:
        await schedules.retry_player(player_id, at.timestamp(), beat=due.beat if due else None)
    except RedisUnreachable as error:
        log.warning("retry not scheduled, the next beat comes", player_id=player_id, reason=error)


def _retry_at(player: Player, error: FetchError, now: datetime) -> datetime | None:
    """When to look again before the next beat; None where waiting for the beat is right."""
    match error.outcome:
        case Outcome.DEFERRED:
            delay_s = uniform(1.0, 1.5) * max(SOONEST_RETRY_S, error.retry_after_s or 0.0)
        case Outcome.RATE_LIMITED | Outcome.UNAVAILABLE if player.failures < MOST_RETRIES:
            back_off_s = FIRST_RETRY_S * 2**player.failures
            delay_s = uniform(1.0, 1.25) * max(back_off_s, error.retry_after_s or 0.0)
        case _:
            return None
    at = now + timedelta(seconds=delay_s)
    minutes = player.fetch_interval_minutes
    beat = next_beat(now.timestamp(), minutes, phase_s(player.id, minutes))
    return at if at.timestamp() < beat else None


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
