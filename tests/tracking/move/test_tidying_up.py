"""What an old install has left is removed once all of it is here, and never sooner."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from osrsdiff.errors import PlayerNotFound, SetupError, UserError
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
Watch = Callable[..., Awaitable[None]]
AddTracked = Callable[..., Awaitable[Player]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
async def left(redis: Redis) -> str:
    """A key that the old scheduler has left."""
    await redis.set("osrsdiff:scheduler:last_run:batch", "1")
    return "osrsdiff:scheduler:last_run:batch"


async def scheduled(old_install: Any) -> int:
    return int(await old_install.link.fetchval("SELECT count(schedule_id) FROM players"))


@pytest.mark.parametrize("what", ["record", "player", "later"])
@on_sqlite
async def test_nothing_is_removed_before_the_move_is_whole(
    instance: Instance, old_install: Any, move: Any, redis: Redis, redis_url: str, left: str, what: str
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron", schedule_id="a")
    match what:
        case "record":
            await old_install.record(player_id, START, skills="[]")
        case "player":
            await old_install.add("n/a")
        case "later":
            await old_install.record(player_id, datetime(2999, 1, 1, tzinfo=UTC))
    report = await move(old_redis=redis_url, remove_old=True)
    assert (report.differences, report.is_whole, report.leftovers.removed) == ([], False, False)
    assert await redis.exists(left)
    assert await scheduled(old_install) == 1


@pytest.mark.parametrize("statement", ["GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}", None])
@on_sqlite
async def test_what_may_not_be_changed_is_told_before_anything_is_done(
    instance: Instance, old_install: Any, move: Any, redis: Redis, redis_url: str, left: str, statement: str | None
) -> None:
    await old_install.make()
    await old_install.add("Brass Heron", schedule_id="a")
    role = f"guest_{secrets.token_hex(4)}"
    await old_install.link.execute(f"CREATE ROLE {role} LOGIN")
    grant = statement or "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    await old_install.link.execute(grant.format(role=role))
    if statement is None:
        await old_install.link.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    url = old_install.url.replace("postgres@", f"{role}@")
    try:
        with pytest.raises(SetupError, match="permission denied" if statement else "read-only transaction"):
            await move(url=url, old_redis=redis_url, remove_old=True)
        assert await redis.exists(left)
        with pytest.raises(PlayerNotFound):
            await get_player(instance, "Brass Heron")
        assert (await move(url=url, old_redis=redis_url)).is_whole
    finally:
        await old_install.link.execute(f"DROP OWNED BY {role}")
        await old_install.link.execute(f"DROP ROLE {role}")


@on_sqlite
async def test_an_old_install_that_is_alive_loses_nothing(
    instance: Instance, old_install: Any, move: Any, redis: Redis, redis_url: str, left: str
) -> None:
    await old_install.make()
    await old_install.add("Brass Heron", schedule_id="a")
    await redis.set("osrsdiff:scheduler:lock:batch", "1", ex=300)
    with pytest.raises(SetupError, match="still at work"):
        await move(old_redis=redis_url, remove_old=True)
    assert (await move(old_redis=redis_url)).is_whole
    assert await redis.exists(left)
    assert await scheduled(old_install) == 1


@on_sqlite
async def test_a_redis_that_fails_at_the_end_is_in_the_report(
    instance: Instance, old_install: Any, move: Any, redis: Redis, redis_url: str, left: str
) -> None:
    await old_install.make()
    await old_install.add("Brass Heron", schedule_id="a")
    await redis.execute_command("ACL", "SETUSER", "guest", "on", ">word", "~*", "+@all", "-unlink")
    guest = redis_url.replace("unix://", "unix://guest:word@")
    try:
        report = await move(old_redis=guest, remove_old=True)
    finally:
        await redis.execute_command("ACL", "DELUSER", "guest")
    assert report.is_whole
    assert "The old install's Redis does not let this user do that" in report.not_removed
    assert (report.schedule_ids_cleared, await scheduled(old_install), report.leftovers.removed) == (1, 0, False)
    assert await redis.exists(left)
    report = await move(old_redis=redis_url, remove_old=True)
    assert (report.not_removed, report.leftovers.removed, await redis.exists(left)) == (None, True, 0)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hid#den@127.0.0.1:1",
        "redis://:hid/den@127.0.0.1:1",
        "redis://:hidden/0",
        "redis://a:b:hidden",
        "redis:/a:hidden@b",
    ],
)
@on_sqlite
async def test_a_redis_url_that_can_not_be_read_is_not_repeated(
    instance: Instance, old_install: Any, move: Any, url: str
) -> None:
    with pytest.raises(UserError, match="percent-encode") as refused:
        await move(old_redis=url)
    assert "hid" not in str(refused.value)
    assert "den" not in str(refused.value)
