"""API tokens: stored as hashes, never as text. Who may do what is decided above."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import bindparam, insert, select, update

from osrsdiff.errors import TokenNotFound
from osrsdiff.storage.connection import Connection, Row
from osrsdiff.storage.dialects import SECONDS
from osrsdiff.storage.epoch import moment, moment_or_none, seconds
from osrsdiff.storage.tables import tokens


class Scope(StrEnum):
    """What a token allows."""

    READ = "read"
    ADMIN = "admin"


class Token(Struct, frozen=True):
    """A token without its secret. `revoked_at`: None while it is good."""

    id: int
    name: str
    scope: Scope
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


_c = tokens.c
_columns = [_c[name] for name in Token.__struct_fields__]

_ADD = (
    insert(tokens)
    .values({name: bindparam(name) for name in ("name", "token_hash", "scope", "created_at")})
    .returning(*_columns)
)
_BY_HASH = select(*_columns).where(_c.token_hash == bindparam("token_hash"))
_ALL = select(*_columns).order_by(_c.id)
_REVOKE = (
    update(tokens)
    .where(_c.id == bindparam("token_id"), _c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at", type_=SECONDS))
)
_USED = update(tokens).where(_c.id == bindparam("token_id")).values(last_used_at=bindparam("at", type_=SECONDS))


async def add(conn: Connection, name: str, token_hash: str, scope: Scope, now: datetime) -> Token:
    """The new token."""
    given = {"name": name, "token_hash": token_hash, "scope": scope.value, "created_at": seconds(now)}
    [row] = await conn.all(_ADD, given)
    return _token(row)


async def by_hash(conn: Connection, token_hash: str) -> Token | None:
    """The token with this hash, revoked or not."""
    row = await conn.one(_BY_HASH, {"token_hash": token_hash})
    return _token(row) if row else None


async def listed(conn: Connection) -> list[Token]:
    """Every token there ever was, oldest first."""
    return [_token(row) for row in await conn.all(_ALL)]


async def revoke(conn: Connection, token_id: int, now: datetime) -> None:
    """Ends a token. Raises TokenNotFound where none with this id is good."""
    if not await conn.run(_REVOKE, {"token_id": token_id, "at": seconds(now)}):
        raise TokenNotFound(f"No token that is still good has the id {token_id}. See: osrsdiff token list")


async def record_use(conn: Connection, token_id: int, at: datetime) -> None:
    """Notes that the token was used; call it rarely, not for each request."""
    await conn.run(_USED, {"token_id": token_id, "at": seconds(at)})


def _token(row: Row) -> Token:
    number, name, scope, created, used, revoked = row
    return Token(number, name, Scope(scope), moment(created), moment_or_none(used), moment_or_none(revoked))
