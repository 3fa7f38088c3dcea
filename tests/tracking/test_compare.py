"""Players side by side, over one window and on one grid of times."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.config import Config
from osrsdiff.config import Database as DatabaseConfig
from osrsdiff.errors import CannotCompare, InvalidUsername, MetricNotFound, PlayersNotFound
from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import history, players
from osrsdiff.tracking.compare import MOST_TIMES, Comparison, compare, grid, see_players
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.windows import Asked

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def instance(migrated_url: str, tmp_path):  # type: ignore[no-untyped-def]
    async with Instance(Config(data_dir=tmp_path, database=DatabaseConfig(url=migrated_url))) as opened:
        await opened.open(wait=False)
        yield opened


async def store(instance: Instance, name: str, looks: Mapping[float, Mapping[str, int]]) -> None:
    """A player whose metrics had these values so many hours after the start."""
    async with instance.db.writing() as conn:
        player = await players.add(conn, username=name, display_name=name.title(), interval_minutes=60, now=START)
        for hours, values in looks.items():
            sheet = {metric: Reading(value, 7, None, None) for metric, value in values.items()}
            state = await history.load_state(conn, player.id)
            found = difference(state, sheet, START + hours * HOUR)
            assert await history.store_look(conn, player.id, found, expected_version=state.version if state else 0)


async def compared(
    instance: Instance, *names: str, hours: tuple[float, float], metric: str | None = None
) -> Comparison:
    seen = await see_players(instance, names)
    asked = Asked(None, START + hours[0] * HOUR, START + hours[1] * HOUR)
    return await compare(instance, [one.player for one in seen], asked, metric=metric)


async def test_each_has_its_newest_sheet_and_what_it_gained_in_the_window(instance: Instance) -> None:
    await store(instance, "ann", {0: {"zulrah": 5}, 10: {"zulrah": 9}, 30: {"zulrah": 12}})
    await store(instance, "bob", {0: {"zulrah": 100, "attack": 3}})
    await store(instance, "cid", {})
    found = await compared(instance, "Bob", "ANN", "cid", hours=(1, 20))
    assert [side.player.username for side in found.sides] == ["bob", "ann", "cid"]
    assert [{metric: each.value for metric, each in side.sheet.items()} for side in found.sides] == [
        {"zulrah": 100, "attack": 3},
        {"zulrah": 12},
        {},
    ]
    gained = [{gain.metric: gain.gained for gain in side.gains.gains} for side in found.sides]
    assert gained == [{"zulrah": 0, "attack": 0}, {"zulrah": 4}, {}]
    assert (found.metric, found.times) == (None, [])


async def test_the_course_has_everybodys_value_at_the_same_times(instance: Instance) -> None:
    await store(instance, "ann", {0: {"zulrah": 5}, 10: {"zulrah": 9}, 10.01: {"zulrah": 10}, 30: {"zulrah": 12}})
    await store(instance, "bob", {15: {"zulrah": 100}, 19.5: {"zulrah": 101}, 40: {"zulrah": 150}})
    found = await compared(instance, "ann", "bob", hours=(1, 20.25), metric="Zulrah")
    assert found.metric is not None
    assert found.metric.key == "zulrah"
    for time, *values in zip(found.times, *(side.values for side in found.sides), strict=True):
        hours = (time - START.timestamp()) / 3_600
        ann = 5 if hours < 10 else 9 if hours < 10.01 else 10
        bob = None if hours < 15 else 100 if hours < 19.5 else 101
        assert values == [ann, bob], hours
    assert (found.times[0], found.times[-1]) == (int((START + HOUR).timestamp()), int(START.timestamp()) + 72_900)


async def test_who_was_added_this_second_has_a_course_of_one_time(instance: Instance) -> None:
    added = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)  # the clock has not come to it
    async with instance.db.writing() as conn:
        for name in ("ann", "bob"):
            await players.add(conn, username=name, display_name=name, interval_minutes=60, now=added)
    seen = await see_players(instance, ["ann", "bob"])
    found = await compare(instance, [one.player for one in seen], Asked("all"), metric="zulrah")
    assert (found.times, [side.values for side in found.sides]) == ([int(added.timestamp())], [[None], [None]])


@pytest.mark.parametrize("length_s", [1, 59, 60, 3_600, 24_001, 86_400 * 366, 86_400 * 36_525, 86_400 * 36_525 + 17])
def test_a_grid_begins_and_ends_with_the_window_and_can_be_drawn(length_s: int) -> None:
    times = grid(1_000, 1_000 + length_s)
    assert (times[0], times[-1]) == (1_000, 1_000 + length_s)
    assert times == sorted(set(times))
    assert len(times) <= MOST_TIMES + 1


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_too_few_too_many_and_unknown_names_are_refused(instance: Instance) -> None:
    await store(instance, "ann", {})
    with pytest.raises(CannotCompare, match="2 to 10 players; 1 is given"):
        await see_players(instance, ["ann", "ANN "])
    with pytest.raises(CannotCompare, match="11 are given"):
        await see_players(instance, [f"player {number}" for number in range(11)])
    with pytest.raises(PlayersNotFound, match="Not tracked: cid, bob") as refused:
        await see_players(instance, ["cid", "ann", "bob"])
    assert refused.value.names == ["cid", "bob"]
    with pytest.raises(InvalidUsername):
        await see_players(instance, ["ann", ""])
    await store(instance, "bob", {})
    with pytest.raises(MetricNotFound):
        await compared(instance, "ann", "bob", hours=(0, 1), metric="nothing like it")
