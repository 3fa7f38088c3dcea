"""Exports players: what is kept of them, from the database into a file, or as lines. Goes on while they are fetched.

What is read of one player belongs together, see `storage.export`; that of two may be from before and after a moment in
which both were fetched.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from osrsdiff.errors import ChangedMeanwhile
from osrsdiff.storage import export as table
from osrsdiff.storage import export_looks
from osrsdiff.storage.engine import Database
from osrsdiff.storage.export import Kept
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.progress import Progress, Steps
from osrsdiff.tracking.transfer import json_lines, whom
from osrsdiff.tracking.transfer.items import FORMAT, Group, Header, Item, Look, Metric
from osrsdiff.tracking.transfer.kept import belongings_of, look_of, player_of
from osrsdiff.tracking.transfer.reading import Format
from osrsdiff.tracking.transfer.whom import Wanted as Wanted
from osrsdiff.tracking.transfer.whom import Whom
from osrsdiff.tracking.transfer.writing import size_of, writing

_LOOKS_A_PAGE = 500


class Exported(Struct, frozen=True):
    """What was written. `changes`: of all looks. `items`: how many of each kind. `size_bytes`: of the file."""

    players: int
    looks: int
    changes: int
    items: dict[str, int]
    size_bytes: int


async def export_file(
    instance: Instance,
    wanted: Wanted,
    path: Path,
    form: Format,
    *,
    now: datetime,
    replace: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Writes a file, which is there once it is whole; until then `path` is as it was.

    Raises FileNotUsable, PlayerNotFound, InvalidUsername, GroupNotFound, and ChangedMeanwhile where somebody rewrites
    what is being read.
    """
    tally = _Tally()
    with writing(path, form, replace=replace) as write:
        await _write_all(instance, wanted, tally.also(write), now, progress)
    return tally.report(size_of(path))


async def export_lines(
    instance: Instance,
    wanted: Wanted,
    put: Callable[[bytes], object],
    *,
    now: datetime,
    progress: Progress | None = None,
) -> Exported:
    """Gives the lines of a file of JSON Lines to `put`. Raises as `export_file` does."""
    tally, size = _Tally(), 0

    def counted(line: bytes) -> None:
        nonlocal size
        put(line)
        size += len(line)

    with json_lines.writing(counted) as write:
        await _write_all(instance, wanted, tally.also(write), now, progress)
    return tally.report(size)


async def exported(
    instance: Instance, wanted: Wanted, *, now: datetime, progress: Progress | None = None
) -> AsyncGenerator[Item, None]:
    """The items, in their order; `progress` counts players. Raises as `export_file` does."""
    chosen = await whom.found(instance, wanted)
    yield Header(FORMAT, f"osrsdiff {version('osrsdiff')}", now.replace(microsecond=0), chosen.count)
    metrics = _Metrics(instance.db)
    for metric in await metrics.new():
        yield metric
    for group in chosen.groups:
        yield Group(group.key, group.name, group.description, group.created_at)
    steps, done = Steps(progress, chosen.count), set[int]()
    async for player_id, username in whom.each(instance.db, chosen):
        # who was given another name, as by a review, may come again under that; its history is written
        kept = None if player_id in done else await _kept(instance.db, player_id, username)
        done.add(player_id)
        if kept is not None:
            for metric in await metrics.new(kept):
                yield metric
            async for item in _of_player(instance.db, kept, chosen):
                yield item
            steps.add(1)
    await _require_all(instance.db, chosen, done)
    steps.end()


class _Tally:
    """Counts what is written."""

    def __init__(self) -> None:
        self._kinds = Counter[str]()
        self._changes = 0

    def also(self, write: Callable[[Item], None]) -> Callable[[Item], None]:
        """Writes, and counts."""

        def counting(item: Item) -> None:
            write(item)
            self._kinds[str(item.__struct_config__.tag)] += 1
            if isinstance(item, Look):
                self._changes += len(item.changes)

        return counting

    def report(self, size_bytes: int) -> Exported:
        """What it came to."""
        return Exported(self._kinds["player"], self._kinds["look"], self._changes, dict(self._kinds), size_bytes)


class _Metrics:
    """The metrics that are written already: one that is seen for the first time meanwhile comes before its player."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._written: set[str] = set()

    async def new(self, kept: Kept | None = None) -> list[Metric]:
        """Those that are not written yet, if what is kept of a player names any."""
        if kept is not None and (kept.state is None or kept.state.sheet.keys() <= self._written):
            return []
        async with self._db.reading() as conn:
            known = await table.all_metrics(conn)
        new = [Metric(one.key, one.name, one.kind, at) for one, at in known if one.key not in self._written]
        self._written |= {metric.key for metric in new}
        return new


async def _write_all(
    instance: Instance, wanted: Wanted, write: Callable[[Item], None], now: datetime, progress: Progress | None
) -> None:
    async with aclosing(exported(instance, wanted, now=now, progress=progress)) as items:
        async for item in items:
            write(item)


async def _kept(db: Database, player_id: int, username: str) -> Kept | None:
    """What is kept of the player; None where it has been removed."""
    try:
        async with db.reading() as conn:
            kept = await table.kept(conn, player_id)
    except TimeoutError as error:
        raise _rewritten(username) from error
    if kept is not None and kept.player.username != username:
        raise _rewritten(username)
    return kept


async def _of_player(db: Database, kept: Kept, chosen: Whom) -> AsyncIterator[Item]:
    yield player_of(kept)
    async for look in _looks(db, kept):
        yield look
    for item in belongings_of(kept, {group.key for group in chosen.groups}):
        yield item


async def _looks(db: Database, kept: Kept) -> AsyncIterator[Look]:
    since, looks, changes = None, 0, 0
    while kept.state is not None:
        async with db.reading() as conn:
            page = await export_looks.page(
                conn, kept.player.id, since=since, until=kept.state.taken_at, limit=_LOOKS_A_PAGE
            )
        for look in page:
            yield look_of(kept.player.username, look)
            changes += len(look.changes)
        looks += len(page)
        if len(page) < _LOOKS_A_PAGE:
            break
        since = page[-1].taken_at
    if (looks, changes) != (kept.looks, kept.changes):
        raise _rewritten(kept.player.username)


async def _require_all(db: Database, chosen: Whom, done: set[int]) -> None:
    """Raises ChangedMeanwhile where somebody who was there when the export of everybody began was never come to."""
    if chosen.players is None:
        async for player_id, username in whom.each(db, chosen):
            if player_id <= chosen.newest_id and player_id not in done:
                raise _rewritten(username)


def _rewritten(username: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"What is kept of {username} was rewritten while it was read, as by a rename, a review or an import. "
        "Export it again once that is over."
    )
