"""Who may read and change: bearer tokens of 256 bit, shown once, stored as hashes."""

import os
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from osrsdiff.errors import SetupError
from osrsdiff.storage import tokens as table
from osrsdiff.storage.engine import Database
from osrsdiff.storage.tokens import Scope, Token

ADMIN_FILE_NAME = "admin-token"
USE_NOTED_EVERY = timedelta(minutes=1)


async def create_token(db: Database, name: str, scope: Scope) -> tuple[Token, str]:
    """A new token and its plain text, which nobody can read again."""
    plain = f"osrsdiff_{secrets.token_urlsafe(32)}"
    async with db.writing() as connection:
        token = await table.add(connection, name=name, token_hash=_hash(plain), scope=scope, now=datetime.now(UTC))
    return token, plain


async def verify_token(db: Database, plain: str) -> Token | None:
    """The valid token with this plain text; None where unknown or revoked. Notes its use, once a minute at most."""
    async with db.reading() as connection:
        token = await table.by_hash(connection, _hash(plain))
    if token is None or token.revoked_at is not None:
        return None
    now = datetime.now(UTC)
    if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
        async with db.writing() as connection:
            await table.record_use(connection, token.id, now)
    return token


async def list_tokens(db: Database) -> list[Token]:
    """All tokens, the revoked ones too, oldest first."""
    async with db.reading() as connection:
        return await table.listed(connection)


async def revoke_token(db: Database, token_id: int) -> None:
    """Makes a token worthless. Raises TokenNotFound."""
    async with db.writing() as connection:
        await table.revoke(connection, token_id, now=datetime.now(UTC))


async def first_admin_token(db: Database, data_dir: Path) -> tuple[str, Path] | None:
    """The first admin token, also written to a file that only its owner can read; None where there are tokens."""
    if await list_tokens(db):
        return None
    path = data_dir / ADMIN_FILE_NAME
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise SetupError(f"The admin token can't be written to {path}: {error.strerror}.") from error
    _, plain = await create_token(db, "admin", Scope.ADMIN)
    with os.fdopen(descriptor, "w") as file:
        file.write(plain + "\n")
    return plain, path


def _hash(plain: str) -> str:
    return sha256(plain.encode()).hexdigest()
