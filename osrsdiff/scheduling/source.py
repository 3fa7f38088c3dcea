"""Which schedules fire now. Redis holds the schedules and a sorted set of next fires; this hands over what is due.

`taskiq scheduler` asks each second what there is and sends what it is given when its time has come. What is given to
it are claims: one-shot copies of a schedule, each for one fire, under a lease. So the work is that of what is due, and
two schedulers send each fire once.

    get_schedules   claim what falls due within the lookahead, longest overdue first, as the queue has places
    pre_send        leave a ticket: the StreamBroker puts the message into the queue and writes the next fire in one
                    step, if the claim still stands (nobody paused, moved or took over)
    shutdown        give back what was claimed and not sent
"""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Self

from redis.asyncio import Redis
from taskiq import ScheduledTask, ScheduleSource
from taskiq.exceptions import ScheduledTaskCancelledError, TaskiqError
from taskiq.serializers import JSONSerializer, PickleSerializer
from taskiq_redis import ListRedisScheduleSource

from osrsdiff import logs
from osrsdiff.errors import OsrsdiffError
from osrsdiff.scheduling import identity, tickets
from osrsdiff.scheduling.claims import Claims, Terms
from osrsdiff.scheduling.drafts import Draft, draft_of
from osrsdiff.scheduling.keys import Keyring, Keys, LoadPrefix
from osrsdiff.scheduling.outage import AWAY, Outage, reaching_redis
from osrsdiff.scheduling.silence import Silence
from osrsdiff.scheduling.store import Comparison, ScheduleStore

log = logs.get(__name__)

_AFTER_THE_SECOND_S = 0.2
"""TaskIQ asks when a second begins, which is when fires are due: those go first, looking ahead can wait."""
_REFRESH_WITHIN_S = 3.0
_REPEAT_ERROR_S = 60.0
_REBUILT_WITHIN_S = 30
"""After so long whoever was asked to rebuild has failed, and is asked again."""
_SLOWEST_RETRY_S = 2.0


class PlayerScheduleSource(ListRedisScheduleSource):
    """One instance's schedules. Writing and reading them raises RedisUnreachable; handing them over never does.

    `redis` is shared and its maker's to close. `load_fingerprint` says which database the schedules belong to; without
    it nobody checks. `on_lost` is awaited when Redis turns out to have lost them or has been away. `max_queue`: as many
    messages may be unfinished in the queue; `admission`, where set, says it anew each second. `on_silence` is called
    when a started scheduler does not ask for schedules any more, and should be started again. `catch_up_s`: what fell
    due while no scheduler ran is spread over so long. `max_held`: as many claims at once; each takes memory while it is
    sent.
    """

    def __init__(
        self,
        redis: Redis,
        load_prefix: LoadPrefix,
        *,
        load_fingerprint: Callable[[], Awaitable[str]] | None = None,
        on_lost: Callable[[], Awaitable[object]] | None = None,
        admission: Callable[[], Awaitable[int]] | None = None,
        max_queue: int = 1_000,
        lookahead_s: float = 4.0,
        lease_s: float = 7.0,
        catch_up_s: float = 300.0,
        max_held: int = 1_500,
    ) -> None:
        if not 0 < lookahead_s < lease_s:
            raise ValueError("a claim's lease must outlast the lookahead")
        # not super().__init__: it would make a second pool
        self._serializer = JSONSerializer()
        self._previous_schedule_source: ScheduleSource | None = None
        self._delete_schedules_after_migration = True

        self.on_lost = on_lost
        self.admission = admission
        self.on_silence: Callable[[], object] | None = None
        self._redis = redis
        self._keyring = Keyring(load_prefix)
        self._load_fingerprint = load_fingerprint
        self._fingerprint = ""
        self._max_queue = max_queue
        self._terms = Terms(lookahead_s, lease_s, catch_up_s, max_held)
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._store = ScheduleStore(redis)
        self._claims: Claims | None = None
        self._silence: Silence | None = None
        self._claiming = asyncio.Lock()
        self._is_stopping = False
        self._outage = Outage("scheduler")
        self._is_checked = False
        self._rebuilding: asyncio.Task[None] | None = None
        self._error_said_at = -_REPEAT_ERROR_S

    async def attach(self) -> None:
        """Makes ready without handing anything over, as API and command line need it; Redis may be away.

        Raises RedisOfAnotherDatabase, RedisRefused.
        """
        try:
            await self._ready()
        except AWAY as error:
            log.debug("redis away", part="schedules", reason=error)

    async def startup(self) -> None:
        """Makes ready for a scheduler; waits for Redis. Raises RedisOfAnotherDatabase, RedisRefused."""
        self._is_stopping = False
        await self._start()
        await super().startup()

    async def shutdown(self) -> None:
        """Gives back what was claimed and not sent; schedules stay."""
        self._is_stopping = True
        if self._silence is not None:
            self._silence.stop()
        if self._rebuilding is not None:
            self._rebuilding.cancel()
        if self._claims is None:
            return
        keys = await self._keyring.load()
        try:
            async with asyncio.timeout(_REFRESH_WITHIN_S), self._claiming:
                await self._claims.release_all()
                await self._redis.zrem(keys.schedulers, self._name)
        except AWAY as error:
            log.warning("claims left to expire", reason=error)
        self._claims = None

    async def get_schedules(self) -> list[ScheduledTask]:
        """What to send when its time has come: claims, not all that exists. Never raises."""
        claims = self._claims or await self._start()
        self._heard()
        if claims.are_held:
            await asyncio.sleep(_AFTER_THE_SECOND_S)
        try:
            async with asyncio.timeout(_REFRESH_WITHIN_S), self._claiming:
                if not self._is_stopping:
                    await self._claim_due(claims)
        except AWAY as error:
            self._outage.noticed(error)
        else:
            if self._outage.ended():
                self.rebuild_soon(ask_anew=True)
        self._heard()
        return claims.handed_over()

    async def pre_send(self, task: ScheduledTask) -> None:
        """Lets a claim through that is not over yet. Raises ScheduledTaskCancelledError for any other."""
        ticket = self._claims.ticket(task) if self._claims is not None else None
        if ticket is None:
            raise ScheduledTaskCancelledError
        tickets.leave(ticket)

    async def post_send(self, task: ScheduledTask) -> None:
        """Raises RuntimeError where the broker did not write the next fire: then it is no StreamBroker."""
        if tickets.is_left(str(task.task_id)):
            raise RuntimeError("schedules of this source are sent through a StreamBroker on the same Redis")

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Writes a schedule. One that is there unchanged keeps its next fire."""
        await self.add_schedules([schedule])

    async def add_schedules(
        self, schedules: Iterable[ScheduledTask], *, first_fires: Mapping[str, float] | None = None
    ) -> int:
        """Writes many schedules; how many were new or different. `first_fires`: see `add_drafts`."""
        return await self.add_drafts(map(draft_of, schedules), first_fires=first_fires)

    async def add_drafts(self, drafts: Iterable[Draft], *, first_fires: Mapping[str, float] | None = None) -> int:
        """Writes many schedules; how many were new or different.

        One that is there unchanged keeps its next fire; any other begins with the epoch second that `first_fires` has
        for its id, else with its first fire from now.
        """
        with reaching_redis():
            return await self._store.add(await self._ready(), drafts, first_fires or {})

    async def delete_schedule(self, schedule_id: str) -> None:
        """Removes a schedule; what was claimed of it is not sent any more."""
        await self.delete_schedules([schedule_id])

    async def delete_schedules(self, schedule_ids: Iterable[str]) -> int:
        """Removes many schedules; how many there were."""
        with reaching_redis():
            return await self._store.delete(await self._ready(), schedule_ids)

    async def get_schedule(self, schedule_id: str) -> ScheduledTask | None:
        """The schedule as it is stored."""
        return (await self.schedules_by_id([schedule_id])).get(schedule_id)

    async def schedules_by_id(self, schedule_ids: Iterable[str]) -> dict[str, ScheduledTask]:
        """Those of the schedules that are there."""
        with reaching_redis():
            return await self._store.get(await self._ready(), schedule_ids)

    async def compare(self, expected: Iterable[Draft]) -> Comparison:
        """Which of the expected schedules are missing, and which are stored differently."""
        with reaching_redis():
            return await self._store.compare(await self._ready(), expected)

    async def iterate_ids(self, page_size: int = 1_000) -> AsyncIterator[list[str]]:
        """The ids of all schedules in pages of about that size. One may come twice while schedules come and go."""
        with reaching_redis():
            async for page in self._store.pages(await self._ready(), page_size):
                yield page

    async def next_fires(self, schedule_ids: Sequence[str]) -> list[float | None]:
        """The epoch second at which each schedule fires next; None where it does not."""
        with reaching_redis():
            return await self._store.next_fires(await self._ready(), schedule_ids)

    async def postpone(
        self, schedule_id: str, at: float, *, beat: int | None = None, retry: int = 0, only_sooner: bool = False
    ) -> float | None:
        """Moves a schedule's next fire to the epoch second `at`, but never nearer than 10 s; the fires after it stay.

        `beat`: the one that the moved fire belongs to, which its task's id will name; None: the moved fire's own time.
        `retry`: how often that beat was tried, which the task's label will say. `only_sooner`: a fire that comes before
        `at`, or was moved already, stays.
        Gives when it fires now, None where it is not scheduled.
        """
        with reaching_redis():
            return await self._store.postpone(
                await self._ready(), schedule_id, at, beat, retry, only_sooner=only_sooner
            )

    async def mark(self) -> None:
        """Notes in Redis which database the schedules were built from."""
        with reaching_redis():
            keys = await self._ready()
            if self._fingerprint:
                await identity.mark(self._redis, keys, self._fingerprint)

    def with_migrate_from(self, source: ScheduleSource, delete_schedules: bool = True) -> Self:
        """Takes another source's schedules over at startup. Refuses a source that would unpickle what it reads."""
        serializer = getattr(source, "_serializer", None) or getattr(source, "serializer", None)
        if isinstance(serializer, PickleSerializer):
            raise ValueError("schedules are taken over from sources that store JSON, and never unpickled")
        return super().with_migrate_from(source, delete_schedules)

    def _heard(self) -> None:
        """TaskIQ asks, or has just been answered."""
        if self._silence is not None:
            self._silence.heard()
        elif self.on_silence is not None and not self._is_stopping:
            self._silence = Silence(self.on_silence)

    async def _start(self) -> Claims:
        delay_s = 0.1
        while True:
            try:
                keys = await self._ready()
                break
            except AWAY as error:
                self._outage.noticed(error)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _SLOWEST_RETRY_S)
        self._outage.ended()
        self._claims = Claims(self._redis, keys, self._name, self._terms)
        return self._claims

    async def _ready(self) -> Keys:
        """The keys, after one look at whose they are."""
        keys = await self._keyring.load()
        if not self._is_checked:
            if self._load_fingerprint is not None:
                self._fingerprint = await self._load_fingerprint()
            await identity.check_marker(self._redis, keys, self._fingerprint)
            self._is_checked = True
        return keys

    async def _claim_due(self, claims: Claims) -> None:
        places = self._max_queue if self.admission is None else await self.admission()
        marker, unreadable = await claims.claim_due(places, self._fingerprint)
        if unreadable:
            await self._store.delete(await self._keyring.load(), unreadable)
        if not self._fingerprint:
            return
        if marker == "foreign":
            claims.forget()
            await self._say_foreign()
        elif marker == "missing":
            self.rebuild_soon()

    def rebuild_soon(self, *, ask_anew: bool = False) -> None:
        """Asks for what Redis lost or missed, through `on_lost`; again until somebody has marked Redis as complete.

        Not while somebody was asked a short while ago, unless `ask_anew`: then what was asked before may be too early.
        """
        if self._rebuilding is None or self._rebuilding.done():
            self._rebuilding = asyncio.create_task(self._ask_for_rebuild(ask_anew))

    async def _ask_for_rebuild(self, ask_anew: bool) -> None:
        keys = await self._keyring.load()
        try:
            if not await self._redis.set(keys.rebuild, self._name, nx=not ask_anew, ex=_REBUILT_WITHIN_S):
                return
            if self.on_lost is not None:
                await self.on_lost()
        except (OsrsdiffError, TaskiqError, *AWAY) as error:
            log.warning("rebuild not asked for yet", reason=error)
            with suppress(*AWAY):
                await self._redis.delete(keys.rebuild)

    async def _say_foreign(self) -> None:
        if time.monotonic() - self._error_said_at >= _REPEAT_ERROR_S:
            self._error_said_at = time.monotonic()
            log.error("nothing is scheduled", reason=identity.another_database(await self._keyring.load()))
