"""What OSRS Diff, this program's predecessor, keeps in its Postgres: the rows, and the way to a database of them.

Times are microseconds since 1970 UTC: two of its records may share a second. Reading is done in `predecessor_reader`,
which needs asyncpg; the one thing that is ever changed there, in `predecessor_writer`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from msgspec import Struct

from osrsdiff.errors import SetupError

if TYPE_CHECKING:
    from osrsdiff.storage.predecessor_reader import Source


class OldPlayer(Struct, frozen=True):
    """A row of its `players`, unchecked. `game_mode`: None where the schema is from before there were any."""

    id: int
    username: str | None
    is_active: bool | None
    fetch_interval_minutes: int | None
    game_mode: str | None
    created_us: int | None
    fetched_us: int | None


class OldRecord(Struct, frozen=True, array_like=True, gc=False):
    """A row of its `hiscore_records`, unchecked. `skills`, `bosses`: JSON. `at_us`: NO_TIME where it has none.

    `place`: the place of its player in the list that was asked for.
    """

    place: int
    id: int
    at_us: int
    overall_rank: object
    overall_level: object
    overall_experience: object
    skills: str | None
    bosses: str | None


NO_TIME = -(2**62)
"""Of a record without a time, which so comes first."""


class ReadFrom(Struct, frozen=True):
    """Which records of a player, by its id there: those after the one at `after_us` with the id `after_id`."""

    player_id: int
    place: int
    after_us: int
    after_id: int


def open_source(url: str, zone: str | None = None) -> AbstractAsyncContextManager[Source]:
    """The predecessor's database at `url` as it is now, whoever writes to it meanwhile; nothing in it can be changed.

    `zone`: in which timezone times are to be read that are stored without one; UTC where it is None. Raises UserError
    where the URL is none, DatabaseUnreachable, and SetupError where asyncpg isn't installed, the login is refused, the
    database isn't there, its tables are missing or may not be read.
    """
    try:
        # An optional extra, and heavy.
        from osrsdiff.storage import predecessor_reader  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _no_driver() from error
    return predecessor_reader.open_source(url, zone)


async def check_may_clear(url: str) -> None:
    """Raises as `open_source` does, and SetupError where `clear_schedules` could not do its work."""
    try:
        # An optional extra, and heavy.
        from osrsdiff.storage import predecessor_writer  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _no_driver() from error
    await predecessor_writer.check_may_clear(url)


async def clear_schedules(url: str) -> int:
    """Takes the ids of its schedules, which are no more, out of its `players`; how many. Raises as `open_source`."""
    # An optional extra, and heavy.
    from osrsdiff.storage import predecessor_writer  # noqa: PLC0415

    return await predecessor_writer.clear_schedules(url)


def _no_driver() -> SetupError:
    return SetupError(
        "Reading OSRS Diff's database needs the Postgres driver. Install osrsdiff with it, from a clone: "
        "pip install '.[postgres]'"
    )
