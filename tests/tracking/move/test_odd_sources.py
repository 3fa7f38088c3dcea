"""What is odd in an old install is told, and the rest is moved."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from osrsdiff.errors import Outcome
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetch import Fetcher, fetch_player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.move.report import About
from osrsdiff.tracking.players import get_player

Rows = Callable[[Database], Awaitable[dict[str, list[Any]]]]
Watch = Callable[..., Awaitable[None]]
AddTracked = Callable[..., Awaitable[Player]]
MadeUp = Callable[..., list[tuple[datetime, bytes]]]

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


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


@on_sqlite
async def test_odd_rows_of_players_stop_nobody(instance: Instance, old_install: Any, move: Any) -> None:
    await old_install.make()
    await old_install.link.execute("ALTER TABLE players ALTER username DROP NOT NULL")
    await old_install.link.execute(
        "INSERT INTO players (username, created_at, last_fetched, is_active) VALUES "
        "(NULL, now(), now(), true), ('Late', '294276-12-31', '20000-01-01', NULL), "
        "('Early', '4713-01-01 BC', '-infinity', true), ('Skewed', '2999-01-01', '2999-01-01', true)"
    )
    report = await move()
    assert [(f.kind, f.id, f.why) for f in report.failures] == [("player", 1, "It has no name.")]
    assert (report.players, report.scheduled) == (3, 3)
    assert report.remarks_about == {About.TIME: 5, About.ACTIVITY: 1}
    for name in ("Late", "Early", "Skewed"):
        player = await get_player(instance, name)
        assert player.last_attempt_at is None
        assert START < player.created_at <= datetime.now(UTC)


@on_sqlite
async def test_what_is_later_than_now_is_left_for_a_later_run(
    instance: Instance, old_install: Any, move: Any, rows_of: Rows, tmp_path: Path
) -> None:
    await old_install.make()
    player_id = await old_install.add("Brass Heron")
    await old_install.record(player_id, START, bosses={"zulrah": {"rank": 5, "kc": 7}})
    skewed = await old_install.record(
        player_id, datetime.now(UTC) + timedelta(days=1), bosses={"zulrah": {"rank": 5, "kc": 9}}
    )
    await old_install.link.execute(
        "INSERT INTO hiscore_records (player_id, fetched_at, bosses_data) VALUES ($1, '294276-12-31', '{}')", player_id
    )
    for _ in range(2):
        report = await move()
        assert (report.looks, report.failed, report.unread, report.differences) == (1, 0, 2, [])
        assert [r.text for r in report.remarks] == [
            "2 records are from a time that is yet to come: left for a later run"
        ]
        assert not report.is_whole
    before = await rows_of(instance.db)
    await old_install.link.execute("DELETE FROM hiscore_records WHERE id > $1", skewed)
    await old_install.link.execute("UPDATE hiscore_records SET fetched_at = $1 WHERE id = $2", START + HOUR, skewed)
    report = await move()
    assert (report.looks, report.unread, report.is_whole) == (2, 0, True)
    assert await rows_of(instance.db) != before


@pytest.mark.parametrize(("zone", "hour"), [(None, 12), ("America/New_York", 17), ("UTC", 12)])
@on_sqlite
async def test_times_without_a_zone_are_read_as_somebody_says(
    instance: Instance, old_install: Any, move: Any, zone: str | None, hour: int
) -> None:
    old_install.time = "TIMESTAMP"
    await old_install.make()
    await old_install.link.execute(
        f"ALTER DATABASE {old_install.url.partition('?')[0].rpartition('/')[2]} SET timezone = 'Europe/Berlin'"
    )
    player_id = await old_install.add("Brass Heron", created_at=START, last_fetched=START)
    await old_install.record(player_id, START, bosses={"zulrah": {"rank": 5, "kc": 7}})
    report = await move(source_timezone=zone)
    at = START.replace(hour=hour, microsecond=0)
    player = await get_player(instance, "Brass Heron")
    assert (player.created_at, player.last_look_at, player.last_attempt_at) == (at, at, at)
    doubt = "its times are stored without a timezone, and its server's is Europe/Berlin: they are read as UTC. "
    advice = "Where they are local times, move with --source-timezone Europe/Berlin"
    told = [r.text for r in report.remarks if r.about is About.TIMEZONE]
    assert told == ([doubt + advice] if zone is None else [])


@pytest.mark.parametrize(("time", "server"), [("TIMESTAMPTZ", "Europe/Berlin"), ("TIMESTAMP", "Etc/UTC")])
@on_sqlite
async def test_times_that_are_in_no_doubt_are_not_remarked_on(
    instance: Instance, old_install: Any, move: Any, time: str, server: str
) -> None:
    old_install.time = time
    await old_install.make()
    await old_install.link.execute(
        f"ALTER DATABASE {old_install.url.partition('?')[0].rpartition('/')[2]} SET timezone = '{server}'"
    )
    await old_install.add("Brass Heron", created_at=START)
    report = await move(source_timezone="America/New_York" if time == "TIMESTAMPTZ" else None)
    assert [r.text for r in report.remarks if r.about is About.TIMEZONE] == []
    assert (await get_player(instance, "Brass Heron")).created_at == START.replace(microsecond=0)


@pytest.mark.parametrize("skill", [None, {"rank": 5, "level": 50, "experience": 101_333}])
async def test_a_skill_that_the_game_does_not_have_stands_in_no_looks_way(
    instance: Instance, fetcher: Fetcher, old_install: Any, move: Any, skill: object
) -> None:
    await old_install.make()
    player_id = await old_install.add("Mudlark Jo")
    await old_install.record(player_id, START, skills={"rope_walking": skill})
    assert (await move()).is_whole
    player = await get_player(instance, "mudlark jo")
    report = await fetch_player(fetcher, player.id)
    assert report is not None
    assert report.outcome is Outcome.CHANGED
