"""What the supervisor decides without a process: when a dead child starts again, which commands the roles are."""

from pathlib import Path

from osrsdiff import supervisor
from osrsdiff.children import DEGRADED_DEATHS, DEGRADED_WITHIN_S, Child
from osrsdiff.config import Config, Worker


def test_a_dying_child_is_started_again_more_and_more_slowly() -> None:
    child = Child("api", ["true"])
    assert [child.restart_after_s(now) for now in (0.0, 2.0, 5.0, 10.0)] == [1.0, 2.0, 4.0, 8.0]


def test_five_deaths_in_five_minutes_degrade_a_child() -> None:
    child = Child("api", ["true"])
    pauses = [child.restart_after_s(float(now)) for now in range(DEGRADED_DEATHS + 1)]
    assert pauses[-2:] == [60.0, 60.0]


def test_deaths_long_ago_are_forgotten() -> None:
    child = Child("api", ["true"])
    pauses = [child.restart_after_s(now * (DEGRADED_WITHIN_S + 1)) for now in range(10)]
    assert pauses == [1.0] * 10


def test_worker_and_scheduler_are_the_taskiq_commands() -> None:
    worker = supervisor.worker(Config(data_dir=Path("/x"), worker=Worker(processes=3, concurrency=5))).command
    scheduler = supervisor.scheduler().command
    assert " ".join(worker).endswith(
        "taskiq worker osrsdiff.worker:create_broker --workers=3 --max-async-tasks=5 --wait-tasks-timeout=3 "
        "--shutdown-timeout=2 --log-level=WARNING --no-configure-logging"
    )
    assert "taskiq scheduler osrsdiff.worker:create_scheduler --update-interval=1" in " ".join(scheduler)


def test_what_a_child_said_is_kept_where_it_may_be_mended_by_it() -> None:
    children = Child("api", ["true"]), Child("redis", ["true"], mend=lambda _: False)
    for child in children:
        child.lines.extend(["the data is damaged", "giving up"])
        assert child.last_line == "giving up"
    assert [list(child.lines) for child in children] == [["giving up"], ["the data is damaged", "giving up"]]
