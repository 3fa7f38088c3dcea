"""Which database this is: its id, made with the schema, and the fingerprint of where it lives."""

import hashlib
import platform
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, select

from osrsdiff.errors import InstanceMissing
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.dialects import (
    POSTGRES_ADDRESS,
    POSTGRES_IDENTITY,
    POSTGRES_MAY_READ_IDENTIFIER,
    shown,
    sqlite_path,
)
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import moment
from osrsdiff.storage.tables import instance

_ID = select(instance.c.id)
_CREATED_AT = select(instance.c.created_at)
_MACHINE_ID = Path("/etc/machine-id")


async def instance_id(conn: Connection) -> str:
    """The instance's id, 12 hex digits: part of every Redis key, the same in a copy or a restored backup."""
    return str(await _the(_ID, conn))


async def created_at(conn: Connection) -> datetime:
    """When the database was made."""
    return moment(await _the(_CREATED_AT, conn))


async def fingerprint(db: Database) -> str:
    """What tells this database from a copy of it: the machine and the file, or the server and the database's name."""
    where = await _postgres_place(db) if db.dialect == "postgresql" else _sqlite_place(db)
    return hashlib.sha256(where.encode()).hexdigest()


async def _the(column: Executable, conn: Connection) -> Any:
    row = await conn.one(column)
    if row is None:
        raise InstanceMissing("The database holds no instance. Make one with: osrsdiff db upgrade")
    return row[0]


def _sqlite_place(db: Database) -> str:
    try:
        machine = _MACHINE_ID.read_text().strip()
    except OSError:
        machine = ""
    return f"{machine or platform.node()}:{sqlite_path(db.url).resolve()}"


async def _postgres_place(db: Database) -> str:
    async with db.reading() as conn:
        row = await conn.one(POSTGRES_MAY_READ_IDENTIFIER)
        place = await conn.one(POSTGRES_IDENTITY if row and row[0] else POSTGRES_ADDRESS)
    return ":".join(place) if place else shown(db.url)
