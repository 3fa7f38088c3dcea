"""`osrsdiff leaderboard`: readable at 80 columns, and the API's document with `--json`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import msgspec
import pytest
from click.testing import Result

from osrsdiff.api import leaderboard_schemas as schemas
from osrsdiff.game.snapshots import Reading, State, difference
from osrsdiff.storage import groups, history, players
from osrsdiff.storage.engine import Database

Invoke = Callable[..., Result]

NOW = datetime.now(UTC).replace(microsecond=0)


async def fill(url: str) -> None:
    """Three players; overall and zulrah ten days ago and just now. Two of them are a group."""
    async with await Database.connect(url) as db:
        ids = []
        for name, before, after in (("Lynx Titan", 4_000_000_000, 4_600_000_000), ("b", 10, 40), ("c", 20, 50)):
            async with db.writing() as conn:
                player = await players.add(
                    conn, username=name.lower(), display_name=name, interval_minutes=60, now=NOW - timedelta(days=20)
                )
                ids.append(player.id)
                state: State | None = None
                for days, value in ((10, before), (0, after)):
                    sheet = {"overall": Reading(value, 1, 2277, None), "zulrah": Reading(value % 1000, 9, None, None)}
                    found = difference(state, sheet, NOW - timedelta(days=days))
                    version = state.version if state else 0
                    assert await history.store_look(conn, player.id, found, expected_version=version)
                    state = State(version + 1, found.looked_at, found.looked_at, found.sheet)
        async with db.writing() as conn:
            clan = await groups.add(conn, key="clan", name="Clan", description="", now=NOW)
        await groups.put_members(db, clan.id, dict.fromkeys(ids[1:], "member"), now=NOW)


@pytest.fixture
def leaderboard(invoke: Invoke, data_dir: Path) -> Invoke:
    anyio.run(fill, f"sqlite:///{data_dir / 'osrsdiff.db'}")
    return lambda *arguments: invoke("--data-dir", data_dir, "leaderboard", *arguments)


def test_the_highest_overall_is_shown_by_default(leaderboard: Invoke) -> None:
    result = leaderboard()
    assert result.exit_code == 0, result.stderr
    assert "Overall  the highest" in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["1", "Lynx", "Titan", "4,600,000,000", "2,277"] in [line[:5] for line in lines]
    assert "3 players" in result.stdout


def test_gains_are_shown_with_places_and_a_total(leaderboard: Invoke) -> None:
    result = leaderboard("zulrah", "--period", "month", "--group", "clan")
    assert "Zulrah  gained the most, from" in result.stdout
    assert ", in Clan" in result.stdout
    lines = [line.split()[:4] for line in result.stdout.splitlines()]
    assert ["1", "b", "+30", "40"] in lines
    assert ["1", "c", "+30", "50"] in lines
    assert "2 players gained +60 together" in result.stdout


def test_no_line_is_wider_than_80_columns(leaderboard: Invoke) -> None:
    for by in ("value", "gained", "improved"):
        lines = leaderboard("--by", by).stdout.splitlines()
        assert len(lines) > 4
        assert max(map(len, lines)) <= 80


def test_json_is_the_document_of_the_api_and_leads_to_the_next_page(leaderboard: Invoke) -> None:
    first = msgspec.json.decode(
        leaderboard("--by", "gained", "--limit", "1", "--json").stdout, type=schemas.Leaderboard
    )
    assert [(one.place, one.gained) for one in first.items] == [(1, 600_000_000)]
    assert first.next
    rest = json.loads(leaderboard("--by", "gained", "--after", first.next, "--json").stdout)
    assert [(one["place"], one["player"]["username"]) for one in rest["items"]] == [(2, "b"), (2, "c")]
    assert "There are more" in leaderboard("--limit", "1").stderr


def test_an_empty_board_says_so(leaderboard: Invoke) -> None:
    result = leaderboard("yama")
    assert (result.exit_code, "Nobody was seen with it." in result.stderr) == (0, True)
    assert "Nobody gained" in leaderboard("zulrah", "--mode", "ironman", "--period", "day").stderr


def test_bad_input_says_what_to_do(leaderboard: Invoke) -> None:
    for line, says in (
        (["nope"], "No metric is called 'nope'"),
        (["--period", "3x"], "is not a period"),
        (["--by", "value", "--period", "day"], "Current values have no window"),
        (["--period", "day", "--from", "2026-01-01"], "not both"),
        (["--group", "nobodys"], "No group has the key 'nobodys'"),
        (["--mode", "casual"], "'casual' is not one of"),
        (["--limit", "0"], "--limit"),
        (["--after", "x"], "start again without it"),
    ):
        result = leaderboard(*line)
        assert (line, result.exit_code, result.stdout) == (line, 2, "")
        assert says in result.stderr
