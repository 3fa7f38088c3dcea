"""What Redis loses comes back by itself: emptied under a running instance, or lost between two runs."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from osrsdiff import embedded_redis, redis_client

NAME, LATER = "Mudlark Jo", "bench 1"


def flush(run: Any) -> None:
    async def flushall() -> None:
        client = redis_client.create(f"unix://{embedded_redis.socket_path(run.data_dir)}")
        await client.flushall()
        await client.aclose()

    anyio.run(flushall)


def is_scheduled(run: Any, name: str = NAME) -> bool:
    shown = run.command("player", "show", name, "--json")
    return shown.returncode == 0 and json.loads(shown.stdout)["next_fetch_at"] is not None


def test_an_emptied_redis_is_filled_again_under_a_running_instance(
    start_run: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    run = start_run().ready()
    assert run.command("player", "add", NAME).returncode == 0
    flush(run)
    eventually(lambda: is_scheduled(run), "the schedule is there again", 30)
    eventually(lambda: run.get("/readyz")[0] == 200, "every process has given a sign of life again", 30)
    fetched = run.command("player", "fetch", NAME, "--json")
    assert fetched.returncode == 0, fetched.stderr


def test_damaged_data_of_the_embedded_redis_is_set_aside_and_made_again(
    start_run: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    first = start_run().ready()
    assert first.command("player", "add", NAME, "--no-wait").returncode == 0
    eventually(lambda: is_scheduled(first), "the player is scheduled")
    others = {pid for pid, line in first.processes().items() if "unixsocket" not in line}
    damage(first)
    os.kill(first.pid("unixsocket"), signal.SIGKILL)
    first.program.line("redis data damaged, starting without it: nothing is lost.*moved_to=.*appendonlydir.bad-")
    eventually(lambda: is_scheduled(first), "the schedule is there again", 30)
    eventually(lambda: first.get("/readyz")[0] == 200, "ready again", 30)
    assert others <= set(first.processes())
    assert first.program.stop(signal.SIGTERM) == 0

    damage(first)
    second = start_run(first.data_dir).ready()
    second.program.line("redis data damaged, starting without it")
    eventually(lambda: is_scheduled(second), "the schedule is there again", 30)
    assert len(list((first.data_dir / "redis").glob("appendonlydir.bad-*"))) == 2


def damage(run: Any) -> None:
    """Overwrites what Redis has written with zeros, its beginning and its end excepted."""
    for file in (run.data_dir / "redis" / "appendonlydir").glob("*.aof"):
        with file.open("r+b") as appends:
            size = appends.seek(0, os.SEEK_END)
            appends.seek(size // 4)
            appends.write(bytes(size // 2))


def test_what_redis_lost_or_never_got_between_two_runs_is_there_in_the_next(
    start_run: Callable[..., Any], eventually: Callable[..., None]
) -> None:
    first = start_run().ready()
    assert first.command("player", "add", NAME, "--no-wait").returncode == 0
    assert first.program.stop(signal.SIGTERM) == 0
    shutil.rmtree(first.data_dir / "redis")
    added = first.command("player", "add", LATER, "--interval", "1440")
    assert added.returncode == 0
    assert "osrsdiff run" in added.stdout + added.stderr
    second = start_run(first.data_dir).ready()
    eventually(lambda: is_scheduled(second), "the lost schedule is there again", 30)
    eventually(lambda: is_scheduled(second, LATER), "who was added while nothing ran is scheduled", 30)
    second.program.line("player fetched.* schedule_id=player_fetch_2 ", 30)


def test_a_configured_redis_that_comes_back_empty_is_filled_again(
    start_run: Callable[..., Any], eventually: Callable[..., None], tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    command = [embedded_redis.server_binary(), *options]
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        run = start_run(OSRSDIFF_REDIS__URL=f"redis://127.0.0.1:{port}").ready()
        assert run.command("player", "add", NAME).returncode == 0
        for _ in range(2):
            redis.kill()
            redis.wait(10)
            redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            eventually(lambda: is_scheduled(run), "the schedule is there again", 30)
            eventually(lambda: run.get("/readyz")[0] == 200, "every process has given a sign of life again", 30)
    finally:
        redis.kill()
        redis.wait(10)
