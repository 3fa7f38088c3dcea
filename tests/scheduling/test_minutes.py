"""Cron expressions asked for the minute before or after a time."""

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from osrsdiff.scheduling.minutes import latest_run, next_run, run_after


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "before", "now", "after"),
    [
        ("20 3 * * *", "2026-05-01 03:20", "2026-05-01 03:20:00", "2026-05-02 03:20"),
        ("20 3 * * *", "2026-05-01 03:20", "2026-05-01 03:20:59", "2026-05-02 03:20"),
        ("20 3 * * *", "2026-04-30 03:20", "2026-05-01 03:19:59", "2026-05-01 03:20"),
        ("*/10 * * * *", "2026-12-31 23:50", "2026-12-31 23:59:59", "2027-01-01 00:00"),
        ("0 2 1 * *", "2028-02-01 02:00", "2028-02-29 12:00", "2028-03-01 02:00"),
        ("5 0 * * 0", "2026-05-03 00:05", "2026-05-09 23:59", "2026-05-10 00:05"),
        ("59 23 28-31 * *", "2027-02-28 23:59", "2027-03-01 00:00", "2027-03-28 23:59"),
        ("* * * * *", "2026-05-01 00:00", "2026-05-01 00:00:30", "2026-05-01 00:01"),
    ],
)
def test_the_minute_before_and_the_minute_after(cron: str, before: str, now: str, after: str) -> None:
    assert (latest_run(cron, at(now)), next_run(cron, at(now))) == (at(before), at(after))


def test_times_of_other_zones_are_understood() -> None:
    there = datetime(2026, 5, 1, 5, 30, tzinfo=timezone(timedelta(hours=2)))
    assert (latest_run("20 3 * * *", there), next_run("20 3 * * *", there)) == (
        at("2026-05-01 03:20"),
        at("2026-05-02 03:20"),
    )


def test_a_minute_more_than_a_month_ago_is_not_looked_for() -> None:
    assert latest_run("0 0 1 1 *", at("2026-03-01")) is None
    assert latest_run("0 0 1 1 *", at("2026-02-01")) == at("2026-01-01")


def test_the_next_29th_of_february_is_found_over_a_common_century() -> None:
    assert next_run("0 0 29 2 *", at("2096-03-01")) == at("2104-02-29")


def test_a_cron_that_never_fires_says_so() -> None:
    with pytest.raises(ValueError, match="never fires"):
        next_run("0 0 31 2 *", at("2026-01-01"))


def test_a_daily_cron_is_found_quickly() -> None:
    began = time.process_time()
    for _ in range(10):
        next_run("20 3 * * *", at("2026-05-01 03:20"))
        latest_run("20 3 * * *", at("2026-05-01 03:19"))
    assert time.process_time() - began < 10 * 0.05


@pytest.mark.parametrize(
    ("cron", "after", "runs"),
    [
        # clocks are set back over this: its minutes come twice
        ("30 1 * * *", "2026-11-01 04:00", ["2026-11-01 05:30", "2026-11-01 06:30", "2026-11-02 06:30"]),
        # and forward over this: it does not come on that day
        ("30 2 * * *", "2026-03-07 08:00", ["2026-03-09 06:30"]),
        ("0 0 9 3 *", "2026-03-07 08:00", ["2026-03-09 04:00", "2027-03-09 05:00"]),
    ],
)
def test_in_a_zone_that_changes_its_clocks_no_minute_is_passed_over(cron: str, after: str, runs: list[str]) -> None:
    found, now = [], at(after)
    for _ in runs:
        fire = run_after(cron, now, ZoneInfo("America/New_York"))
        assert fire is not None
        found.append(fire)
        now = fire
    assert found == [at(run) for run in runs]
