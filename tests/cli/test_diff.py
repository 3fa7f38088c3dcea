"""`osrsdiff diff`: what it says of a history, and between which looks."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import tzset

import anyio
import pytest
from click.testing import Result

from osrsdiff.game.snapshots import Reading, State, Unranked, difference
from osrsdiff.storage import history, players
from osrsdiff.storage.engine import Database
from osrsdiff.tracking import sight

Invoke = Callable[..., Result]
Look = Mapping[str, Reading]

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
NOTHING = Reading(None, None, None, Unranked.HIDDEN)


def xp(value: int, rank: int | None = 100) -> Reading:
    return Reading(value, rank, None, None if rank else Unranked.BELOW_CUTOFF)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


@pytest.fixture
def diff(invoke: Invoke, data_dir: Path) -> Invoke:
    """`osrsdiff diff Zezima` after a history of looks, each so many hours after the start."""

    async def store(looks: Mapping[int, Look]) -> None:
        async with await Database.connect(f"sqlite:///{data_dir / 'osrsdiff.db'}") as db, db.writing() as conn:
            player = await players.add(
                conn, username="zezima", display_name="Zezima", interval_minutes=60, now=START - timedelta(hours=1)
            )
            state: State | None = None
            for hours, sheet in looks.items():
                found = difference(state, sheet, START + timedelta(hours=hours))
                version = state.version if state else 0
                assert await history.store_look(conn, player.id, found, expected_version=version, new_metrics=())
                state = State(version + 1, found.looked_at, found.looked_at, found.sheet)

    def call(looks: Mapping[int, Look], *arguments: str) -> Result:
        anyio.run(store, looks)
        return invoke("--data-dir", data_dir, "diff", "zezima", *arguments)

    return call


def window(start_h: int, end_h: int) -> tuple[str, ...]:
    start, end = START + timedelta(hours=start_h), START + timedelta(hours=end_h)
    return "--from", start.isoformat(), "--to", end.isoformat()


def test_before_the_first_look_it_says_so(diff: Invoke) -> None:
    result = diff({})
    assert result.exit_code == 0, result.stderr
    assert "not looked at yet, none scheduled while `osrsdiff run` is down" in result.stdout


def test_after_one_look_there_is_nothing_to_compare(diff: Invoke) -> None:
    result = diff({0: {"attack": xp(1000)}}, *window(-1, 2))
    assert result.exit_code == 0, result.stderr
    assert "first look at 2024-03-01 10:00" in result.stdout
    assert "Attack" not in result.stdout


def test_a_gain_is_told_with_the_looks_it_lies_between(diff: Invoke) -> None:
    looks = {0: {"attack": xp(1000, 200)}, 6: {"attack": xp(1200, 150)}, 12: {"attack": xp(1500, 180)}}
    result = diff(looks, *window(3, 13))
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["Attack", "+500", "1,000", "1,500", "11", "+2", "▲20", "▲20"] in lines
    assert "from  between 2024-03-01 10:00 and 16:00" in result.stdout
    assert "to    the last look, 2024-03-01 22:00" in result.stdout
    assert "In all +500 xp, +2 levels" in result.stdout


def test_the_widest_table_has_80_columns(diff: Invoke) -> None:
    def sheet(xp: int, rank: int, level: int) -> Look:
        return {"overall": Reading(xp, rank, level, None), "construction": Reading(xp // 24, rank, None, None)}

    result = diff({0: sheet(4_512_345_678, 2_000_000, 2275), 6: sheet(4_598_765_432, 1, 2299)}, *window(0, 7))
    assert "▲2.0M" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_what_did_not_move_is_left_out_unless_asked_for(diff: Invoke) -> None:
    looks = {0: {"attack": xp(1000), "magic": xp(7)}, 6: {"attack": xp(1200), "magic": xp(7)}}
    assert "Magic" not in diff(looks, *window(1, 7)).stdout


def test_all_shows_what_did_not_move(diff: Invoke) -> None:
    looks = {0: {"attack": xp(1000), "magic": xp(7)}, 6: {"attack": xp(1200), "magic": xp(7)}}
    assert "Magic" in diff(looks, *window(1, 7), "--all").stdout


def test_nothing_moved_is_an_answer(diff: Invoke) -> None:
    result = diff({0: {"attack": xp(1000)}, 6: {"attack": xp(1000)}}, *window(1, 7))
    assert (result.exit_code, "Nothing moved." in result.stdout) == (0, True)


def test_first_seen_is_told_apart_from_a_gain(diff: Invoke) -> None:
    looks = {0: {"attack": xp(1), "zulrah": NOTHING}, 6: {"attack": xp(1), "zulrah": xp(50)}}
    result = diff(looks, *window(1, 7))
    assert ["Zulrah", "first", "seen", "-", "50", "=", "="] in [line.split() for line in result.stdout.splitlines()]


def test_a_fall_is_marked_and_explained(diff: Invoke) -> None:
    result = diff({0: {"attack": xp(1000)}, 6: {"attack": xp(400)}}, *window(1, 7))
    assert "! -600" in result.stdout
    assert "a rollback, or a new owner of the name" in result.stdout


def test_the_document_is_the_one_of_the_api(diff: Invoke) -> None:
    looks = {0: {"attack": xp(1000)}, 6: {"attack": xp(1200)}}
    document = json.loads(diff(looks, *window(3, 7), "--json").stdout)
    assert document["window"] == {"from": "2024-03-01T13:00:00Z", "to": "2024-03-01T17:00:00Z"}
    assert document["start"] == {"earliest": "2024-03-01T10:00:00Z", "latest": "2024-03-01T16:00:00Z"}
    assert [(gain["metric"], gain["gained"]) for gain in document["gains"]] == [("attack", 200)]


@pytest.mark.parametrize(
    ("hours", "asked", "told"), [((0, 6), window(3, 7), None), ((0,), window(-1, 2), "2024-03-01T10:00:00Z")]
)
def test_the_next_look_is_told_only_while_there_is_nothing_to_compare(
    diff: Invoke, monkeypatch: pytest.MonkeyPatch, hours: tuple[int, ...], asked: tuple[str, ...], told: str | None
) -> None:
    async def next_fire(*_: object) -> datetime:
        return START

    monkeypatch.setattr(sight, "next_fire", next_fire)
    looks = {hour: {"attack": xp(1000 + hour)} for hour in hours}
    assert json.loads(diff(looks, *asked, "--json").stdout)["next_fetch_at"] == told
