"""When a sheet collapses, and when one that did is back."""

import json
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from osrsdiff.game.metrics import KNOWN, OVERALL, MetricKind, kind_of
from osrsdiff.game.reviews import collapse, has_recovered, may_collapse
from osrsdiff.game.snapshots import Difference, Reading, Sheet, State, Unranked, difference
from osrsdiff.hiscores.parser import parse

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SKILLS = [metric.key for metric in KNOWN if metric.kind is MetricKind.SKILL and metric.key != OVERALL]
BOSSES = [metric.key for metric in KNOWN if metric.kind is MetricKind.BOSS]
HIDDEN = Reading(None, None, None, Unranked.HIDDEN)


def sheet_of(**values: int | None) -> Sheet:
    sheet = {metric: HIDDEN if value is None else Reading(value, 1, None, None) for metric, value in values.items()}
    known = sum(value or 0 for metric, value in values.items() if kind_of(metric) is MetricKind.SKILL)
    return sheet | ({} if OVERALL in sheet else {OVERALL: Reading(known, 1, None, None)})


def scaled(values: dict[str, int], part: float) -> dict[str, int]:
    return {metric: int(value * part) for metric, value in values.items()}


MAIN = {skill: 1_000_000 * (1 + number % 7) for number, skill in enumerate(SKILLS)} | {
    boss: 50 * number for number, boss in enumerate(BOSSES[:30], start=1)
}
MAXED = dict.fromkeys(SKILLS, 13_100_000)
OTHER_MAXED = {skill: 13_100_000 + (-40_000 if number % 2 else 90_000) for number, skill in enumerate(SKILLS)}
SMALL = {"attack": 3_000, "hitpoints": 2_500, "strength": 4_000, "woodcutting": 10_000, "cooking": 0}
SKILLER = {"fishing": 14_000_000, "cooking": 2_000_000, "hitpoints": 1_154}
FRESH = dict.fromkeys(SKILLS, 0) | {"hitpoints": 1_154}


def look(before: dict[str, int], after: dict[str, int | None], hours: float = 1) -> Difference:
    state = State(1, NOW - timedelta(hours=hours), NOW - timedelta(hours=hours), sheet_of(**before))
    return difference(state, sheet_of(**after), NOW)


def less(values: dict[str, int], **lost: int) -> dict[str, int]:
    return values | {metric: values[metric] - by for metric, by in lost.items()}


# what was known, also a day before, and what is seen
COLLAPSES = {
    "a newcomer under the name of a main account": (MAIN, FRESH | {"attack": 5_000}),
    "a newcomer under the name of a small account": (SMALL, {"attack": 50, "hitpoints": 1_154, "woodcutting": 11_000}),
    "a small account under the name of a skiller": (SKILLER, {"fishing": 900_000, "cooking": 0, "hitpoints": 1_154}),
    "an account of the same size": (MAXED, OTHER_MAXED),
    "one with higher skills that has killed less": (
        MAIN,
        {skill: MAIN[skill] + 100_000 for skill in SKILLS} | dict.fromkeys(BOSSES[:30], 0),
    ),
    "a larger one of which one skill is lower": (
        SKILLER,
        dict.fromkeys(SKILLS, 2_000_000) | {"fishing": 13_900_000},
    ),
    "a newcomer whose skills are hidden": (MAIN, {**dict.fromkeys(SKILLS), OVERALL: 70_000}),
    "a rollback of a week": (MAIN, less(MAIN, attack=10, defence=50, strength=70, magic=9, prayer=2)),
}
HONEST = {
    "a day of play": (MAIN, MAIN | {"attack": 9_000_000, "zulrah": 900}),
    "a correction of a skill": (MAIN, less(MAIN, thieving=500_000)),
    "a boss that counted one too many": (MAIN, less(MAIN, **{BOSSES[0]: 1})),
    "skills that are hidden now": (MAIN, {**MAIN, **dict.fromkeys(SKILLS[:10])}),
    "an Overall that is unranked now": (MAIN, {**MAIN, OVERALL: None}),
    "an Overall that lags behind the skills": (MAIN, {**MAIN, OVERALL: sum(scaled(MAIN, 0.5).values())}),
    "a new skill, and a boss seen for the first time": (MAIN, MAIN | {"skating": 40, "gnome_king": 3}),
}
HONEST_ACTIVITIES = {
    "bounty_hunter_hunter": 5_000,
    "bounty_hunter_rogue": 800,
    "bounty_hunter_legacy_hunter": 70,
    "bounty_hunter_legacy_rogue": 2,
    "league_points": 60_000,
    "deadman_points": 9_000,
    "grid_points": 400,
    "lms_rank": 2_500,
    "pvp_arena_rank": 3_100,
}


@pytest.mark.parametrize("case", COLLAPSES)
def test_another_account_under_the_name_collapses(case: str) -> None:
    before, after = COLLAPSES[case]
    found = look(before, after)
    assert may_collapse(found)
    assert collapse(found, sheet_of(**before)) is not None


@pytest.mark.parametrize("case", HONEST)
def test_what_one_account_does_is_no_collapse(case: str) -> None:
    before, after = HONEST[case]
    assert collapse(look(before, after), sheet_of(**before)) is None
    assert collapse(look(before, after)) is None


def test_seasons_end_and_ratings_fall_without_a_collapse() -> None:
    before = SMALL | HONEST_ACTIVITIES
    found = look(before, before | dict.fromkeys(HONEST_ACTIVITIES, 0))
    assert sum(change.gained < 0 for change in found.changes) == len(HONEST_ACTIVITIES)
    assert not may_collapse(found)
    assert collapse(found, sheet_of(**before)) is None


@pytest.mark.parametrize("account", [MAIN, SMALL, SKILLER, MAXED])
@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_a_rollback_into_the_last_day_is_none_however_much_it_takes(account: dict[str, int], share: float) -> None:
    """Also an answer out of an old cache: the same sheet."""
    a_day_before = scaled(account, 0.6)
    back = {metric: value - int(share * (value - a_day_before[metric])) for metric, value in account.items()}
    found = look(account, back)
    assert any(change.fell for change in found.changes)
    assert collapse(found, sheet_of(**a_day_before)) is None


def test_a_player_of_the_first_day_has_to_lose_more_than_some_hours_of_training() -> None:
    assert collapse(look(SMALL, FRESH)) is None
    assert collapse(look(MAIN, less(MAIN, attack=900_000, defence=900_000, strength=900_000, magic=900_000))) is None
    assert collapse(look(MAIN, FRESH)) is not None


def test_what_was_seen_within_the_day_alone_may_be_gone() -> None:
    """Nobody knows what of a metric that is new since was there a day before."""
    before = SMALL | {"slayer": 90_000}
    assert collapse(look(before, before | {"slayer": 1}), sheet_of(**SMALL)) is None


@pytest.mark.parametrize(("hours", "is_other"), [(1, True), (24 * 31, False)])
def test_how_much_may_rise_depends_on_the_time_between(hours: float, is_other: bool) -> None:
    after = less(MAIN, thieving=1_000) | {"mining": MAIN["mining"] + 30_000_000}
    assert (collapse(look(MAIN, after, hours), sheet_of(**MAIN)) is not None) is is_other


def test_the_reason_says_what_fell_and_rose() -> None:
    before = {"attack": 1_000_000, "mining": 500_000, "zulrah": 80}
    after: dict[str, int | None] = {"attack": 200_000, "mining": 600_000, "zulrah": 0}
    assert collapse(look(before, after), sheet_of(**before)) == (
        "1 skill fell, by 800,000 of 1,500,000 xp; 1 boss fell; 1 skill rose, by 100,000 xp"
    )
    hidden = look(MAIN, {**dict.fromkeys(SKILLS), OVERALL: 70_000})
    total = sum(MAIN[skill] for skill in SKILLS)
    assert collapse(hidden, sheet_of(**MAIN)) == f"Overall fell, by {total - 70_000:,} of {total:,} xp"


@pytest.mark.parametrize(
    "name",
    [
        "timeseries_hardcore_archonborn_2025-10-29_2025-11-19.jsonl",
        "timeseries_main_tx5_2025-12.jsonl",
        "timeseries_main_cryotherapy_overall-unranked_2025-10-20.jsonl",
    ],
)
def test_no_recorded_series_collapses_but_where_two_accounts_meet(recordings: Path, name: str) -> None:
    polled = [json.loads(line) for line in (recordings / name).read_text().splitlines()]
    looks = [
        (datetime.fromisoformat(one["fetched_at"]), parse(json.dumps(one["body"]).encode()).sheet) for one in polled
    ]

    def stored(state: State, look: tuple[datetime, Sheet]) -> State:
        found = difference(state, look[1], look[0])
        assert collapse(found) is None
        assert collapse(found, state.sheet) is None
        return State(state.version + 1, found.looked_at, found.looked_at, found.sheet)

    *_, last = accumulate(looks, stored, initial=State(0, looks[0][0] - timedelta(hours=1), looks[0][0], {}))
    stranger = difference(last, sheet_of(**(FRESH | dict.fromkeys(BOSSES, 0))), last.looked_at + timedelta(hours=1))
    assert collapse(stranger, last.sheet) is not None


BACK = {
    "at once": (MAIN, MAIN, True),
    "after days of play": (MAIN, MAIN | {skill: MAIN[skill] + 400_000 for skill in SKILLS[:8]}, True),
    "with less of one skill": (MAIN, less(MAIN, thieving=1), False),
    "with fewer kills": (MAIN, less(MAIN, **{BOSSES[3]: 1}), False),
    "outgrown by who took the name": (SMALL, scaled(SMALL, 3), False),
    "outgrown by another skiller": (SKILLER, scaled(SKILLER, 2) | {"hitpoints": 1_154}, False),
    "hidden": (SMALL, dict.fromkeys(SMALL), False),
}


@pytest.mark.parametrize("case", BACK)
def test_a_sheet_is_back_where_all_of_it_is(case: str) -> None:
    before, now, is_back = BACK[case]
    assert has_recovered(sheet_of(**before), sheet_of(**now)) is is_back


def test_what_is_carried_forward_over_a_hidden_reading_is_not_back() -> None:
    """A newcomer whose skills are hidden shows the values of the account before."""
    found = look(MAIN, {**dict.fromkeys(MAIN), OVERALL: 70_000})
    assert found.sheet["attack"].value == MAIN["attack"]
    assert not has_recovered(sheet_of(**MAIN), found.sheet)


def test_seasons_that_ended_meanwhile_keep_nobody_from_being_back() -> None:
    before = MAIN | HONEST_ACTIVITIES
    assert has_recovered(sheet_of(**before), sheet_of(**(before | dict.fromkeys(HONEST_ACTIVITIES, 0))))
