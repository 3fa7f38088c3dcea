"""What the tables tell of a game mode, and what is made of it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.modes import (
    SECOND_LOOK_AFTER,
    SECOND_LOOK_WITHIN,
    GameMode,
    Pending,
    Verdict,
    compared,
    detect,
    has_its_rows,
    is_behind,
    is_possible,
    judge,
    shows_own_row,
    totals,
)
from osrsdiff.game.snapshots import Reading, Sheet, State, Unranked, difference

REGULAR, IRONMAN, HARDCORE, ULTIMATE = GameMode.REGULAR, GameMode.IRONMAN, GameMode.HARDCORE, GameMode.ULTIMATE
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)


def known(xp: int) -> Reading:
    return Reading(xp, 5, level_for_xp(xp), None)


HIDDEN = Reading(None, None, 1, Unranked.HIDDEN)


@pytest.mark.parametrize(
    ("main", "ironman", "hardcore", "ultimate", "mode"),
    [
        (900, None, None, None, REGULAR),
        (900, 900, None, None, IRONMAN),
        (900, 900, 900, None, HARDCORE),
        (900, 900, None, 900, ULTIMATE),
        # rows that stay where they were
        (900, 900, 700, None, IRONMAN),
        (900, 900, None, 700, IRONMAN),
        (900, 700, None, None, REGULAR),
        (900, 700, 700, None, REGULAR),
        (900, 700, 500, None, REGULAR),
        (900, 700, None, 700, REGULAR),
        # a logout between two requests: what was asked later has moved on
        (800, 900, None, None, IRONMAN),
        (800, 800, 900, None, HARDCORE),
        (800, 850, 900, None, HARDCORE),
        (800, 850, None, 900, ULTIMATE),
        # main lacks an ironman
        (None, 900, None, None, IRONMAN),
        (None, 900, 900, None, HARDCORE),
        (None, 900, 700, None, IRONMAN),
        # nothing is told
        (None, None, None, None, None),
        (0, None, None, None, None),
        (900, 0, None, None, None),
        (900, 900, 0, None, None),
    ],
)
def test_what_the_tables_tell_of(
    main: int | None, ironman: int | None, hardcore: int | None, ultimate: int | None, mode: GameMode | None
) -> None:
    assert detect({REGULAR: main, IRONMAN: ironman, HARDCORE: hardcore, ULTIMATE: ultimate}) is mode


@pytest.mark.parametrize("tables", [{}, {REGULAR: 9}, {IRONMAN: 9, HARDCORE: 9}])
def test_too_few_tables_tell_nothing(tables: Mapping[GameMode, int | None]) -> None:
    assert detect(tables) is None


@pytest.mark.parametrize(
    ("mode", "on", "has_them"),
    [
        (REGULAR, {REGULAR}, True),
        (REGULAR, {IRONMAN}, False),  # left ironman once: that row stays, while main forgets the player for a while
        (IRONMAN, {REGULAR, IRONMAN}, True),
        (IRONMAN, {IRONMAN}, True),
        (IRONMAN, {REGULAR}, False),
        (HARDCORE, {REGULAR, IRONMAN, HARDCORE}, True),
        (HARDCORE, {REGULAR, IRONMAN}, False),
        (HARDCORE, {REGULAR, HARDCORE}, False),
        (ULTIMATE, {REGULAR, IRONMAN, HARDCORE}, False),
    ],
)
def test_rows_that_are_left_stay(mode: GameMode, on: set[GameMode], has_them: bool) -> None:
    assert has_its_rows(mode, {table: 900 if table in on else None for table in GameMode}) is has_them
    assert has_its_rows(mode, dict.fromkeys(on, 900)) is has_them


@pytest.mark.parametrize(
    ("row", "stored", "is_so"),
    [
        ({"attack": known(50)}, {"attack": known(50)}, False),
        ({"attack": known(49), "magic": known(60)}, {"attack": known(50), "magic": known(50)}, True),
        ({"attack": HIDDEN}, {"attack": known(50)}, False),
        ({"attack": known(50)}, {"attack": HIDDEN}, False),
        ({"attack": known(50)}, {}, False),
        ({"lms_rank": known(400)}, {"lms_rank": known(500)}, False),
    ],
)
def test_a_row_is_behind_where_something_stands_lower_that_can_not_fall(row: Sheet, stored: Sheet, is_so: bool) -> None:
    assert is_behind(row, stored) is is_so


def test_tables_are_compared_by_what_all_of_them_know() -> None:
    hidden: Sheet = {"overall": HIDDEN, "attack": known(50), "magic": HIDDEN, "zulrah": Reading(9, 1, None, None)}
    whole: Sheet = {"overall": known(100), "attack": known(60), "magic": known(40)}
    assert totals([whole, {**whole, "overall": known(90)}]) == [100, 90]
    assert totals([hidden, whole]) == [50, 60]
    assert totals([{"overall": HIDDEN, "attack": HIDDEN}, whole]) == [0, 0]
    assert compared({REGULAR: whole, IRONMAN: hidden, HARDCORE: None}) == {REGULAR: 60, IRONMAN: 50, HARDCORE: None}
    assert compared({REGULAR: None, IRONMAN: None}) == {REGULAR: None, IRONMAN: None}


def test_restrictions_are_only_lost() -> None:
    possible = {(before, after) for before in GameMode for after in GameMode if is_possible(before, after)}
    left = {(HARDCORE, IRONMAN), (ULTIMATE, IRONMAN), (HARDCORE, REGULAR), (ULTIMATE, REGULAR), (IRONMAN, REGULAR)}
    assert possible == left | {(mode, mode) for mode in GameMode}


YOUNG = Pending(IRONMAN, NOW - SECOND_LOOK_AFTER + timedelta(seconds=1))
OLD = Pending(IRONMAN, NOW - SECOND_LOOK_AFTER)


OLDEST = Pending(IRONMAN, NOW - SECOND_LOOK_WITHIN)
TOO_OLD = Pending(IRONMAN, OLDEST.at - timedelta(seconds=1))


def old(mode: GameMode) -> Pending:
    return Pending(mode, OLD.at)


@pytest.mark.parametrize(
    ("mode", "is_checked", "found", "pending", "verdict"),
    [
        (HARDCORE, True, HARDCORE, None, Verdict.RIGHT),
        (HARDCORE, True, HARDCORE, OLD, Verdict.RIGHT),
        (HARDCORE, True, IRONMAN, None, Verdict.PENDING),
        (HARDCORE, True, IRONMAN, YOUNG, Verdict.PENDING),
        (HARDCORE, True, IRONMAN, old(REGULAR), Verdict.PENDING),
        (HARDCORE, True, IRONMAN, OLD, Verdict.CHANGED),
        (HARDCORE, True, IRONMAN, OLDEST, Verdict.CHANGED),
        (HARDCORE, True, IRONMAN, TOO_OLD, Verdict.PENDING),
        (IRONMAN, True, REGULAR, old(REGULAR), Verdict.CHANGED),
        # no account does that
        (REGULAR, True, IRONMAN, None, Verdict.PENDING),
        (REGULAR, True, IRONMAN, OLD, Verdict.IMPOSSIBLE),
        (IRONMAN, True, HARDCORE, old(HARDCORE), Verdict.IMPOSSIBLE),
        (ULTIMATE, True, HARDCORE, old(HARDCORE), Verdict.IMPOSSIBLE),
        # what nobody has shown yet
        (REGULAR, False, HARDCORE, None, Verdict.FIRST),
        (IRONMAN, False, HARDCORE, None, Verdict.FIRST),
        (IRONMAN, False, IRONMAN, None, Verdict.RIGHT),
        (REGULAR, False, REGULAR, None, Verdict.PENDING),
        (REGULAR, False, REGULAR, Pending(REGULAR, YOUNG.at), Verdict.PENDING),
        (REGULAR, False, REGULAR, old(REGULAR), Verdict.RIGHT),
        (IRONMAN, False, REGULAR, None, Verdict.PENDING),
        (IRONMAN, False, REGULAR, old(REGULAR), Verdict.FIRST),
    ],
)
def test_what_a_look_at_the_tables_comes_to(
    mode: GameMode, is_checked: bool, found: GameMode, pending: Pending | None, verdict: Verdict
) -> None:
    assert judge(mode, found, NOW, is_checked=is_checked, pending=pending) is verdict


@pytest.mark.parametrize(
    ("before", "after", "shows"),
    [
        ({"attack": known(50)}, {"attack": known(51)}, True),
        ({"attack": known(50)}, {"attack": known(50)}, False),
        ({"attack": known(50)}, {"attack": known(49)}, False),
        ({"attack": HIDDEN}, {"attack": known(50)}, False),
        ({"overall": known(50)}, {"overall": Reading(50, 5, 99, None)}, False),
        (None, {"attack": known(50)}, False),
    ],
)
def test_only_what_was_gained_shows_that_a_row_goes_on(before: Sheet | None, after: Sheet, shows: bool) -> None:
    state = None if before is None else State(1, NOW - timedelta(hours=1), NOW - timedelta(hours=1), before)
    assert shows_own_row(difference(state, after, NOW)) is shows
