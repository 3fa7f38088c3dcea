"""When a stored schedule fires next, whatever kind it is."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from taskiq import ScheduledTask

from osrsdiff.scheduling.fires import beat_of, first_fire, next_fire

NOW = datetime(2026, 2, 28, 12, 34, 56, tzinfo=UTC)


def schedule(**fields: object) -> ScheduledTask:
    given: dict[str, object] = {"task_name": "t", "labels": {}, "args": [], "kwargs": {}, "schedule_id": "s"}
    return ScheduledTask.model_validate(given | fields)


def fires(**fields: object) -> datetime | None:
    fire = next_fire(schedule(**fields), NOW.timestamp())
    return None if fire is None else datetime.fromtimestamp(fire, UTC)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", datetime(2026, 2, 28, 12, 35, tzinfo=UTC)),
        ("34 12 * * *", datetime(2026, 3, 1, 12, 34, tzinfo=UTC)),
        ("0 2 * * *", datetime(2026, 3, 1, 2, tzinfo=UTC)),
        ("30 6 29 2 *", datetime(2028, 2, 29, 6, 30, tzinfo=UTC)),
        ("0 0 * * 1", datetime(2026, 3, 2, tzinfo=UTC)),
        ("0 0 31 2 *", None),
    ],
)
def test_a_cron_without_a_beat_fires_at_its_next_match(cron: str, expected: datetime | None) -> None:
    assert fires(cron=cron) == expected


def test_a_cron_that_never_matches_is_refused_when_it_is_added() -> None:
    with pytest.raises(ValueError, match="never fires"):
        first_fire(schedule(cron="0 0 31 2 *"), NOW.timestamp())


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ("America/New_York", datetime(2026, 2, 28, 13, 0, tzinfo=UTC)),
        (timedelta(hours=2), datetime(2026, 3, 1, 6, 0, tzinfo=UTC)),
    ],
)
def test_a_cron_may_be_in_another_time(offset: object, expected: datetime) -> None:
    assert fires(cron="0 8 * * *", cron_offset=offset) == expected


def test_a_change_of_clocks_is_not_stepped_over() -> None:
    before = datetime(2026, 3, 7, 12, tzinfo=UTC).timestamp()
    fire = next_fire(schedule(cron="30 0 8 3 *", cron_offset="America/New_York"), before)
    assert fire == datetime(2026, 3, 8, 5, 30, tzinfo=UTC).timestamp()
    after = next_fire(schedule(cron="0 9 * * 1", cron_offset="America/New_York"), before)
    assert after == datetime(2026, 3, 9, 13, tzinfo=UTC).timestamp()


def test_intervals_and_times_fire_as_they_say() -> None:
    assert fires(interval=90) == NOW + timedelta(seconds=90)
    assert fires(interval=timedelta(hours=1)) == NOW + timedelta(hours=1)
    assert fires(time=NOW + timedelta(days=1)) == NOW + timedelta(days=1)
    assert fires(time=NOW - timedelta(days=1)) is None
    assert (
        first_fire(schedule(time="2026-01-01T00:00:00"), NOW.timestamp())
        == datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    )


@pytest.mark.parametrize("minutes", [1, 45, 420, 43_200])
def test_labels_with_a_beat_say_more_than_the_cron(minutes: int) -> None:
    labels = {"interval_minutes": str(minutes), "phase_s": "7"}
    fire = fires(cron="* * * * *", labels=labels)
    assert fire is not None
    assert (fire.timestamp() - 7) % (60 * minutes) == 0
    assert NOW < fire <= NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("fire", "now", "beat"),
    [(3_600, 3_598, 3_600), (3_600.4, 3_601, 3_600), (3_600, 11_000, 10_800), (4_000.5, 4_001, 4_000)],
)
def test_an_overdue_fire_stands_for_the_newest_beat_it_makes_up_for(fire: float, now: float, beat: int) -> None:
    hourly = schedule(cron="0 * * * *", labels={"interval_minutes": 60, "phase_s": 0})
    assert beat_of(hourly, fire, now) == beat


@pytest.fixture(params=["America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"])
def host_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A host whose own time changes its clocks, or is a day ahead."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.usefixtures("host_in")
@pytest.mark.parametrize("day", [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)])
def test_the_hosts_own_time_and_its_changes_move_nothing(day: datetime) -> None:
    at = day.timestamp()
    daily = schedule(cron="30 2 * * *")
    beat = schedule(cron="30 2 * * *", labels={"interval_minutes": "1440", "phase_s": str(2 * 3_600 + 30 * 60)})
    for _ in range(3):
        fire = next_fire(daily, at)
        assert fire == next_fire(beat, at) == (at // 86_400 + (at % 86_400 >= 9_000)) * 86_400 + 9_000
        at = fire
