"""The fires that this scheduler has claimed: claimed ahead of time, confirmed when sent, settled after it, or released.

Redis holds the claims themselves, so another scheduler takes over what this one does not live to send; this holds what
TaskIQ has been given of them. No TaskIQ here but its schedules.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis
from taskiq import ScheduledTask

from osrsdiff import logs
from osrsdiff.coalesce import Coalescer
from osrsdiff.scheduling import fires, scripts
from osrsdiff.scheduling.keys import Keys, text
from osrsdiff.scheduling.outage import AWAY
from osrsdiff.scheduling.store import CHUNK, chunks, script_keys

log = logs.get(__name__)

_CLOCKS_AGREE_S = 0.5
"""A difference between Redis' clock and ours that may be the round trip's."""
_SENDS_END_WITHIN_S = 1.0


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
        self._sending: dict[str, Claim] = {}
        self._all_sent = asyncio.Event()
        self._unsettled: list[tuple[str, str, str]] = []
        self._clock_ahead_s = 0.0
        self._claim = redis.register_script(scripts.CLAIM)
        self._confirm = redis.register_script(scripts.CONFIRM)
        self._settle = redis.register_script(scripts.SETTLE)
        self._release = redis.register_script(scripts.RELEASE)
        self._confirmations = Coalescer(self._confirm_all)
        self._settlements = Coalescer(self._settle_all)

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
        self._clock_ahead_s = _clock_ahead_s((asked_at + time.time()) / 2, redis_now)
        unreadable: list[str] = []
        for id_, fire, moved, schedule in zip(*(granted[n::4] for n in range(4)), strict=True):
            try:
                claim = self._claim_of(schedule, float(fire), moved, redis_now)
            except ValueError as error:
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
        self._sending = {id_: claim for id_, claim in self._sending.items() if claim.expires > now}
        before = self._shown
        self._shown = {id_: claim for id_, claim in self._held.items() if before.get(id_, claim) is claim}
        return [claim.task for claim in self._shown.values()]

    def forget(self) -> None:
        """Nothing that is claimed will be sent."""
        self._held.clear()

    async def confirm(self, task: ScheduledTask) -> bool:
        """Whether `task` may be sent now: its claim is here and still stands in Redis. Then the lease begins anew."""
        claim = self._held.get(task.schedule_id)
        if claim is None or claim.task.task_id != task.task_id:
            return False
        del self._held[claim.id]
        deadline = await self._confirmations.do(claim)
        if deadline is None:
            return False
        claim.deadline, claim.expires = deadline, time.monotonic() + self._terms.lease_s
        self._sending[claim.id] = claim
        return True

    async def settle(self, task: ScheduledTask) -> None:
        """Writes the next fire of what was sent. Where Redis is away now, `settle_rest` will."""
        claim = self._sending.pop(task.schedule_id, None)
        if claim is None:
            return
        if not self._sending:
            self._all_sent.set()
        after = max(time.time() - self._clock_ahead_s, claim.fire)
        next_fire = fires.next_fire(claim.schedule, after)
        await self._settlements.do((claim.id, claim.deadline, "" if next_fire is None else f"{next_fire:.6f}"))

    async def settle_rest(self) -> None:
        """Writes what could not be written when it was sent."""
        while chunk := self._unsettled[:CHUNK]:
            await self._settle(keys=script_keys(self._keys), args=[part for item in chunk for part in item])
            del self._unsettled[: len(chunk)]

    async def release_all(self) -> None:
        """Ends this scheduler's work: what is being sent is settled, what is not is anybody's again."""
        held, self._held = self._held, {}
        self._all_sent.clear()
        if self._sending:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_sent.wait(), _SENDS_END_WITHIN_S)
        await self._settlements.drained()
        await self.settle_rest()
        for chunk in chunks(held.values()):
            await self._release(keys=script_keys(self._keys), args=_ids_and_deadlines(chunk))

    def _claim_of(self, raw: bytes, fire: float, moved: bytes, now: float) -> Claim:
        schedule = ScheduledTask.model_validate_json(raw)
        beat = fires.beat_of(schedule, float(moved) if moved else fire, now)
        at = datetime.fromtimestamp(fire + self._clock_ahead_s, UTC)
        one_shot = {"cron": None, "interval": None, "time": at, "task_id": f"{schedule.schedule_id}:{beat}"}
        return Claim(schedule, schedule.model_copy(update=one_shot), fire, "", 0.0)

    async def _confirm_all(self, claims: list[Claim]) -> list[str | None]:
        arguments = [str(self._terms.lease_s), *_ids_and_deadlines(claims)]
        deadline, *ours = await self._confirm(keys=script_keys(self._keys), args=arguments)
        return [text(deadline) if is_ours else None for is_ours in ours]

    async def _settle_all(self, settled: list[tuple[str, str, str]]) -> list[None]:
        try:
            await self._settle(keys=script_keys(self._keys), args=[part for item in settled for part in item])
        except AWAY:
            self._unsettled += settled
        return [None] * len(settled)


def _ids_and_deadlines(claims: Iterable[Claim]) -> list[str]:
    return [part for claim in claims for part in (claim.id, claim.deadline)]


def _clock_ahead_s(ours: float, redis: float) -> float:
    """How far our clock, which TaskIQ goes by, is ahead of Redis', by which schedules fall due."""
    ahead_s = ours - redis
    return ahead_s if abs(ahead_s) > _CLOCKS_AGREE_S else 0.0
