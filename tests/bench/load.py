"""Asks an HTTP server for paths over keep-alive connections, each with one request under way, and times every answer.

A bare reader of answers with a Content-Length, so that the client costs a fraction of what it measures.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple, cast

import uvloop


class Load(NamedTuple):
    """What so many answers took. `waits_s`: how long each was waited for."""

    seconds: float
    waits_s: list[float]

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.waits_s) / self.seconds

    def wait_ms(self, percent: int) -> float:
        """How long so many percent of the requests waited at most."""
        return 1000 * statistics.quantiles(self.waits_s, n=100, method="inclusive")[percent - 1]


class _Client(asyncio.Protocol):
    """One connection: asks for the next path whenever the answer to the last one is complete."""

    def __init__(self, requests: Iterator[bytes], until: float, waits_s: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = until
        self._waits_s = waits_s
        self._received = b""
        self._missing = 0
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._received += data
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._missing = end + 4 + _length(self._received[:end]) - len(self._received)
            self._received = b""
        if self._missing == 0:
            self._answered()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        request = next(self._requests, None) if self._asked_at < self._until else None
        if request is not None:
            self._transport.write(request)
        else:
            self.done.set_result(None)
            self._transport.close()

    def _answered(self) -> None:
        self._waits_s.append(time.perf_counter() - self._asked_at)
        self._ask()


def _length(head: bytes) -> int:
    status, _, headers = head.partition(b"\r\n")
    if b" 200 " not in status:
        raise SystemExit(f"an answer that was not expected: {head.decode(errors='replace')}")
    begin = headers.index(b"Content-Length: ") + len(b"Content-Length: ")
    return int(headers[begin:].partition(b"\r\n")[0])


def put(port: int, paths: Sequence[str], *, connections: int, seconds: float) -> Load:
    """What the server on this loopback port made of so many connections that asked for these paths in turn."""
    return uvloop.run(_put(port, paths, connections, seconds))


def each(port: int, paths: Sequence[str]) -> Load:
    """What the server made of each path, asked for once, one after the other over one connection."""
    return uvloop.run(_put(port, paths, 1, 3_600.0, len(paths)))


async def _put(port: int, paths: Sequence[str], connections: int, seconds: float, most: int | None = None) -> Load:
    loop, waits_s = asyncio.get_running_loop(), list[float]()
    texts = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    requests = islice(cycle(texts), most)
    started = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(requests, started + seconds, waits_s), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(client.done for client in clients))
    return Load(time.perf_counter() - started, waits_s)
