"""Tokens: shown once, stored as hashes, the first one in a file for its owner alone."""

from pathlib import Path

import pytest

from osrsdiff.errors import TokenNotFound
from osrsdiff.storage.engine import Database
from osrsdiff.storage.tokens import Scope
from osrsdiff.tracking.tokens import create_token, first_admin_token, list_tokens, revoke_token, verify_token


async def test_a_token_is_known_by_its_text_until_it_is_revoked(db: Database) -> None:
    token, plain = await create_token(db, "bot", Scope.READ)
    known = await verify_token(db, plain)
    assert known is not None
    assert (known.id, known.scope) == (token.id, Scope.READ)
    assert await verify_token(db, plain + "x") is None
    await revoke_token(db, token.id)
    assert await verify_token(db, plain) is None
    assert [listed.id for listed in await list_tokens(db)] == [token.id]


async def test_revoking_what_is_not_there_is_an_error(db: Database) -> None:
    with pytest.raises(TokenNotFound):
        await revoke_token(db, 4711)


async def test_the_plain_text_is_nowhere_in_the_database(db: Database, migrated_url: str) -> None:
    _, plain = await create_token(db, "bot", Scope.ADMIN)
    assert len(plain) >= 43 + len("osrsdiff_")
    if migrated_url.startswith("sqlite"):
        for file in Path(migrated_url.removeprefix("sqlite:///")).parent.glob("osrsdiff.db*"):
            assert plain.encode() not in file.read_bytes()


async def test_the_first_admin_token_is_made_once_and_written_for_its_owner_alone(db: Database, tmp_path: Path) -> None:
    made = await first_admin_token(db, tmp_path)
    assert made is not None
    plain, path = made
    assert path.read_text() == plain + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    known = await verify_token(db, plain)
    assert known is not None
    assert known.scope is Scope.ADMIN
    assert await first_admin_token(db, tmp_path) is None
