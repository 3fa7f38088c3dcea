"""Leaderboards by hand, on both databases; over random histories see the reference."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import bindparam, update

from osrsdiff.game.leaderboards import By
from osrsdiff.game.modes import GameMode
from osrsdiff.game.periods import Window
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.storage import groups, leaderboards, players, tables
from osrsdiff.storage.among import EVERYBODY, Among
from osrsdiff.storage.engine import Database
from osrsdiff.storage.leaderboards import Board, Place
from osrsdiff.storage.metrics import find
from osrsdiff.storage.players import Player

AddPlayer = Callable[..., Awaitable[Player]]
StoreLook = Callable[[Player, dict[str, Reading], datetime], Awaitable[bool]]
Seen = Callable[..., Awaitable[Player]]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_FLAG = update(tables.players).where(tables.players.c.id == bindparam("player_id")).values(flagged_at=bindparam("at"))
ZERO = Reading(0, None, None, Unranked.ZERO)


@pytest.fixture
def seen(db: Database, store: StoreLook, now: datetime) -> Seen:
    """A player of whom looks showed these values of a metric, so many hours ago: {hours: value}."""

    async def show(
        name: str, values: dict[int, int | Reading], metric: str = "zulrah", mode: GameMode = GameMode.REGULAR
    ) -> Player:
        async with db.writing() as conn:
            player = await players.add(
                conn, username=name, display_name=name, interval_minutes=60, now=now, game_mode=mode
            )
        for hours, value in sorted(values.items(), reverse=True):
            reading = value if isinstance(value, Reading) else Reading(value, 500, None, None)
            await store(player, {metric: reading}, now - hours * HOUR)
        return player

    return show


async def gained(
    db: Database,
    window: Window,
    *,
    by: By = By.GAINED,
    metric: str = "zulrah",
    is_past: bool = False,
    among: Among = EVERYBODY,
    after: Place | None = None,
    limit: int = 50,
) -> Board:
    async with db.reading() as conn:
        found = await find(conn, metric)
        assert found
        return await leaderboards.gains(
            conn, by, metric, found[0], window, is_past=is_past, among=among, after=after, limit=limit
        )


async def highest(db: Database, metric: str = "zulrah", **given: object) -> list[tuple[str, int, int]]:
    async with db.reading() as conn:
        found = await find(conn, metric)
        assert found
        board = await leaderboards.values(conn, metric, found[0], **{"limit": 50, **given})  # type: ignore[arg-type]
    return [(one.player.username, one.score, one.tie) for one in board.standings]


def rows(board: Board) -> list[tuple[str, int]]:
    return [(one.player.username, one.score) for one in board.standings]


def week(now: datetime) -> Window:
    return Window(now - 7 * DAY, now)


async def test_gains_count_from_the_last_value_before_the_start_or_the_first_inside(
    db: Database, seen: Seen, now: datetime
) -> None:
    await seen("long ago", {900: 100, 30: 150, 1: 170})
    await seen("just before", {900: 10, 169: 100, 167: 140})
    await seen("at the start", {200: 90, 168: 100, 2: 120})
    await seen("first inside", {40: 500, 20: 515})
    await seen("only look", {5: 4000})
    await seen("before only", {500: 1, 200: 900})
    board = await gained(db, week(now))
    assert rows(board) == [("long ago", 70), ("just before", 40), ("at the start", 20), ("first inside", 15)]
    assert (board.count, board.total_gained) == (4, 145)
    ends = {
        one.player.username: (now - one.start.at, one.start.value, now - one.end.at, one.end.value)
        for one in board.standings
        if one.start
    }
    assert ends["long ago"] == (900 * HOUR, 100, 1 * HOUR, 170)
    assert ends["just before"] == (169 * HOUR, 100, 167 * HOUR, 140)
    assert ends["first inside"] == (40 * HOUR, 500, 20 * HOUR, 515)


async def test_a_window_that_has_ended_does_not_see_what_came_later(db: Database, seen: Seen, now: datetime) -> None:
    await seen("both", {300: 10, 200: 15, 1: 99})
    await seen("later", {300: 10, 1: 99})
    await seen("new", {1: 5})
    past = Window(now - 250 * HOUR, now - 100 * HOUR)
    board = await gained(db, past, is_past=True)
    assert rows(board) == [("both", 5)]
    assert [(one.end.value, now - one.end.at) for one in board.standings] == [(15, 200 * HOUR)]
    assert rows(await gained(db, Window(now - 900 * HOUR, now - 800 * HOUR), is_past=True)) == []


async def test_falls_are_no_gains_and_zeros_at_first_are_zeros(db: Database, seen: Seen, now: datetime) -> None:
    await seen("fell", {200: 100, 50: 60})
    await seen("fell and rose", {200: 100, 50: 60, 20: 130})
    await seen("from zero", {200: ZERO, 3: 4})
    await seen("still zero", {200: ZERO, 3: ZERO})
    await seen("to zero", {200: 7, 3: ZERO})
    assert rows(await gained(db, week(now))) == [("fell and rose", 30), ("from zero", 4)]
    assert await highest(db) == [("fell and rose", 130, 0), ("fell", 60, 0), ("from zero", 4, 0)]


async def test_to_regain_what_fell_is_no_gain(db: Database, seen: Seen, now: datetime) -> None:
    await seen("regained", {400: 100, 300: 60, 50: 95})
    await seen("past it", {400: 100, 390: 60, 300: 100, 200: 70, 50: 130})
    await seen("never fell", {400: 60, 50: 95})
    for is_past in (False, True):
        board = await gained(db, week(now), is_past=is_past)
        assert rows(board) == [("never fell", 35), ("past it", 30)]
        assert (board.count, board.total_gained) == (2, 65)
        assert [(now - one.start.at, one.start.value) for one in board.standings if one.start] == [
            (400 * HOUR, 60),
            (300 * HOUR, 100),
        ]
    assert rows(await gained(db, week(now), by=By.IMPROVED)) == [("never fell", 583_333), ("past it", 300_000)]


async def test_a_rating_counts_from_the_start_also_of_who_fell_elsewhere(
    db: Database, seen: Seen, store: StoreLook, now: datetime
) -> None:
    player = await seen("fell", {400: 100, 300: 60})
    for hours, rating in ((250, 2500), (200, 2300), (3, 2400)):
        await store(player, {"pvp_arena_rank": Reading(rating, 500, None, None)}, now - hours * HOUR)
    assert rows(await gained(db, week(now), metric="pvp_arena_rank")) == [("fell", 100)]


async def test_who_is_flagged_stands_on_no_leaderboard(db: Database, seen: Seen, now: datetime) -> None:
    flagged = await seen("flagged", {400: 60, 50: 95}, mode=GameMode.ULTIMATE)
    sound = await seen("sound", {400: 60, 50: 90}, mode=GameMode.ULTIMATE)
    async with db.writing() as conn:
        group = await groups.add(conn, key="clan", name="Clan", description="", now=now)
        await conn.run(_FLAG, {"player_id": flagged.id, "at": 1})
    await groups.put_members(db, group.id, {flagged.id: "member", sound.id: "member"}, now=now)
    for among in (EVERYBODY, Among(group.id), Among(None, GameMode.ULTIMATE), Among(group.id, GameMode.ULTIMATE)):
        assert await highest(db, among=among) == [("sound", 90, 0)]
        board = await gained(db, week(now), among=among)
        assert (rows(board), board.count, board.total_gained) == ([("sound", 30)], 1, 30)


async def test_a_rating_that_rose_in_all_is_listed(db: Database, seen: Seen, now: datetime) -> None:
    await seen("down", {200: 2500, 3: 2400}, "pvp_arena_rank")
    await seen("up", {200: 2500, 50: 2300, 3: 2600}, "pvp_arena_rank")
    assert rows(await gained(db, week(now), metric="pvp_arena_rank")) == [("up", 100)]


async def test_who_has_no_look_or_not_the_metric_is_not_listed(
    db: Database, seen: Seen, add_player: AddPlayer, now: datetime
) -> None:
    await add_player("never seen")
    await seen("other boss", {200: 5, 3: 9}, "vorkath")
    await seen("a", {200: 5, 3: 9})
    assert await highest(db) == [("a", 9, 0)]
    assert rows(await gained(db, week(now))) == [("a", 4)]


async def test_improvement_is_in_relation_to_the_start_from_a_worthy_one_on(
    db: Database, seen: Seen, now: datetime
) -> None:
    await seen("third", {200: 3000, 3: 4000})
    await seen("double", {200: 50, 3: 100})
    await seen("tiny", {200: 49, 3: 49_000})
    await seen("zero", {200: ZERO, 3: 4})
    board = await gained(db, week(now), by=By.IMPROVED)
    assert rows(board) == [("double", 1_000_000), ("third", 333_333)]
    assert all(isinstance(one.score, int) for one in board.standings)
    assert (board.count, board.total_gained) == (2, 1_050)


async def test_pages_miss_and_repeat_nobody_where_many_are_equal(db: Database, seen: Seen, now: datetime) -> None:
    names = [f"p{number:02}" for number in range(11)]
    for name in names[::-1]:
        await seen(name, {200: 1, 3: 8 if name < "p03" else 5})
    found, after = list[str](), None
    for length in (4, 4, 3, 0):
        page = await highest(db, after=after, limit=4)
        assert len(page) == length
        found += [name for name, _, _ in page]
        after = Place(page[-1][1], 0, page[-1][0]) if page else None
    assert found == names
    found, after = [], None
    for length in (4, 4, 3, 0):
        board = await gained(db, week(now), after=after, limit=4)
        assert (len(board.standings), board.count, board.total_gained) == (length, 11, 3 * 7 + 8 * 4)
        found += [name for name, _ in rows(board)]
        after = Place(board.standings[-1].score, 0, found[-1]) if length else None
    assert found == names


async def test_equal_overall_xp_is_ordered_by_total_level(db: Database, seen: Seen, now: datetime) -> None:
    def overall(xp: int, level: int) -> Reading:
        return Reading(xp, 1, level, None)

    await seen("a low", {3: overall(5_000_000, 1200)}, "overall")
    await seen("b high", {30: overall(5_000_000 - 1, 1499), 3: overall(5_000_000, 1500)}, "overall")
    await seen("c high", {3: overall(5_000_000, 1500)}, "overall")
    await seen("d more", {3: overall(5_000_001, 900)}, "overall")
    expected = [
        ("d more", 5_000_001, 900),
        ("b high", 5_000_000, 1500),
        ("c high", 5_000_000, 1500),
        ("a low", 5_000_000, 1200),
    ]
    assert await highest(db, "overall") == expected
    after = None
    for one in expected:
        assert await highest(db, "overall", limit=1, after=after) == [one]
        after = Place(one[1], one[2], one[0])
    assert await highest(db, "overall", limit=1, after=after) == []


async def test_boards_are_narrowed_to_a_group_and_a_mode(db: Database, seen: Seen, now: datetime) -> None:
    values: dict[int, int | Reading] = {200: 1, 3: 8}
    one, other = await seen("one", values), await seen("other", values)
    iron = await seen("iron", values, mode=GameMode.IRONMAN)
    await seen("third", values)
    async with db.writing() as conn:
        clan = await groups.add(conn, key="clan", name="Clan", description="", now=now)
        both = await groups.add(conn, key="both", name="Both", description="", now=now)
    await groups.put_members(db, clan.id, {one.id: "member", iron.id: "member"}, now=now)
    await groups.put_members(db, both.id, {one.id: "member", other.id: "member"}, now=now)
    for among, expected in (
        (EVERYBODY, ["iron", "one", "other", "third"]),
        (Among(clan.id), ["iron", "one"]),
        (Among(both.id), ["one", "other"]),
        (Among(clan.id, GameMode.REGULAR), ["one"]),
        (Among(both.id, GameMode.IRONMAN), []),
        (Among(mode=GameMode.IRONMAN), ["iron"]),
    ):
        assert [name for name, *_ in await highest(db, among=among)] == expected
        for is_past in (False, True):
            board = await gained(db, week(now), among=among, is_past=is_past)
            assert [name for name, _ in rows(board)] == expected
            assert (board.count, board.total_gained or 0) == (len(expected), 7 * len(expected))
