"""Two instances on one Redis: whatever one does, it touches no key but its own."""

import re
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

ALL_KEYS = re.compile(r'"(?:KEYS|SCAN|FLUSHALL|FLUSHDB|RANDOMKEY|SWAPDB)"', re.IGNORECASE)


class Monitor:
    """Every command that Redis is given between `start` and `end`, as its own MONITOR tells them."""

    def __init__(self, port: int) -> None:
        self._channel = socket.create_connection(("127.0.0.1", port))
        self._channel.sendall(b"MONITOR\r\n")
        self._heard = b""
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        while part := self._channel.recv(1 << 20):
            self._heard += part

    def end(self) -> list[str]:
        """The commands, those that scripts sent among them."""
        self._channel.shutdown(socket.SHUT_RDWR)
        self._listening.join(10)
        self._channel.close()
        return self._heard.decode(errors="replace").splitlines()


def lasting_keys(redis: Any, prefix: str) -> dict[str, bytes]:
    found = [key.decode() for key in redis.ask("KEYS", f"{prefix}*")]
    return {key: redis.ask("DUMP", key) for key in found if redis.ask("TTL", key) == -1}


def prefixes(redis: Any) -> set[str]:
    return {key.decode().removesuffix("marker") for key in redis.ask("KEYS", "osrsdiff:*:marker")}


def test_one_instance_leaves_the_other_ones_keys_alone(
    start_run: Callable[..., Any], make_redis: Callable[[], Any], tmp_path: Any, eventually: Callable[..., None]
) -> None:
    redis = make_redis().start()
    other = start_run(tmp_path / "other", OSRSDIFF_REDIS__URL=redis.url).ready()
    assert other.command("player", "add", "bench 1", "bench 2", "--no-wait").returncode == 0
    eventually(lambda: len(prefixes(redis)) == 1, "the first instance's schedules are marked as its own")
    [others] = prefixes(redis)
    assert other.program.stop(signal.SIGTERM) == 0
    before = lasting_keys(redis, others)
    assert before

    monitor = Monitor(redis.port)
    run = start_run(tmp_path / "one", OSRSDIFF_REDIS__URL=redis.url).ready()
    for command in (
        ("player", "add", "bench 1", "bench 2", "bench 3"),
        ("player", "fetch", "bench 1"),
        ("player", "interval", "bench 1", "1"),
        ("player", "pause", "bench 2"),
        ("player", "resume", "bench 2"),
        ("schedules", "list"),
        ("schedules", "verify"),
        ("schedules", "rebuild", "--yes"),
        ("schedules", "cleanup"),
        ("player", "remove", "bench 3", "--yes"),
    ):
        done = run.command(*command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert run.program.stop(signal.SIGTERM) == 0
    commands = monitor.end()

    [ones] = prefixes(redis) - {others}
    assert any(ones in command for command in commands)
    assert [command for command in commands if others in command] == []
    assert [command for command in commands if ALL_KEYS.search(command)] == []
    assert lasting_keys(redis, others) == before
