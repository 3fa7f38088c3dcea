"""`osrsdiff player modes`, `check-mode`; what other commands say of modes, builds, flags, what is not reckoned."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import tzset
from typing import Any

import anyio
import pytest
from click.testing import Result
from sqlalchemy import null, update

from osrsdiff.cli.modes import in_words
from osrsdiff.game.metrics import KNOWN, MetricKind
from osrsdiff.game.modes import GameMode, ModeChange, Pending, Verdict
from osrsdiff.game.reviews import Why
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import history, modes, players, reviews
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import players as table
from osrsdiff.tracking import looks
from osrsdiff.tracking import modes as tracking
from osrsdiff.tracking.modes import ModeChecked
from osrsdiff.tracking.players import Enqueued

Invoke = Callable[..., Result]

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HARDCORE, IRONMAN, REGULAR = GameMode.HARDCORE, GameMode.IRONMAN, GameMode.REGULAR
_UNRECKONED = update(table).values(reckoned_by=null())
UNTOUCHED = Reading(0, None, None, Unranked.ZERO)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


@pytest.fixture
def url(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / 'osrsdiff.db'}"


@pytest.fixture
def call(invoke: Invoke, data_dir: Path, url: str) -> Invoke:
    """A command on an instance where Zezima, a hardcore of low level, was seen twice, and died in between."""
    anyio.run(_seed, url)
    return lambda *arguments: invoke("--data-dir", data_dir, *arguments)


async def _seed(url: str) -> None:
    async with await Database.connect(url) as db:
        async with db.writing() as conn:
            player = await players.add(
                conn,
                username="zezima",
                display_name="Zezima",
                interval_minutes=60,
                now=START - HOUR,
                game_mode=HARDCORE,
            )
        await _look(db, player.id, 1_000, 500, START)
        change = ModeChange(START + 3 * HOUR, START, HARDCORE, IRONMAN)
        died = modes.set_to(player, change.mode, at=change.at, after=change.after)
        assert await db.write_together([*died, *modes.changed(player.id, change)])
        await _look(db, player.id, 1_060, 90, START + 6 * HOUR)


async def _look(db: Database, player_id: int, xp: int, rank: int, at: datetime) -> None:
    async with db.reading() as conn:
        loaded = await history.load_player(conn, player_id)
    assert loaded is not None
    skills = {metric.key: UNTOUCHED for metric in KNOWN if metric.kind is MetricKind.SKILL}
    sheet = {**skills, "overall": Reading(xp, rank, 33, None), "cooking": Reading(xp, rank, None, None)}
    await looks.store(db, *loaded, Observation(sheet, ()), at)


def write(url: str, steps: Callable[[Player], list[Step]]) -> None:
    """Writes what `steps` makes of the player."""

    async def run() -> None:
        async with await Database.connect(url) as db:
            async with db.reading() as conn:
                player = await players.by_username(conn, "zezima")
            assert player is not None
            assert await db.write_together(steps(player))

    anyio.run(run)


def test_modes_are_shown_with_their_dates(call: Invoke, url: str) -> None:
    shown = call("player", "modes", "zezima")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.splitlines()[0] == "Zezima  ironman"
    assert shown.stdout.splitlines()[-1] == "2024-03-01 10:00 and 13:00  hardcore died, now an ironman"
    write(url, lambda player: modes.pending(player, Pending(REGULAR, START + 9 * HOUR)))
    assert "regular, found " in call("player", "modes", "zezima").stdout
    document = json.loads(call("player", "modes", "zezima", "--json").stdout)
    assert document["game_mode"] == "ironman"
    assert document["since"] == document["checked_at"] == "2024-03-01T13:00:00Z"
    assert document["pending"] == {
        "mode": "regular",
        "found_at": "2024-03-01T19:00:00Z",
        "second_look_from": "2024-03-01T19:05:00Z",
    }
    assert document["changes"] == [
        {
            "before": "hardcore_ironman",
            "mode": "ironman",
            "at": "2024-03-01T13:00:00Z",
            "after": "2024-03-01T10:00:00Z",
        }
    ]


def test_a_player_is_shown_with_mode_and_builds(call: Invoke) -> None:
    shown = call("player", "show", "zezima").stdout
    assert "ironman since 2024-03-01 13:00, checked " in shown
    assert "level 3, 1 defence, 10 hitpoints, free-to-play\n" in shown
    document = json.loads(call("player", "show", "zezima", "--json").stdout)
    assert document["builds"] == ["level_3", "1_defence", "10_hitpoints", "free_to_play"]
    assert document["player"]["mode_since"] == "2024-03-01T13:00:00Z"


def test_players_of_a_game_mode_are_listed(call: Invoke) -> None:
    assert len(json.loads(call("player", "list", "--mode", "ironman", "--json").stdout)["items"]) == 1
    others = call("player", "list", "--mode", "hardcore_ironman")
    assert (others.stdout, others.stderr) == ("", "No such players.\n")


def test_no_rank_moves_across_a_change_of_table(call: Invoke) -> None:
    shown = call("diff", "zezima", "--from", "2024-03-01 10:00", "--to", "2024-03-02").stdout
    assert "▲" not in shown
    assert "Where the game mode changed, ranks are of two tables and don't compare." in shown
    later = call("diff", "zezima", "--from", "2024-03-01 16:00", "--to", "2024-03-02", "--all").stdout
    assert "two tables" not in later


def test_a_flagged_player_stands_out(call: Invoke, url: str) -> None:
    assert "flagged" not in call("player", "show", "zezima").stdout.lower()
    write(
        url,
        lambda player: reviews.flag_steps(player.id, at=START + 6 * HOUR, after=None, why=Why.COLLAPSE, detail="gone"),
    )
    shown = call("player", "show", "zezima").stdout
    assert "since 2024-03-01 16:00 (" in shown
    assert "osrsdiff review show 'Zezima'" in shown
    assert call("player", "list").stdout.splitlines()[-1].endswith("  flagged 2024-03-01")
    assert json.loads(call("player", "list", "--json").stdout)["items"][0]["flagged_at"] == "2024-03-01T16:00:00Z"
    for command in (("records", "show"), ("achievements",)):
        assert "Flagged for review" in call(*command, "zezima").stderr
        assert json.loads(call(*command, "zezima", "--json").stdout)["is_reckoned"] is False


def test_what_is_not_reckoned_says_so(call: Invoke, url: str) -> None:
    commands: list[tuple[Any, ...]] = [("records", "show", "zezima"), ("achievements", "zezima")]
    assert [call(*command).stderr for command in commands] == ["", ""]
    write(url, lambda _: [Step(_UNRECKONED)])
    for command in commands:
        assert "Not reckoned from the whole history yet" in call(*command).stderr


def test_checking_a_mode_needs_a_worker(call: Invoke, empty_redis: None) -> None:
    queued = call("player", "check-mode", "zezima", "nobody")
    assert (queued.exit_code, queued.stdout) == (1, "Zezima        queued\n")
    assert "No worker is running to check game modes" in queued.stderr
    joined = json.loads(call("player", "check-mode", "zezima", "--json").stdout)
    assert joined["fetching"] is False
    assert [(one["done"], one["joined"], one["check"]) for one in joined["results"]] == [(True, True, None)]


def test_who_can_not_be_checked_is_refused_and_stops_no_other(call: Invoke, url: str, empty_redis: None) -> None:
    call("player", "pause", "zezima")
    call("player", "add", "lynx titan", "--no-wait")
    refused = call("player", "check-mode", "zezima", "lynx titan", "--json")
    results = [(one["name"], one["done"]) for one in json.loads(refused.stdout)["results"]]
    assert (refused.exit_code, results) == (1, [("zezima", False), ("lynx titan", True)])
    assert "osrsdiff player resume 'Zezima'" in " ".join(refused.stderr.split())


def test_several_checks_wait_for_what_fetches_leave_and_many_are_refused(
    call: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def note(_: object, player: Player, *, spare: bool) -> Enqueued:
        asked.append((player.username, spare))
        return Enqueued("one", joined=False)

    monkeypatch.setattr(tracking, "enqueue_check", note)
    call("player", "add", "lynx titan", "--no-wait")
    call("player", "check-mode", "zezima")
    call("player", "check-mode", "zezima", "lynx titan")
    assert asked == [("zezima", False), ("zezima", True), ("lynx titan", True)]
    refused = call("player", "check-mode", *(f"player {number}" for number in range(11)))
    assert refused.exit_code == 2
    assert "osrsdiff tasks run check_game_mode_downgrades" in " ".join(refused.stderr.split())
    assert len(asked) == 3
    assert "up to 5 requests" in " ".join(call("player", "check-mode", "--help").stdout.split())


NOW = START + 12 * HOUR


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (None, "no answer yet; see: osrsdiff player modes 'Zezima'"),
        (ModeChecked(1, IRONMAN, Verdict.RIGHT, IRONMAN), "ironman, confirmed"),
        (ModeChecked(1, HARDCORE, Verdict.FIRST, HARDCORE), "hardcore ironman, found for the first time"),
        (ModeChecked(1, IRONMAN, Verdict.CHANGED, IRONMAN, HARDCORE), "hardcore died, now an ironman"),
        (
            ModeChecked(1, IRONMAN, Verdict.PENDING, REGULAR, None, REGULAR, NOW),
            "regular found, ironman until then: a second look has to find it too, from 22:00 on",
        ),
        (
            ModeChecked(1, REGULAR, Verdict.PENDING, REGULAR, None, REGULAR, NOW),
            "regular found: a second look has to find it too, from 22:00 on",
        ),
        (
            ModeChecked(1, REGULAR, Verdict.IMPOSSIBLE, HARDCORE),
            "flagged for review: hardcore ironman found, which a regular account can't become",
        ),
        (ModeChecked(1, REGULAR, message="the hiscores are down"), "regular as far as known: the hiscores are down"),
    ],
)
def test_the_end_of_a_check_is_told(report: ModeChecked | None, words: str) -> None:
    assert in_words("Zezima", report, NOW) == words
