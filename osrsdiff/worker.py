"""What the `taskiq worker` and `taskiq scheduler` commands are given: two factories, and the tasks.

Each task is a few lines that call `tracking`. Nothing connects or registers at import.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Annotated, Any

import msgspec
from taskiq import (
    Context,
    ScheduledTask,
    ScheduleSource,
    TaskiqDepends,
    TaskiqEvents,
    TaskiqMessage,
    TaskiqScheduler,
    TaskiqState,
)
from taskiq.exceptions import SendTaskError

from osrsdiff import config as configuration
from osrsdiff import lifeline, logs
from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.constants import (
    ASKED_AT,
    CHECK_MODE_TASK,
    CHECK_MODES_TASK,
    FETCH_TASK,
    FIXED_JOBS,
    NEVER_LATE,
    PRUNE_TASK,
    RECKON_TASK,
    RECONCILE_TASK,
    RETRY,
    SPARE,
)
from osrsdiff.scheduling.fixed import FixedJobSource
from osrsdiff.scheduling.outage import AWAY
from osrsdiff.tracking import jobs
from osrsdiff.tracking.fetch import fetch_player, open_fetcher
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.mode_checks import check_mode
from osrsdiff.tracking.mode_rounds import is_more_due
from osrsdiff.tracking.retries import Due

log = logs.get(__name__)

_OBJECTS_BETWEEN_COLLECTIONS = 10_000
_AGAIN_AFTER_S = 15.0

SCHEDULE_LABELS = ("schedule_type", "interval_minutes", "phase_s")


def create_broker() -> StreamBroker:
    """The broker for `taskiq worker osrsdiff.worker:create_broker`, its tasks registered."""
    instance = _configured_instance()
    broker = _with_tasks(instance)
    resources = AsyncExitStack()
    resources.push_async_callback(instance.close)
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, _start_worker(instance, resources))
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, lambda _: resources.aclose())
    return broker


def create_scheduler() -> TaskiqScheduler:
    """The scheduler for `taskiq scheduler osrsdiff.worker:create_scheduler --update-interval 1`."""
    instance = _configured_instance()
    broker = _with_tasks(instance)
    # while Redis hangs, each refresh takes longer than TaskIQ likes; our own line says once what is wrong
    logging.getLogger("taskiq.cli.scheduler").setLevel(logging.ERROR)
    instance.source.on_lost = lambda: instance.asked.job(RECONCILE_TASK)
    instance.source.admission = instance.admitted
    instance.source.on_silence = lambda: signal.raise_signal(signal.SIGINT)  # whoever keeps it starts it again
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
    return _Scheduler(instance, broker)


async def fetch_player_hiscores_task(
    player_id: int, context: Annotated[Context, TaskiqDepends()]
) -> dict[str, Any] | None:
    """Looks at one player; the report of it as plain values, None where there was nothing to do."""
    message, state = context.message, context.state
    asked_at = message.labels.get(ASKED_AT)
    if asked_at is None:
        report = await fetch_player(state.fetcher, player_id, _due(message))
    else:
        async with state.instance.asked.fetching(player_id, message.task_id):
            report = await fetch_player(state.fetcher, player_id, asked_at=float(asked_at))
    return None if report is None else msgspec.to_builtins(report)


async def check_game_mode_task(player_id: int, context: Annotated[Context, TaskiqDepends()]) -> dict[str, Any] | None:
    """Checks one player's game mode; the report of it as plain values, None where the player is gone."""
    message, state = context.message, context.state
    spare, patience_s = SPARE in message.labels, jobs.spare_patience_s(state.instance)
    async with state.instance.asked.checking(player_id, message.task_id):
        report = await jobs.by_the_clock(check_mode(state.fetcher, player_id, spare=spare, patience_s=patience_s))
    return None if report is None else msgspec.to_builtins(report)


async def reconcile_schedules_task(context: Annotated[Context, TaskiqDepends()]) -> None:
    """Mends what does not agree between the database and the schedules."""
    await _run(context, jobs.run_reconcile)


async def prune_failures_task(context: Annotated[Context, TaskiqDepends()]) -> None:
    """Forgets old rows of the bounded logs."""
    await _run(context, jobs.run_prune)


async def reckon_history_task(context: Annotated[Context, TaskiqDepends()]) -> None:
    """Reckons records and achievements of histories that no look has kept up with."""
    await _run(context, jobs.run_reckoning)


async def check_game_mode_downgrades_task(context: Annotated[Context, TaskiqDepends()]) -> None:
    """Checks the game modes that are due, mostly of ironmen once a day, and asks for another run while there are more.

    While it goes on it keeps its place, so that no second one begins: that would only take a fetch's. Who asked
    meanwhile has joined it, so what is due is looked at again once it is over. Where the database failed, it tries
    again after a pause.
    """
    instance: Instance = context.state.instance
    async with instance.asked.running(context.message.task_name, context.message.task_id):
        report = await jobs.by_the_clock(jobs.run_mode_checks(instance, context.state.fetcher))
        if report is None:
            await asyncio.sleep(_AGAIN_AFTER_S)
    if report is None or await jobs.by_the_clock(is_more_due(context.state.fetcher, report.visited)) is not False:
        with suppress(RedisUnreachable):
            await instance.asked.job(CHECK_MODES_TASK)


async def _run(context: Context, job: Callable[[Instance], Awaitable[object]]) -> None:
    instance: Instance = context.state.instance
    await instance.asked.begins(context.message.task_name, context.message.task_id)
    await jobs.by_the_clock(job(instance))


class _Scheduler(TaskiqScheduler):
    """TaskIQ's scheduler, which asks for a reconcile and a reckoning when it starts and says when it is ready."""

    def __init__(self, instance: Instance, broker: StreamBroker) -> None:
        fixed = FixedJobSource(
            broker, instance.redis, instance.load_prefix, lambda: jobs.last_runs(instance), never_late=NEVER_LATE
        )
        super().__init__(broker, [instance.source, fixed])
        self._instance = instance

    async def startup(self) -> None:
        await super().startup()
        _spare_the_collector()
        self._instance.source.rebuild_soon(ask_anew=True)
        with suppress(RedisUnreachable):
            await self._instance.asked.job(RECKON_TASK)  # an upgrade may have brought new rules
        await self._instance.source.get_schedules()  # its first sign of life, before anybody is told
        lifeline.notify("schedules are handed over as they fall due", ready=True)

    async def on_ready(self, source: ScheduleSource, task: ScheduledTask) -> None:
        try:
            await super().on_ready(source, task)
        except SendTaskError as error:
            if not isinstance(error.__cause__, AWAY):
                raise
            log.debug("not sent, comes again", schedule_id=task.schedule_id, reason=error.__cause__)

    async def shutdown(self) -> None:
        for source in self.sources:  # TaskIQ does it later, when there is no Redis to give claims back to
            await source.shutdown()
        await super().shutdown()
        await self._instance.close()


def _configured_instance() -> Instance:
    config = configuration.load()
    logs.setup(config.log.level, config.log.format)
    return Instance(config)


def _with_tasks(instance: Instance) -> StreamBroker:
    broker = instance.broker
    broker.register_task(fetch_player_hiscores_task, FETCH_TASK)
    broker.register_task(check_game_mode_task, CHECK_MODE_TASK)
    broker.register_task(check_game_mode_downgrades_task, CHECK_MODES_TASK, schedule=[_fixed(CHECK_MODES_TASK)])
    broker.register_task(reconcile_schedules_task, RECONCILE_TASK, schedule=[_fixed(RECONCILE_TASK)])
    broker.register_task(prune_failures_task, PRUNE_TASK, schedule=[_fixed(PRUNE_TASK)])
    broker.register_task(reckon_history_task, RECKON_TASK, schedule=[_fixed(RECKON_TASK)])
    return broker


def _fixed(task: str) -> dict[str, str]:
    return {"cron": FIXED_JOBS[task], "schedule_id": task}


def _start_worker(instance: Instance, resources: AsyncExitStack) -> Callable[[TaskiqState], Awaitable[None]]:
    async def start(state: TaskiqState) -> None:
        await instance.open(wait=True)
        await instance.source.attach()  # refuses the Redis of another copy of the database
        state.instance = instance
        state.fetcher = await resources.enter_async_context(open_fetcher(instance))
        _spare_the_collector()
        lifeline.notify("fetching", ready=True)

    return start


def _spare_the_collector() -> None:
    """What start-up has made stays, and what a fetch makes goes by itself: looking for circles in it costs a tenth."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def _due(message: TaskiqMessage) -> Due | None:
    """The schedule that a message came from; None where somebody asked by hand."""
    schedule_id = message.labels.get("schedule_id")
    if schedule_id is None:
        return None
    beat = int(message.task_id.rpartition(":")[2])
    labels = {name: str(message.labels[name]) for name in SCHEDULE_LABELS if name in message.labels}
    return Due(schedule_id, beat, labels, int(message.labels.get(RETRY, 0)))
