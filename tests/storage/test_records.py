"""Tokens, the log of failures, runs of jobs, and which database this is."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from osrsdiff.errors import InstanceMissing, Outcome, TokenNotFound
from osrsdiff.storage import failures, instance, jobs, tables, tokens
from osrsdiff.storage.engine import Database
from osrsdiff.storage.failures import RecentFailure
from osrsdiff.storage.jobs import JobRun
from osrsdiff.storage.players import Player
from osrsdiff.storage.tokens import Scope, Token

HOUR = timedelta(hours=1)


async def test_a_token_is_found_by_its_hash(db: Database, now: datetime) -> None:
    async with db.writing() as conn:
        made = await tokens.add(conn, "laptop", "f00d", Scope.ADMIN, now)
        other = await tokens.add(conn, "grafana", "beef", Scope.READ, now)
    assert made == Token(made.id, "laptop", Scope.ADMIN, now, None, None)
    async with db.reading() as conn:
        assert await tokens.by_hash(conn, "f00d") == made
        assert await tokens.by_hash(conn, "F00D") is None
        assert await tokens.listed(conn) == [made, other]


async def test_a_revoked_token_stays_listed_and_is_revoked_once(db: Database, now: datetime) -> None:
    async with db.writing() as conn:
        made = await tokens.add(conn, "laptop", "f00d", Scope.READ, now)
        await tokens.record_use(conn, made.id, now + HOUR)
        await tokens.revoke(conn, made.id, now + 2 * HOUR)
    async with db.writing() as conn:
        found = await tokens.by_hash(conn, "f00d")
        with pytest.raises(TokenNotFound):
            await tokens.revoke(conn, made.id, now + 3 * HOUR)
    assert found == Token(made.id, "laptop", Scope.READ, now, now + HOUR, now + 2 * HOUR)


async def test_a_token_that_never_was_cannot_be_revoked(db: Database, now: datetime) -> None:
    async with db.writing() as conn:
        with pytest.raises(TokenNotFound, match="77"):
            await tokens.revoke(conn, 77, now)


async def test_the_newest_failures_come_first_and_the_rest_is_forgotten(
    db: Database, add_player: Callable[[str], Awaitable[Player]], now: datetime
) -> None:
    one, two = await add_player("one"), await add_player("two")
    async with db.writing() as conn:
        assert await failures.prune(conn, keep=3) == 0
        for hour in range(10):
            player = two if hour == 8 else one
            await failures.add(
                conn, player.id, at=now + hour * HOUR, outcome=Outcome.UNAVAILABLE, message=f"503 {hour}"
            )
    async with db.writing() as conn:
        assert await failures.prune(conn, keep=3) == 7
        assert await failures.prune(conn, keep=3) == 0
    async with db.reading() as conn:
        assert [failure.message for failure in await failures.recent(conn, limit=9)] == ["503 9", "503 8", "503 7"]
        assert await failures.recent(conn, limit=2) == [
            RecentFailure(one.username, one.display_name, now + 9 * HOUR, Outcome.UNAVAILABLE, "503 9"),
            RecentFailure(two.username, two.display_name, now + 8 * HOUR, Outcome.UNAVAILABLE, "503 8"),
        ]


async def test_the_last_run_of_a_job_is_remembered(db: Database, now: datetime) -> None:
    async with db.writing() as conn:
        assert await jobs.last(conn, "reconcile") is None
        first = await jobs.start(conn, "reconcile", now)
        await jobs.end(conn, first, now + HOUR, outcome="done", detail="3 mended")
        second = await jobs.start(conn, "reconcile", now + 2 * HOUR)
        await jobs.start(conn, "prune", now + 3 * HOUR)
    async with db.reading() as conn:
        assert await jobs.last(conn, "reconcile") == JobRun(second, "reconcile", now + 2 * HOUR, None, None, None)
        assert await jobs.last_ended(conn, "reconcile") == JobRun(
            first, "reconcile", now, now + HOUR, "done", "3 mended"
        )
        assert await jobs.last_ended(conn, "prune") is None


async def test_old_runs_of_a_job_are_forgotten_and_other_jobs_keep_theirs(db: Database, now: datetime) -> None:
    async with db.writing() as conn:
        await jobs.start(conn, "daily", now)
        for _ in range(jobs.KEPT + 5):
            await jobs.start(conn, "reconcile", now)
        rows = await conn.all(tables.job_runs.select())
        assert len(rows) == jobs.KEPT + 1
        assert await jobs.last(conn, "daily") is not None


async def test_a_database_without_an_instance_says_what_to_do(db: Database) -> None:
    async with db.writing() as conn:
        await conn.run(delete(tables.instance))
        with pytest.raises(InstanceMissing, match="osrsdiff db upgrade"):
            await instance.instance_id(conn)


async def test_a_fingerprint_is_stable(db: Database) -> None:
    async with await Database.connect(db.url) as other:
        assert await instance.fingerprint(other) == await instance.fingerprint(db)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_copy_has_the_same_id_and_another_fingerprint(
    db: Database, migrated_sqlite: Path, tmp_path: Path
) -> None:
    async with await Database.connect(f"sqlite:///{migrated_sqlite}") as original:
        async with original.reading() as conn, db.reading() as conn_of_copy:
            assert await instance.instance_id(conn) == await instance.instance_id(conn_of_copy)
        assert await instance.fingerprint(original) != await instance.fingerprint(db)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_link_to_a_database_is_the_same_database(db: Database, migrated_url: str, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "osrsdiff.db")
    async with await Database.connect(f"sqlite:///{link}") as linked:
        assert await instance.fingerprint(linked) == await instance.fingerprint(db)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
async def test_postgres_databases_of_one_server_differ(db: Database, postgres_url: str) -> None:
    async with await Database.connect(postgres_url) as other:
        assert await instance.fingerprint(other) != await instance.fingerprint(db)
