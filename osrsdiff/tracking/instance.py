"""One instance's parts, wired: database, Redis, queue, schedules. Every role and command opens one of these.

Opening needs the database, since it is the truth and knows the instance's id; it does not need Redis to answer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio

from osrsdiff import redis_client
from osrsdiff.config import EMBEDDED, Config
from osrsdiff.errors import DatabaseUnreachable, RedisUnreachable
from osrsdiff.hiscores.budget import RequestBudget
from osrsdiff.scheduling.asked import Asked
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.manager import PlayerScheduleManager
from osrsdiff.scheduling.results import ResultStore
from osrsdiff.scheduling.source import PlayerScheduleSource
from osrsdiff.storage.engine import Database
from osrsdiff.storage.instance import fingerprint, instance_id
from osrsdiff.storage.schema import require_schema, wait_for_schema

_SECONDS_QUEUED = 30
"""How many seconds of the request budget may wait in the queue: longer only makes what waits stale."""
_MOST_QUEUED = 10_000
_LEAST_WAIT_S = 20.0
LONGEST_WAIT_S = 120.0
"""A message that nobody acknowledges for much longer is taken for one that its worker has forgotten."""


class Instance:
    """The parts, made but not connected until `open`. Every Redis key starts with `prefix`.

    `patience_s`: a Redis that takes longer to reply counts as away. `importing`: held by an import, one at a time.
    """

    def __init__(self, config: Config, *, patience_s: float = redis_client.PATIENCE_S) -> None:
        self.config = config
        self.redis = redis_client.create(redis_client.redis_url(config), patience_s=patience_s)
        self.results = ResultStore(self.redis, self.load_prefix)
        self.broker = StreamBroker(self.redis, self.load_prefix, concurrency=config.worker.concurrency)
        self.broker.with_result_backend(self.results)
        self.asked = Asked(self.load_prefix, self.broker)
        self.source = PlayerScheduleSource(
            self.redis,
            self.load_prefix,
            load_fingerprint=self.load_fingerprint,
            max_queue=queue_places(config),
            catch_up_s=60.0 * config.scheduler.catch_up_minutes,
        )
        self.schedules = PlayerScheduleManager(self.source, self.broker)
        self.importing = anyio.Lock()
        self._opening = anyio.Lock()
        self._db: Database | None = None
        self._prefix = ""
        self._fingerprint = ""
        self._budget: RequestBudget | None = None

    @property
    def db(self) -> Database:
        """The database. Raises DatabaseUnreachable before `open` has got hold of it."""
        if self._db is None:
            raise DatabaseUnreachable("The database is waited for.")
        return self._db

    @property
    def prefix(self) -> str:
        """What every key of this instance in Redis starts with. Raises DatabaseUnreachable before it is known."""
        if not self._prefix:
            raise DatabaseUnreachable("The database is waited for.")
        return self._prefix

    async def open(self, *, wait: bool) -> None:
        """Connects the database. `wait`: for the server and the schema, as roles do; otherwise SetupError says why."""
        async with self._opening:
            if self._db is None:
                database = await (wait_for_schema if wait else _connect_ready)(self.config.database_url)
                try:
                    await self._learn_identity(database)
                except BaseException:
                    await database.close()
                    raise
                self._db = database  # last: whoever sees the database may rely on the prefix

    async def _learn_identity(self, database: Database) -> None:
        async with database.reading() as connection:
            own_id = await instance_id(connection)
        # an embedded Redis lies beside the database and moves with it
        is_embedded = self.config.redis.url == EMBEDDED
        self._fingerprint = own_id if is_embedded else await fingerprint(database)
        self._prefix = f"osrsdiff:{own_id}:"

    async def attach(self) -> None:
        """Makes ready to schedule and send. Redis may be away; raises RedisRefused, RedisOfAnotherDatabase."""
        await self.source.attach()
        await self.broker.attach()

    def budget(self) -> RequestBudget:
        """The request budget that all processes of the instance share. Raises DatabaseUnreachable as `prefix` does."""
        if self._budget is None:
            hiscores = self.config.hiscores
            self._budget = RequestBudget(
                self.redis,
                self.prefix,
                requests_per_second=hiscores.requests_per_second,
                burst=hiscores.burst,
                max_wait_s=longest_wait_s(self.config),
            )
        return self._budget

    async def admitted(self) -> int:
        """How many scheduled fetches may wait: what the budget serves soon; one, a probe, while the breaker is open."""
        places = queue_places(self.config)
        try:
            state = await self.budget().breaker()
        except RedisUnreachable:
            return places  # whoever claims finds out by itself
        return 1 if state.open_until else places

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes database and Redis."""
        await self.redis.aclose()
        if self._db is not None:
            await self._db.close()
            self._db = None

    async def load_prefix(self) -> str:
        """The key prefix, opening the database first where that has not happened."""
        await self.open(wait=True)
        return self._prefix

    async def load_fingerprint(self) -> str:
        """What tells this database from a copy of it."""
        await self.open(wait=True)
        return self._fingerprint


@asynccontextmanager
async def open_instance(
    config: Config, *, wait: bool = False, patience_s: float = redis_client.PATIENCE_S
) -> AsyncIterator[Instance]:
    """The instance of `config`, ready to send tasks; closed at the end.

    Raises InstanceMissing, DatabaseNewer, SetupError, DatabaseUnreachable.
    """
    async with Instance(config, patience_s=patience_s) as instance:
        await instance.open(wait=wait)
        await instance.attach()
        yield instance


def queue_places(config: Config) -> int:
    """How many scheduled fetches may wait in the queue."""
    by_budget = int(config.hiscores.requests_per_second * _SECONDS_QUEUED)
    workers = config.worker.processes * config.worker.concurrency
    return min(_MOST_QUEUED, max(by_budget, workers))


def longest_wait_s(config: Config) -> float:
    """How long a fetch may wait for its slot: until all that can be under way at once have had theirs."""
    workers = config.worker.processes * config.worker.concurrency
    return min(LONGEST_WAIT_S, max(_LEAST_WAIT_S, 1.25 * workers / config.hiscores.requests_per_second))


async def _connect_ready(url: str) -> Database:
    database = await Database.connect(url)
    try:
        await require_schema(database)
    except BaseException:
        await database.close()
        raise
    return database
