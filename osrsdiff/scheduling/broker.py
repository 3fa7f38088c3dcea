"""The queue between whoever wants something done and the workers: a Redis stream that holds what is not finished.

Sending and acknowledging are coalesced into few round trips. What is acknowledged is deleted. A worker's messages are
given back when it stops and taken over when it dies, on a quiet queue too. An outage of Redis is survived in place.
Knows no task and no schedule.
"""

import asyncio
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from taskiq import AckableMessage, AsyncBroker
from taskiq.exceptions import SendTaskError
from taskiq.formatters.json_formatter import JSONFormatter
from taskiq.kicker import AsyncKicker
from taskiq.message import BrokerMessage, TaskiqMessage
from taskiq_redis import RedisStreamBroker

from osrsdiff import logs
from osrsdiff.coalesce import Coalescer
from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling import queue_scripts, tickets
from osrsdiff.scheduling.constants import ALIVE_S
from osrsdiff.scheduling.keys import Keyring, Keys, LoadPrefix, text
from osrsdiff.scheduling.outage import AWAY, Outage, reaching_redis
from osrsdiff.scheduling.outbox import Outbox

log = logs.get(__name__)

T = TypeVar("T")

GROUP = "workers"

_FIRST_RETRY_S = 0.1
_SLOWEST_RETRY_S = 1.0
_LEAVE_WITHIN_S = 1.0
"""Each step of leaving: what Redis does not take by then is taken over from a dead worker."""
_MOST_PENDING = 10_000
_ACKNOWLEDGED_WITHIN_S = 0.01
"""A worker that is killed within so long of a task's end has the task run again."""

_NEW, _OURS = ">", "0"
"""Which messages to read: those that nobody has, or those that Redis believes this worker has."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    id: str
    data: bytes


class StreamBroker(RedisStreamBroker):
    """One instance's queue. `redis` is shared and its maker's to close.

    `concurrency`: as many messages are read at once, so that a worker holds little that it can't run. `alive_s`: a
    worker without a sign of life for so long is dead and its messages anybody's; `idle_s`: a living one's, too, longer
    than any task takes. `most_deliveries`: a message that was delivered so often, and killed its worker each time, is
    given up.
    """

    def __init__(
        self,
        redis: Redis,
        load_prefix: LoadPrefix,
        *,
        concurrency: int = 8,
        block_s: float = 2.0,
        alive_s: float = ALIVE_S,
        idle_s: float = 1_200.0,
        most_deliveries: int = 5,
    ) -> None:
        AsyncBroker.__init__(self)  # not that of the class between: it would make a second pool
        self.formatter = JSONFormatter()  # the same messages as the default's, at a third of the work
        self.queue_name = ""
        self.consumer_group_name = GROUP
        self.consumer_name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._redis = redis
        self._keyring = Keyring(load_prefix)
        self._count = concurrency
        self._block_ms = round(block_s * 1_000)
        self._alive_s = alive_s
        self._idle_ms = round(idle_s * 1_000)
        self._most_deliveries = most_deliveries
        self._outbox = Outbox(redis, self._keyring)
        self._acknowledgements = Coalescer(self._acknowledge_all, linger_s=_ACKNOWLEDGED_WITHIN_S)
        self._unacknowledged: list[str] = []
        self._in_hand: set[str] = set()
        self._take_over_at = 0.0
        self._may_have_missed = False
        self._outage = Outage("queue")
        self._enqueue_once = redis.register_script(queue_scripts.ENQUEUE_ONCE)
        self._leave_place = redis.register_script(queue_scripts.LEAVE_PLACE)
        self._acknowledge = redis.register_script(queue_scripts.ACKNOWLEDGE)
        self._sign_of_life = redis.register_script(queue_scripts.SIGN_OF_LIFE)
        self._reclaim = redis.register_script(queue_scripts.RECLAIM)
        self._give_back = redis.register_script(queue_scripts.GIVE_BACK)
        self._living: asyncio.Task[None] | None = None

    async def attach(self) -> None:
        """Makes ready to send; Redis may be away."""
        self.queue_name = (await self._keyring.load()).queue

    async def startup(self) -> None:
        """Makes ready; a worker also begins to give signs of life, before anybody is told so. Redis may be away."""
        await self.attach()
        if self.is_worker_process:
            keys = await self._keyring.load()
            with suppress(*AWAY):
                await self._declare_consumer_group()
                await self._sign_of_life(keys=[keys.workers], args=[self.consumer_name])
            if self._living is None or self._living.done():
                self._living = asyncio.create_task(self._live(keys))
        await AsyncBroker.startup(self)

    async def shutdown(self) -> None:
        """A worker gives back what it has not finished and leaves. Messages on their way out are sent first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_WITHIN_S):
                await self._outbox.drained()
        if self._living is not None:
            await _stopped(self._living)
            await self._leave(await self._keyring.load())
        await AsyncBroker.shutdown(self)

    async def send(self, task_name: str, *args: object) -> str:
        """Asks the workers to run a task, named by its constant, now; the task's id. Raises RedisUnreachable."""
        kicker: AsyncKicker[Any, Any] = AsyncKicker(task_name, self, {})
        try:
            return (await kicker.kiq(*args)).task_id
        except SendTaskError as error:
            if isinstance(error.__cause__, AWAY):
                raise RedisUnreachable(f"Redis does not answer: {error.__cause__}") from error
            raise

    async def send_once(
        self, place: str, task_name: str, *args: object, labels: Mapping[str, str] | None = None, kept_s: int = 900
    ) -> tuple[str, bool]:
        """As `send`, but for at most one task at a time that has the key `place`: until it leaves it, or `kept_s` ends.

        The id of the task that has it, and whether that was sent before.
        """
        task_id = uuid4().hex
        message = TaskiqMessage(
            task_id=task_id, task_name=task_name, labels=dict(labels or {}), args=list(args), kwargs={}
        )
        queue = (await self._keyring.load()).queue
        with reaching_redis():
            holder: Any = await self._enqueue_once(
                keys=[queue, place], args=[self.formatter.dumps(message).message, task_id, kept_s]
            )
        return text(holder), text(holder) != task_id

    async def leave_place(self, place: str, task_id: str) -> None:
        """Lets the next one be sent; where Redis is away, that can wait."""
        with suppress(*AWAY):
            await self._leave_place(keys=[place], args=[task_id])

    async def kick(self, message: BrokerMessage) -> None:
        """Puts a message into the queue, together with whatever else is sent meanwhile. Raises what redis raises.

        One that is sent for a claim only gets there if the claim still stands, which is then over.
        """
        queue = message.labels.get("queue_name") or (await self._keyring.load()).queue
        if not await self._outbox.send(queue, message.message, tickets.take(message.task_id)):
            log.debug("not sent, the claim is over", task_id=message.task_id)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Messages as they come, those of dead workers too. Goes on through outages; ends only when it is closed."""
        keys = await self._keyring.load()
        deliveries: deque[_Delivery] = deque()
        reading: asyncio.Task[list[_Delivery]] | None = None
        try:
            while True:
                while deliveries:
                    delivery = deliveries.popleft()
                    yield AckableMessage(data=delivery.data, ack=self._ack_generator(delivery.id, keys.queue))
                reading = asyncio.create_task(self._read(keys))
                await asyncio.wait({reading})
                deliveries += reading.result()
                reading = None
        finally:
            if reading is not None:
                deliveries += await _stopped(reading) or []
            if deliveries:
                await self._return(keys, [delivery.id for delivery in deliveries])

    def _ack_generator(self, id: str, queue_name: str) -> Callable[[], Awaitable[None]]:  # noqa: A002, ARG002
        return partial(self._acknowledge_soon, id)

    async def _acknowledge_soon(self, id_: str) -> None:
        """Together with whatever else ends in the same moment: nobody needs to wait for it."""
        self._acknowledgements.add(id_)

    async def _read(self, keys: Keys) -> list[_Delivery]:
        """Waits for messages, however often Redis goes away meanwhile."""
        delay_s = _FIRST_RETRY_S
        while True:
            try:
                if deliveries := await self._read_once(keys):
                    return deliveries
                delay_s = _FIRST_RETRY_S
            except AWAY as error:
                self._outage.noticed(error)
                self._may_have_missed = True
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _SLOWEST_RETRY_S)

    async def _read_once(self, keys: Keys) -> list[_Delivery]:
        if self._may_have_missed:
            await self._declare_consumer_group()
            missed = await self._fetch(keys, _OURS, _MOST_PENDING, None)
            self._may_have_missed = False
            if missed:
                return missed
        if time.monotonic() >= self._take_over_at:
            self._take_over_at = time.monotonic() + self._alive_s / 3
            if taken := await self._take_over(keys):
                return taken
        return await self._fetch(keys, _NEW, self._count, self._block_ms)

    async def _fetch(self, keys: Keys, which: str, count: int, block_ms: int | None) -> list[_Delivery]:
        streams: dict[Any, Any] = {keys.queue: which}
        reply: Any = await self._redis.xreadgroup(GROUP, self.consumer_name, streams, count=count, block=block_ms)
        self._outage.ended()
        return self._new_to_us(_Delivery(text(id_), fields.get(b"data", b"")) for id_, fields in _entries(reply))

    async def _take_over(self, keys: Keys) -> list[_Delivery]:
        """Messages of workers that are dead, or that took too long."""
        alive = [self._alive_s, self._idle_ms, self._count, self._most_deliveries]
        taken, given_up = await self._reclaim(keys=[keys.queue, keys.workers], args=[GROUP, self.consumer_name, *alive])
        for id_, data in _pairs(given_up):
            log.error("message given up", deliveries=self._most_deliveries, id=id_, message=data[:500])
        deliveries = self._new_to_us(_Delivery(id_, data) for id_, data in _pairs(taken))
        if deliveries:
            log.warning("messages taken over", count=len(deliveries))
        return deliveries

    def _new_to_us(self, deliveries: Iterable[_Delivery]) -> list[_Delivery]:
        new = [delivery for delivery in deliveries if delivery.id not in self._in_hand]
        self._in_hand.update(delivery.id for delivery in new)
        return new

    async def _declare_consumer_group(self) -> None:
        """Makes the group, from the queue's first message on. An emptied Redis has lost it."""
        try:
            await self._redis.xgroup_create(self.queue_name, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            log.debug("group not made", reason=error)

    async def _acknowledge_all(self, ids: list[str]) -> list[None]:
        self._unacknowledged += ids
        with suppress(*AWAY):
            await self._acknowledge_rest()
        return [None] * len(ids)

    async def _acknowledge_rest(self) -> None:
        """Acknowledges and deletes what is done, in one step; what was done while Redis was away comes with it.

        What another worker has taken over meanwhile stays that one's.
        """
        ids, self._unacknowledged = self._unacknowledged, []
        if not ids:
            return
        try:
            await self._acknowledge(keys=[self.queue_name], args=[GROUP, self.consumer_name, *ids])
        except BaseException:
            self._unacknowledged += ids
            raise
        self._in_hand.difference_update(ids)

    async def _live(self, keys: Keys) -> None:
        """Gives signs of life until cancelled."""
        while True:
            with suppress(*AWAY):
                await self._sign_of_life(keys=[keys.workers], args=[self.consumer_name])
                await self._acknowledge_rest()
            await asyncio.sleep(self._alive_s / 4)

    async def _return(self, keys: Keys, ids: list[str]) -> None:
        """Puts messages that nobody began with into the queue again."""
        try:
            async with asyncio.timeout(_LEAVE_WITHIN_S):
                await self._give_back(keys=[keys.queue, keys.workers], args=[GROUP, self.consumer_name, *ids])
        except AWAY as error:
            log.warning("messages left to be taken over", count=len(ids), reason=error)
        self._in_hand.difference_update(ids)

    async def _leave(self, keys: Keys) -> None:
        """Puts everything that is ours into the queue again and retires."""
        try:
            async with asyncio.timeout(_LEAVE_WITHIN_S):
                await self._acknowledgements.drained()
                await self._acknowledge_rest()
                returned = await self._give_back(keys=[keys.queue, keys.workers], args=[GROUP, self.consumer_name])
        except AWAY as error:
            log.warning("messages left to be taken over", reason=error)
        else:
            log.info("worker left", returned=returned)


async def _stopped(task: asyncio.Task[T]) -> T | None:
    """Cancels a task and waits for its end; its result where it was quicker.

    Cancels as often as it takes: a command of redis-py that is just being written swallows it (asyncio.wait_for does,
    before Python 3.12).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)
    return None if task.cancelled() else task.result()


def _entries(reply: Any) -> list[Any]:
    """The messages of the one stream that was read, in whichever shape the client gives them."""
    streams = list(reply.values()) if isinstance(reply, dict) else [entries for _, entries in reply or ()]
    entries = streams[0] if streams else []
    is_nested = len(entries) == 1 and entries[0] and isinstance(entries[0][0], (tuple, list))
    found = entries[0] if is_nested else entries
    return [(id_, fields) for id_, fields in found if fields]


def _pairs(flat: list[bytes]) -> Iterable[tuple[str, bytes]]:
    return zip(map(text, flat[0::2]), flat[1::2], strict=True)
