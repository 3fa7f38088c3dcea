"""Jobs that belong to no player, sent by the clock: each in its minute once, however many schedulers run.

TaskIQ has each job's cron and calls; a hash in Redis has the newest fire of each job that was sent. A fire that nobody
has sent in its minute, since no scheduler ran, Redis was away or one died over it, is handed over again as a one-shot.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis
from taskiq import AsyncBroker, ScheduledTask
from taskiq.exceptions import ScheduledTaskCancelledError
from taskiq.schedule_sources import LabelScheduleSource

from osrsdiff import logs
from osrsdiff.errors import OsrsdiffError
from osrsdiff.scheduling import scripts
from osrsdiff.scheduling.keys import Keyring, LoadPrefix
from osrsdiff.scheduling.minutes import latest_run, next_run
from osrsdiff.scheduling.outage import AWAY, Outage

log = logs.get(__name__)

LoadLastRuns = Callable[[], Awaitable[Mapping[str, datetime]]]

_LEASE_S = 6
"""A scheduler that takes longer to say that it has sent a job is taken for dead."""
_LATE = timedelta(seconds=7)
"""So long after a fire TaskIQ has had its turn with the cron."""
_STALE = timedelta(minutes=1)
"""A job that is skipped rather than caught up with is sent no later than this."""
_FORGOTTEN_AFTER_S = 3_600
"""A run that has not begun by then was lost, and the next one is sent."""
_LOOKED_UP_WITHIN_S = 3.0
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class FixedJobSource(LabelScheduleSource):
    """The schedules in the tasks' labels, each with a cron (UTC) and a `schedule_id` without a colon.

    `load_last_runs`: when each job last ran, for where Redis does not know; a job that it leaves out has missed
    nothing. `never_late`: jobs that are not caught up with. `redis` is shared and its maker's to close.
    """

    def __init__(
        self,
        broker: AsyncBroker,
        redis: Redis,
        load_prefix: LoadPrefix,
        load_last_runs: LoadLastRuns,
        *,
        never_late: Collection[str] = (),
    ) -> None:
        super().__init__(broker)
        self._redis = redis
        self._keyring = Keyring(load_prefix)
        self._load_last_runs = load_last_runs
        self._never_late = never_late
        self._outage = Outage("fixed jobs")
        self._take = redis.register_script(scripts.TAKE_JOB)
        self._settle = redis.register_script(scripts.SETTLE_JOBS)
        self._keep_place = redis.register_script(scripts.KEEP_PLACE)
        self._fires: dict[str, _Fires] = {}
        self._sent: dict[str, datetime] = {}
        self._sent_as_of = _BEGINNING
        self._unsettled: dict[str, datetime] = {}
        self._has_shown_missed = False

    async def get_schedules(self) -> list[ScheduledTask]:
        """Every job with its cron, and a one-shot of each whose newest fire was missed. Never raises."""
        jobs = await super().get_schedules()
        # TaskIQ sends a one-shot again only after it was once not given it
        missed = [] if self._has_shown_missed else await self._missed(jobs, datetime.now(UTC))
        self._has_shown_missed = bool(missed)
        return [*jobs, *missed]

    async def pre_send(self, task: ScheduledTask) -> None:
        """Lets through whoever comes first with a job's fire, which the message's id names.

        Raises ScheduledTaskCancelledError for the others.
        """
        job, fire = _job_and_fire(task, datetime.now(UTC))
        task_id = f"{job}:{_epoch_s(fire)}"
        try:
            keys = await self._keyring.load()
            is_ours = await self._take(
                keys=[keys.fixed, keys.asked(job)], args=[job, _epoch_s(fire), _LEASE_S, task_id]
            )
        except AWAY as error:
            self._outage.noticed(error)
            raise ScheduledTaskCancelledError from error
        self._outage.ended()
        if not is_ours:
            raise ScheduledTaskCancelledError
        task.task_id = task_id

    async def post_send(self, task: ScheduledTask) -> None:  # type: ignore[override]
        """Notes what was sent. Where Redis is away now, the next look for missed fires will."""
        job, _, fire = str(task.task_id).rpartition(":")
        self._sent[job] = self._unsettled[job] = datetime.fromtimestamp(int(fire), UTC)
        await self._succeeds(self._sent_now(job, str(task.task_id)))

    async def _sent_now(self, job: str, task_id: str) -> None:
        keys = await self._keyring.load()
        await self._keep_place(keys=[keys.asked(job)], args=[task_id, _FORGOTTEN_AFTER_S])
        await self._settle_rest()

    async def _missed(self, jobs: Iterable[ScheduledTask], now: datetime) -> list[ScheduledTask]:
        """One-shots of the jobs whose newest fire nobody has sent, though it is some seconds old."""
        if not timedelta() <= now - self._sent_as_of < _STALE:
            self._sent, self._sent_as_of = {}, now  # Redis may have been emptied since
        late = {job.schedule_id: fire for job in jobs if (fire := self._late_fire(job, now)) is not None}
        unsent = self._unsent(late)
        if not unsent or not await self._succeeds(self._look_up(unsent)):
            return []
        return [_one_shot(self.schedules[job], fire) for job, fire in self._unsent(unsent).items()]

    def _late_fire(self, job: ScheduledTask, now: datetime) -> datetime | None:
        """The job's newest fire where it should have been sent by now; None where it is too new or not wanted late."""
        known = self._fires.get(job.schedule_id)
        if known is None or not known.are_those_of(now):
            known = self._fires[job.schedule_id] = _Fires.around(now, str(job.cron))
        if known.newest is None or now - known.newest < _LATE:
            return None
        is_wanted = job.schedule_id not in self._never_late or now - known.newest < _STALE
        return known.newest if is_wanted else None

    def _unsent(self, fires: Mapping[str, datetime]) -> dict[str, datetime]:
        return {job: fire for job, fire in fires.items() if self._sent.get(job, _BEGINNING) < fire}

    async def _look_up(self, fires: Mapping[str, datetime]) -> None:
        """Learns which fires were sent: from Redis, and of jobs that Redis does not know, from their last runs."""
        await self._settle_rest()
        keys = await self._keyring.load()
        found = dict(zip(fires, await self._redis.hmget(keys.fixed, list(fires)), strict=True))
        self._sent |= {job: datetime.fromtimestamp(int(sent), UTC) for job, sent in found.items() if sent is not None}
        unknown = [job for job, sent in found.items() if sent is None]
        if unknown:
            runs = await self._load_last_runs()
            ran = {job: fires[job] for job in unknown if runs.get(job, fires[job]) >= fires[job]}
            self._sent |= ran
            self._unsettled |= ran
            await self._settle_rest()

    async def _settle_rest(self) -> None:
        """Writes which fires were sent, as far as Redis does not know yet."""
        unsettled = dict(self._unsettled)
        if not unsettled:
            return
        keys = await self._keyring.load()
        await self._settle(
            keys=[keys.fixed], args=[part for job in unsettled for part in (job, _epoch_s(unsettled[job]))]
        )
        self._unsettled = {job: fire for job, fire in self._unsettled.items() if unsettled.get(job) != fire}

    async def _succeeds(self, asking: Awaitable[None]) -> bool:
        """Whether Redis and database could be asked."""
        try:
            async with asyncio.timeout(_LOOKED_UP_WITHIN_S):
                await asking
        except AWAY as error:
            self._outage.noticed(error)
            return False
        except OsrsdiffError as error:
            log.debug("last runs unknown", reason=error)
            return False
        self._outage.ended()
        return True


@dataclass(frozen=True, slots=True)
class _Fires:
    """A job's newest fire at some time, None where it is long ago, and the one after that time."""

    newest: datetime | None
    following: datetime

    @classmethod
    def around(cls, now: datetime, cron: str) -> "_Fires":
        return cls(latest_run(cron, now), next_run(cron, now))

    def are_those_of(self, now: datetime) -> bool:
        return (self.newest or _BEGINNING) <= now < self.following


def _one_shot(job: ScheduledTask, fire: datetime) -> ScheduledTask:
    """The job once more, for a fire that was missed. TaskIQ tells schedules apart by their ids."""
    return job.model_copy(update={"cron": None, "time": fire, "schedule_id": f"{job.schedule_id}:{_epoch_s(fire)}"})


def _job_and_fire(task: ScheduledTask, now: datetime) -> tuple[str, datetime]:
    """Which job is sent, for which fire: its cron's newest, which may be that of the minute before, or a missed one."""
    job = task.schedule_id.partition(":")[0]
    fire = task.time if task.cron is None else latest_run(task.cron, now)
    return job, fire or now


def _epoch_s(at: datetime) -> int:
    return int(at.timestamp())
