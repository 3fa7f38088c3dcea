"""What storage's functions ask of a database: a statement and its values in, rows out, in the caller's transaction.

Owns the `Connection` that both drivers provide, and the cache of metric ids that belongs to one database.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Executable

from osrsdiff.game.metrics import KNOWN, Metric, register

Params = Mapping[str, object]
Row = tuple[Any, ...]

NOTHING: Params = {}


class Step(NamedTuple):
    """One statement of a batch. `params`: one row's values, or a sequence of them for one run each.

    `must_hit`: where it touches no row, the rest of the batch is left out. `then`: the statement is a read, and this
    makes further steps of its rows, which come next. It runs on any thread, and only computes.
    """

    statement: Executable
    params: Params | Sequence[Params] = NOTHING
    must_hit: bool = False
    then: "Callable[[list[Row]], Sequence[Step]] | None" = None


class MetricIds:
    """The metrics that this database is known to have, by id and by key: what is committed; nothing ever leaves."""

    def __init__(self) -> None:
        self.by_id: dict[int, Metric] = {}
        self.ids: dict[str, int] = {}

    def remember(self, found: Iterable[tuple[int, Metric]]) -> None:
        """Adds metrics, also those that an earlier process has seen, so that the game's rules know their kind."""
        for number, metric in found:
            self.by_id[number] = metric
            self.ids[metric.key] = number
            if metric not in _KNOWN:
                register(metric)


_KNOWN = frozenset(KNOWN)


class Connection(Protocol):
    """Runs statements: SQLAlchemy Core expressions kept at module level, since each is compiled once.

    Values are ints, text, bytes, bools or None; the caller turns times into epoch seconds. Every call raises
    DatabaseUnreachable where the server is gone and DatabaseBusy where another process keeps the file locked.
    """

    @property
    def metrics(self) -> MetricIds:
        """The database's metric ids, as far as this process knows them."""

    async def all(self, statement: Executable, params: Params = NOTHING) -> list[Row]:
        """Every row that the statement returns."""

    async def one(self, statement: Executable, params: Params = NOTHING) -> Row | None:
        """The first row, None where there is none."""

    async def glance(self, statement: Executable, params: Params = NOTHING) -> Row | None:
        """As `one`, for a single row that its key leads to: where the database is a file it is read here and now."""

    async def run(self, statement: Executable, params: Params = NOTHING) -> int:
        """How many rows the statement touched."""

    async def run_many(self, statement: Executable, rows: Sequence[Params]) -> None:
        """The statement once for each of `rows`."""

    async def run_all(self, steps: Sequence[Step]) -> bool:
        """Several statements in one trip; False where a step that must hit touched nothing and ended it."""

    def after_commit(self, act: Callable[[], None]) -> None:
        """Calls `act` once what was written is there to stay; never where it is rolled back."""
