"""When to look at a player again, where that is not simply at the next beat. Decides only; waits are spread by chance.

A failure is tried again sooner, with longer and longer waits, up to a number of times; then the next beat is soon
enough. Whom the hiscores have not listed for days is looked at later. Schedule and beat stay what they are.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import uniform

from msgspec import Struct

from osrsdiff.errors import FetchError, Outcome
from osrsdiff.game.absence import SLOWED_TO, is_not_found
from osrsdiff.scheduling.constants import SOONEST_S
from osrsdiff.scheduling.cron import next_beat, phase_s
from osrsdiff.storage.players import Player

FIRST_RETRY_S = 30.0


class Due(Struct, frozen=True):
    """The schedule that asks for a fetch. `beat`: the epoch second at which it fell due, tried `retry` times before."""

    schedule_id: str
    beat: int
    labels: Mapping[str, str]
    retry: int = 0


class Fire(Struct, frozen=True):
    """When a player is to be fetched out of turn, for which beat (None: `at` is one), and how often that was tried."""

    at: datetime
    beat: int | None = None
    retry: int = 0


def soon(now: datetime, due: Due | None) -> Fire:
    """Another try of the same beat in a moment, where it did not even begin."""
    return _again(now + timedelta(seconds=uniform(1.0, 1.5) * SOONEST_S), due, due.retry if due else 0)


def fire_after(player: Player, due: Due | None, error: FetchError, now: datetime, most_retries: int) -> Fire | None:
    """When to look again after `error`; None where that is at the next beat."""
    tried = due.retry if due else 0
    match error.outcome:
        case Outcome.DEFERRED:
            delay_s = uniform(1.0, 1.5) * max(SOONEST_S, error.retry_after_s or 0.0)
        case Outcome.RATE_LIMITED | Outcome.UNAVAILABLE if tried < most_retries:
            delay_s = uniform(1.0, 1.25) * max(FIRST_RETRY_S * 2**tried, error.retry_after_s or 0.0)
            tried += 1
        case _:
            return _slowed(player, now)
    at = now + timedelta(seconds=delay_s)
    return _again(at, due, tried) if at < beat_after(player, now) else _slowed(player, now)


def _slowed(player: Player, now: datetime) -> Fire | None:
    """The beat that somebody who is not found waits for; None for everybody else."""
    if not is_not_found(player.missing_since, player.failures, now):
        return None
    own_interval = timedelta(minutes=player.fetch_interval_minutes)
    return Fire(beat_after(player, max(now, now + SLOWED_TO - own_interval)))


def beat_after(player: Player, at: datetime) -> datetime:
    """The player's first beat after `at`."""
    minutes = player.fetch_interval_minutes
    return datetime.fromtimestamp(next_beat(at.timestamp(), minutes, phase_s(player.id, minutes)), UTC)


def _again(at: datetime, due: Due | None, retry: int) -> Fire:
    return Fire(at, due.beat if due else math.floor(at.timestamp()), retry)
