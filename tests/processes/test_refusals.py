"""What `osrsdiff run` does where it can't start: one message that says what to do, exit code 3, nothing left behind."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from osrsdiff import embedded_redis


def refused(run: Any, pattern: str) -> None:
    """The run ends by itself with exit code 3 and says why on its last line, without a traceback before it."""
    assert run.program.process.wait(20) == 3, run.program.lines
    assert not [line for line in run.program.lines if "Traceback" in line], run.program.lines
    assert [line for line in run.program.lines if line.startswith("Error: ")] == run.program.lines[-1:]
    run.program.line(rf"^Error: .*{pattern}")
    assert run.processes() == {}


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[Callable[[], int]]:
    """Starts a Redis with a password on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--requirepass", "right", "--save", ""]
        command = [embedded_redis.server_binary(), *options, "--dir", str(tmp_path)]
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        return port

    start.port = port  # type: ignore[attr-defined]
    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


def test_a_second_run_on_one_data_directory(start_run: Callable[..., Any]) -> None:
    first = start_run().ready()
    second = start_run(first.data_dir)
    assert second.program.process.wait(20) == 3
    second.program.line(rf"Error: Another `osrsdiff run` \(pid {first.program.process.pid}\) uses {first.data_dir}")
    assert first.get("/readyz")[0] == 200


def test_a_port_in_use(start_run: Callable[..., Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = start_run(OSRSDIFF_API__PORT=str(port))
        refused(run, rf"{port}.*in use")
    assert [path.name for path in run.data_dir.iterdir()] == ["run.lock"]


def test_a_malformed_redis_url(start_run: Callable[..., Any]) -> None:
    refused(start_run(OSRSDIFF_REDIS__URL="redis://host:port"), r"redis\.url")


def test_a_refused_redis_login(start_run: Callable[..., Any], redis_port: Callable[[], int]) -> None:
    port = redis_port()
    run = start_run(OSRSDIFF_REDIS__URL=f"redis://:wrong@127.0.0.1:{port}")
    refused(run, "Redis refuses the configured user or password")
    assert not (run.data_dir / "osrsdiff.db").exists()


def test_a_redis_that_does_not_answer_yet_is_waited_for(
    start_run: Callable[..., Any], redis_port: Any, eventually: Callable[..., None]
) -> None:
    run = start_run(OSRSDIFF_REDIS__URL=f"redis://:right@127.0.0.1:{redis_port.port}")
    run.url = run.program.line(r"api +\|.*(http://127\.0\.0\.1:\d+)")[1]
    eventually(lambda: run.get("/readyz")[1]["parts"]["database"] == "ok", "the database is there")
    status, body = run.get("/readyz")
    assert (status, body["parts"]["redis"]) == (503, "does not answer")
    assert run.get("/api/v1/players")[0] == 200
    redis_port()
    run.ready()
    eventually(lambda: run.get("/readyz")[0] == 200, "ready once Redis answers")


def test_an_embedded_redis_that_cannot_start(start_run: Callable[..., Any], tmp_path: Path) -> None:
    binary = tmp_path / "bin" / "redis-server"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\necho 'no memory for this server' >&2\nexit 1\n")
    binary.chmod(0o755)
    path = f"{binary.parent}{os.pathsep}{os.environ['PATH']}"
    refused(start_run(PATH=path), "redis could not start: no memory for this server")


def test_a_database_of_a_newer_program_is_left_as_it_was(start_run: Callable[..., Any]) -> None:
    first = start_run().ready()
    first.program.stop()
    file = first.data_dir / "osrsdiff.db"
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = file.read_bytes()
    refused(start_run(first.data_dir), "9999")
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_left_as_it_was(start_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "osrsdiff.db").write_text("a letter, not a database\n" * 100)
    refused(start_run(directory), "osrsdiff.db")
    assert (directory / "osrsdiff.db").read_text().startswith("a letter")


def test_a_broken_configuration_file(start_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "osrsdiff.toml").write_text("[api\nport = 1\n")
    refused(start_run(directory), "is not valid TOML")


def test_a_data_directory_that_cannot_be_made(start_run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = start_run(OSRSDIFF_DATA_DIR=str(tmp_path / "file" / "data"))
    assert run.program.process.wait(20) == 3
    run.program.line(r"^Error: The data directory .*file/data")


def test_a_copy_of_a_database_may_not_use_its_redis(
    start_run: Callable[..., Any], redis_port: Callable[[], int], tmp_path: Path
) -> None:
    url = f"redis://:right@127.0.0.1:{redis_port()}"
    first = start_run(OSRSDIFF_REDIS__URL=url).ready()
    first.program.stop(signal.SIGTERM)
    copy = tmp_path / "copy"
    shutil.copytree(first.data_dir, copy)
    refused(start_run(copy, OSRSDIFF_REDIS__URL=url), "another copy of this database")
    roles = {role: start_run(copy, role=role, OSRSDIFF_REDIS__URL=url) for role in ("worker", "scheduler", "api")}
    for role in roles.values():
        assert role.program.process.wait(40) == 3, role.program.lines
        role.program.line("^Error: .*another copy of this database")
    assert start_run(first.data_dir, OSRSDIFF_REDIS__URL=url).ready().get("/readyz")[0] == 200
