"""Whom the predecessor tracks, as this program would."""

from datetime import UTC, datetime

import pytest

from osrsdiff.game.modes import GameMode
from osrsdiff.storage.predecessor import OldPlayer
from osrsdiff.tracking.move.people import people_of
from osrsdiff.tracking.move.report import About

NOW = datetime(2026, 2, 1, tzinfo=UTC)
T0 = 1_500_000_000


def row(number: int, name: str | None, **columns: object) -> OldPlayer:
    given = {
        "is_active": True, "fetch_interval_minutes": 60, "game_mode": None, "created_us": None, "fetched_us": None,
        **columns,
    }  # fmt: skip
    return OldPlayer(number, name, **given)  # type: ignore[arg-type]


def us(second: int) -> int:
    return (T0 + second) * 1_000_000


@pytest.mark.parametrize(
    ("given", "mode", "remarks"),
    [
        (None, GameMode.REGULAR, 0),
        ("regular", GameMode.REGULAR, 0),
        ("ironman", GameMode.IRONMAN, 0),
        ("hardcore", GameMode.HARDCORE, 0),
        ("hardcore_ironman", GameMode.HARDCORE, 0),
        ("ultimate", GameMode.ULTIMATE, 0),
        ("ULTIMATE_IRONMAN", GameMode.ULTIMATE, 0),
        ("group", GameMode.REGULAR, 1),
    ],
)
def test_game_modes_get_their_names_here(given: str | None, mode: GameMode, remarks: int) -> None:
    people = people_of([row(1, "Lynx Titan", game_mode=given)], default_interval=60, now=NOW)
    assert people.everybody[0].game_mode is mode
    assert len(people.remarks) == remarks


@pytest.mark.parametrize(
    ("given", "minutes", "remarks"),
    [(1, 1, 0), (1440, 1440, 0), (43_200, 43_200, 0), (0, 90, 1), (-5, 90, 1), (43_201, 90, 1), (None, 90, 1)],
)
def test_an_interval_out_of_range_is_the_default_and_told(given: int | None, minutes: int, remarks: int) -> None:
    people = people_of([row(1, "Lynx Titan", fetch_interval_minutes=given)], default_interval=90, now=NOW)
    assert people.everybody[0].interval_minutes == minutes
    assert len(people.remarks) == remarks


def test_of_names_that_are_one_the_last_fetched_has_its_way() -> None:
    people = people_of(
        [
            row(3, "lynx titan", is_active=False, fetch_interval_minutes=30, created_us=us(5), fetched_us=us(9)),
            row(1, "Lynx_Titan", is_active=True, fetch_interval_minutes=60, created_us=us(2), fetched_us=us(7)),
            row(2, "Zezima"),
        ],
        default_interval=60,
        now=NOW,
    )
    merged, other = people.everybody
    assert (merged.username, merged.display_name, merged.source_ids) == ("lynx titan", "lynx titan", (1, 3))
    assert (merged.is_active, merged.interval_minutes, people.merged) == (True, 30, 1)
    assert merged.created_at is not None
    assert merged.fetched_at is not None
    assert (merged.created_at.timestamp(), merged.fetched_at.timestamp()) == (T0 + 2, T0 + 9)
    assert other.source_ids == (2,)


@pytest.mark.parametrize("name", ["", "a name too long", "no/slash", "---"])
def test_a_name_outside_the_rules_is_refused_and_the_others_stay(name: str) -> None:
    people = people_of([row(1, name), row(2, "Zezima")], default_interval=60, now=NOW)
    assert [(f.kind, f.id, f.player) for f in people.refused] == [("player", 1, name)]
    assert [person.username for person in people.everybody] == ["zezima"]


@pytest.mark.parametrize("given", [2**62, -(2**62), 4_000_000_000_000_000, 0])
def test_a_time_that_can_not_be_is_unknown_and_told(given: int) -> None:
    people = people_of([row(1, "Zezima", created_us=given, fetched_us=given)], default_interval=60, now=NOW)
    assert (people.everybody[0].created_at, people.everybody[0].fetched_at) == (None, None)
    assert [remark.about for remark in people.remarks] == [About.TIME, About.TIME]


def test_a_row_without_a_name_fails_alone() -> None:
    people = people_of([row(1, None), row(2, "Zezima")], default_interval=60, now=NOW)
    assert [(f.kind, f.id, f.why) for f in people.refused] == [("player", 1, "It has no name.")]
    assert [person.username for person in people.everybody] == ["zezima"]


def test_who_is_neither_active_nor_not_is_active_and_told() -> None:
    people = people_of([row(1, "Zezima", is_active=None)], default_interval=60, now=NOW)
    assert people.everybody[0].is_active
    assert [remark.about for remark in people.remarks] == [About.ACTIVITY]
    both = [row(1, "Zezima", is_active=None), row(2, "zezima", is_active=False)]
    assert not people_of(both, default_interval=60, now=NOW).everybody[0].is_active
