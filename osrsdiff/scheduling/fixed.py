"""Jobs that belong to no player, sent by the clock: each in its minute once, however many schedulers run."""

from datetime import UTC, datetime, timedelta

import pycron  # type: ignore[import-untyped]
from redis.asyncio import Redis
from taskiq import AsyncBroker, ScheduledTask
from taskiq.exceptions import ScheduledTaskCancelledError
from taskiq.schedule_sources import LabelScheduleSource

from osrsdiff.scheduling.keys import Keyring, LoadPrefix
from osrsdiff.scheduling.outage import AWAY, Outage

_REMEMBERED_S = 3_600


class FixedJobSource(LabelScheduleSource):
    """The schedules in the tasks' labels; each needs a `schedule_id`. `redis` is shared and its maker's to close."""

    def __init__(self, broker: AsyncBroker, redis: Redis, load_prefix: LoadPrefix) -> None:
        super().__init__(broker)
        self._redis = redis
        self._keyring = Keyring(load_prefix)
        self._outage = Outage("fixed jobs")

    async def pre_send(self, task: ScheduledTask) -> None:
        """Lets through whoever comes first in a job's minute. Raises ScheduledTaskCancelledError for the others."""
        try:
            keys = await self._keyring.load()
            key = keys.fixed_job(task.schedule_id, _minute(task.cron, datetime.now(UTC)))
            is_first = await self._redis.set(key, 1, nx=True, ex=_REMEMBERED_S)
        except AWAY as error:
            self._outage.noticed(error)
            raise ScheduledTaskCancelledError from error
        self._outage.ended()
        if not is_first:
            raise ScheduledTaskCancelledError


def _minute(cron: str | None, now: datetime) -> int:
    """The minute that a job is sent for, counted since the epoch: the one before where this one is none of its own."""
    before = now - timedelta(minutes=1)
    is_late = cron is not None and not pycron.is_now(cron, now) and pycron.is_now(cron, before)
    return int((before if is_late else now).timestamp()) // 60
