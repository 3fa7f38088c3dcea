"""`osrsdiff schedules`: lists, shows, steers, compares and mends; with a Redis of the run's own, and without one."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from click.testing import Result

from osrsdiff import config, embedded_redis
from osrsdiff.cli import asking, exits, schedules, steering
from osrsdiff.tracking.instance import Instance, open_instance

Invoke = Callable[..., Result]

NOW_S = 1_700_000_000


def add_players(data_dir: Path, names: Iterable[str], **values: object) -> None:
    """Rows as they are after adding; `values` are columns that differ."""
    row = {
        "game_mode": "regular",
        "is_active": 1,
        "fetch_interval_minutes": 60,
        "created_at": NOW_S,
        "failures": 0,
        **values,
    }
    columns = ["username", "display_name", *row]
    marks = ", ".join("?" for _ in columns)
    with sqlite3.connect(data_dir / "osrsdiff.db") as connection:
        connection.executemany(
            f"INSERT INTO players ({', '.join(columns)}) VALUES ({marks})",
            [(name.lower(), name, *row.values()) for name in names],
        )
    connection.close()


def on_instance(data_dir: Path, work: Callable[[Instance], Any]) -> Any:
    """Does something with the instance besides the command line."""

    async def opened() -> Any:
        loaded = config.load(config_path=None, data_dir=data_dir, overrides={})
        async with open_instance(loaded) as instance:
            return await work(instance)

    return anyio.run(opened)


@pytest.fixture
def call(invoke: Invoke, data_dir: Path) -> Invoke:
    """`osrsdiff schedules …` on an instance on which nothing runs."""
    return lambda *arguments, **kwargs: invoke("--data-dir", data_dir, "schedules", *arguments, **kwargs)


@pytest.fixture
def with_redis(call: Invoke, empty_redis: None) -> Invoke:
    """The same with a Redis that answers."""
    return call


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def usernames(result: Result) -> list[str]:
    return [each["player"]["username"] for each in document(result)["items"]]


def test_verifying_schedules_everybody_and_then_finds_nothing(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["Lynx Titan", "zezima"])
    found = with_redis("verify", "--dry-run")
    assert found.exit_code == 1
    assert "2 players compared: 4 differences found, not mended." in found.stdout
    assert "active, but not scheduled: 2\n  Lynx Titan, zezima\n" in found.stdout
    mended = with_redis("verify")
    assert (mended.exit_code, "4 differences mended" in mended.stdout) == (0, True)
    agreed = with_redis("verify", "--dry-run")
    assert (agreed.exit_code, agreed.stdout) == (0, "2 players compared: all schedules agree.\n")


def test_each_kind_of_difference_is_told_in_words(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, "abcd")
    with_redis("verify")

    async def disturb(instance: Instance) -> None:
        await instance.schedules.unschedule_players([1])
        await instance.schedules.schedule_players({2: 420, 99: 60})

    on_instance(data_dir, disturb)
    with sqlite3.connect(data_dir / "osrsdiff.db") as connection:
        connection.execute("UPDATE players SET is_active = 0 WHERE id = 3")
        connection.execute("UPDATE players SET schedule_id = NULL WHERE id = 4")
    connection.close()
    told = with_redis("verify", "--dry-run")
    assert told.exit_code == 1
    for words in (
        "active, but not scheduled: 1\n  a\n",
        "schedule noted wrongly in the database: 2\n",
        "scheduled otherwise than the interval says: 1\n  b\n",
        "paused, but scheduled: 1\n  c\n",
        "schedule without a player: 1\n  player_fetch_99\n",
    ):
        assert words in told.stdout
    in_full = json.loads(with_redis("verify", "--dry-run", "--json").stdout)
    assert (in_full["mended"], in_full["differences"]) == (False, 6)
    assert in_full["orphaned"] == {"count": 1, "ids": ["player_fetch_99"]}


def test_more_differences_than_are_named_are_counted(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, [f"p{n}" for n in range(25)])
    assert "and 5 more" in with_redis("verify").stdout


def test_players_are_listed_with_their_next_fetch(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["a", "b"], last_attempt_at=NOW_S, last_outcome="changed")
    with_redis("verify")
    with_redis("pause", "b")
    rows = with_redis("list").stdout.splitlines()[2:]
    assert [row.split()[0] for row in rows] == ["a", "b"]
    assert " in " in rows[0]
    assert " paused " in rows[1]
    first = document(with_redis("list", "--json"))["items"][0]
    assert first["schedule_id"] == "player_fetch_1"
    assert first["next_fetch_at"].endswith("Z")


def test_who_is_active_without_a_schedule_is_seen_in_the_list(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["a"])
    assert "not scheduled" in with_redis("list").stdout


def test_a_list_is_read_in_pages(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, "abc")
    first = with_redis("list", "--limit", "2", "--json")
    assert usernames(first) == ["a", "b"]
    cursor = document(first)["next"]
    last = with_redis("list", "--limit", "2", "--after", cursor, "--json")
    assert (usernames(last), document(last)["next"]) == (["c"], None)
    assert f"--after {cursor}" in with_redis("list", "--limit", "2").stderr


def test_the_late_are_listed_longest_overdue_first(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, "abc")

    async def make_late(instance: Instance) -> None:
        await instance.schedules.schedule_players({1: 60, 2: 60}, first_fires={1: NOW_S + 60.0, 2: float(NOW_S)})

    on_instance(data_dir, make_late)
    assert usernames(with_redis("list", "--overdue", "--json")) == ["b", "a"]
    listed = with_redis("list", "--overdue", "--limit", "1")
    assert "days late" in listed.stdout
    assert "--overdue --after" in listed.stderr


def test_a_page_of_which_nobody_is_left_does_not_say_that_nobody_is_late(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, "ab")

    async def leave_strays(instance: Instance) -> None:
        await instance.schedules.schedule_players({99: 60, 1: 60}, first_fires={99: NOW_S + 0.0, 1: NOW_S + 60.0})

    on_instance(data_dir, leave_strays)
    listed = with_redis("list", "--overdue", "--limit", "1")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert "Nobody on this page any more." in listed.stderr
    assert "There are more: --overdue --after" in listed.stderr
    assert "Nobody is late" not in listed.stderr


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"failures": 3, "last_outcome": "unavailable"}, "hiscores unavailable (3x)"),
        ({"failures": 1, "last_outcome": "rate_limited"}, "rate limited"),
        ({"failures": 9, "last_outcome": "not_ranked", "missing_since": NOW_S}, "not found since 2023-11-1"),
    ],
)
def test_the_failing_are_listed_with_their_failures(
    values: dict[str, object], words: str, call: Invoke, data_dir: Path
) -> None:
    add_players(data_dir, ["well"], last_outcome="changed", last_attempt_at=NOW_S)
    add_players(data_dir, ["failing"], last_attempt_at=NOW_S, **values)
    listed = call("list", "--failing").stdout
    assert words in listed
    assert "well" not in listed


@pytest.mark.parametrize(
    ("filters", "words"),
    [([], "osrsdiff player add NAME"), (["--paused"], "Nobody is paused."), (["--failing"], "Nobody is failing.")],
)
def test_an_empty_list_says_so(filters: list[str], words: str, call: Invoke) -> None:
    result = call("list", *filters)
    assert (result.exit_code, result.stdout) == (0, "")
    assert words in result.stderr


def test_a_schedule_is_shown_as_it_is_and_as_it_should_be(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["Lynx Titan"], fetch_interval_minutes=420)
    with_redis("verify")
    shown = with_redis("show", "lynx_titan").stdout
    assert "agrees with the database" in shown
    assert shown.count("player_fetch_1") == 2
    assert shown.count("7 h") == 2
    on_instance(data_dir, lambda instance: instance.schedules.schedule_players({1: 660}))
    shown = with_redis("show", "lynx_titan").stdout
    assert "mended by: osrsdiff schedules verify" in shown
    assert "11 h" in shown
    in_full = document(with_redis("show", "lynx_titan", "--json"))
    assert (in_full["agrees"], in_full["stored"]["interval_minutes"]) == (False, 660)


def test_a_paused_player_has_no_schedule_and_that_is_right(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["a"], is_active=0)
    shown = with_redis("show", "a").stdout
    assert "none while paused" in shown
    assert "agrees with the database" in shown


def test_many_players_are_paused_and_resumed(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, [f"p{n}" for n in range(1_200)])
    with_redis("verify")
    paused = with_redis("pause", "--all", "--yes")
    assert (paused.exit_code, paused.stdout) == (0, "1,200 players paused.\n"), paused.stderr
    assert usernames(with_redis("list", "--due", "--json")) == []
    resumed = with_redis("resume", "--only", "paused", "--json", "--yes")
    assert document(resumed)["changed"] == 1_200
    assert with_redis("verify", "--dry-run").exit_code == 0
    assert with_redis("resume", "--all", "--yes").stdout == "Nothing to do: 1,200 players active already.\n"


def test_a_refused_name_does_not_stop_the_rest(call: Invoke, data_dir: Path, tmp_path: Path) -> None:
    add_players(data_dir, "abc")
    file = tmp_path / "names.txt"
    file.write_text("b\nlynx!titan\nnobody # left\n")
    result = call("pause", "a", "--file", file)
    assert result.exit_code == 1
    assert "2 players paused." in result.stdout
    assert "'lynx!titan' is not a player name" in result.stderr
    assert "No tracked player is called 'nobody'" in result.stderr
    assert usernames(call("list", "--paused", "--json")) == ["a", "b"]


def test_of_many_refused_names_the_first_are_told(call: Invoke, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("\n".join(f"n{n}" for n in range(50)))
    result = call("pause", "--file", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("No tracked player") == 20
    assert "30 more names are refused" in result.stderr
    assert len(json.loads(call("pause", "--file", file, "--json").stdout)["refused"]) == 50


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_a_person_is_asked_before_many_are_paused(
    answer: str, code: int, call: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_players(data_dir, [f"p{n}" for n in range(steering.ASKED_FROM + 1)])
    monkeypatch.setattr(asking, "_is_at_a_terminal", lambda: True)
    result = call("pause", "--all", stdin=answer)
    assert "Pause all 101 players? They are not looked at until they are resumed." in result.stderr
    assert result.exit_code == code
    assert len(usernames(call("list", "--paused", "--limit", "200", "--json"))) == (101 if code == 0 else 0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pause --all", "Pausing all 101 players is a lot at once: confirm with --yes."),
        ("pause --only failing", "Pausing the more than 100 players who are failing is a lot"),
        ("rebuild", "Rebuilding drops all schedules first: confirm with --yes."),
    ],
)
def test_where_nobody_can_be_asked_yes_is_needed(line: str, words: str, call: Invoke, data_dir: Path) -> None:
    add_players(data_dir, [f"p{n}" for n in range(steering.ASKED_FROM + 1)], failures=1)
    result = call(*line.split())
    assert (result.exit_code, result.stdout) == (exits.BAD_INPUT, "")
    assert words in " ".join(result.stderr.split())
    assert usernames(call("list", "--paused", "--json")) == []


def test_nobody_is_asked_about_few_or_named_players_or_with_yes(
    call: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_players(data_dir, [f"p{n}" for n in range(steering.ASKED_FROM + 1)])
    monkeypatch.setattr(asking, "_is_at_a_terminal", lambda: True)
    for line in (["pause", "p1"], ["resume", "--all"], ["pause", "--all", "--yes"], ["resume", "--all", "--yes"]):
        result = call(*line, stdin="")
        assert (result.exit_code, "?" in result.stderr) == (0, False), result.stderr


def test_pausing_is_saved_while_redis_is_away(call: Invoke, data_dir: Path) -> None:
    add_players(data_dir, "ab")
    result = call("pause", "--all")
    assert (result.exit_code, result.stdout) == (0, "2 players paused.\n")
    assert "Saved; takes effect when `osrsdiff run` has a Redis again." in result.stderr
    assert document(call("resume", "a", "--json"))["scheduled"] is False


def test_lists_and_schedules_are_read_while_redis_is_away(call: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["a"])
    listed = call("list")
    assert (listed.exit_code, "unknown" in listed.stdout) == (0, True)
    assert "Redis does not answer: when fetches come next is not known." in listed.stderr
    assert "does not answer" in call("show", "a").stdout
    assert document(call("show", "a", "--json"))["agrees"] is None


@pytest.mark.parametrize(
    "line",
    [
        "list --due",
        "list --overdue",
        "pause --only due",
        "resume --only overdue",
        "verify",
        "verify --dry-run",
        "verify --json",
        "cleanup",
        "rebuild --yes",
    ],
)
def test_what_only_redis_knows_needs_it(line: str, call: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["a"])
    result = call(*line.split())
    assert (result.exit_code, result.stdout) == (4, "")
    assert "Nothing is running here. Start it with: osrsdiff run" in result.stderr


def test_a_redis_that_was_killed_is_told_from_one_that_never_ran(call: Invoke, data_dir: Path) -> None:
    embedded_redis.prepare_directories(data_dir)
    left_behind = embedded_redis.socket_path(data_dir)
    left_behind.touch()
    result = call("verify")
    left_behind.unlink()
    assert result.exit_code == 4
    assert "Nothing is running here" not in result.stderr
    assert "Redis does not answer" in result.stderr
    assert "where it was killed, start it again with: osrsdiff run" in result.stderr


def test_mending_without_redis_says_that_nothing_is_lost(call: Invoke) -> None:
    assert "The database holds all players" in call("rebuild", "--yes").stderr


def test_cleaning_up_removes_what_nobody_needs_and_nothing_else(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, ["a"])
    with_redis("verify")

    async def litter(instance: Instance) -> None:
        await instance.schedules.schedule_players({99: 60})
        await instance.redis.zadd(f"{instance.prefix}workers", {"gone": NOW_S})

    on_instance(data_dir, litter)
    told = with_redis("cleanup", "--dry-run").stdout
    assert "2 things in Redis that nobody needs would be removed." in told
    assert "worker that is gone: 1\n  gone\n" in told
    assert document(with_redis("cleanup", "--json"))["orphaned"]["ids"] == ["player_fetch_99"]
    assert with_redis("cleanup").stdout == "Nothing to clean up.\n"
    assert with_redis("verify", "--dry-run").exit_code == 0


def test_rebuilding_makes_every_schedule_again(with_redis: Invoke, data_dir: Path) -> None:
    add_players(data_dir, "ab")
    add_players(data_dir, "c", is_active=0)
    with_redis("verify")
    assert with_redis("rebuild", "--yes").stdout == "2 schedules dropped, 2 made.\n"
    assert document(with_redis("rebuild", "--yes", "--json")) == {"removed": 2, "scheduled": 2}
    assert with_redis("verify", "--dry-run").exit_code == 0


async def stubborn(*_: object, **__: object) -> None:
    """Long work in which Ctrl-C is pressed, and which swallows a cancellation as asyncio.wait_for may."""
    os.kill(os.getpid(), signal.SIGINT)
    with suppress(asyncio.CancelledError):
        await anyio.sleep(20)
    await anyio.sleep(20)
    pytest.fail("it went on to its end")


@pytest.mark.parametrize(
    ("line", "where", "work"),
    [
        ("verify", schedules, "run_reconcile"),
        ("cleanup", schedules.upkeep, "clean_up"),
        ("rebuild --yes", schedules.upkeep, "rebuild_schedules"),
    ],
)
def test_ctrl_c_ends_the_work_and_says_what_mends_the_rest(
    line: str, where: object, work: str, call: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, work, stubborn)
    result = call(*line.split())
    assert (result.exit_code, result.stdout) == (exits.INTERRUPTED, "")
    assert "Stopped halfway" in result.stderr
    assert "`osrsdiff schedules verify`" in result.stderr


def test_ctrl_c_while_pausing_says_how_to_go_on(call: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "PAUSE", msgspec.structs.replace(steering.PAUSE, work=stubborn))
    result = call("pause", "--all")
    assert (result.exit_code, result.stdout) == (exits.INTERRUPTED, "")
    assert "who is paused by now stays so" in result.stderr
