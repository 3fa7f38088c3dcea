"""Which revision of the schema this program needs, and whether a database has it. Changes nothing, needs no alembic."""

from typing import Literal

import anyio
from sqlalchemy import Select, Text, column, select, table

from osrsdiff import logs
from osrsdiff.errors import DatabaseNewer, DatabaseUnreachable, InstanceMissing, SetupError
from osrsdiff.storage.dialects import TABLE_NAMES, shown
from osrsdiff.storage.engine import Database

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every migration in `alembic/versions`, oldest first."""

HEAD = REVISIONS[-1]

VERSION_TABLE = "alembic_version"

SchemaState = Literal["current", "pending", "newer"]

POLL_S = 0.1
POLLS_UNSAID = 20
"""So many are usual while an instance starts for the first time."""

REVISION: Select[str] = select(column("version_num", Text)).select_from(table(VERSION_TABLE))

log = logs.get(__name__)


async def revision(db: Database) -> str | None:
    """The database's revision; None where nothing has been made in it yet."""
    async with db.reading() as conn:
        if (VERSION_TABLE,) not in await conn.all(TABLE_NAMES[db.dialect]):
            return None
        row = await conn.one(REVISION)
        return str(row[0]) if row else None


async def check_schema(db: Database) -> SchemaState:
    """Whether this program can work on the database, has to wait for its migration, or is too old for it."""
    return state_of(await revision(db))


def state_of(found: str | None) -> SchemaState:
    """What a revision means for this program."""
    if found == HEAD:
        return "current"
    return "pending" if found is None or found in REVISIONS else "newer"


async def require_schema(db: Database) -> None:
    """Raises DatabaseNewer where a newer program has migrated the database, SetupError where it is to be migrated."""
    found = await revision(db)
    match state_of(found):
        case "newer":
            raise DatabaseNewer(newer_message(db.url, str(found)))
        case "pending":
            raise SetupError(
                f"The database {shown(db.url)} does not have this version's schema yet. "
                "Bring it up to date with: osrsdiff db upgrade"
            )


async def wait_for_schema(url: str) -> Database:
    """The database at `url`, once it is there with the schema of this program; says once what it waits for.

    Raises DatabaseNewer where a newer program has migrated it, SetupError where it can't be used as configured.
    """
    polls = 0
    while True:
        try:
            db = await Database.connect(url)
        except (DatabaseUnreachable, InstanceMissing) as error:
            waiting_for = str(error)
        else:
            if await _is_ready(db):
                return db
            waiting_for = "Its schema is not migrated yet; osrsdiff run or osrsdiff db upgrade does that."
        if polls == POLLS_UNSAID:
            log.warning("waiting for the database", database=shown(url), reason=waiting_for)
        polls += 1
        await anyio.sleep(POLL_S)


async def _is_ready(db: Database) -> bool:
    """Whether the schema is there; the database is closed where it isn't."""
    try:
        found = await revision(db)
        if state_of(found) == "newer":
            raise DatabaseNewer(newer_message(db.url, str(found)))
    except BaseException:
        await db.close()
        raise
    if state_of(found) == "pending":
        await db.close()
    return state_of(found) == "current"


def newer_message(url: str, found: str) -> str:
    """What to tell whoever starts an old program on a new database."""
    return (
        f"The database {shown(url)} is at revision {found}; this osrsdiff knows none after {HEAD}: a newer version has "
        "migrated it. Install that version again, or restore a backup from before (see backups in the data directory)."
    )
