"""Many players at once: pages of paused and failing ones, and what bulk changes read and write."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from osrsdiff.errors import Outcome
from osrsdiff.storage import failures, plan, players
from osrsdiff.storage.engine import Database
from osrsdiff.storage.plan import Which
from osrsdiff.storage.players import Player

AddPlayer = Callable[..., Awaitable[Player]]

NAMES = ("e", "a", "d", "c", "b", "f")


@pytest.fixture
async def ids(db: Database, add_player: AddPlayer, now: datetime) -> dict[str, int]:
    """Six players: b and d are paused, d and e have failed; so e alone is failing."""
    found = {name: (await add_player(name)).id for name in NAMES}
    await plan.set_active(db, [found["b"], found["d"]], False)
    async with db.writing() as conn:
        for name in ("d", "e"):
            await players.record_attempt(conn, found[name], at=now, outcome=Outcome.UNAVAILABLE)
    return found


@pytest.mark.parametrize(
    ("which", "names"), [(Which.ALL, "abcdef"), (Which.PAUSED, "bd"), (Which.FAILING, "e")], ids=str
)
async def test_each_part_of_the_players_is_paged_and_counted(
    db: Database, ids: dict[str, int], which: Which, names: str
) -> None:
    async with db.reading() as conn:
        paged: list[str] = []
        while page := await plan.page(conn, which, after=paged[-1] if paged else None, limit=2):
            paged += [player.username for player in page]
        numbers: list[int] = []
        while some := await plan.page_of_ids(conn, which, after=numbers[-1] if numbers else 0, limit=2):
            numbers += some
        assert await plan.count(conn, which) == len(names)
    assert paged == list(names)
    assert numbers == sorted(ids[name] for name in names)


async def test_players_are_found_by_ids_and_by_names(db: Database, ids: dict[str, int]) -> None:
    async with db.reading() as conn:
        found = await plan.by_ids(conn, [ids["a"], 4711, 2**40])
        assert {number: player.username for number, player in found.items()} == {ids["a"]: "a"}
        assert await plan.ids_by_username(conn, ["a", "f", "nobody", "A"]) == {"a": ids["a"], "f": ids["f"]}
        assert await plan.by_ids(conn, []) == {}


async def test_only_active_players_are_to_be_fetched(db: Database, ids: dict[str, int]) -> None:
    async with db.reading() as conn:
        assert await plan.wanted(conn, [*ids.values(), 4711]) == {ids[name]: 60 for name in "acef"}


async def test_pausing_counts_those_who_were_not_paused(db: Database, ids: dict[str, int]) -> None:
    assert await plan.set_active(db, [ids["a"], ids["b"], ids["c"], 4711], False) == 2
    async with db.reading() as conn:
        assert await plan.wanted(conn, list(ids.values())) == {ids["e"]: 60, ids["f"]: 60}
    assert await plan.set_active(db, list(ids.values()), True) == 4
    assert await plan.set_active(db, list(ids.values()), True) == 0


async def test_a_note_that_has_become_wrong_is_not_written(db: Database, ids: dict[str, int]) -> None:
    await plan.note_scheduled(db, [ids["a"], ids["b"], 4711], "s-")
    await plan.note_unscheduled(db, [ids["a"], ids["b"]])
    await plan.note_scheduled(db, [ids["c"]], "s-")
    async with db.reading() as conn:
        found = await plan.by_ids(conn, list(ids.values()))
    notes = {player.username: player.schedule_id for player in found.values() if player.schedule_id}
    assert notes == {"a": f"s-{ids['a']}", "c": f"s-{ids['c']}"}  # b is paused, and a is not


async def test_a_batch_as_large_as_they_come(db: Database, ids: dict[str, int]) -> None:
    given = [*ids.values(), *range(1_000_000, 1_000_000 + plan.BATCH)]
    assert await plan.set_active(db, given, True) == 2


async def test_recent_failures_say_whose_they_are(db: Database, ids: dict[str, int], now: datetime) -> None:
    async with db.writing() as conn:
        for name in ("a", "b", "c"):
            await failures.add(conn, ids[name], at=now, outcome=Outcome.UNAVAILABLE, message=f"down for {name}")
    async with db.reading() as conn:
        found = await failures.recent(conn, limit=2)
    assert [(one.username, one.display_name, one.message) for one in found] == [
        ("c", "C", "down for c"),
        ("b", "B", "down for b"),
    ]
    assert {(one.at, one.outcome) for one in found} == {(now, Outcome.UNAVAILABLE)}
