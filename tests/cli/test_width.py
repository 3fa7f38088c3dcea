"""Everything fits into 80 columns, also where names are long and figures large."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from click.testing import Result

from osrsdiff.game.snapshots import Reading
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import groups, history, players
from osrsdiff.storage.engine import Database
from osrsdiff.tracking import looks

Invoke = Callable[..., Result]

START = datetime(2024, 11, 10, 10, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = "the-very-long-key-of-a-clan-from-gielino"
BOSSES = (
    "chambers_of_xeric_challenge_mode",
    "tombs_of_amascut_expert_mode",
    "theatre_of_blood_hard_mode",
    "bounty_hunter_legacy_hunter",
)
NAMES = tuple(f"Longest na {number}" for number in range(1, 4))


def sheet(number: int, look: int) -> dict[str, Reading]:
    xp = (4_000_000 if look == 0 else 4_200_000_000 + look) + number
    level = 90 if look == 0 else 2_376
    kills = 49 if look == 0 else 123_456_700 + look
    return {
        "overall": Reading(xp, 1_234_567 + look, level, None),
        "runecraft": Reading(1_000 if look == 0 else 198_000_000 + look, 1_234_567, None, None),
        **{boss: Reading(kills, 1_234_567, None, None) for boss in BOSSES},
    }


async def _seed(url: str) -> None:
    async with await Database.connect(url) as db:
        found = {}
        for number, name in enumerate(NAMES):
            async with db.writing() as conn:
                player = await players.add(
                    conn, username=name.lower(), display_name=name, interval_minutes=60, now=START - DAY
                )
            found[player.id] = "keeper of the clan's long roles"[:30]
            for look in range(3):
                async with db.reading() as conn:
                    state = await history.load_state(conn, player.id)
                await looks.store(
                    db, player, state, Observation(sheet(number, look), ()), START + number * DAY + look * DAY
                )
        async with db.writing() as conn:
            about = "Everybody who ever was at the Thursday evenings, and a few who only said they were. " * 5
            name = "The clan whose name takes all of the sixty characters it may"
            group = await groups.add(conn, key=KEY, name=name, description=about.strip(), now=START)
        await groups.put_members(db, group.id, found, now=START)


@pytest.fixture
def call(invoke: Invoke, data_dir: Path) -> Invoke:
    anyio.run(_seed, f"sqlite:///{data_dir / 'osrsdiff.db'}")
    return lambda *arguments: invoke("--data-dir", data_dir, *arguments)


SINCE = "--from", "2024-11-10T09:00Z"
LINES = {
    "group show": ("group", "show", KEY),
    "group list": ("group", "list"),
    "groups of a player": ("group", "list", "--player", NAMES[0]),
    "snapshots": ("snapshots", NAMES[0]),
    "sheet": ("snapshots", NAMES[0], "--at", "2024-11-11T12:00Z"),
    "events": ("events",),
    "history": ("history", NAMES[0], BOSSES[0], *SINCE),
    "calendar": ("calendar", NAMES[0], BOSSES[0], "--year", "2024"),
    "rates": ("rates", NAMES[0]),
    "achievements": ("achievements", NAMES[0]),
    "what comes next": ("achievements", NAMES[0], "--next"),
    "records": ("records", "show", NAMES[0]),
    "records of a period": ("records", "show", NAMES[0], "--period", "year"),
    "record table": ("records", "top", BOSSES[0], "--period", "year", "--group", KEY),
    "leaderboard": ("leaderboard", "--group", KEY, "--mode", "regular"),
    "leaderboard by gains": ("leaderboard", *SINCE, "--group", KEY),
    "leaderboard by improvement": ("leaderboard", "--by", "improved", *SINCE),
    "compare": ("compare", *NAMES, *SINCE, "--metric", "overall"),
    "diff": ("diff", NAMES[0], *SINCE),
    "players": ("player", "list"),
    "player": ("player", "show", NAMES[0]),
    "modes": ("player", "modes", NAMES[0]),
}


def test_no_line_is_wider_than_80_columns(call: Invoke) -> None:
    wide = {}
    for what, line in LINES.items():
        result = call(*line)
        assert result.exit_code == 0, result.output
        assert len(result.stdout.splitlines()) > 2, what
        if found := [each for each in result.stdout.splitlines() if len(each) > 80]:
            wide[what] = found
    assert wide == {}


def test_a_key_is_never_broken(call: Invoke) -> None:
    assert f"{KEY}  " in call("group", "list").stdout


def test_what_does_not_fit_goes_on_in_the_next_line(call: Invoke) -> None:
    shown = call("snapshots", NAMES[0]).stdout
    assert "Bounty Hunter (Legacy) - Hunter +123,456,652" in " ".join(line[36:].strip() for line in shown.splitlines())
