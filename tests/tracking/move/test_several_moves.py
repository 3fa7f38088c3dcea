"""Two moves at once, from two installs, and what tells one install from another."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from osrsdiff.errors import DatabaseBusy, SetupError
from osrsdiff.storage import players as table
from osrsdiff.storage import predecessor
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.instance import Instance, open_instance
from osrsdiff.tracking.move.moving import Stages, move_from
from osrsdiff.tracking.players import get_player

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
Watch = Callable[..., Awaitable[None]]
AddTracked = Callable[..., Awaitable[Player]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


async def test_two_moves_at_once_do_not_mix(
    instance: Instance,
    old_install: Any,
    move: Any,
    between: Any,
    quiet: Stages,
    made_up: MadeUp,
    rows_of: Rows,
    migrated_url: str,
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(8, 200))
    async with open_instance(instance.config) as other:

        async def move_too() -> None:
            await move_from(other, old_install.url, stages=quiet)

        between(move_too)
        with pytest.raises(DatabaseBusy, match="Another `osrsdiff migrate-from`"):
            await move()
        before = await rows_of(other.db)
        report = await move_from(other, old_install.url, stages=quiet)
        assert (report.read, report.looks, report.differences) == (0, 200, [])
        assert await rows_of(other.db) == before


async def test_a_player_of_two_old_installs_gets_what_is_older(
    instance: Instance, old_install: Any, another_install: Any, move: Any, made_up: MadeUp, other_db: str, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    looks = made_up(2, 60)
    await old_install.make()
    await old_install.fill("Brass Heron", looks[30:], fetch_interval_minutes=60)
    await move()
    await another_install.make()
    await another_install.fill("Brass Heron", looks[:31], fetch_interval_minutes=30, is_active=False)
    report = await move(url=another_install.url)
    assert (report.players_known, report.looks, report.left_out, report.differences) == (1, 30, 1, [])
    async with await Database.connect(other_db) as db:
        await watch(db, await add_tracked(db, "Brass Heron", looks[0][0]), looks)
        expected = await rows_of(db)
    assert await rows_of(instance.db) == expected


@on_sqlite
async def test_a_move_from_another_database_is_in_the_way_until_its_player_is_removed(
    instance: Instance, old_install: Any, another_install: Any, move: Any, between: Any, made_up: MadeUp
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(2, 60))

    async def stop() -> None:
        raise ConnectionResetError

    between(stop)
    with pytest.raises(ConnectionResetError):
        await move()
    await another_install.make()
    await another_install.add("Brass Heron")
    report = await move(url=another_install.url)
    [failure] = report.failures
    assert "was begun here and is not finished" in failure.why
    assert "osrsdiff player remove 'brass heron'" in failure.why
    assert not report.is_whole
    async with instance.db.writing() as conn:
        await table.remove(conn, (await get_player(instance, "Brass Heron")).id)
    report = await move(url=another_install.url)
    assert (report.players_new, report.failures, report.is_whole) == (1, [], True)


async def name_of(url: str) -> str:
    async with predecessor.open_source(url) as source:
        return await source.name()


async def test_an_old_database_is_known_by_cluster_name_and_schema(old_install: Any, another_install: Any) -> None:
    await old_install.make()
    await another_install.make()
    cluster = str(await old_install.link.fetchval("SELECT system_identifier FROM pg_control_system()"))
    database = await old_install.link.fetchval("SELECT current_database()")
    name = await name_of(old_install.url)
    assert name == f"{cluster}:{database}:public"
    assert await name_of(another_install.url) != name
    await old_install.link.execute("DROP TABLE hiscore_records, players")
    await old_install.make()
    assert await name_of(old_install.url) == name
    await old_install.link.execute("CREATE SCHEMA older")
    for of in ("players", "hiscore_records"):
        await old_install.link.execute(f"ALTER TABLE {of} SET SCHEMA older")
    await old_install.link.execute(f"ALTER DATABASE {database} SET search_path = nowhere, older, public")
    assert await name_of(old_install.url) == f"{cluster}:{database}:older"


async def test_who_may_not_ask_for_the_cluster_knows_it_by_its_address(old_install: Any) -> None:
    await old_install.make()
    role = f"guest_{secrets.token_hex(4)}"
    await old_install.link.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    await old_install.link.execute(f"CREATE ROLE {role} LOGIN")
    try:
        name = await name_of(old_install.url.replace("postgres@", f"{role}@"))
    finally:
        await old_install.link.execute(f"DROP ROLE {role}")
    assert name == f":5432:{await old_install.link.fetchval('SELECT current_database()')}:public"


@pytest.mark.parametrize("time", ["TEXT", "TIMETZ"])
@on_sqlite
async def test_columns_of_other_types_are_told(instance: Instance, old_install: Any, move: Any, time: str) -> None:
    old_install.time = time
    await old_install.link.execute("CREATE TABLE players (id int, username text, is_active bool)")
    await old_install.link.execute(
        f"CREATE TABLE hiscore_records (id int, player_id int, fetched_at {time}, overall_rank int, "
        "overall_level int, overall_experience int, skills_data text, bosses_data text)"
    )
    await old_install.link.execute("INSERT INTO players VALUES (1, 'Zezima', true)")
    with pytest.raises(SetupError, match="isfinite"):
        await move()
