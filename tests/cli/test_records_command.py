"""`osrsdiff records`: a player's, the highest of many, and what reckoning anew has found."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import tzset

import anyio
import pytest
from click.testing import Result

from osrsdiff.api.record_schemas import PlayerRecords, RecordTable
from osrsdiff.game.snapshots import Reading
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import history, players
from osrsdiff.storage.engine import Database
from osrsdiff.tracking import looks

Invoke = Callable[..., Result]

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


async def _seed(url: str, *, reckons: bool) -> None:
    """Zezima and Fern Gully were looked at three times, Unseen never."""
    async with await Database.connect(url) as db:
        for name, gained in (("Zezima", 125_000), ("Fern Gully", 9_000)):
            async with db.writing() as conn:
                player = await players.add(
                    conn, username=name.lower(), display_name=name, interval_minutes=60, now=START - HOUR
                )
            for number in range(3):
                async with db.reading() as conn:
                    state = await history.load_state(conn, player.id)
                xp = Reading(2_000_000_000 + number * gained, 9, 2000, None)
                seen = Observation({"overall": xp, "zulrah": Reading(5 + number // 2, 9, None, None)}, ())
                await looks.store(db, player, state, seen, START + 48 * number * HOUR, reckons=reckons)
        async with db.writing() as conn:
            await players.add(conn, username="unseen", display_name="Unseen", interval_minutes=60, now=START)


@pytest.fixture
def command(invoke: Invoke, data_dir: Path) -> Invoke:
    """`osrsdiff records …`, which is given whether looks were reckoned when they were stored."""
    seeded: list[bool] = []

    def call(*arguments: str, reckons: bool = True) -> Result:
        if not seeded:
            url = f"sqlite:///{data_dir / 'osrsdiff.db'}"
            anyio.run(lambda: _seed(url, reckons=reckons))
            seeded.append(True)
        return invoke("--data-dir", data_dir, "records", *arguments)

    return call


def test_a_players_records_stand_in_a_column_for_each_period(command: Invoke) -> None:
    result = command("show", "ZEZIMA")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["Zezima", "the", "most", "gained", "in", "any", "window"]
    assert lines[1] == ["Metric", "Day", "Week", "Month", "Year"]
    assert lines[3:] == [["Overall", "-", *["+250,000"] * 3], ["Zulrah", "-", *["+1"] * 3]]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_records_of_one_period_come_with_their_looks(command: Invoke) -> None:
    result = command("show", "zezima", "--period", "week")
    assert "Overall  +250,000  2024-03-01 10:00  2024-03-05 10:00" in result.stdout
    assert "nothing" not in result.stderr.lower()
    assert "Nothing has been gained" in command("show", "zezima", "--period", "day").stderr
    assert "Not looked at yet." in command("show", "unseen").stderr


def test_who_gained_the_most_comes_first(command: Invoke) -> None:
    result = command("top", "Overall", "--limit", "1")
    assert [line.split()[:4] for line in result.stdout.splitlines()[3:]] == [["1", "Zezima", "+250,000", "2024-03-01"]]
    following = result.stderr.partition("--after ")[2].partition(",")[0]
    assert "2  Fern Gully  +18,000" in command("top", "overall", "--after", following).stdout
    assert "Nobody gained anything" in command("top", "zulrah", "--mode", "ironman").stderr


def test_json_is_the_document_of_the_api(command: Invoke) -> None:
    shown = json.loads(command("show", "zezima", "--json").stdout)
    assert list(shown) == list(PlayerRecords.__struct_fields__)
    assert shown["records"][0]["from"] == "2024-03-01T10:00:00Z"
    top = json.loads(command("top", "overall", "--period", "year", "--json").stdout)
    assert list(top) == list(RecordTable.__struct_fields__)
    assert [one["gained"] for one in top["items"]] == [250_000, 18_000]


def test_after_looks_rebuilding_finds_no_difference(command: Invoke) -> None:
    result = command("rebuild", "--all", "--dry-run")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0, ["2 players reckoned.", "Records:      no difference", "Achievements: no difference"],
    )  # fmt: skip


def test_a_dry_run_says_what_is_missing_and_a_run_mends_it(command: Invoke) -> None:
    dry = command("rebuild", "zezima", "--dry-run", reckons=False)
    assert (dry.exit_code, "Records:      6 missing found" in dry.stdout) == (1, True)
    done = command("rebuild", "zezima", "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["mended"], report["players"]) == (0, True, 1)
    assert report["records"] == {"missing": 6, "different": 0, "superfluous": 0}
    assert command("rebuild", "zezima", "--dry-run").exit_code == 0
    assert command("rebuild", "--all", "--dry-run").exit_code == 1  # Fern Gully


def test_a_name_of_nobody_is_refused_and_the_others_are_reckoned(command: Invoke) -> None:
    result = command("rebuild", "nobody", "zezima")
    assert (result.exit_code, "1 player reckoned." in result.stdout) == (1, True)
    assert "No tracked player is called 'nobody'" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("rebuild",),
        ("rebuild", "zezima", "--all"),
        ("show", "zezima", "--period", "hour"),
        ("show", "nobody"),
        ("top", "no-such-thing"),
        ("top", "zulrah", "--group", "nobodys"),
        ("top", "zulrah", "--after", "here"),
    ],
)
def test_what_cannot_be_read_is_refused(command: Invoke, arguments: tuple[str, ...]) -> None:
    result = command(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
