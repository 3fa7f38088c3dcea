"""The course of a metric, its calendar and the sheets of random histories, as walking over all looks gives them."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model import History
from seen import Known
from strategies import histories, moment, on_random_histories, times_of

from osrsdiff.game.gains import Bracket
from osrsdiff.game.series import Resolution, Series
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.series import player_history, player_year
from osrsdiff.tracking.snapshots import list_snapshots, sheet_at
from osrsdiff.tracking.windows import Asked

Play = Callable[[History], Awaitable[Player]]
Points = list[tuple[int, int]]

BERLIN = ZoneInfo("Europe/Berlin")
STEPS: dict[Resolution, Callable[[int], object]] = {
    Resolution.HOUR: lambda at: at // 3600,
    Resolution.DAY: lambda at: datetime.fromtimestamp(at, BERLIN).date(),
    Resolution.WEEK: lambda at: datetime.fromtimestamp(at, BERLIN).isocalendar()[:2],
}


class Drawn(NamedTuple):
    """A window, and how finely it is looked at besides raw."""

    start: int
    end: int
    resolution: Resolution


@pytest.fixture
def instance(db: Database) -> Any:
    """All of an instance that reading takes."""
    return SimpleNamespace(db=db)


@st.composite
def histories_and_windows(draw: st.DrawFn) -> tuple[History, list[Drawn]]:
    history = draw(histories())
    pairs = draw(st.lists(st.tuples(times_of(history), times_of(history)), min_size=1, max_size=3))
    steps = st.sampled_from(list(STEPS))
    return history, [Drawn(start, end, draw(steps)) for start, end in map(sorted, pairs) if start < end]


@on_random_histories
@given(drawn=histories_and_windows(), year=st.sampled_from([2025, 2025, 2026]))
async def test_any_look_back(instance: Any, played: Play, drawn: tuple[History, list[Drawn]], year: int) -> None:
    history, windows = drawn
    player = await played(history)
    await check_snapshots_are_the_looks_that_changed_something(instance, player, history)
    for window in windows:
        await check_the_sheet_at_any_time(instance, player, history, window.start)
        await check_the_sheet_at_any_time(instance, player, history, window.end)
    for metric in history.metrics():
        await check_days_of_a_year(instance, player, history, metric, year)
        for window in windows:
            await check_lines(instance, player, history, metric, window)


async def check_lines(instance: Any, player: Player, history: History, metric: str, window: Drawn) -> None:
    start, end, resolution = window
    asked = Asked(start=moment(start), end=moment(end))
    _, found = await player_history(instance, player.username, metric, asked, resolution=Resolution.RAW)
    seen = through_every_look(history, metric, start, end)
    assert points_of(found.line)[:1] == seen[:1]
    assert points_of(found.line)[-1:] == seen[-1:]
    assert_same_line(points_of(found.line), seen)
    inside = [known for known in history.changed(metric) if start < known.at <= end]
    assert len(found.line.times) <= 2 * len(inside) + 2
    _, found = await player_history(instance, player.username, metric, asked, resolution=resolution, zone=BERLIN)
    assert points_of(found.line) == by_step(history, metric, start, end, STEPS[resolution])


def through_every_look(history: History, metric: str, start: int, end: int) -> Points:
    """A point at the start, at every look, and at the end where a later look saw the same."""
    times = [start, *(look.at for look in history.looks if start < look.at <= end)]
    points = [(at, value) for at in times if (value := history.value(metric, at)) is not None]
    later = [look.at for look in history.looks if look.at > end]
    if points and points[-1][0] < end and later and history.known(metric, later[0]) == history.known(metric, end):
        points.append((end, points[-1][1]))
    return points


def by_step(history: History, metric: str, start: int, end: int, step: Callable[[int], object]) -> Points:
    """The last change of each step, and where the value before it was last seen before the step's first change.

    The first value ever is a step of its own.
    """
    last = through_every_look(history, metric, start, end)[-1:]
    inside = [known for known in history.changed(metric) if start < known.at <= end]
    if (before := history.value(metric, start)) is not None:
        points = [(start, before)]
    else:
        points = [(known.at, known.value) for known in inside[:1]]
        inside = inside[1:]
    for _, group in groupby(inside, lambda known: step(known.at)):
        changes = list(group)
        look_before = max((look.at for look in history.looks if look.at < changes[0].at), default=None)
        if points and look_before is not None and look_before > points[-1][0]:
            points.append((look_before, points[-1][1]))
        points.append((changes[-1].at, changes[-1].value))
    return points + [point for point in last if points and point[0] > points[-1][0]]


def points_of(line: Series) -> Points:
    return list(zip(line.times, line.values, strict=True))


def assert_same_line(one: Points, other: Points) -> None:
    """Neither shows anything at its points that the other doesn't, drawn straight from point to point."""
    for at, value in one:
        assert at_time(other, at) == value, at
    for at, value in other:
        assert at_time(one, at) == value, at


def at_time(points: Points, at: int) -> Fraction | int:
    for (left, low), (right, high) in pairwise(points):
        if left <= at <= right:
            return low + Fraction(high - low) * Fraction(at - left, right - left)
    assert points[0][0] == at
    return points[0][1]


async def check_days_of_a_year(instance: Any, player: Player, history: History, metric: str, year: int) -> None:
    _, found = await player_year(instance, player.username, metric, year=year, zone=BERLIN)
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(366)]
    expected = [day_of_year(history, metric, day) for day in days if day.year == year]
    assert found.days.gained == [gained for gained, _ in expected]
    assert found.days.uncertain == [day for day, (_, is_uncertain) in zip(days, expected, strict=False) if is_uncertain]


def day_of_year(history: History, metric: str, day: date) -> tuple[int | None, bool]:
    """What was gained on a day, and whether it may have come before."""
    before = [known for known in history.changed(metric) if _day(known.at) < day]
    inside = [known for known in history.changed(metric) if _day(known.at) == day]
    if inside:
        start = before[-1] if before else inside[0]
        looks_before = [look.at for look in history.looks if look.at < inside[0].at]
        is_uncertain = bool(before) and _day(looks_before[-1]) < day
        return inside[-1].value - start.value, is_uncertain
    if not before:
        return None, False
    later = [look.at for look in history.looks if _day(look.at) > day]
    is_looked_at = any(_day(look.at) == day for look in history.looks)
    holds = bool(later) and history.known(metric, later[0]) == before[-1]
    return (0 if is_looked_at or holds else None), False


async def check_the_sheet_at_any_time(instance: Any, player: Player, history: History, at: int) -> None:
    _, found = await sheet_at(instance, player.username, moment(at))
    assert {row.metric.key: _known(row.seen_at, row.reading) for row in found.rows} == {
        metric: known for metric in history.metrics() if (known := history.known(metric, at))
    }
    assert _bracket(found.accuracy) == history.bracket(at)


async def check_snapshots_are_the_looks_that_changed_something(instance: Any, player: Player, history: History) -> None:
    _, newest = await list_snapshots(instance, player.username, limit=3)
    _, older = await list_snapshots(instance, player.username, before=newest[-1].taken_at, limit=100)
    found = [(int(one.taken_at.timestamp()), _seconds(one.previous_look_at)) for one in (*newest, *older)]
    assert found == [tuple(snapshot) for snapshot in reversed(history.snapshots())]
    for one in (*newest, *older):
        at = int(one.taken_at.timestamp())
        changed = {row.metric.key: (row.before, row.value, row.rank, row.level) for row in one.changes}
        assert changed == {
            metric: (history.value(metric, at - 1), known.value, known.rank, known.level)
            for metric in history.metrics()
            if (known := history.known(metric, at)) and known.at == at
        }


def _known(at: datetime, reading: Any) -> Known:
    return Known(int(at.timestamp()), reading.value, reading.rank, reading.level)


@cache
def _day(at: int) -> date:
    return datetime.fromtimestamp(at, BERLIN).date()


def _bracket(found: Bracket | None) -> tuple[float, float | None] | None:
    if found is None:
        return None
    return found.earliest.timestamp(), found.latest.timestamp() if found.latest else None


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
