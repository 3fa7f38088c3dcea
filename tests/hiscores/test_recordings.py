"""What each recorded body says by its index parses to just that; what is no data is refused.

The recordings stay where they are: see the fixture `recordings`. Bodies of our own in tests/fixtures teach the same.
"""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from osrsdiff.errors import Malformed, Unavailable
from osrsdiff.game.metrics import KNOWN, MetricKind, kind_of
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.hiscores.parser import parse

HIDDEN, ZERO, BELOW_CUTOFF = Unranked.HIDDEN, Unranked.ZERO, Unranked.BELOW_CUTOFF


class Recorded(NamedTuple):
    """How many skills and activities, how many of each kind of unranked, and some of the readings."""

    skills: int
    activities: int
    unranked: dict[Unranked, int]
    readings: dict[str, Reading]


RECORDED = {
    "2023-08-11_main_b0aty.json": Recorded(
        24,
        74,
        {HIDDEN: 3},
        {
            "overall": Reading(792976020, 3923, 2277, None),
            "league_points": Reading(None, None, None, HIDDEN),
            "pvp_arena_rank": Reading(None, None, None, HIDDEN),
            "tztok_jad": Reading(None, None, None, HIDDEN),
        },
    ),
    "2024-12-20_main_anon_compact.json": Recorded(
        24,
        82,
        {HIDDEN: 14},
        {
            "overall": Reading(542582471, 132911, 2165, None),
            "attack": Reading(58020903, 4926, 99, None),
            "prayer": Reading(7284505, 200308, 93, None),
        },
    ),
    "2026-01-06_main_lynx-titan_first-sailing.json": Recorded(
        25,
        88,
        {HIDDEN: 85, ZERO: 1},
        {"overall": Reading(4600000000, 83183, 2278, None), "sailing": Reading(0, None, 1, ZERO)},
    ),
    "2026-07-29_main_psikoi_no-ids_handmade.json": Recorded(
        25,
        91,
        {HIDDEN: 55, BELOW_CUTOFF: 2},
        {
            "overall": Reading(304439328, 51181, 2184, None),
            "bounty_hunter_legacy_hunter": Reading(100, None, None, BELOW_CUTOFF),
        },
    ),
    "2026-10_main_b0aty.json": Recorded(
        25,
        91,
        {ZERO: 3, BELOW_CUTOFF: 1},
        {
            "overall": Reading(1227182238, 2824, 2376, None),
            "league_points": Reading(0, None, None, ZERO),
            "pvp_arena_rank": Reading(2461, None, None, BELOW_CUTOFF),
        },
    ),
    "2026-10_main_lynx-titan_stale.json": Recorded(
        25,
        91,
        {HIDDEN: 85, ZERO: 4},
        {
            "overall": Reading(4600000000, 123967, 2278, None),
            "sailing": Reading(0, None, 1, ZERO),
            "brutus": Reading(0, None, None, ZERO),
            "mad_angel": Reading(0, None, None, ZERO),
            "maggot_king": Reading(0, None, None, ZERO),
        },
    ),
}

SERIES = {
    "timeseries_hardcore_archonborn_2025-10-29_2025-11-19.jsonl": [{HIDDEN: 83}] * 5
    + [{HIDDEN: 80}] * 2
    + [{HIDDEN: 81}] * 7  # Shellbane Gryphon is there
    + [{ZERO: 79, BELOW_CUTOFF: 2}] * 3,  # 2500 and 70 appear
    "timeseries_main_cryotherapy_overall-unranked_2025-10-20.jsonl": [{HIDDEN: 85, BELOW_CUTOFF: 12, ZERO: 6}],
    "timeseries_main_tx5_2025-12.jsonl": [{ZERO: 38, BELOW_CUTOFF: 7}] * 6,
}


def unranked(sheet: dict[str, Reading]) -> dict[Unranked, int]:
    return dict(Counter(reading.unranked for reading in sheet.values() if reading.unranked))


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_body_parses_to_what_its_index_says(recordings: Path, name: str) -> None:
    expected = RECORDED[name]
    observation = parse((recordings / name).read_bytes())
    kinds = Counter(kind_of(key) is MetricKind.SKILL for key in observation.sheet)
    assert (kinds[True], kinds[False]) == (expected.skills, expected.activities)
    assert unranked(observation.sheet) == expected.unranked
    assert {key: observation.sheet[key] for key in expected.readings} == expected.readings
    assert observation.new_metrics == ()


@pytest.mark.parametrize("name", RECORDED)
def test_every_number_of_a_recorded_body_arrives(recordings: Path, name: str) -> None:
    body = json.loads((recordings / name).read_bytes())
    sheet = parse((recordings / name).read_bytes()).sheet
    keys = {metric.name: metric.key for metric in KNOWN}
    for entry in body["skills"] + body["activities"]:
        reading = sheet[keys[entry["name"]]]
        value = entry["xp"] if "xp" in entry else entry["score"]
        assert reading.value == (None if value == -1 else value)
        assert reading.rank == (None if entry["rank"] == -1 else entry["rank"])
        assert reading.level == entry.get("level")


def test_the_newest_recorded_order_is_the_known_one(recordings: Path) -> None:
    assert list(parse((recordings / "2026-10_main_b0aty.json").read_bytes()).sheet) == [m.key for m in KNOWN]


@pytest.mark.parametrize("name", SERIES)
def test_each_look_of_a_recorded_series_parses(recordings: Path, name: str) -> None:
    bodies = [json.dumps(json.loads(line)["body"]).encode() for line in (recordings / name).read_text().splitlines()]
    observations = [parse(body) for body in bodies]
    assert [unranked(observation.sheet) for observation in observations] == SERIES[name]
    assert all(observation.new_metrics == () for observation in observations)


def test_an_unranked_overall_keeps_its_real_values(recordings: Path) -> None:
    line = (recordings / "timeseries_main_cryotherapy_overall-unranked_2025-10-20.jsonl").read_text()
    overall = parse(json.dumps(json.loads(line)["body"]).encode()).sheet["overall"]
    assert overall == Reading(22445317, None, 736, BELOW_CUTOFF)


def test_every_recorded_csv_is_malformed(recordings: Path) -> None:
    files = sorted(recordings.glob("*.csv"))
    assert len(files) == 20
    for file in files:
        with pytest.raises(Malformed):
            parse(file.read_bytes())


def test_every_recorded_html_page_is_unavailable(recordings: Path) -> None:
    files = sorted(recordings.glob("*.html"))
    assert len(files) == 2
    for file in files:
        with pytest.raises(Unavailable):
            parse(file.read_bytes())


def test_no_recording_is_left_untried(recordings: Path) -> None:
    tried = {*RECORDED, *SERIES, "INDEX.md"}
    left = {file.name for file in recordings.iterdir() if file.suffix not in {".csv", ".html"}} - tried
    assert left == set()
