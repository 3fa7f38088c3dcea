"""Links to Postgres that are kept at hand between reads."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import text

from osrsdiff.errors import DatabaseUnreachable
from osrsdiff.storage.engine import Database
from osrsdiff.storage.postgres import POOL_SIZE
from osrsdiff.storage.postgres_links import Links

pytestmark = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)

_OWN_PID = text("SELECT pg_backend_pid()")
_LONG = text("SELECT pg_sleep(60)")


@pytest.fixture
async def pool(migrated_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(migrated_url, min_size=0, max_size=2) as opened:
        yield opened


async def pid(db: Database) -> int:
    async with db.reading() as conn:
        row = await conn.one(_OWN_PID)
    assert row is not None
    return int(row[0])


async def test_what_is_read_one_after_the_other_takes_the_same_link(db: Database) -> None:
    assert len({await pid(db) for _ in range(10)}) == 1


async def test_more_readers_than_links_take_turns(db: Database) -> None:
    with anyio.fail_after(20):
        found = await asyncio.gather(*(pid(db) for _ in range(5 * POOL_SIZE)))
    assert len(set(found)) <= POOL_SIZE


async def test_a_link_that_a_cancelled_read_held_serves_the_next_one(db: Database) -> None:
    async with db.reading() as conn:
        await conn.one(_OWN_PID)
    for _ in range(POOL_SIZE + 1):
        with anyio.move_on_after(0.05):
            async with db.reading() as conn:
                await conn.one(_LONG)
    with anyio.fail_after(20):
        assert await pid(db)


async def test_a_link_whose_holder_is_cancelled_while_lost_ones_go_back_serves_the_next_one(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(_: Links) -> None:
        raise asyncio.CancelledError

    async def lose() -> None:
        async with db.reading():
            raise DatabaseUnreachable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Links, "give_all_back", cancelled)
        for _ in range(POOL_SIZE):
            with pytest.raises(asyncio.CancelledError):
                await lose()
    with anyio.fail_after(10):
        assert await pid(db)


async def test_links_that_nobody_used_between_two_sweeps_go_back_to_the_pool(pool: asyncpg.Pool) -> None:
    links = Links(pool)
    both = [await links.take(), await links.take()]
    assert pool.get_idle_size() == 0
    for link in both:
        await links.give_back(link)
    links._sweep()
    await links.give_back(await links.take())  # the one that was given back last
    links._sweep()
    await asyncio.gather(*links._going_back)
    assert pool.get_idle_size() == 1
    links._sweep()
    await asyncio.gather(*links._going_back)
    assert pool.get_idle_size() == 2


async def test_who_waits_for_a_link_gets_the_next_that_is_given_back(pool: asyncpg.Pool) -> None:
    links = Links(pool)
    taken = [await links.take(), await links.take()]
    waiting = asyncio.ensure_future(links.take())
    await asyncio.sleep(0)
    await links.give_back(taken[0])
    with anyio.fail_after(10):
        got = await waiting
    for link in (got, taken[1]):
        await links.give_back(link)
    await links.give_all_back()
    assert pool.get_idle_size() == 2
