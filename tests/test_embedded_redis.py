"""The embedded server's data, damaged in every way: what the server loads, what is set aside, what is left alone."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from osrsdiff import embedded_redis

Damage = Callable[[Path], None]
KEYS = 500


class Server:
    """An embedded server that can be started again and again. `said`: its lines, once it has ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.said: list[str] = []
        embedded_redis.prepare_directories(directory)

    @property
    def data(self) -> Path:
        return self.directory / "redis" / "appendonlydir"

    @property
    def set_aside(self) -> list[Path]:
        return sorted(self.data.parent.glob("appendonlydir.bad-*"))

    @contextlib.contextmanager
    def running(self) -> Iterator["Server"]:
        """Runs it until the end of the block, which begins once it answers or has ended."""
        with (self.directory / "output").open("w+", errors="replace") as output:
            command = embedded_redis.server_command(self.directory)
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
            try:
                while not self.is_answering() and self._process.poll() is None:
                    time.sleep(0.01)
                yield self
            finally:
                self._process.terminate()
                self._process.wait(20)
                output.seek(0)
                self.said = output.read().splitlines()

    def is_answering(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("PING") == "+PONG"
        return False

    def ask(self, *commands: str) -> str:
        """The last reply's first line."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(10)
            channel.connect(str(embedded_redis.socket_path(self.directory)))
            channel.sendall("".join(f"{command}\r\n" for command in commands).encode())
            reply = b""
            while reply.count(b"\r\n") < len(commands):
                reply += channel.recv(65536)
        return reply.decode().splitlines()[-1]

    def starts(self) -> bool:
        with self.running():
            return self.is_answering()

    def keys(self) -> int:
        with self.running():
            return int(self.ask("DBSIZE").removeprefix(":"))


def part(data: Path, kind: str) -> Path:
    [found] = data.glob(f"*{kind}*")
    return found


def overwritten(kind: str, what: bytes, at: float) -> Damage:
    def damage(data: Path) -> None:
        file = part(data, kind)
        content = bytearray(file.read_bytes())
        place = int(at * len(content))
        content[place : place + len(what)] = what
        file.write_bytes(content)

    return damage


def cut(kind: str, by: int) -> Damage:
    def damage(data: Path) -> None:
        file = part(data, kind)
        os.truncate(file, file.stat().st_size - by)

    return damage


def commands_misspelt(data: Path) -> None:
    file = part(data, "incr")
    file.write_bytes(file.read_bytes().replace(b"SET", b"SXT"))


def a_count_missing(data: Path) -> None:
    file = part(data, "incr")
    content = file.read_bytes()
    place = content.index(b"\r\n*3", len(content) // 2) + 3
    file.write_bytes(content[:place] + b"\0" + content[place + 1 :])


def gone(kind: str) -> Damage:
    return lambda data: part(data, kind).unlink()


def a_directory_instead(data: Path) -> None:
    file = part(data, "incr")
    file.unlink()
    file.mkdir()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data as a server leaves it that has rewritten its file once and written to it since."""
    server = Server(tmp_path_factory.mktemp("filled"))
    with server.running():
        server.ask(*(f"SET key:{n} {'v' * 40}" for n in range(KEYS)))
        server.ask("BGREWRITEAOF")
        deadline = time.monotonic() + 20
        while sorted(path.suffix for path in server.data.glob("*.2.*")) != [".aof", ".rdb"]:
            assert time.monotonic() < deadline, "the server does not rewrite its file"
            time.sleep(0.01)
        server.ask(*(f"SET key:{n} {'w' * 40}" for n in range(KEYS)))
    return server.data


@pytest.fixture
def server(filled: Path, tmp_path: Path) -> Server:
    server = Server(tmp_path)
    shutil.copytree(filled, server.data)
    return server


@pytest.mark.parametrize("by", [1, 30, 100])
def test_data_that_ends_in_the_middle_of_a_command_is_loaded_without_it(server: Server, by: int) -> None:
    cut("incr", by)(server.data)
    assert server.keys() == KEYS
    assert any("short read" in line for line in server.said)
    assert embedded_redis.set_aside_damaged(server.directory, server.said) is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(overwritten("incr", bytes(64), 0.5), id="zeros in the middle"),
        pytest.param(overwritten("incr", b"\xff" * 200, 0.99), id="rubbish at the end"),
        pytest.param(a_count_missing, id="a zero for a count"),
        pytest.param(commands_misspelt, id="unknown commands"),
        pytest.param(overwritten("base", bytes(64), 0.2), id="zeros in the base"),
        pytest.param(overwritten("base", b"\xff" * 64, 0.5), id="rubbish in the base"),
        pytest.param(overwritten("base", b"X" * 9, 0.0), id="a base of another kind"),
        pytest.param(overwritten("base", b"REDIS\0\0\0\0", 0.0), id="a base without its version"),
        pytest.param(cut("base", 300), id="a base that ends too early"),
        pytest.param(overwritten("manifest", bytes(88), 0.0), id="zeros in the manifest"),
        pytest.param(lambda data: part(data, "manifest").write_bytes(b""), id="an empty manifest"),
        pytest.param(gone("base"), id="the base is gone"),
        pytest.param(gone("incr"), id="the appends are gone"),
    ],
)
def test_data_that_the_server_can_make_no_sense_of_is_set_aside(server: Server, damage: Damage) -> None:
    damage(server.data)
    files = sorted(path.name for path in server.data.iterdir())
    assert not server.starts()
    aside = embedded_redis.set_aside_damaged(server.directory, server.said)
    assert aside is not None, server.said
    assert server.set_aside == [aside]
    assert sorted(path.name for path in aside.iterdir()) == files
    assert server.keys() == 0


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(overwritten("base", b"REDIS0999", 0.0), id="written by a newer server"),
        pytest.param(a_directory_instead, id="an error of the file system"),
    ],
)
def test_data_that_can_not_be_read_for_another_reason_stays(server: Server, spoil: Damage) -> None:
    spoil(server.data)
    assert not server.starts()
    assert embedded_redis.set_aside_damaged(server.directory, server.said) is None
    assert server.data.is_dir()


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["exec: redis-server: not found"],
        ["# Fatal error: can't open the append log file appendonly.aof.1.incr.aof for reading: Permission denied"],
        ["# Out Of Memory allocating 1048576 bytes!", "# Guru Meditation: Out Of Memory #rdb.c:1"],
        [
            "# Error truncating the AOF file appendonly.aof.1.incr.aof: Read-only file system",
            "# Unexpected end of file reading the append only file appendonly.aof.1.incr.aof. You can: 1) Make",
        ],
        ["# Unrecoverable error reading the append only file appendonly.aof.1.incr.aof: Input/output error"],
        ["# Can't open the append-only file appendonly.aof.1.incr.aof: No space left on device"],
        ["# Failed opening Unix socket: bind: Address already in use"],
    ],
)
def test_what_is_not_the_datas_fault_sets_nothing_aside(server: Server, said: list[str]) -> None:
    assert embedded_redis.set_aside_damaged(server.directory, said) is None
    assert server.keys() == KEYS


def test_only_the_newest_that_were_set_aside_are_kept(server: Server) -> None:
    old = [server.data.with_name(f"appendonlydir.bad-2024010{n}T000000Z") for n in range(1, 6)]
    for directory in old:
        directory.mkdir()
    said = ["# Bad file format reading the append only file"]
    assert embedded_redis.set_aside_damaged(server.directory, said) == server.set_aside[-1]
    assert server.set_aside[:-1] == old[-2:]
    assert embedded_redis.set_aside_damaged(server.directory, said) is None, "there is nothing left to set aside"
