import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrsdiff.errors import Malformed, Unavailable
from osrsdiff.game.metrics import KNOWN, OVERALL, REQUIRED_SKILLS, Metric, MetricKind, kind_of
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.hiscores.parser import Observation, parse

BODIES = Path(__file__).parents[1] / "fixtures" / "hiscores"

HIDDEN, ZERO, BELOW_CUTOFF = Unranked.HIDDEN, Unranked.ZERO, Unranked.BELOW_CUTOFF


class Expected(NamedTuple):
    """What a body gives: how many readings of each kind of unranked (None: ranked), and some of them."""

    skills: dict[Unranked | None, int]
    activities: dict[Unranked | None, int]
    readings: dict[str, Reading]
    new: tuple[Metric, ...] = ()


BOSS, SKILL = MetricKind.BOSS, MetricKind.SKILL

EXPECTED = {
    "before_sailing": Expected(
        {None: 24},
        {None: 2, HIDDEN: 4},
        {
            "overall": Reading(112331347, 1716598, 2020, None),
            "clue_scrolls_all": Reading(318, 41207, None, None),
            "pvp_arena_rank": Reading(None, None, None, HIDDEN),
        },
    ),
    "active_account": Expected(
        {None: 25},
        {None: 63, ZERO: 25, BELOW_CUTOFF: 3},
        {
            "grid_points": Reading(0, None, None, ZERO),
            "pvp_arena_rank": Reading(2500, None, None, BELOW_CUTOFF),
            "mimic": Reading(3, None, None, BELOW_CUTOFF),
            "vorkath": Reading(2210, 20411, None, None),
        },
    ),
    "stale_account": Expected(
        {None: 24, ZERO: 1},
        {None: 1, HIDDEN: 7, ZERO: 3},
        {
            "overall": Reading(3295564244, 358399, 2278, None),  # past int32
            "sailing": Reading(0, None, 1, ZERO),
            "league_points": Reading(None, None, None, HIDDEN),
            "brutus": Reading(0, None, None, ZERO),
            "corporeal_beast": Reading(5120, 310, None, None),
        },
    ),
    "overall_unranked": Expected(
        {None: 2, BELOW_CUTOFF: 19, ZERO: 3},
        {None: 1, HIDDEN: 1},
        {
            "overall": Reading(19904442, None, 1422, BELOW_CUTOFF),
            "herblore": Reading(0, None, 1, ZERO),
            "wintertodt": Reading(61, 402118, None, None),
        },
    ),
    "hidden_skills": Expected(
        {None: 1, BELOW_CUTOFF: 1, HIDDEN: 22},
        {HIDDEN: 1},
        {
            "overall": Reading(None, None, 0, HIDDEN),  # level 0, xp 0: says nothing
            "attack": Reading(None, None, 1, HIDDEN),
            "cooking": Reading(741000, None, 70, BELOW_CUTOFF),
        },
    ),
    "no_ids": Expected(
        {None: 25},
        {None: 3, ZERO: 1},
        {"shellbane_gryphon": Reading(0, None, None, ZERO), "yama": Reading(77, 8123, None, None)},
    ),
    "ranked_zero": Expected(
        {None: 25},
        {None: 1, ZERO: 1},
        {
            "ranged": Reading(0, 1402113, 1, None),
            "grid_points": Reading(0, 912, None, None),
            "nex": Reading(0, None, None, ZERO),
        },
    ),
    "new_boss_and_skill": Expected(
        {None: 25, ZERO: 1},
        {None: 3, ZERO: 1},
        {
            "beekeeping": Reading(0, None, 1, ZERO),
            "lampwyrm_of_the_bog": Reading(9, 2114, None, None),
            "zulrah": Reading(1240, 9114, None, None),
        },
        new=(
            Metric("beekeeping", "Beekeeping", SKILL),
            Metric("lampwyrm_of_the_bog", "Lamp'wyrm of the Bog", BOSS),
            Metric("the_tin_choir_hard_mode", "The Tin Choir: Hard Mode", BOSS),
        ),
    ),
}


def kinds(observation: Observation, *, skills: bool) -> Counter[Unranked | None]:
    return Counter(reading.unranked for key, reading in observation.sheet.items() if (kind_of(key) is SKILL) is skills)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_body_gives_what_it_says(name: str) -> None:
    observation = parse((BODIES / f"{name}.json").read_bytes())
    expected = EXPECTED[name]
    assert kinds(observation, skills=True) == expected.skills
    assert kinds(observation, skills=False) == expected.activities
    assert {key: observation.sheet[key] for key in expected.readings} == expected.readings
    assert observation.new_metrics == expected.new


def test_the_newest_layout_holds_exactly_the_known_metrics() -> None:
    sheet = parse((BODIES / "active_account.json").read_bytes()).sheet
    assert list(sheet) == [metric.key for metric in KNOWN]


@pytest.mark.parametrize("name", ["legacy.csv", "cut_short.json"])
def test_what_is_not_the_format_is_malformed(name: str) -> None:
    with pytest.raises(Malformed):
        parse((BODIES / name).read_bytes())


@pytest.mark.parametrize("name", ["maintenance.html", "personal_page.html"])
def test_a_page_for_people_is_unavailable(name: str) -> None:
    with pytest.raises(Unavailable) as refused:
        parse((BODIES / name).read_bytes())
    assert refused.value.opens_breaker


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf", b"<", b"\xef\xbb\xbf<html>"])
def test_nothing_at_all_is_unavailable(body: bytes) -> None:
    with pytest.raises(Unavailable):
        parse(body)


def page() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((BODIES / "before_sailing.json").read_bytes())
    return loaded


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'"skills"', b"12,34,56", b"Too many requests", b"\xff\xfe"])
def test_other_content_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


@pytest.mark.parametrize("field", ["rank", "level", "xp"])
@pytest.mark.parametrize("value", [None, True, 1.0, 7.5, "12", -2, 2**60, 10**30, [], {}])
def test_a_skill_needs_whole_numbers_in_range(field: str, value: object) -> None:
    body = page()
    body["skills"][3][field] = value
    with pytest.raises(Malformed):
        parse(encoded(body))


@pytest.mark.parametrize("field", ["rank", "score"])
@pytest.mark.parametrize("value", [None, False, 2.0, "12", -2, 2**60])
def test_an_activity_needs_whole_numbers_in_range(field: str, value: object) -> None:
    body = page()
    body["activities"][0][field] = value
    with pytest.raises(Malformed):
        parse(encoded(body))


@pytest.mark.parametrize("entry", ["skills", "activities"])
@pytest.mark.parametrize("field", ["name", "rank"])
def test_an_entry_needs_its_fields(entry: str, field: str) -> None:
    body = page()
    del body[entry][1][field]
    with pytest.raises(Malformed):
        parse(encoded(body))


@pytest.mark.parametrize("name", ["", "---", "x" * 81, 7, None])
def test_an_entry_needs_a_name_with_words(name: object) -> None:
    body = page()
    body["activities"][1]["name"] = name
    with pytest.raises(Malformed):
        parse(encoded(body))


@pytest.mark.parametrize("entry", ["skills", "activities"])
def test_a_list_may_not_be_missing(entry: str) -> None:
    body = page()
    del body[entry]
    with pytest.raises(Malformed):
        parse(encoded(body))


@pytest.mark.parametrize("place", range(24))
def test_each_skill_older_than_sailing_is_required(place: int) -> None:
    body = page()
    missing = body["skills"].pop(place)["name"].lower()
    assert missing in REQUIRED_SKILLS
    with pytest.raises(Malformed, match=missing):
        parse(encoded(body))


@pytest.mark.parametrize(
    ("entry", "twin"), [("skills", "Fishing"), ("activities", "Zulrah"), ("activities", "Z'ulrah")]
)
def test_a_metric_twice_in_one_list_is_malformed(entry: str, twin: str) -> None:
    body = page()
    body[entry].append({"name": twin, "rank": 5, "level": 5, "xp": 5, "score": 5})
    with pytest.raises(Malformed, match="twice"):
        parse(encoded(body))


def test_an_activity_called_like_a_skill_stands_beside_it() -> None:
    body = page()
    body["activities"].append({"name": "Fishing", "rank": 5, "score": 12})
    sheet = parse(encoded(body)).sheet
    assert sheet["fishing_activity"].value == 12
    assert sheet["fishing"].level is not None


def test_an_empty_list_of_activities_is_data() -> None:
    body = page()
    body["activities"] = []
    assert sorted(parse(encoded(body)).sheet) == sorted(REQUIRED_SKILLS)


def test_more_keys_order_and_blanks_mean_nothing() -> None:
    body = page()
    plain = parse(encoded(body))
    body = {"activities": body["activities"][::-1], "more": {"deep": [None]}, "skills": body["skills"][::-1]}
    for entry in body["skills"]:
        entry["id"] = "gone"
    shuffled = parse(b"\xef\xbb\xbf \n" + json.dumps(body, indent=2).encode() + b"\n")
    assert shuffled.sheet == plain.sheet


@pytest.mark.parametrize(("level", "xp"), [(0, 5_000), (0, 0), (1, 0), (1, -1), (-1, -1)])
def test_an_overall_of_nothing_is_hidden(level: int, xp: int) -> None:
    body = page()
    body["skills"][0] |= {"rank": -1, "level": level, "xp": xp}
    assert parse(encoded(body)).sheet[OVERALL] == Reading(None, None, level, HIDDEN)


def test_a_body_too_deep_to_read_is_malformed() -> None:
    body = b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(Malformed):
        parse(body)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_refused_as_one_of_both(body: bytes) -> None:
    with pytest.raises((Malformed, Unavailable)):
        parse(body)


@settings(deadline=None)
@given(st.data())
def test_a_body_cut_anywhere_is_never_half_read(data: st.DataObject) -> None:
    body = (BODIES / "no_ids.json").read_bytes().strip()
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises((Malformed, Unavailable)):
        parse(body[:cut])
