"""Two schedulers at once: fixed jobs are sent once each, whichever is killed and whenever; both stop when asked."""

import json
import random
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

SPEED = 60
RUNS_S = 8.0
LATEST_S = 20.0
"""10 s after a kill; as much again where who takes over is killed over the same fire."""
PREFIX = "osrsdiff:two:"

Fire = tuple[str, int]


@pytest.fixture
def start_scheduler(program: type[Any]) -> Iterator[Callable[..., Any]]:
    """Starts `taskiq scheduler` processes in whose time a minute is a second."""
    started: list[Any] = []

    def start(redis_url: str, began: float) -> Any:
        environment = {"TEST_REDIS_URL": redis_url, "TEST_PREFIX": PREFIX, "TEST_BEGAN": str(began)}
        options = ["--update-interval=1", "--no-configure-logging", "--app-dir", str(Path(__file__).parent)]
        arguments = ["taskiq", "scheduler", "quick_clock_app:create_scheduler", *options]
        started.append(program(*arguments, environment=environment))
        return started[-1]

    yield start
    for scheduler in started:
        scheduler.discard()


def sent(redis: Any) -> list[tuple[Fire, float]]:
    """Each message's job and fire, and when it was sent."""
    entries = redis.ask("XRANGE", f"{PREFIX}queue", "-", "+")
    found = []
    for id_, fields in entries:
        task_id = re.search(rb'"task_id": ?"(\d+):(\d+)"', fields[b"data"])
        assert task_id, fields
        found.append(((task_id[1].decode(), int(task_id[2])), int(id_.split(b"-")[0]) / 1_000))
    return found


def test_of_two_schedulers_that_are_killed_now_and_then_one_sends_each_fire_of_a_fixed_job(
    make_redis: Callable[[], Any], start_scheduler: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    redis = make_redis().start()
    # their hour begins now: a job that comes a second time finds the place of the first, which no worker has left
    began = time.time()
    minute = int(began) // 60 * 60

    def due(fire: int) -> float:
        return began + (fire - minute) / SPEED

    schedulers = [start_scheduler(redis.url, began) for _ in range(2)]
    for scheduler in schedulers:
        scheduler.line("scheduler ready")
    first = minute + int((time.time() - began) * SPEED) // 60 * 60 + 60

    kills: list[float] = []
    while time.time() < due(first) + RUNS_S:
        time.sleep(random.uniform(0, 2))
        victim = random.randrange(2)
        schedulers[victim].stop(signal.SIGKILL)
        kills.append(time.time())
        schedulers[victim] = start_scheduler(redis.url, began)
        schedulers[victim].line("scheduler ready")  # so there is always one

    fires = range(first, first + int(RUNS_S) * 60, 60)
    wanted: set[Fire] = {(str(fire // 60 % 60), fire) for fire in fires}
    eventually(lambda: wanted <= {fire for fire, _ in sent(redis)}, "every fire is sent", 60)
    times = {fire: [at for other, at in sent(redis) if other == fire] for fire in wanted}
    late = {fire: at[0] - due(fire[1]) for fire, at in times.items() if at[0] - due(fire[1]) > LATEST_S}
    assert late == {}, kills
    twice = {fire: at for fire, at in times.items() if len(at) > 1}
    assert all(len(at) == 2 and any(0 <= kill - at[0] < 1 for kill in kills) for at in twice.values()), (twice, kills)


def test_a_daily_job_that_downtime_has_swallowed_runs_once_when_two_schedulers_start(
    start_run: Callable[..., Any], program: type[Any], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    upgrade = program("osrsdiff", "db", "upgrade", environment={"OSRSDIFF_DATA_DIR": str(data)})
    assert upgrade.process.wait(60) == 0
    upgrade.discard()
    with closing(sqlite3.connect(data / "osrsdiff.db")) as database:
        database.execute("UPDATE instance SET created_at = created_at - 3 * 86400")
        database.commit()
    run = start_run(data)
    run.program.line(r"api +\|.*http")
    second = start_run(data, role="scheduler")
    run.ready()
    run.program.line("job done job=prune_failures", 60)

    def alive() -> int:
        return int(json.loads(run.command("status", "--json").stdout)["schedulers_alive"])

    eventually(lambda: alive() == 2, "both give signs of life", 40)
    assert second.program.stop(signal.SIGTERM, 10) == 0
    second = start_run(data, role="scheduler")
    eventually(lambda: alive() == 2, "both give signs of life", 40)
    assert second.program.stop(signal.SIGINT, 10) == 0
    assert alive() == 1
    assert run.get("/readyz")[0] == 200
    with closing(sqlite3.connect(data / "osrsdiff.db")) as database:
        assert database.execute("SELECT count(*) FROM job_runs WHERE name = 'prune_failures'").fetchone() == (1,)
