"""Old history of players who are tracked, looked at or removed here: before, meanwhile, since."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from osrsdiff.errors import Outcome
from osrsdiff.storage import players as table
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.move.moving import Stages, move_from
from osrsdiff.tracking.move.report import About
from osrsdiff.tracking.players import get_player

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
Watch = Callable[..., Awaitable[None]]
AddTracked = Callable[..., Awaitable[Player]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("own", [1, 2, 40])
async def test_old_history_goes_before_what_was_seen_here(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows, own: int,
) -> None:  # fmt: skip
    await old_install.make()
    for seed in range(6):
        looks = made_up(seed, 60 + own)
        await old_install.fill(f"player {seed}", looks[:60])
        player = await add_tracked(instance.db, f"Player {seed}", looks[60][0])
        await watch(instance.db, player, looks[60:])
    report = await move()
    assert (report.players_known, report.looks, report.left_out, report.differences) == (6, 360, 0, [])
    async with await Database.connect(other_db) as db:
        for seed in range(6):
            looks = made_up(seed, 60 + own)
            await watch(db, await add_tracked(db, f"Player {seed}", looks[0][0]), looks)
        expected = await rows_of(db)
    moved = await rows_of(instance.db)
    for of, rows in expected.items():
        assert moved[of] == rows, of


async def test_a_look_that_sees_what_was_known_leaves_no_trace(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, watch: Watch, add_tracked: AddTracked
) -> None:
    await old_install.make()
    [(at, body), *_] = made_up(3, 1)
    await old_install.fill("Brass Heron", [(at, body)])
    player = await add_tracked(instance.db, "Brass Heron", at + HOUR)
    await watch(instance.db, player, [(at + HOUR, body)])
    await move()
    player = await get_player(instance, "Brass Heron")
    assert player.created_at == at.replace(microsecond=0)
    assert player.last_changed_at == at.replace(microsecond=0)
    assert player.last_look_at == (at + HOUR).replace(microsecond=0)
    assert player.last_outcome is Outcome.UNCHANGED
    _, gains = await sight.player_gains(instance, "Brass Heron", period="all")
    assert all(gain.gained == 0 for gain in gains.gains)


async def test_what_overlaps_is_left_out_and_told(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, watch: Watch, add_tracked: AddTracked,
    rows_of: Rows,
) -> None:  # fmt: skip
    await old_install.make()
    looks = made_up(5, 100)
    await old_install.fill("Brass Heron", looks)
    player = await add_tracked(instance.db, "Brass Heron", looks[60][0])
    await watch(instance.db, player, looks[60:])
    report = await move()
    assert (report.looks, report.left_out, report.records) == (60, 40, 100)
    assert [r.text for r in report.remarks] == [
        f"40 records left out: from after this instance's own first look ({looks[60][0]:%Y-%m-%d %H:%M} UTC)"
    ]
    assert report.differences == []
    assert report.is_whole
    before = await rows_of(instance.db)
    again = await move()
    assert await rows_of(instance.db) == before
    assert (again.read, again.left_out) == (0, 40)


async def test_a_player_who_is_looked_at_meanwhile_gets_both(
    instance: Instance, old_install: Any, quiet: Stages, made_up: MadeUp, watch: Watch, rows_of: Rows,
    other_db: str, add_tracked: AddTracked,
) -> None:  # fmt: skip
    """The first own look comes between the adding of the player and the end of its history."""
    await old_install.make()
    looks = made_up(8, 200)
    await old_install.fill("Brass Heron", looks[:199], fetch_interval_minutes=60)
    told: list[str] = []

    def stages(text: str) -> Any:
        told.append(text)
        return quiet(text)

    original = instance.db.write_together

    async def write_together(steps: Any) -> bool:
        if len(told) and told[-1] == "Moving records" and not watched:
            watched.append(True)
            await watch(instance.db, await get_player(instance, "Brass Heron"), looks[199:])
        return await original(steps)

    watched: list[bool] = []
    instance.db.write_together = write_together  # type: ignore[method-assign]
    report = await move_from(instance, old_install.url, stages=stages)
    assert watched
    assert (report.looks, report.differences) == (199, [])
    async with await Database.connect(other_db) as db:
        await watch(db, await add_tracked(db, "Brass Heron", looks[0][0]), looks)
        expected = await rows_of(db)
    moved = await rows_of(instance.db)
    for of, rows in expected.items():
        assert moved[of] == rows, of


@on_sqlite
async def test_a_player_who_is_removed_meanwhile_stays_removed(
    instance: Instance, old_install: Any, move: Any, between: Any, made_up: MadeUp, rows_of: Rows
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(8, 100))
    await old_install.fill("Mad Otter", made_up(9, 10))

    async def remove() -> None:
        player = await get_player(instance, "Brass Heron")
        async with instance.db.writing() as conn:
            await table.remove(conn, player.id)

    between(remove)
    report = await move()
    assert [(f.kind, f.player, f.why) for f in report.failures] == [
        ("player", "Brass Heron", "was removed here while it was moved")
    ]
    assert [row["username"] for row in (await rows_of(instance.db))["players"]] == ["mad otter"]
    assert not report.is_whole
    again = await move()
    assert (again.players_removed, again.failures, again.is_whole) == (1, [], True)
    assert [row["username"] for row in (await rows_of(instance.db))["players"]] == ["mad otter"]


async def test_who_was_removed_here_since_is_not_brought_back(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, add_tracked: AddTracked, rows_of: Rows
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(1, 20))
    await old_install.fill("brass_heron", made_up(2, 20))
    await old_install.fill("Mad Otter", made_up(3, 20))
    await move()
    async with instance.db.writing() as conn:
        await table.remove(conn, (await get_player(instance, "Brass Heron")).id)
    before = await rows_of(instance.db)
    for dry_run in (True, False):
        report = await move(dry_run=dry_run)
        assert (report.players, report.players_removed, report.records, report.is_whole) == (1, 1, 20, True)
        assert [r.text for r in report.remarks if r.about is About.REMOVED] == [
            "removed here since it was moved: left out"
        ]
        assert await rows_of(instance.db) == before
    await add_tracked(instance.db, "Brass Heron", START)
    report = await move()
    assert (report.players_removed, report.looks, report.differences) == (0, 60, [])


async def test_records_from_after_both_have_looked_are_left_out(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, watch: Watch, rows_of: Rows
) -> None:
    await old_install.make()
    looks = made_up(2, 60)
    await old_install.fill("Brass Heron", looks[:40])
    await move()
    player = await get_player(instance, "Brass Heron")
    await watch(instance.db, player, looks[50:])
    before = await rows_of(instance.db)
    for at, _ in looks[40:50]:
        await old_install.record(1, at)
    report = await move()
    assert (report.looks, report.left_out, report.differences) == (40, 10, [])
    assert report.remarks[0].text == "10 records left out: from after this instance's own first look"
    assert await rows_of(instance.db) == before
    again = await move()
    assert (again.read, again.left_out, again.differences) == (0, 10, [])


async def test_a_look_that_comes_as_a_whole_history_is_taken_up_again_closes_it(
    instance: Instance, old_install: Any, move: Any, between: Any, made_up: MadeUp, watch: Watch, rows_of: Rows
) -> None:
    await old_install.make()
    looks = made_up(2, 60)
    await old_install.fill("Brass Heron", looks[:40])
    await move()
    for at, _ in looks[40:50]:
        await old_install.record(1, at)
    seen: list[Any] = []

    async def look() -> None:
        await watch(instance.db, await get_player(instance, "Brass Heron"), looks[59:])
        seen.append(await rows_of(instance.db))

    between(look)
    report = await move()
    assert (report.looks, report.left_out, report.differences) == (40, 10, [])
    assert await rows_of(instance.db) == seen[0]
