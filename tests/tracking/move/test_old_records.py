"""What a record of the predecessor says, as a sheet of the hiscores."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from osrsdiff.game.metrics import KNOWN, OVERALL, MetricKind
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage.predecessor import OldRecord
from osrsdiff.tracking.move.records import seen_in

HIDDEN = Reading(None, None, None, Unranked.HIDDEN)


def record(
    skills: object = None, bosses: object = None, overall: tuple[object, object, object] = (9, 1_500, 60_000_000)
) -> OldRecord:
    rank, level, xp = overall
    texts = [None if one is None else json.dumps(one) for one in (skills, bosses)]
    return OldRecord(0, 1, 0, rank, level, xp, *texts)


def old_name(name: str, also: str) -> str:
    return "".join("_" if c in " " + also else c for c in name.lower())


@pytest.mark.parametrize("also", ["", "-"])
def test_every_name_leads_to_its_metric(also: str) -> None:
    skills = {
        old_name(m.name, ""): {"rank": 1, "level": 2, "experience": 90} for m in KNOWN if m.kind is MetricKind.SKILL
    }
    bosses = {old_name(m.name, also): {"rank": 1, "kc": 7} for m in KNOWN if m.kind is not MetricKind.SKILL}
    seen = seen_in(record(skills, bosses))
    assert list(seen.sheet) == [m.key for m in KNOWN]
    assert seen.new_metrics == ()


@pytest.mark.parametrize(
    ("skill", "reading"),
    [
        ({"rank": 5, "level": 50, "experience": 101_333}, Reading(101_333, 5, 50, None)),
        ({"rank": None, "level": 75, "experience": 1_271_864}, Reading(1_271_864, None, 75, Unranked.BELOW_CUTOFF)),
        ({"rank": -1, "level": 75, "experience": 1_271_864}, Reading(1_271_864, None, 75, Unranked.BELOW_CUTOFF)),
        ({"rank": None, "level": 1, "experience": 0}, Reading(0, None, 1, Unranked.ZERO)),
        ({"rank": None, "level": 1, "experience": None}, Reading(None, None, 1, Unranked.HIDDEN)),
        ({"rank": -1, "level": 1, "experience": -1}, Reading(None, None, 1, Unranked.HIDDEN)),
        ({"rank": 5, "level": None, "experience": 101_333}, Reading(101_333, 5, 50, None)),
        ({"rank": 5, "experience": 6_517_252}, Reading(6_517_252, 5, 91, None)),
        ({}, HIDDEN),
        (None, HIDDEN),
    ],
)
def test_kinds_of_unranked_skills_are_kept_apart(skill: object, reading: Reading) -> None:
    assert seen_in(record(skills={"attack": skill})).sheet["attack"] == reading


@pytest.mark.parametrize(
    ("boss", "reading"),
    [
        ({"rank": 5, "kc": 12}, Reading(12, 5, None, None)),
        ({"rank": None, "kc": 3}, Reading(3, None, None, Unranked.BELOW_CUTOFF)),
        ({"rank": None, "kc": 0}, Reading(0, None, None, Unranked.ZERO)),
        ({"rank": None, "kc": None}, HIDDEN),
        ({"rank": -1, "kc": -1}, HIDDEN),
        (None, HIDDEN),
    ],
)
def test_kinds_of_unranked_bosses_are_kept_apart(boss: object, reading: Reading) -> None:
    assert seen_in(record(bosses={"kree'arra": boss})).sheet["kreearra"] == reading


@pytest.mark.parametrize(
    ("overall", "skills", "reading"),
    [
        ((9, 1_500, 4_600_000_000), None, Reading(4_600_000_000, 9, 1_500, None)),
        ((None, 1_500, 60_000_000), None, Reading(60_000_000, None, 1_500, Unranked.BELOW_CUTOFF)),
        ((None, 1, 0), {}, Reading(None, None, 1, Unranked.HIDDEN)),
        ((None, 0, 7), {}, Reading(None, None, 0, Unranked.HIDDEN)),
        ((1, None, 83), {"attack": {"experience": 83}}, Reading(83, 1, 12, None)),
        (
            (None, None, None),
            {"overall": {"rank": 3, "level": 2_277, "experience": 4_800_000_000}},
            Reading(4_800_000_000, 3, 2_277, None),
        ),
        ((-1, -1, -1), {"attack": {"experience": 83}}, HIDDEN),
    ],
)
def test_overall_is_that_of_its_columns(
    overall: tuple[object, object, object], skills: object, reading: Reading
) -> None:
    assert seen_in(record({"cooking": None, **(skills or {})}, overall=overall)).sheet[OVERALL] == reading


def test_what_it_says_is_what_the_answer_said(made_up: Callable[..., list[tuple[datetime, bytes]]]) -> None:
    for seed in range(5):
        for _, body in made_up(seed, 20):
            page = json.loads(body)
            skills = {
                old_name(s["name"], ""): {"rank": s["rank"], "level": s["level"], "experience": s["xp"]}
                for s in page["skills"]
            }
            bosses = {old_name(a["name"], "-"): {"rank": a["rank"], "kc": a["score"]} for a in page["activities"]}
            overall = skills.pop("overall")
            seen = seen_in(record(skills, bosses, (overall["rank"], overall["level"], overall["experience"])))
            assert seen.sheet == parse(body).sheet


def test_an_unknown_name_is_a_new_metric_of_its_list() -> None:
    seen = seen_in(record({"rope_walking": {"experience": 5}}, {"wyrm's_lair": {"kc": 5}, "rope_walking": {"kc": 1}}))
    assert [(m.key, m.name, m.kind) for m in seen.new_metrics] == [
        ("rope_walking", "Rope Walking", MetricKind.SKILL),
        ("wyrms_lair", "Wyrm's Lair", MetricKind.BOSS),
        ("rope_walking_activity", "Rope Walking", MetricKind.BOSS),
    ]


def test_what_it_does_not_name_is_not_there() -> None:
    assert set(seen_in(record({"attack": {"experience": 5}})).sheet) == {OVERALL, "attack"}
