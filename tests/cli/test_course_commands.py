"""`osrsdiff history`, `calendar`, `snapshots` and `rates`: what they say of a history, in 80 columns and as JSON."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import tzset

import anyio
import pytest
from click.testing import Result

from osrsdiff.cli.clock import Here
from osrsdiff.game.snapshots import Reading, State, Unranked, difference
from osrsdiff.game.zones import Clock
from osrsdiff.storage import history, players
from osrsdiff.storage.engine import Database

Invoke = Callable[..., Result]

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
HIDDEN = Reading(None, None, None, Unranked.HIDDEN)
LOOKS = {0: (1000, 5), 6: (1200, 5), 30: (1200, 9), 31: (5000, 9)}


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


@pytest.fixture
def ask(invoke: Invoke, data_dir: Path) -> Invoke:
    """Calls a command on an instance that has looked at Zezima, so many hours after the start."""

    async def store() -> None:
        async with await Database.connect(f"sqlite:///{data_dir / 'osrsdiff.db'}") as db, db.writing() as conn:
            player = await players.add(
                conn, username="zezima", display_name="Zezima", interval_minutes=60, now=START - timedelta(hours=1)
            )
            state: State | None = None
            for hours, (xp, kills) in LOOKS.items():
                sheet = {"attack": Reading(xp, 100, None, None), "zulrah": Reading(kills, 9, None, None)}
                found = difference(state, {**sheet, "yama": HIDDEN}, START + timedelta(hours=hours))
                version = state.version if state else 0
                assert await history.store_look(conn, player.id, found, expected_version=version, new_metrics=())
                state = State(version + 1, found.looked_at, found.looked_at, found.sheet)

    anyio.run(store)
    return lambda *arguments: invoke("--data-dir", data_dir, *arguments)


def lines(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.stderr
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    return [line.split() for line in result.stdout.splitlines()]


def test_history_is_a_line_and_a_table(ask: Invoke) -> None:
    found = lines(ask("history", "zezima", "Attack", "--from", "2024-03-01", "--to", "2024-03-05"))
    assert found[0] == ["Zezima", "Attack", "from", "2024-03-01", "00:00", "to", "2024-03-05", "00:00"]
    assert found[1] == ["1,000", "→", "5,000", "(+4,000)"]
    assert (len(found[2][0]), found[2][0][0], found[2][0][-1]) == (72, "▁", "█")
    assert ["2024-03-02", "18:00", "5,000", "+3,800", "20", "100"] in found


def test_history_before_anything_was_seen_says_so(ask: Invoke) -> None:
    assert "No value of Yama is known" in ask("history", "zezima", "yama").stdout
    refused = ask("history", "zezima", "nonsense")
    assert (refused.exit_code, "No metric is called 'nonsense'" in refused.stderr) == (2, True)
    assert "`stats`" not in refused.stderr


def test_a_calendar_has_a_line_for_each_month(ask: Invoke) -> None:
    found = lines(ask("calendar", "zezima", "attack", "--year", "2024"))
    assert ["Mar", "▁█", "+4,000"] in found
    assert ["Feb", "-"] in found


def test_snapshots_name_what_moved(ask: Invoke) -> None:
    found = lines(ask("snapshots", "zezima"))
    day = "2024-03-02"
    assert [day, "17:00", "2024-03-01", "17:00", "Zulrah", "+4"] in found
    assert ["2024-03-01", "11:00", "first", "look", "2", "metrics", "first", "seen"] in found
    page = ask("snapshots", "zezima", "--limit", "1")
    assert "There are more: --after 2024-03-02T18:00:00+0100" in page.stderr
    assert len(lines(ask("snapshots", "zezima", "--after", "2024-03-02T17:00:00+0100"))) == 5


def test_an_old_sheet_says_how_sure_it_is(ask: Invoke) -> None:
    found = lines(ask("snapshots", "zezima", "--at", "2024-03-02"))
    assert "as of 2024-03-01 17:00; the next look, at 2024-03-02 17:00, saw changes" in map(" ".join, found)
    assert ["Attack", "1,200", "10", "100", "2024-03-01", "17:00"] in found
    assert ["Zulrah", "5", "-", "9", "2024-03-01", "11:00"] in found


def test_rates_are_told_as_of_the_last_look(ask: Invoke) -> None:
    found = lines(ask("rates", "zezima"))
    assert ["Nothing", "moved."] in found
    assert ["Streak", "2", "days", "(2024-03-01", "to", "2024-03-02)"] in found


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("history", "zezima", "attack", "--from", "2024-03-01"), "points"),
        (("calendar", "zezima", "attack", "--year", "2024"), "days"),
        (("snapshots", "zezima"), "items"),
        (("snapshots", "zezima", "--at", "2024-03-02"), "metrics"),
        (("rates", "zezima"), "projections"),
        (("rates", "zezima", "--period", "month"), "projections"),
    ],
)
def test_the_document_is_the_one_of_the_api(ask: Invoke, arguments: tuple[str, ...], field: str) -> None:
    document = json.loads(ask(*arguments, "--json").stdout)
    assert document["player"]["display_name"] == "Zezima"
    assert document[field]


def test_the_machines_clock_is_a_zone_with_all_its_rules() -> None:
    here, year = Here(), int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    assert str(here) == "Europe/Berlin"
    assert [ahead for _, _, ahead in Clock(here, year, year + 366 * 86_400 - 7200).spans()] == [3600, 7200, 3600]
    assert datetime(2024, 7, 1, tzinfo=here).astimezone(UTC) == datetime(2024, 6, 30, 22, tzinfo=UTC)
