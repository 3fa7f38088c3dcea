"""The fires that this scheduler has claimed: claimed ahead of time, then sent or released.

Redis holds the claims themselves, so another scheduler takes over what this one does not live to send; this holds what
TaskIQ has been given of them. No TaskIQ here but its schedules.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis
from taskiq import ScheduledTask

from osrsdiff import logs
from osrsdiff.errors import InvalidInterval
from osrsdiff.scheduling import fires, scripts
from osrsdiff.scheduling.constants import RETRY
from osrsdiff.scheduling.keys import Keys, text
from osrsdiff.scheduling.store import chunks, script_keys
from osrsdiff.scheduling.tickets import Ticket

log = logs.get(__name__)

_CLOCKS_AGREE_S = 0.5
"""A difference between Redis' clock and ours that may be the round trip's."""


@dataclass(slots=True)
class Claim:
    """One fire of one schedule. `deadline`: when the lease ends by Redis' clock; `expires`: by our monotonic one."""

    schedule: ScheduledTask
    task: ScheduledTask
    fire: float
    deadline: str
    expires: float

    @property
    def id(self) -> str:
        """The schedule's."""
        return self.schedule.schedule_id


@dataclass(frozen=True, slots=True)
class Terms:
    """How claims are made. `most`: so many are held at once."""

    lookahead_s: float
    lease_s: float
    catch_up_s: float
    most: int


class Claims:
    """What one scheduler, called `name`, has claimed under one instance's keys."""

    def __init__(self, redis: Redis, keys: Keys, name: str, terms: Terms) -> None:
        self._keys = keys
        self._name = name
        self._terms = terms
        self._held: dict[str, Claim] = {}
        self._shown: dict[str, Claim] = {}
        self._clock_ahead_s = 0.0
        self._redis_ahead_s = 0.0
        self._claim = redis.register_script(scripts.CLAIM)
        self._release = redis.register_script(scripts.RELEASE)

    @property
    def are_held(self) -> bool:
        """Whether anything is claimed and not sent yet."""
        return bool(self._held)

    async def claim_due(self, places: int, fingerprint: str) -> tuple[str, list[str]]:
        """Claims what falls due as far as the queue has `places`.

        Gives the state of the marker (ours, missing, foreign) and the ids of schedules that nobody can read.
        """
        terms, keys = self._terms, self._keys
        room = max(0, terms.most - len(self._held))
        asked, asked_at = time.monotonic(), time.time()
        marker, now, deadline, granted = await self._claim(
            keys=[*script_keys(keys), keys.queue, keys.schedulers, keys.marker, keys.pace],
            args=[terms.lookahead_s, terms.lease_s, room, places, fingerprint, self._name, terms.catch_up_s],
        )
        redis_now = float(now)
        self._redis_ahead_s = redis_now - (asked + time.monotonic()) / 2
        self._clock_ahead_s = _clock_ahead_s((asked_at + time.time()) / 2, redis_now)
        unreadable: list[str] = []
        for id_, fire, moved, schedule in zip(*(granted[n::4] for n in range(4)), strict=True):
            try:
                claim = self._claim_of(schedule, float(fire), moved, redis_now)
            except (ValueError, InvalidInterval) as error:
                log.error("stored schedule unreadable, removed", id=text(id_), reason=str(error).replace("\n", " "))
                unreadable.append(text(id_))
            else:
                claim.deadline, claim.expires = text(deadline), asked + terms.lease_s
                self._held[claim.id] = claim
        return text(marker), unreadable

    def handed_over(self) -> list[ScheduledTask]:
        """What is claimed and not sent yet.

        TaskIQ remembers which ids it has sent until one refresh comes without them, so a new claim on an id that the
        last refresh still had is held back this once.
        """
        now = time.monotonic()
        self._held = {id_: claim for id_, claim in self._held.items() if claim.expires > now}
        before = self._shown
        self._shown = {id_: claim for id_, claim in self._held.items() if before.get(id_, claim) is claim}
        return [claim.task for claim in self._shown.values()]

    def forget(self) -> None:
        """Nothing that is claimed will be sent."""
        self._held.clear()

    def ticket(self, task: ScheduledTask) -> Ticket | None:
        """What lets `task` into the queue if its claim still stands in Redis then; None where it is over already."""
        claim = self._held.get(task.schedule_id)
        if claim is None or claim.task.task_id != task.task_id or claim.expires <= time.monotonic():
            return None
        del self._held[claim.id]
        # not by the clock on the wall, which may have been set meanwhile
        redis_now = time.monotonic() + self._redis_ahead_s
        next_fire = fires.next_fire(claim.schedule, max(redis_now, claim.fire))
        text_of_fire = "" if next_fire is None else f"{next_fire:.6f}"
        return Ticket(str(task.task_id), claim.id, claim.deadline, text_of_fire)

    async def release_all(self) -> None:
        """What is not sent yet is anybody's again."""
        held, self._held = self._held, {}
        for chunk in chunks(held.values()):
            arguments = [part for claim in chunk for part in (claim.id, claim.deadline)]
            await self._release(keys=script_keys(self._keys), args=arguments)

    def _claim_of(self, raw: bytes, fire: float, moved: bytes, now: float) -> Claim:
        schedule = ScheduledTask.model_validate_json(raw)
        own_beat, _, retry = text(moved).partition("/")
        beat = fires.beat_of(schedule, float(own_beat or fire), now)
        at = datetime.fromtimestamp(fire + self._clock_ahead_s, UTC)
        one_shot: dict[str, object] = {
            "cron": None,
            "interval": None,
            "time": at,
            "task_id": f"{schedule.schedule_id}:{beat}",
        }
        if retry:
            one_shot["labels"] = {**schedule.labels, RETRY: retry}
        return Claim(schedule, schedule.model_copy(update=one_shot), fire, "", 0.0)


def _clock_ahead_s(ours: float, redis: float) -> float:
    """How far our clock, which TaskIQ goes by, is ahead of Redis', by which schedules fall due."""
    ahead_s = ours - redis
    return ahead_s if abs(ahead_s) > _CLOCKS_AGREE_S else 0.0
