"""Series of real polls and of our own, played look by look, against tables worked out from their JSON alone.

What is expected comes from a few lines over the numbers sent, without anything of the program.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from stored import rows_of
from strategies import moment

from osrsdiff.game.periods import Window
from osrsdiff.game.records import PERIOD_CODES
from osrsdiff.game.series import Resolution
from osrsdiff.game.thresholds import MEASURE_CODES, Measure
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage import gains as storage
from osrsdiff.storage import tables
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.series import player_history
from osrsdiff.tracking.windows import Asked

FIXTURES = Path(__file__).parents[1] / "fixtures" / "hiscores"
OWN = ["series_november_2025.jsonl", "series_rank_drift.jsonl"]
RECORDED = [
    "timeseries_hardcore_archonborn_2025-10-29_2025-11-19.jsonl",
    "timeseries_main_tx5_2025-12.jsonl",
    "timeseries_main_cryotherapy_overall-unranked_2025-10-20.jsonl",
]
DAY = 86_400
LENGTHS = {"day": DAY, "week": 7 * DAY, "month": 31 * DAY, "year": 31_556_926}
NO_BOSSES = {
    "grid_points", "league_points", "deadman_points", "bounty_hunter_hunter", "bounty_hunter_rogue",
    "bounty_hunter_legacy_hunter", "bounty_hunter_legacy_rogue", "clue_scrolls_all", "clue_scrolls_beginner",
    "clue_scrolls_easy", "clue_scrolls_medium", "clue_scrolls_hard", "clue_scrolls_elite", "clue_scrolls_master",
    "lms_rank", "pvp_arena_rank", "soul_wars_zeal", "rifts_closed", "colosseum_glory", "collections_logged",
}  # fmt: skip
SKILL_LEVELS = [50, 60, 70, 80, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99]
TOTAL_LEVELS = [500, 750, 1000, 1250, 1500, 1750, 2000, 2250, 2376]

See = Callable[..., Awaitable[None]]


class Poll(NamedTuple):
    """What was sent at one time. `xp`: of skills, `scores`: of activities, by key; only what is known."""

    at: int
    body: bytes
    xp: dict[str, int]
    scores: dict[str, int]
    levels: dict[str, int]

    @property
    def values(self) -> dict[str, int]:
        return self.xp | self.scores


@pytest.fixture(params=[*OWN, *RECORDED])
def polls(request: pytest.FixtureRequest) -> list[Poll]:
    name: str = request.param
    folder = FIXTURES if name in OWN else request.getfixturevalue("recordings")
    return [polled(json.loads(line)) for line in (folder / name).read_text().splitlines()]


def polled(line: dict[str, Any]) -> Poll:
    skills, activities = line["body"]["skills"], line["body"]["activities"]
    xp = {key_of(row): row["xp"] for row in skills if row["xp"] >= 0}
    levels = {key_of(row): row["level"] for row in skills if row["xp"] >= 0}
    scores = {key_of(row): row["score"] for row in activities if row["score"] >= 0}
    at = int(datetime.fromisoformat(line["fetched_at"]).timestamp())
    return Poll(at, json.dumps(line["body"]).encode(), xp, scores, levels)


def key_of(row: dict[str, str]) -> str:
    return "_".join(re.findall("[a-z0-9]+", row["name"].lower().replace("'", "")))


async def test_a_series_comes_to_what_its_numbers_say(
    db: Database, add: Callable[[], Awaitable[Player]], see: See, polls: list[Poll]
) -> None:
    player = await add()
    for poll in polls:
        seen = parse(poll.body)
        await see(player, seen.sheet, poll.at, seen.new_metrics)
    await check_gains_between_any_two_polls(db, player, polls)
    await check_lines_have_each_change_and_the_last_poll_before_it(db, player, polls)
    await check_records_are_the_largest_sums_of_what_polls_added(db, player, polls)
    await check_levels_and_first_kills_are_reached_when_a_poll_first_shows_them(db, player, polls)


async def check_gains_between_any_two_polls(db: Database, player: Player, polls: list[Poll]) -> None:
    for number, first in enumerate(polls):
        for last in polls[number + 1 :]:
            async with db.reading() as conn:
                window = Window(moment(first.at), moment(last.at))
                found = await storage.gains_of(conn, player.username, window)
            assert found is not None
            assert {gain.metric: gain.gained for gain in found[1].gains} == gained(polls, first.at, last.at)


def gained(polls: list[Poll], start: int, end: int) -> dict[str, int]:
    """The last number sent until the end minus the last one until the start, else the first one after."""
    base: dict[str, int] = {}
    newest: dict[str, int] = {}
    for poll in polls:
        if poll.at <= end:
            base = base | poll.values if poll.at <= start else poll.values | base
            newest |= poll.values
    return {key: newest[key] - base[key] for key in newest}


async def check_lines_have_each_change_and_the_last_poll_before_it(
    db: Database, player: Player, polls: list[Poll]
) -> None:
    instance: Any = SimpleNamespace(db=db)  # all of one that reading takes
    asked = Asked(start=moment(polls[0].at - 1), end=moment(polls[-1].at + DAY))
    for key in polls[-1].values.keys() & {"overall", "attack", "zulrah", "barrows_chests", "shellbane_gryphon"}:
        _, found = await player_history(instance, player.username, key, asked, resolution=Resolution.RAW)
        assert list(zip(found.line.times, found.line.values, strict=True)) == line(polls, key)


def line(polls: list[Poll], key: str) -> list[tuple[int, int]]:
    """Every poll that showed a number, without those in the middle of three that showed the same."""
    shown: dict[int, int] = {}
    for poll in polls:
        if key in poll.values or shown:
            shown[poll.at] = poll.values.get(key, next(reversed(shown.values()), 0))
    points = list(shown.items())
    inner = zip(points, points[1:], points[2:], strict=False)
    flat = {now[0] for before, now, after in inner if before[1] == now[1] == after[1]}
    return [point for point in points if point[0] not in flat]


async def check_records_are_the_largest_sums_of_what_polls_added(
    db: Database, player: Player, polls: list[Poll]
) -> None:
    periods = {code: period.value for period, code in PERIOD_CODES.items()}
    rows = await rows_of(db, player, tables.records, "key", "period", "gained", "start_at", "end_at")
    stored = {(key, periods[code]): tuple(rest) for key, code, *rest in rows}
    keys = polls[-1].values.keys() - {"lms_rank", "pvp_arena_rank"}
    assert {one: record for one, record in stored.items() if one[0] in keys} == dict(largest(polls, keys))


def largest(polls: list[Poll], keys: set[str]) -> Iterator[tuple[tuple[str, str], tuple[int, int, int]]]:
    """By key and period: the largest sum of what polls added inside a window, none of them more than a tenth before."""
    known = polls[0].values
    added = [(polls[0].at, 0, dict[str, int]())]  # when, since when, how much
    for number, poll in enumerate(polls[1:]):
        if any(known.get(key) != value for key, value in poll.values.items()):
            more = {key: value - known.get(key, value) for key, value in poll.values.items()}
            added.append((poll.at, polls[number].at, more))
        known |= poll.values
    for key in keys:
        first_shown = next(poll.at for poll in polls if key in poll.values)
        for period, length in LENGTHS.items():
            sums = []
            for end, _, _ in added:
                inside = [one for one in added if end - length < one[0] <= end]
                sure = [one for one in inside if one[1] >= end - length * 11 // 10]
                start = inside[0][1] if sure[:1] == inside[:1] else inside[0][0]
                sums.append((sum(more.get(key, 0) for _, _, more in sure), max(start, first_shown), end))
            best = max(sums, key=lambda one: one[0], default=(0, 0, 0))
            if best[0]:
                yield (key, period), best


async def check_levels_and_first_kills_are_reached_when_a_poll_first_shows_them(
    db: Database, player: Player, polls: list[Poll]
) -> None:
    rows = await rows_of(db, player, tables.achievements, "key", "measure", "threshold", "reached_at", "after_at")
    measures = {code: measure for measure, code in MEASURE_CODES.items()}
    reached = {(key, measures[code], threshold): tuple(dates) for key, code, threshold, *dates in rows}
    levels = {one: dates for one, dates in reached.items() if one[1] is Measure.LEVEL}
    assert levels == {
        (key, Measure.LEVEL, threshold): dates
        for key in polls[-1].levels
        for threshold in (TOTAL_LEVELS if key == "overall" else SKILL_LEVELS)
        if (dates := passed([(poll.at, poll.levels.get(key)) for poll in polls], threshold))
    }
    bosses = polls[-1].scores.keys() - NO_BOSSES
    kills = {one: dates for one, dates in reached.items() if one[0] in bosses and one[2] == 1}
    assert kills == {
        (key, Measure.VALUE, 1): dates
        for key in bosses
        if (dates := passed([(poll.at, poll.scores.get(key)) for poll in polls], 1))
    }
    combat = {one[2]: dates for one, dates in reached.items() if one[1] is Measure.COMBAT_LEVEL}
    assert combat == {
        threshold: dates
        for threshold in (50, 60, 70, 80, 90, 100, 110, 120, 126)
        if (dates := passed([(poll.at, combat_level(poll.levels)) for poll in polls], threshold))
    }


def passed(numbers: list[tuple[int, int | None]], threshold: int) -> tuple[int, int] | None:
    """At which poll the number first was that large and the poll before; None where it was so when first shown."""
    known = [(number, value) for number, (_, value) in enumerate(numbers) if value is not None]
    for place, (number, value) in enumerate(known):
        if value >= threshold:
            return (numbers[number][0], numbers[number - 1][0]) if place else None
    return None


def combat_level(levels: dict[str, int]) -> int | None:
    needed = ("attack", "strength", "defence", "hitpoints", "prayer", "ranged", "magic")
    if not all(skill in levels for skill in needed):
        return None
    attack, strength, defence, hitpoints, prayer, ranged, magic = (levels[skill] for skill in needed)
    base = (defence + hitpoints + prayer // 2) / 4
    return int(base + 0.325 * max(attack + strength, ranged * 3 // 2, magic * 3 // 2))
