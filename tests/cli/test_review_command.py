"""`osrsdiff review`: what waits for somebody, what fell, what is decided."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import tzset

import anyio
import pytest
from click.testing import Result

from osrsdiff.api.review_schemas import PlayerReviews, ReviewDecided, ReviewPage
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.reviews import Why
from osrsdiff.game.snapshots import Reading
from osrsdiff.hiscores.parser import Observation
from osrsdiff.storage import history, players
from osrsdiff.storage.engine import Database
from osrsdiff.storage.reviews import flag_steps
from osrsdiff.tracking import looks

Invoke = Callable[..., Result]

START = datetime(2024, 3, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SKILLS = ("attack", "defence", "strength", "hitpoints", "ranged", "prayer", "magic", "cooking", "woodcutting", "mining")


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


async def _seed(url: str) -> None:
    """Zezima's sheet collapsed at the third look; Fern Gully's went on."""
    async with await Database.connect(url) as db:
        for name, last in (("Zezima", 50_000), ("Fern Gully", 12_100_000)):
            async with db.writing() as conn:
                player = await players.add(
                    conn, username=name.lower(), display_name=name, interval_minutes=60, now=START - 60 * HOUR
                )
            for hour, xp in ((-48, 11_900_000), (0, 12_000_000), (1, last)):
                async with db.reading() as conn:
                    state = await history.load_state(conn, player.id)
                sheet = {skill: Reading(xp, 9, level_for_xp(xp), None) for skill in SKILLS}
                await looks.store(db, player, state, Observation(sheet, ()), START + hour * HOUR)


@pytest.fixture
def call(invoke: Invoke, data_dir: Path, empty_redis: None) -> Invoke:
    anyio.run(_seed, f"sqlite:///{data_dir / 'osrsdiff.db'}")
    return lambda *arguments: invoke("--data-dir", data_dir, *arguments)


def lines_of(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_what_waits_is_listed_and_shown(call: Invoke) -> None:
    listed = lines_of(call("review", "list"))
    assert listed[0] == "Player Flagged Reason"
    assert listed[2] == "Zezima 2024-03-01 11:00 10 skills fell, by 119,500,000 of 120,000,000 xp"
    shown = call("review", "show", "zezima")
    lines = lines_of(shown)
    assert lines[0] == "Zezima sheet collapsed"
    assert "ended open" in lines
    assert "Attack 12,000,000 50,000 -11,950,000 50,000" in lines
    assert "osrsdiff review accept|split|discard 'Zezima'" in shown.stderr
    assert [json.loads(call("review", *words, "--json").stdout) for words in (["list"], ["show", "fern gully"])] == [
        json.loads(call("review", "list", "--json").stdout), {"player": {
            "id": 2, "username": "fern gully", "display_name": "Fern Gully", "game_mode": "regular"}, "items": []},
    ]  # fmt: skip


def test_snapshots_show_what_fell_and_what_is_in_doubt(call: Invoke) -> None:
    result = call("snapshots", "zezima")
    lines = lines_of(result)
    assert "in review: ! Attack -11,950,000, ! Defence" in " ".join(lines)
    assert "! fell although it can't: a rollback, or a new owner of the name" in lines
    assert "osrsdiff review show 'Zezima'" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["accept"], "Zezima is the same player; the flag has ended."),
        (["discard", "--yes"], "What was seen of Zezima from 2024-03-01 11:00 UTC on is thrown away."),
        (["split"], "What was seen before is kept as Zezima~1, which is paused."),
    ],
)
def test_a_review_is_decided(call: Invoke, words: list[str], says: str) -> None:
    action, *options = words
    result = call("review", action, "ZEZIMA", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith(says)
    assert "Nobody waits for a review." in call("review", "list").stderr
    assert "Zezima" in call("review", "list", "--all").stdout
    again = call("review", action, "ZEZIMA", *options)
    assert again.exit_code == 2
    assert "nothing to review" in again.stderr


def test_where_the_new_name_can_not_be_given_the_way_to_give_it_is_said(call: Invoke) -> None:
    result = call("review", "split", "zezima", "--renamed-to", "Fern Gully")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "Zezima can't be made Fern Gully: both were seen playing: Zezima until 2024-03-01 10:00 UTC" in said
    assert said.endswith("osrsdiff player rename 'Zezima~1' 'Fern Gully' --force")
    assert "Zezima~1" not in call("player", "list").stdout
    assert call("review", "split", "zezima").exit_code == 0
    names = lines_of(call("player", "names", "zezima~1"))
    assert names[-1].endswith("Zezima Zezima~1")
    refused = call("player", "undo-rename", "zezima~1")
    assert (refused.exit_code, "'Zezima~1' 'Zezima' --force" in " ".join(refused.stderr.split())) == (2, True)
    assert "rename it: osrsdiff player rename 'Zezima~1' NEW_NAME" in call("player", "resume", "zezima~1").stderr
    result = call("player", "rename", "zezima~1", "Fern Gully", "--force")
    assert "Looks that did not fit are kept by Zezima~2." in " ".join(result.stdout.split())


def test_a_mode_that_can_not_be_is_accepted_or_split(call: Invoke, data_dir: Path) -> None:
    async def flag() -> None:
        async with await Database.connect(f"sqlite:///{data_dir / 'osrsdiff.db'}") as db, db.writing() as conn:
            player = await players.by_username(conn, "fern gully")
            assert player is not None
            mode = {"why": Why.IMPOSSIBLE_MODE, "detail": "was regular"}
            await conn.run_all(flag_steps(player.id, at=START, after=None, **mode))  # type: ignore[arg-type]

    anyio.run(flag)
    assert "osrsdiff review accept|split 'Fern Gully'" in call("review", "show", "fern gully").stderr
    refused = call("review", "discard", "fern gully", "--yes")
    assert (refused.exit_code, "no look brought it about" in " ".join(refused.stderr.split())) == (2, True)


def test_json_is_what_the_api_answers(call: Invoke) -> None:
    for words, kind in (
        (["list", "--all"], ReviewPage),
        (["show", "zezima"], PlayerReviews),
        (["accept", "zezima"], ReviewDecided),
    ):
        document = json.loads(call("review", *words, "--json").stdout)
        assert list(document) == list(kind.__struct_fields__)


def test_discarding_without_anybody_to_ask_needs_a_yes(call: Invoke) -> None:
    result = call("review", "discard", "zezima")
    assert result.exit_code == 2
    assert "confirm with --yes" in result.stderr
    assert "Zezima" in call("review", "list").stdout


def test_who_is_nobody_or_was_never_flagged_is_told(call: Invoke) -> None:
    assert "No tracked player is called 'nobody'" in call("review", "show", "nobody").stderr
    assert "Fern Gully was never flagged." in call("review", "show", "fern gully").stderr
    refused = call("review", "accept", "fern gully")
    assert (refused.exit_code, "it was never flagged" in refused.stderr) == (2, True)
    assert "is not a player name" in call("review", "split", "zezima", "--renamed-to", "no such name!").stderr
