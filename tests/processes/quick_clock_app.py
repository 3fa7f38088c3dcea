"""A factory for real `taskiq scheduler` processes in which a minute passes each second, with a job due in each."""

import asyncio
import os
import time
from datetime import UTC, datetime, tzinfo

from taskiq import TaskiqScheduler
from taskiq.cli.scheduler import run
from taskiq.message import BrokerMessage

from osrsdiff import logs, redis_client
from osrsdiff.scheduling import fixed
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.fixed import FixedJobSource

SPEED = 60
BEGAN = float(os.environ["TEST_BEGAN"])
MINUTE = BEGAN // 60 * 60


class QuickClock(datetime):
    """Begins with the minute in which `BEGAN` lies, and runs `SPEED` times too fast since."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "QuickClock":
        return cls.fromtimestamp(MINUTE + (time.time() - BEGAN) * SPEED, tz)


class SlowBroker(StreamBroker):
    """Takes its time to send, so that who is killed is often killed over it."""

    async def kick(self, message: BrokerMessage) -> None:
        await asyncio.sleep(0.8)
        await super().kick(message)


async def job() -> None: ...


async def load_prefix() -> str:
    return os.environ["TEST_PREFIX"]


async def load_last_runs() -> dict[str, datetime]:
    return dict.fromkeys(map(str, range(60)), datetime.fromtimestamp(MINUTE, UTC))


class Scheduler(TaskiqScheduler):
    """Says when it is ready."""

    async def startup(self) -> None:
        await super().startup()
        logs.get(__name__).info("scheduler ready")


def create_scheduler() -> TaskiqScheduler:
    logs.setup("info", "text")
    run.datetime = fixed.datetime = QuickClock  # type: ignore[misc]
    redis = redis_client.create(os.environ["TEST_REDIS_URL"])
    broker = SlowBroker(redis, load_prefix)
    for minute in range(60):
        schedule = {"cron": f"{minute} * * * *", "schedule_id": str(minute)}
        broker.register_task(job, str(minute), schedule=[schedule])
    return Scheduler(broker, [FixedJobSource(broker, redis, load_prefix, load_last_runs)])
