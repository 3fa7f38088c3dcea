"""`osrsdiff achievements` and `osrsdiff events`: what they say of a history, and what they refuse."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import tzset

import anyio
import pytest
from click.testing import Result

from osrsdiff.game.snapshots import Reading
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import groups, history, players
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


async def _seed(url: str) -> None:
    sheets = [{"attack": 101_000, "zulrah": 600, "obor": 49}, {"attack": 101_400, "zulrah": 610, "obor": 50}]
    async with await Database.connect(url) as db:
        for name in ("Zezima", "Fern Gully"):
            async with db.writing() as conn:
                player = await players.add(
                    conn, username=name.lower(), display_name=name, interval_minutes=60, now=START - HOUR
                )
            for number, sheet in enumerate(sheets if name == "Zezima" else sheets[:1]):
                async with db.reading() as conn:
                    state = await history.load_state(conn, player.id)
                seen = Observation({metric: Reading(value, 9, None, None) for metric, value in sheet.items()}, ())
                await looks.store(db, player, state, seen, START + number * 6 * HOUR)
        async with db.writing() as conn:
            group = await groups.add(conn, key="few", name="Few", description="", now=START)
            await players.add(conn, username="unseen", display_name="Unseen", interval_minutes=60, now=START)
        await groups.put_members(db, group.id, {player.id: "member"}, now=START)


@pytest.fixture
def call(invoke: Invoke, data_dir: Path) -> Invoke:
    """A command on an instance where Zezima was seen twice, Fern Gully once, Unseen never."""
    anyio.run(_seed, f"sqlite:///{data_dir / 'osrsdiff.db'}")
    return lambda *arguments: invoke("--data-dir", data_dir, *arguments)


def test_achievements_are_shown_with_their_looks(call: Invoke) -> None:
    result = call("achievements", "zezima")
    assert result.exit_code == 0
    assert result.stdout == (
        "Zezima\n"
        "Reached between             Achievement\n"
        "─────────────────────────────────────────\n"
        "2024-03-01 10:00 and 16:00  50 Attack\n"
        "2024-03-01 10:00 and 16:00  50 Obor kills\n"
        "\n"
        "There when first seen, the highest of each:\n"
        "  First Obor kill, 500 Zulrah kills\n"
    )


def test_what_comes_next_is_shown_the_nearest_first(call: Invoke) -> None:
    result = call("achievements", "zezima", "--next")
    assert result.stdout == (
        "Zezima\n"
        "Next                       Now    Done\n"
        "──────────────────────────────────────\n"
        "1,000 Zulrah kills         610  61.0 %\n"
        "100 Obor kills              50  50.0 %\n"
        "60 Attack                   50  37.0 %\n"
        "50m Attack xp       101,400 xp   0.2 %\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("achievements", "fern gully"), "Nothing reached since the first look."),
        (("achievements", "unseen"), "Not looked at yet"),
        (("events", "unseen"), "Nothing happened."),
        (("events", "--limit", "1"), "There is more: --after "),
        (("events", "--kind", "birthday"), "'birthday' is not one of 'first_seen'"),
        (("events", "zezima", "--group", "few"), "Give either NAME or --group, not both."),
        (("events", "--group", "many"), "osrsdiff group list"),
        (("events", "--after", "nonsense"), "start again without it"),
        (("achievements", "nobody"), "No tracked player is called 'nobody'"),
    ],
)
def test_what_there_is_not_is_said(call: Invoke, arguments: tuple[str, ...], says: str) -> None:
    assert says in call(*arguments).output


def test_events_are_shown_newest_first(call: Invoke) -> None:
    result = call("events", "zezima")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Seen              Within  What"
    assert sorted(lines[2:5]) == [
        "2024-03-01 16:00     6 h  50 Attack",
        "2024-03-01 16:00     6 h  50 Obor kills",
        "2024-03-01 16:00     6 h  level 50 in Attack, from 49",
    ]
    assert lines[5:] == ["2024-03-01 10:00          first seen"]


def test_events_of_a_group_name_the_player(call: Invoke) -> None:
    assert call("events", "--group", "few").stdout.splitlines()[2:] == [
        "2024-03-01 10:00          Fern Gully  first seen"
    ]


def test_documents_are_those_of_the_api(call: Invoke) -> None:
    reached = json.loads(call("achievements", "zezima", "--json").stdout)
    assert (reached["achievements"][0]["title"], reached["ahead"][0]["percent"]) == ("50 Attack", 61.0)
    page = json.loads(call("events", "--kind", "first_seen", "--limit", "1", "--json").stdout)
    assert [one["player"]["username"] for one in page["items"]] == ["fern gully"]
    rest = json.loads(call("events", "--kind", "first_seen", "--after", page["next"], "--json").stdout)
    assert ([one["player"]["username"] for one in rest["items"]], rest["next"]) == (["zezima"], None)
