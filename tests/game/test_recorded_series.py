"""Series of looks, replayed: every change and gain is also worked out here, from the raw numbers alone.

The same tests run over series of our own in tests/fixtures and over recorded ones (see the fixture `recordings`).
"""

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from osrsdiff.game.gains import Gain, Known, gains_between
from osrsdiff.game.levels import total_level
from osrsdiff.game.metrics import MetricKind, kind_of, metric_key
from osrsdiff.game.snapshots import Difference, State, difference
from osrsdiff.hiscores.parser import parse

FIXTURES = Path(__file__).parents[1] / "fixtures" / "hiscores"
OWN = ["series_november_2025.jsonl", "series_rank_drift.jsonl"]
HARDCORE = "timeseries_hardcore_archonborn_2025-10-29_2025-11-19.jsonl"
DRIFT = "timeseries_main_tx5_2025-12.jsonl"
RECORDED = [HARDCORE, DRIFT, "timeseries_main_cryotherapy_overall-unranked_2025-10-20.jsonl"]


class Look(NamedTuple):
    """One look of a series: the body as sent, its known numbers by key, and what the game makes of it."""

    at: datetime
    body: bytes
    raw: dict[str, int]
    result: Difference


def replayed(path: Path) -> list[Look]:
    """Each look of a series, differenced against the one before."""
    looks: list[Look] = []
    state: State | None = None
    for line in path.read_text().splitlines():
        polled = json.loads(line)
        body = json.dumps(polled["body"]).encode()
        at = datetime.fromisoformat(polled["fetched_at"])
        result = difference(state, parse(body).sheet, at)
        looks.append(Look(at, body, raw_numbers(polled["body"]), result))
        state = State(len(looks), result.looked_at, result.looked_at, result.sheet)
    return looks


def raw_numbers(body: dict[str, list[dict[str, int | str]]]) -> dict[str, int]:
    """The xp or score of each entry that says one."""
    numbers = {}
    for entry in body["skills"] + body["activities"]:
        number = int(entry["xp"] if "xp" in entry else entry["score"])
        if number != -1:
            numbers[metric_key(str(entry["name"]))] = number
    return numbers


@pytest.fixture(params=[*OWN, *RECORDED])
def path(request: pytest.FixtureRequest) -> Path:
    name: str = request.param
    return FIXTURES / name if name in OWN else request.getfixturevalue("recordings") / name


def test_changes_are_the_differences_of_the_numbers_sent(path: Path) -> None:
    known: dict[str, int] = {}
    for look in replayed(path):
        changes = {change.metric: change for change in look.result.changes}
        assert {metric: change.after.value for metric, change in changes.items()} == {
            metric: number for metric, number in look.raw.items() if known.get(metric) != number
        }
        for metric, change in changes.items():
            assert change.first_seen is (metric not in known)
            assert change.gained == look.raw[metric] - known.get(metric, look.raw[metric])
        known |= look.raw


def test_where_only_ranks_drift_nothing_changes(path: Path) -> None:
    looks = replayed(path)
    for before, look in pairwise(looks):
        if look.raw.items() <= before.raw.items():
            assert look.result.changes == ()
            assert {key: r.value for key, r in look.result.sheet.items()} == {
                key: r.value for key, r in before.result.sheet.items()
            }


def test_no_look_of_an_honest_series_is_a_fall(path: Path) -> None:
    assert not any(change.fell for look in replayed(path) for change in look.result.changes)


def changes_of(looks: list[Look], since: datetime | None, until: datetime) -> dict[str, list[Known]]:
    """The stored changes of each metric after `since`, up to `until`, oldest first."""
    stored: dict[str, list[Known]] = {}
    for look in looks:
        if (since is None or look.at > since) and look.at <= until:
            for change in look.result.changes:
                reading = change.after
                assert reading.value is not None
                stored.setdefault(change.metric, []).append(Known(look.at, reading.value, reading.rank, reading.level))
    return stored


def gains_over(looks: list[Look], start: datetime, end: datetime) -> dict[str, Gain]:
    at_start = {metric: changes[-1] for metric, changes in changes_of(looks, None, start).items()}
    inside = {metric: changes[0] for metric, changes in changes_of(looks, start, end).items()}
    at_end = {metric: changes[-1] for metric, changes in changes_of(looks, None, end).items()}
    return {gain.metric: gain for gain in gains_between(at_start, inside, at_end)}


def test_gains_of_every_window_are_the_differences_of_the_numbers_sent(path: Path) -> None:
    looks = replayed(path)
    for first in range(len(looks)):
        for last in range(first, len(looks)):
            gains = gains_over(looks, looks[first].at, looks[last].at)
            expected, unseen = expected_gains(looks, first, last)
            assert {metric: gain.gained for metric, gain in gains.items()} == expected
            assert {metric for metric, gain in gains.items() if gain.first_seen} == unseen


def expected_gains(looks: list[Look], first: int, last: int) -> tuple[dict[str, int], set[str]]:
    """From raw numbers: gained by metric, and which metrics nothing was known of at the first look of the window."""
    before: dict[str, int] = {}
    for look in looks[: first + 1]:
        before |= look.raw
    baseline, newest = dict(before), dict(before)
    for look in looks[first + 1 : last + 1]:
        baseline = look.raw | baseline
        newest |= look.raw
    return {metric: newest[metric] - baseline[metric] for metric in newest}, newest.keys() - before.keys()


def test_levels_gained_are_the_differences_of_the_levels_sent(path: Path) -> None:
    looks = replayed(path)
    gains = gains_over(looks, looks[0].at, looks[-1].at)
    first, last = ({s["name"]: s["level"] for s in json.loads(look.body)["skills"]} for look in (looks[0], looks[-1]))
    for name in first:
        assert gains[metric_key(name)].levels_gained == last[name] - first[name]


def test_the_total_level_sent_is_the_sum_of_what_is_shown(path: Path) -> None:
    for look in replayed(path):
        levels = {key: r.level for key, r in parse(look.body).sheet.items() if r.level is not None}
        assert total_level(levels, reported=levels["overall"]) == levels["overall"]


def test_hidden_to_zero_in_november_2025_is_no_gain() -> None:
    check_november(replayed(FIXTURES / "series_november_2025.jsonl"), {"clue_scrolls_all", "bog_lantern_wyrm"}, 2)


def test_hidden_to_zero_in_the_recorded_november_is_no_gain(recordings: Path) -> None:
    check_november(replayed(recordings / HARDCORE), {"obor", "shellbane_gryphon"}, 79)


def check_november(looks: list[Look], turned_zero: set[str], zeros: int) -> None:
    """One look turns what was hidden to 0, and hidden scores appear: 2500 of an arena, 70 of LMS."""
    turned = next(look for look in looks if look.raw.get("pvp_arena_rank") == 2500)
    seen = {change.metric: change for change in turned.result.changes if change.first_seen}
    assert turned_zero <= {metric for metric, change in seen.items() if change.after.value == 0}
    assert len([change for change in seen.values() if change.after.value == 0]) == zeros
    assert sorted(change.after.value or 0 for change in seen.values() if change.after.value) == [70, 2500]
    gains = gains_over(looks, looks[0].at, turned.at)
    assert all(gains[metric].gained == 0 and gains[metric].first_seen for metric in seen)


def test_a_boss_that_joins_the_table_counts_from_its_first_score() -> None:
    looks = replayed(FIXTURES / "series_november_2025.jsonl")
    gains = gains_over(looks, looks[0].at, looks[-1].at)
    assert (gains["bog_lantern_wyrm"].gained, gains["bog_lantern_wyrm"].first_seen) == (3, True)
    assert (gains["barrows_chests"].gained, gains["barrows_chests"].first_seen) == (0, True)
    assert (gains["sailing"].gained, gains["sailing"].first_seen) == (2004, True)
    assert (gains["hespori"].gained, gains["hespori"].end.value) == (0, 4)
    assert (gains["wintertodt"].gained, gains["wintertodt"].first_seen) == (7, False)
    assert (gains["pvp_arena_rank"].gained, gains["pvp_arena_rank"].fell) == (-39, False)


def test_a_recorded_boss_that_joins_the_table_is_no_gain(recordings: Path) -> None:
    looks = replayed(recordings / HARDCORE)
    joined = next(look for look in looks if "shellbane_gryphon" in look.result.sheet)
    assert joined.at.date().isoformat() == "2025-11-05"
    assert kind_of("shellbane_gryphon") is MetricKind.BOSS
    gains = gains_over(looks, looks[0].at, looks[-1].at)
    assert gains["overall"].gained == 8_758_820 - 5_619_248
    assert gains["overall"].levels_gained == 1249 - 963
    assert gains["shellbane_gryphon"].gained == 0


@pytest.mark.parametrize("name", ["series_rank_drift.jsonl", DRIFT])
def test_looks_minutes_apart_leave_no_trace(name: str, request: pytest.FixtureRequest) -> None:
    folder = FIXTURES if name in OWN else request.getfixturevalue("recordings")
    changed = [bool(look.result.changes) for look in replayed(folder / name)]
    assert changed == [True, True, False, False, False, True]
