"""A move leaves what this program itself would have left, had it looked at the players at those times."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from osrsdiff.errors import DatabaseBusy, Outcome
from osrsdiff.game.modes import GameMode
from osrsdiff.scheduling.constants import schedule_id_of
from osrsdiff.storage import history
from osrsdiff.storage import players as table
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight
from osrsdiff.tracking.instance import Instance, open_instance
from osrsdiff.tracking.move import writing
from osrsdiff.tracking.move.moving import Stages, move_from
from osrsdiff.tracking.move.report import MoveReport
from osrsdiff.tracking.players import get_player

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
Watch = Callable[..., Awaitable[None]]
AddTracked = Callable[..., Awaitable[Player]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def move(instance: Instance, old_install: Any, quiet: Stages) -> Callable[..., Awaitable[MoveReport]]:
    async def run(**options: Any) -> MoveReport:
        return await move_from(instance, old_install.url, stages=quiet, **options)

    return run


@pytest.fixture
def other_db(tmp_path: Any, migrated_sqlite: Any) -> Any:
    """A second instance's database, which watches for itself what the first gets moved."""
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "osrsdiff.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return f"sqlite:///{path}"


async def test_what_is_moved_is_what_looks_would_have_left(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    await old_install.make()
    async with await Database.connect(other_db) as db:
        for seed, name in enumerate(("Brass Heron", "mad_Otter", "Lynx Titan")):
            looks = made_up(seed, 300)
            await old_install.fill(name, looks, fetch_interval_minutes=60, is_active=True)
            player = await add_tracked(db, name.replace("_", " "), looks[0][0])
            await watch(db, player, looks)
        expected = await rows_of(db)
    report = await move()
    moved = await rows_of(instance.db)
    for row in expected["players"]:
        row["display_name"] = {"mad otter": "mad_Otter"}.get(row["username"], row["display_name"])
    for of, rows in expected.items():
        assert moved[of] == rows, of
    assert (report.looks, report.failed, report.left_out, report.records) == (900, 0, 0, 900)
    assert report.differences == []
    assert report.is_whole
    assert len(expected["snapshots"]) < 900


async def test_a_second_move_changes_nothing(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, rows_of: Rows
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(1, 50))
    await move()
    before = await rows_of(instance.db)
    report = await move()
    assert await rows_of(instance.db) == before
    assert (report.read, report.records, report.looks, report.differences) == (0, 50, 50, [])


async def test_a_second_move_brings_what_was_recorded_since(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    await old_install.make()
    looks = made_up(1, 80)
    player_id = await old_install.fill("Brass Heron", looks[:50], fetch_interval_minutes=60)
    await move()
    await old_install.fill("other", looks[50:])
    await old_install.link.execute("UPDATE hiscore_records SET player_id = $1", player_id)
    await old_install.link.execute("UPDATE players SET last_fetched = $1", looks[-1][0])
    await old_install.link.execute("DELETE FROM players WHERE username = 'other'")
    report = await move()
    assert (report.read, report.looks, report.left_out, report.differences) == (30, 80, 0, [])
    async with await Database.connect(other_db) as db:
        player = await add_tracked(db, "Brass Heron", looks[0][0])
        await watch(db, player, looks)
        expected = await rows_of(db)
    moved = await rows_of(instance.db)
    for row in moved["players"]:
        row["last_attempt_at"] = row["last_look_at"]
    assert moved == expected


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


async def test_a_dry_run_writes_nothing_and_tells_the_same(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, watch: Watch, add_tracked: AddTracked,
    rows_of: Rows, tmp_path: Any,
) -> None:  # fmt: skip
    await old_install.make()
    looks = made_up(5, 60)
    known = await old_install.fill("Brass Heron", looks)
    await old_install.fill("Mad Otter", made_up(6, 30))
    await old_install.record(known, START, skills="[]")
    await old_install.add("n/a")
    player = await add_tracked(instance.db, "Brass Heron", looks[40][0])
    await watch(instance.db, player, looks[40:])
    before, source = await rows_of(instance.db), await old_install.rows()
    dry = await move(dry_run=True)
    assert await rows_of(instance.db) == before
    assert not list(tmp_path.glob("*.jsonl"))
    wet = await move()
    told = (dry.players_new, dry.players_known, dry.records, dry.looks, dry.failed, dry.left_out, dry.snapshots)
    assert told == (wet.players_new, wet.players_known, wet.records, wet.looks, wet.failed, wet.left_out, wet.snapshots)
    assert dry.failures == wet.failures
    assert dry.remarks == wet.remarks
    assert dry.differences is None
    assert await old_install.rows() == source


async def test_players_come_with_all_that_is_known_of_them(
    instance: Instance, old_install: Any, move: Any, redis: Redis
) -> None:
    await old_install.make()
    created = datetime(2025, 3, 1, 8, tzinfo=UTC)
    fetched = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    await old_install.add(
        "Iron_Heron", created_at=created, last_fetched=fetched, fetch_interval_minutes=1440, game_mode="hardcore"
    )
    await old_install.add("Paused", is_active=False, fetch_interval_minutes=45, game_mode="ultimate")
    await old_install.add("Odd", fetch_interval_minutes=100_000, game_mode="castaway")
    await old_install.add("None", fetch_interval_minutes=None, game_mode=None, is_active=True)
    report = await move()
    iron, paused = await get_player(instance, "iron heron"), await get_player(instance, "paused")
    assert (iron.display_name, iron.game_mode, iron.fetch_interval_minutes) == ("Iron_Heron", GameMode.HARDCORE, 1440)
    assert (iron.created_at, iron.last_attempt_at, iron.last_look_at) == (created, fetched, None)
    assert (paused.is_active, paused.game_mode, paused.fetch_interval_minutes) == (False, GameMode.ULTIMATE, 45)
    assert [(r.player, r.text) for r in report.remarks] == [
        ("odd", "'castaway' is no game mode: taken for regular"),
        ("odd", "100000 minutes is no interval: 60 minutes, the default"),
        ("none", "it had no interval: 60 minutes, the default"),
    ]
    assert report.scheduled == 3
    assert iron.schedule_id == schedule_id_of(iron.id)
    assert paused.schedule_id is None
    assert await instance.schedules.next_fire(iron.id) is not None
    assert await instance.schedules.next_fire(paused.id) is None


@pytest.mark.parametrize(("json", "time"), [("JSON", "TIMESTAMP"), ("TEXT", "TIMESTAMPTZ"), ("JSONB", "TIMESTAMP")])
@on_sqlite
async def test_older_schemas_and_other_types_are_read(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, json: str, time: str
) -> None:
    old_install.json, old_install.time = json, time
    await old_install.make(newer=False)
    looks = made_up(2, 40)
    await old_install.fill("Brass Heron", looks)
    report = await move()
    assert (report.looks, report.differences) == (40, [])
    player = await get_player(instance, "Brass Heron")
    assert (player.fetch_interval_minutes, player.game_mode) == (60, GameMode.REGULAR)
    assert player.last_look_at == looks[-1][0].replace(microsecond=0)


async def test_two_of_its_names_that_are_one_are_merged_by_time(
    instance: Instance, old_install: Any, move: Any, other_db: str, made_up: MadeUp, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    await old_install.make()
    looks = made_up(4, 90)
    await old_install.fill("Brass_Heron", looks[::2], fetch_interval_minutes=30, is_active=False)
    await old_install.fill("brass heron", looks[1::2], fetch_interval_minutes=60)
    report = await move()
    assert (report.players, report.players_merged, report.looks, report.differences) == (1, 1, 90, [])
    assert [r.text for r in report.remarks] == [
        "'Brass_Heron', 'brass heron' are one player: their records are merged by time"
    ]
    async with await Database.connect(other_db) as db:
        await watch(db, await add_tracked(db, "brass heron", looks[0][0]), looks)
        expected = await rows_of(db)
    assert await rows_of(instance.db) == expected


async def test_records_out_of_order_and_of_one_second_come_in_the_order_of_time(
    instance: Instance, old_install: Any, move: Any
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    for seconds, kc in ((7200, 12), (0, 10), (0.5, 11), (0.5, 11), (3600, 11)):
        await old_install.record(
            player_id, START + timedelta(seconds=seconds), bosses={"zulrah": {"rank": 5, "kc": kc}}
        )
    await move()
    player = await get_player(instance, "Brass Heron")
    async with instance.db.reading() as conn:
        sheet = await history.sheet(conn, player.id)
    assert [(row.reading.value, row.seen_at) for row in sheet if row.metric.key == "zulrah"] == [
        (12, START.replace(microsecond=0) + 2 * HOUR)
    ]
    second = START.replace(microsecond=0) + timedelta(seconds=1)
    _, gains = await sight.player_gains(instance, "Brass Heron", start=START.replace(microsecond=0), end=second)
    assert [gain.gained for gain in gains.gains if gain.metric == "zulrah"] == [1]


ODD_RECORDS = [
    (
        {"skills": {"attack": {"rank": 1, "level": 50, "experience": "many"}}},
        "attack: Expected `int | null`, got `str`",
    ),
    ({"skills": '{"attack": {"rank": 1, "level": 5, "experience": NaN}}'}, "JSON is malformed"),
    ({"skills": {"attack": {"rank": 1, "level": 50, "experience": -7}}}, "attack: Expected `int` >= -1"),
    ({"bosses": {"zulrah": {"rank": 1, "kc": 1.5}}}, "zulrah: Expected `int | null`, got `float`"),
    ({"skills": "[]"}, "Expected `object | null`, got `array`"),
    ({"skills": '{"attack": {"ra'}, "Input data was truncated"),
    ({"bosses": {"lms_-_rank": {"kc": 1}, "lms___rank": {"kc": 1}}}, "stands twice in one record"),
    ({"bosses": {"__": {"kc": 1}}}, "is no name of a metric"),
    ({"overall": (None, None, None), "skills": {}, "bosses": None}, "it holds no skill, no boss and no overall"),
    ({"overall": (1, 99_999, 5)}, "overall_level: '99999' is no number"),
]


@pytest.mark.parametrize(("odd", "why"), ODD_RECORDS)
@on_sqlite
async def test_a_record_that_can_not_be_is_told_and_the_rest_goes_on(
    instance: Instance, old_install: Any, move: Any, odd: dict[str, object], why: str, tmp_path: Any
) -> None:
    old_install.json = "TEXT"
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, START, bosses={"zulrah": {"rank": 5, "kc": 1}})
    record_id = await old_install.record(player_id, START + HOUR, **odd)
    await old_install.record(player_id, START + 2 * HOUR, bosses={"zulrah": {"rank": 5, "kc": 2}})
    report = await move()
    assert (report.looks, report.failed, report.differences) == (2, 1, [])
    [failure] = report.failures
    assert (failure.kind, failure.id, failure.player) == ("record", record_id, "Brass Heron")
    assert why in failure.why
    assert str(record_id) in (tmp_path / "migrate-from-failures.jsonl").read_text()
    assert not report.is_whole


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (None, "it has no time"),
        (datetime(2999, 1, 1, tzinfo=UTC), "is yet to come"),
        (datetime(1999, 1, 1, tzinfo=UTC), "is before the game began"),
    ],
)
@on_sqlite
async def test_a_time_that_can_not_be_is_told(
    instance: Instance, old_install: Any, move: Any, at: datetime | None, why: str
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, at)
    await old_install.record(player_id, START)
    report = await move()
    assert (report.looks, report.failed, report.differences) == (1, 1, [])
    assert why in report.failures[0].why


@on_sqlite
async def test_infinity_is_no_time(instance: Instance, old_install: Any, move: Any) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, START)
    await old_install.link.execute("UPDATE hiscore_records SET fetched_at = 'infinity'")
    report = await move()
    assert (report.looks, report.failures[0].why) == (0, "it has no time")


@on_sqlite
async def test_a_name_that_can_not_be_is_told_and_the_others_come(
    instance: Instance, old_install: Any, move: Any
) -> None:
    await old_install.make()
    refused = await old_install.add("no/slashes")
    await old_install.record(refused, START)
    await old_install.add("Brass Heron")
    report = await move()
    [failure] = report.failures
    assert (failure.kind, failure.id, failure.player) == ("player", refused, "no/slashes")
    assert failure.why.endswith("Its 1 records stay there.")
    assert report.players == 1
    await get_player(instance, "Brass Heron")


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
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, rows_of: Rows
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(8, 100))
    await old_install.fill("Mad Otter", made_up(9, 10))
    original = instance.db.write_together
    removed: list[bool] = []

    async def write_together(steps: Any) -> bool:
        if not removed:
            removed.append(True)
            player = await get_player(instance, "Brass Heron")
            async with instance.db.writing() as conn:
                await table.remove(conn, player.id)
        return await original(steps)

    instance.db.write_together = write_together  # type: ignore[method-assign]
    report = await move()
    assert [(f.kind, f.player, f.why) for f in report.failures] == [
        ("player", "Brass Heron", "was removed here while it was moved")
    ]
    assert [row["username"] for row in (await rows_of(instance.db))["players"]] == ["mad otter"]


async def test_a_new_boss_is_kept_under_the_key_that_looks_give_it(
    instance: Instance, old_install: Any, move: Any
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, START, bosses={"gloom_of_the_deep:_hard_mode": {"rank": 5, "kc": 7}})
    await move()
    player = await get_player(instance, "Brass Heron")
    async with instance.db.reading() as conn:
        sheet = {row.metric.key: row for row in await history.sheet(conn, player.id)}
    found = sheet["gloom_of_the_deep_hard_mode"]
    assert (found.metric.name, found.metric.kind, found.reading.value) == ("Gloom of the Deep: Hard Mode", "boss", 7)


def between(instance: Instance, act: Callable[[], Awaitable[None]], *, after: int = 0) -> None:
    """Does `act` once, before the write after so many."""
    original = instance.db.write_together
    writes = 0

    async def write_together(steps: Any) -> bool:
        nonlocal writes
        writes += 1
        if writes == after + 1:
            await act()
        return await original(steps)

    instance.db.write_together = write_together  # type: ignore[method-assign]


async def test_two_moves_at_once_do_not_mix(
    instance: Instance, old_install: Any, move: Any, quiet: Stages, made_up: MadeUp, rows_of: Rows, migrated_url: str
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(8, 200))
    async with open_instance(instance.config) as other:

        async def move_too() -> None:
            await move_from(other, old_install.url, stages=quiet)

        between(instance, move_too)
        with pytest.raises(DatabaseBusy, match="Another `osrsdiff migrate-from`"):
            await move()
        before = await rows_of(other.db)
        report = await move_from(other, old_install.url, stages=quiet)
        assert (report.read, report.looks, report.differences) == (0, 200, [])
        assert await rows_of(other.db) == before


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
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, watch: Watch, rows_of: Rows
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

    between(instance, look)
    report = await move()
    assert (report.looks, report.left_out, report.differences) == (40, 10, [])
    assert await rows_of(instance.db) == seen[0]


async def test_a_player_of_two_old_installs_gets_what_is_older(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, quiet: Stages, other_db: str, watch: Watch,
    add_tracked: AddTracked, rows_of: Rows,
) -> None:  # fmt: skip
    looks = made_up(2, 60)
    await old_install.make()
    await old_install.fill("Brass Heron", looks[30:], fetch_interval_minutes=60)
    await move()
    await old_install.link.execute("DROP TABLE hiscore_records, players")
    await old_install.make()
    await old_install.fill("Brass Heron", looks[:31], fetch_interval_minutes=30, is_active=False)
    report = await move()
    assert (report.players_known, report.looks, report.left_out, report.differences) == (1, 30, 1, [])
    async with await Database.connect(other_db) as db:
        await watch(db, await add_tracked(db, "Brass Heron", looks[0][0]), looks)
        expected = await rows_of(db)
    assert await rows_of(instance.db) == expected


@on_sqlite
async def test_a_move_from_another_database_waits_for_the_one_that_was_begun(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp
) -> None:
    await old_install.make()
    await old_install.fill("Brass Heron", made_up(2, 60))

    async def stop() -> None:
        raise ConnectionResetError

    between(instance, stop)
    with pytest.raises(ConnectionResetError):
        await move()
    await old_install.link.execute("DROP TABLE hiscore_records, players")
    await old_install.make()
    await old_install.add("Brass Heron")
    report = await move()
    assert [failure.why for failure in report.failures] == [
        "its move from another database was begun and not finished; finish that first"
    ]


async def test_the_verification_finds_what_differs(
    instance: Instance, old_install: Any, move: Any, redis: Redis, redis_url: str
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    for hour in range(3):
        await old_install.record(player_id, START + hour * HOUR, bosses={"zulrah": {"rank": 5, "kc": 7 + hour}})
    await move()
    await redis.set("osrsdiff:scheduler:last_run:batch", "1")
    await old_install.link.execute("DELETE FROM hiscore_records WHERE id = 1")
    await old_install.link.execute('UPDATE hiscore_records SET bosses_data = \'{"zulrah": {"kc": 8}}\' WHERE id = 3')
    report = await move(old_redis=redis_url, remove_old=True)
    assert [(d.player, d.text) for d in report.differences or []] == [
        ("Brass Heron", "2 records there, 3 of them here"),
        ("Brass Heron", "zulrah ends with 8 there, 9 here"),
    ]
    assert report.leftovers is not None
    assert not report.leftovers.removed
    assert await redis.exists("osrsdiff:scheduler:last_run:batch")
    assert not report.is_whole


@on_sqlite
async def test_no_commit_holds_many_rows(
    instance: Instance, old_install: Any, move: Any, made_up: MadeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "FEWEST_ROWS", 200)
    monkeypatch.setattr(writing, "MOST_ROWS", 200)
    await old_install.make()
    for seed in range(4):
        await old_install.fill(f"player {seed}", made_up(seed, 100))
    original = instance.db.write_together
    sizes: list[int] = []

    async def write_together(steps: Any) -> bool:
        sizes.append(sum(1 if isinstance(step.params, dict) else len(step.params) for step in steps))
        return await original(steps)

    instance.db.write_together = write_together  # type: ignore[method-assign]
    report = await move()
    assert report.looks == 400
    assert len(sizes) > 8
    assert max(sizes) < 700
