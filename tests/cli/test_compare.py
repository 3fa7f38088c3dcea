"""`osrsdiff compare`: tables that fit, and the API's document."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from click.testing import Result

from osrsdiff.api import compare_schemas as schemas
from osrsdiff.api.schemas import PlayerName
from osrsdiff.api.sight_schemas import Totals, Window
from osrsdiff.cli import compare as command
from osrsdiff.game.metrics import MetricKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import history, players
from osrsdiff.storage.engine import Database

Invoke = Callable[..., Result]

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
def compare(invoke: Invoke, data_dir: Path) -> Invoke:
    """`osrsdiff compare` where "longest na 1" and three more have played as much as one can."""

    async def store() -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        async with await Database.connect(f"sqlite:///{data_dir / 'osrsdiff.db'}") as db, db.writing() as conn:
            for number in range(1, 5):
                name = f"longest na {number}"
                player = await players.add(conn, username=name, display_name=name, interval_minutes=60, now=now)
                for version, gained in enumerate((0, 1_234_567)):
                    sheet = {
                        "overall": Reading(4_600_000_000 + gained, number, 2_376, None),
                        "attack": Reading(198_000_000 + gained, number, 99, None),
                        "zulrah": Reading(99_999 + version, number, None, None),
                    }
                    state = await history.load_state(conn, player.id)
                    found = difference(state, sheet, now - timedelta(hours=2 - version))
                    assert await history.store_look(conn, player.id, found, expected_version=version)

    def call(*arguments: str) -> Result:
        anyio.run(store)
        return invoke("--data-dir", data_dir, "compare", *arguments)

    return call


def test_players_that_do_not_fit_beside_the_others_come_below(compare: Invoke) -> None:
    result = compare(*(f"longest na {number}" for number in range(1, 5)), "--metric", "zulrah")
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    for number in range(1, 5):
        assert f"longest na {number}" in result.stdout
    assert result.stdout.count("4,601,234,567") == 4
    assert result.stdout.count("99,999 → 100,000") == 4


def test_the_gaps_between_columns_count(capsys: pytest.CaptureFixture[str]) -> None:
    names = [PlayerName(number, "", f"longest na {number}", GameMode.REGULAR) for number in range(3)]
    players = [schemas.ComparedPlayer(one, NOW, None, None, Totals(0, 0, 0)) for one in names]
    sides = [schemas.Side(13_123_456, 90, None, 123_456, False)] * 3
    metrics = [schemas.ComparedMetric("runecraft", "Runecraft", MetricKind.SKILL, sides)]
    command._print(schemas.Comparison(Window(NOW, NOW), players, metrics, None), NOW)
    printed = capsys.readouterr().out
    assert printed.count("Runecraft") == 2
    assert max(map(len, printed.splitlines())) <= 80


def test_json_is_the_answer_of_the_api(compare: Invoke) -> None:
    document = json.loads(compare("longest na 2", "LONGEST_NA_1", "--json").stdout)
    assert [one["player"]["username"] for one in document["players"]] == ["longest na 2", "longest na 1"]
    assert [metric["metric"] for metric in document["metrics"]] == ["overall", "attack", "zulrah"]
    assert document["series"] is None


def test_names_that_nobody_tracks_are_all_named(compare: Invoke) -> None:
    result = compare("longest na 1", "nobody", "nowhere")
    assert result.exit_code != 0
    assert "Not tracked: nobody, nowhere. Add them with: osrsdiff player add" in result.stderr
