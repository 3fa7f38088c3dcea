"""What looks come to: records, achievements and events of random histories, as the reference finds them by trying all.

Once as each look is stored, once as a whole history is gone over.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from model import Event, History, Reached
from recorded import Record
from stored import rows_of
from strategies import histories, moment, on_random_histories, on_some_random_histories

from osrsdiff.game import achievements, records
from osrsdiff.game.events import KIND_CODES
from osrsdiff.game.records import PERIOD_CODES
from osrsdiff.game.thresholds import MEASURE_CODES, rules_for
from osrsdiff.storage import tables
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.reckoning import rebuild

Play = Callable[..., Awaitable[Player]]


def rules_of(history: History) -> list[tuple[str, str, int]]:
    """The rules that a history can fulfil, by the program's table of thresholds."""
    rules = [rule for metric in history.metrics() | {"overall"} for rule in rules_for(metric)]
    return [(rule.metric, rule.measure.value, rule.threshold) for rule in rules]


@on_random_histories
@given(history=histories())
def test_records_of_a_whole_history(history: History) -> None:
    looks = [(moment(at), None if before is None else moment(before)) for at, before in history.snapshots()]
    series = {
        metric: [(moment(known.at), known.value) for known in history.changed(metric)] for metric in history.metrics()
    }
    found = records.rebuilt(looks, {metric: changes for metric, changes in series.items() if changes})
    plain = {
        (one.metric, one.period.value): Record(one.gained, int(one.start.timestamp()), int(one.end.timestamp()))
        for one in found
    }
    assert plain == history.records()


@on_random_histories
@given(history=histories())
def test_achievements_of_a_whole_history(history: History) -> None:
    looks = [(moment(at), None if before is None else moment(before)) for at, before in history.snapshots()]
    series = {
        metric: [(moment(known.at), known.value, known.level) for known in history.changed(metric)]
        for metric in sorted(history.metrics())
    }
    found = achievements.rebuilt(looks, series)
    plain = {
        (one.metric, one.measure.value, one.threshold): Reached(_seconds(one.at), _seconds(one.after)) for one in found
    }
    assert plain == history.achievements(rules_of(history))


@on_random_histories
@given(history=histories())
async def test_what_is_stored_with_each_look(db: Database, played: Play, history: History) -> None:
    player = await played(history)
    rules = rules_of(history)
    assert await _records(db, player) == history.records()
    assert await _achievements(db, player) == history.achievements(rules)
    assert await _events(db, player) == _sorted(history.events(rules))
    instance: Any = SimpleNamespace(db=db)  # all of one that reckoning takes
    assert (await rebuild(instance, [player.username], dry_run=True)).differences == 0


@on_some_random_histories
@given(history=histories(), unreckoned=st.integers(0, 12))
async def test_reckoning_finds_what_looks_did_not(
    db: Database, played: Play, history: History, unreckoned: int
) -> None:
    player = await played(history, unreckoned=unreckoned)
    instance: Any = SimpleNamespace(db=db)  # all of one that reckoning takes
    await rebuild(instance, [player.username])
    rules = rules_of(history)
    assert await _records(db, player) == history.records()
    assert await _achievements(db, player) == history.achievements(rules)
    told = [event for event in await _events(db, player) if event.kind == "achievement"]
    assert told == _sorted(event for event in history.events(rules) if event.kind == "achievement")
    assert (await rebuild(instance, [player.username], dry_run=True)).differences == 0


async def _records(db: Database, player: Player) -> dict[tuple[str, str], Record]:
    periods = {code: period.value for period, code in PERIOD_CODES.items()}
    rows = await rows_of(db, player, tables.records, "key", "period", "gained", "start_at", "end_at")
    assert len({row[:2] for row in rows}) == len(rows)
    return {(metric, periods[code]): Record(*numbers) for metric, code, *numbers in rows}


async def _achievements(db: Database, player: Player) -> dict[tuple[str, str, int], Reached]:
    measures = {code: measure.value for measure, code in MEASURE_CODES.items()}
    rows = await rows_of(db, player, tables.achievements, "key", "measure", "threshold", "reached_at", "after_at")
    return {(metric, measures[code], threshold): Reached(*times) for metric, code, threshold, *times in rows}


async def _events(db: Database, player: Player) -> list[Event]:
    kinds = {code: kind.value for kind, code in KIND_CODES.items()}
    columns = ("kind", "at", "after_at", "key", "value", "before", "detail")
    rows = await rows_of(db, player, tables.events, *columns)
    return _sorted(Event(kinds[kind], *rest) for kind, *rest in rows)


def _sorted(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=repr)


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
