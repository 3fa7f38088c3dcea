"""How `osrsdiff status` reads: players, the plan against the budget, the breaker, the last reconcile."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from osrsdiff.cli import status as command
from osrsdiff.tracking.status import PlanGroup, Status

NOW = datetime.now(UTC)


def group(players: int, minutes: int) -> PlanGroup:
    return PlanGroup(minutes, players, players / (60 * minutes))


def seen(*plan: PlanGroup, **values: object) -> Status:
    """A status in which all is well, but for `values`."""
    needed = sum(each.requests_per_second for each in plan)
    well: dict[str, object] = {
        "ready": True,
        "parts": {"database": "ok", "redis": "ok", "worker": "ok", "scheduler": "ok"},
        "players_active": sum(each.players for each in plan),
        "players_paused": 0,
        "players_not_found": 0,
        "players_failing": 0,
        "players_never_seen": 0,
        "requests_needed": needed,
        "requests_allowed": 0.5,
        "plan": list(plan),
        "due": 3,
        "overdue": 1,
        "queue_length": 2,
        "workers_alive": 1,
        "schedulers_alive": 2,
        "breaker_open_until": None,
        "breaker_failures": 0,
        "last_reconcile": NOW - timedelta(minutes=3),
        "last_reconcile_detail": "4 mended",
        "reviews_open": 0,
    }
    return Status(**(well | values))  # type: ignore[arg-type]


def printed(capsys: pytest.CaptureFixture[str], one: Status) -> str:
    command._print(one, NOW)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_open_reviews_say_where_they_are_decided(capsys: pytest.CaptureFixture[str]) -> None:
    assert "2 reviews open; see: osrsdiff review list" in printed(capsys, seen(group(300, 30), reviews_open=2))


def test_all_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(
        capsys, seen(group(300, 30), players_paused=4, players_failing=5, players_never_seen=1, players_not_found=2)
    )
    assert text.startswith("ready\n")
    assert "300 active, 4 paused, 5 failing, 1 never seen, 2 not found" in text
    assert "reviews" not in text
    assert "300 players every 30 min need 0.17 of 0.50 requests a second" in text
    assert "3 due within a minute, 1 late, 2 queued" in text
    assert "1 worker, 2 schedulers" in text
    assert "closed: the hiscores are asked as planned" in text
    assert "(3 min ago): 4 mended" in text


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ([], ["0 players need 0.00 of 0.50 requests a second\n"]),
        ([group(1, 1440)], ["1 player every 1 day needs <0.01 of 0.50"]),
        (
            [group(300, 30), group(60, 60)],
            ["360 players need 0.18 of 0.50", "  300 players every 30 min: 0.17", "  60 players every 1 h: 0.02"],
        ),
        (
            [group(400, 30), group(60, 60), group(20, 90), group(1, 120), group(1, 240)],
            ["  20 players every 1 h 30 min: <0.01\n", "  2 players at 2 other intervals: <0.01\n"],
        ),
        ([group(1000, 5)], ["need 3.33 of 0.50 requests a second", "more than the budget: looks come late"]),
    ],
)
def test_the_plan_is_told_by_its_largest_loads(
    plan: list[PlanGroup], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, seen(*plan))
    for each in words:
        assert each in text
    assert ("more than the budget" in text) == (plan == [group(1000, 5)])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"breaker_open_until": NOW + timedelta(minutes=2, seconds=30), "breaker_failures": 3},
            ["open: no requests until", "(in 2 min), 3 failures in a row"],
        ),
        ({"breaker_failures": 1}, ["half open", "1 failure in a row"]),
    ],
)
def test_a_breaker_that_is_not_closed_says_until_when(
    values: dict[str, object], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(printed(capsys, seen(group(1, 60), **values)).split())
    for each in words:
        assert each in text


def test_without_redis_nothing_is_said_of_what_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    away = dict.fromkeys(("due", "overdue", "queue_length", "workers_alive", "schedulers_alive", "breaker_failures"))
    parts = {"database": "ok", "redis": "does not answer"}
    one = seen(group(1, 60), ready=False, parts=parts, last_reconcile=None, last_reconcile_detail=None, **away)
    text = printed(capsys, one)
    assert text.startswith("not ready\n")
    assert "does not answer" in text
    assert "queued" not in text
    assert "breaker" not in text
    assert "never" in text


def test_where_nothing_runs_it_says_how_to_start(invoke: Callable[..., Result], data_dir: Path) -> None:
    done = invoke("--data-dir", data_dir, "status")
    assert done.exit_code == 1
    assert "redis" in done.stdout
    assert "osrsdiff run" in done.stderr
