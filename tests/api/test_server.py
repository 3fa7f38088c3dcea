"""Connections, headers, limits, starting and stopping."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web

from osrsdiff.api import parsing, server
from osrsdiff.api.server import serving
from osrsdiff.errors import SetupError
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]

PLAYERS = "/api/v1/players"
LYNX = f"{PLAYERS}/lynx%20titan"
sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


async def raw(address: str, *sent: bytes) -> bytes:
    """All that a server answers to `sent` until it closes the connection."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in sent:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        await writer.wait_closed()


@sqlite
@pytest.mark.parametrize("path", [PLAYERS, LYNX, f"{LYNX}/stats", f"{LYNX}/gains", "/openapi.json", "/docs"])
async def test_what_has_not_changed_is_not_sent_again(api: Ask, lynx: Player, path: str) -> None:
    first = await api("GET", path)
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', "*", f"W/{tag.removeprefix('W/')}"):
        again = await api("GET", path, headers={"If-None-Match": known})
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
    assert (await api("GET", path, headers={"If-None-Match": '"other"'})).status == 200


@sqlite
async def test_what_has_changed_is_sent_again(api: Ask, lynx: Player) -> None:
    tag = (await api("GET", LYNX)).headers["ETag"]
    await api("PATCH", LYNX, json={"is_active": False})
    assert (await api("GET", LYNX, headers={"If-None-Match": tag})).status == 200


@sqlite
async def test_head_answers_as_get_without_a_body(api: Ask, lynx: Player) -> None:
    get, head = await api("GET", LYNX), await api("HEAD", LYNX)
    assert (head.status, head.text) == (200, "")
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control"):
        assert head.headers[name] == get.headers[name]


@sqlite
@pytest.mark.parametrize("path", ["/healthz", LYNX, "/nothing", "/docs", "/"])
async def test_every_answer_has_the_headers_that_browsers_obey(api: Ask, lynx: Player, path: str) -> None:
    headers = (await api("GET", path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "osrsdiff"
    assert "Access-Control-Allow-Origin" not in headers


@sqlite
async def test_a_request_is_one_line_in_the_log(api: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "osrsdiff.api")
    read = await api("GET", "/healthz")
    written = await api("POST", f"{PLAYERS}/a%0Ab/fetch")
    lines = [record for record in caplog.records if record.getMessage() == "request answered"]
    assert [record.levelname for record in lines] == ["DEBUG", "INFO"]
    fields = [record.fields for record in lines]  # type: ignore[attr-defined]
    assert [field["status"] for field in fields] == [200, 422]
    assert [field["request_id"] for field in fields] == [a.headers["X-Request-Id"] for a in (read, written)]
    assert "\n" not in fields[1]["path"]


@sqlite
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_not_http_gets_a_problem_and_no_traceback(
    address: str, caplog: pytest.LogCaptureFixture, request_bytes: bytes
) -> None:
    answer = await raw(address, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert b"application/problem+json" in head
    assert b'"/docs#malformed-request"' in body
    assert not [record for record in caplog.records if record.levelno >= 30]


@sqlite
async def test_headers_that_never_end_are_cut_off(address: str) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await raw(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""
    assert loop.time() - began < 5


@sqlite
async def test_an_idle_connection_is_closed(address: str) -> None:
    answer = await raw(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.endswith(b'{"status":"ok"}')


@sqlite
async def test_a_body_that_never_ends_is_cut_off(
    address: str, admin_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "BODY_TIMEOUT_S", 0.2)
    monkeypatch.setitem(server.LIMITS, "lingering_time", 0.1)
    head = (
        f"POST {PLAYERS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin_token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n"
    )
    answer = await raw(address, head.encode(), b'{"username":')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"/docs#too-slow"' in answer


@sqlite
async def test_a_body_is_waited_for_only_after_the_token_was_seen(address: str) -> None:
    head = f"POST {PLAYERS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 50\r\n\r\n"
    assert (await raw(address, head.encode())).startswith(b"HTTP/1.1 401 ")


@sqlite
async def test_a_client_may_ask_before_it_sends_a_body(address: str, admin_token: str) -> None:
    head = (
        f"POST {PLAYERS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin_token}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 21\r\n\r\n"
    )
    answer = await raw(address, head.encode(), b'{"username":"Zezima"}')
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that wait for nobody longer than a moment."""
    monkeypatch.setitem(server.LIMITS, "keepalive_timeout", 0.3)


@pytest.fixture
async def slow_app() -> tuple[web.Application, asyncio.Event, asyncio.Event]:
    """An application whose only answer waits, with the events that it is asked and that it may go on."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", wait)
    return app, asked, go_on


async def test_a_request_in_flight_is_finished_at_the_end(
    slow_app: tuple[web.Application, asyncio.Event, asyncio.Event],
) -> None:
    app, asked, go_on = slow_app
    async with serving(app, "127.0.0.1", 0) as address:
        request = asyncio.create_task(raw(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await asked.wait()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert (await request).endswith(b"done")


async def test_a_request_that_never_ends_does_not_keep_the_server(
    slow_app: tuple[web.Application, asyncio.Event, asyncio.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FINISH_S", 0.1)
    app, asked, _ = slow_app
    async with serving(app, "127.0.0.1", 0) as address:
        request = asyncio.create_task(raw(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await asked.wait()
    assert await request == b""


async def test_a_client_that_does_not_read_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SEND_S", 0.2)
    length, given_up = 50_000_000, asyncio.Event()

    async def much(request: web.Request) -> web.Response:
        request.task.add_done_callback(lambda _: given_up.set())
        return web.Response(body=BytesIO(bytes(length)))

    app = web.Application()
    app.router.add_get("/", much)
    async with serving(app, "127.0.0.1", 0) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(given_up.wait(), 10)
        received = 0
        with suppress(ConnectionResetError):
            while part := await reader.read(1_000_000):
                received += len(part)
        writer.close()
    assert received < length


async def test_a_port_in_use_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"Port {port} on 127\.0\.0\.1 is in use.*--port"):
            async with serving(web.Application(), "127.0.0.1", port):
                pass


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid", "nonsense..x"])
async def test_a_host_that_is_not_ours_says_what_to_do(host: str) -> None:
    with pytest.raises(SetupError, match=rf"api\.host is '{host}'"):
        async with serving(web.Application(), host, 0):
            pass


@pytest.fixture
def migrated_directory(migrated_sqlite: Path, tmp_path: Path) -> Path:
    (tmp_path / "osrsdiff.db").write_bytes(migrated_sqlite.read_bytes())
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_until_a_signal_and_ends_well(
    migrated_directory: Path, redis_url: str, number: signal.Signals
) -> None:
    with _process(migrated_directory, redis_url) as process:
        assert process.stderr
        line = next(line for line in process.stderr if "api listening" in line)
        address = line.split("address=")[1].strip().strip('"')
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
            process.send_signal(number)
            assert process.wait(5) == 0


def test_a_process_that_waits_for_its_database_ends_well_too(tmp_path: Path, redis_url: str) -> None:
    absent = {"OSRSDIFF_DATABASE__URL": f"postgresql://nobody@/nothing?host={tmp_path}"}
    with _process(tmp_path, redis_url, absent) as process:
        assert process.stderr
        assert next(line for line in process.stderr if "waiting for the database" in line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def _process(data_dir: Path, redis_url: str, more: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    code = "from osrsdiff import config, logs; from osrsdiff.api.app import run_api; "
    code += "logs.setup('info', 'text'); run_api(config.load())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OSRSDIFF_")}
    environment |= {"OSRSDIFF_DATA_DIR": str(data_dir), "OSRSDIFF_API__PORT": "0", "OSRSDIFF_REDIS__URL": redis_url}
    environment |= more or {}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True)
