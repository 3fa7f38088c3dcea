"""The simulated hiscores on loopback: the official URL, statuses and format, and a control room beside it.

    GET    /m=<table>/index_lite.json?player=<name>    as the official hiscores answer
    POST   /_control/faults      a Fault as JSON: what goes wrong from now on
    DELETE /_control/faults      nothing goes wrong any more
    POST   /_control/clock       {"advance_s": seconds}; answers {"now": time}
    GET    /_control/requests    {"total": count, "by_name": {canonical name: count}, "by_table": {game mode: count}}

Runs inside a test as `async with Simulation() as simulation`, or alone as `python -m osrsdiff.demo.server`, which
prints its URL in one line and serves until SIGTERM or SIGINT.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import anyio
import msgspec
import uvloop
from aiohttp import web
from msgspec import Struct

from osrsdiff import lifeline
from osrsdiff.demo import clocks
from osrsdiff.demo.clocks import Clock
from osrsdiff.demo.faults import Fault, FaultKind, Faults
from osrsdiff.demo.pages import Page, with_new_boss, without_skill
from osrsdiff.demo.world import DEFAULT_EPOCH, DEFAULT_SEED, World
from osrsdiff.errors import InvalidUsername
from osrsdiff.game.modes import GameMode
from osrsdiff.game.usernames import canonical
from osrsdiff.hiscores.client import TABLES

NEW_BOSS = "Loopback Leviathan"
LEFT_OUT_SKILL = "Hunter"

_HOST = "127.0.0.1"
_SORRY = "<!DOCTYPE html>\n<html><head><title>Hiscores</title></head><body><h1>Sorry, not now</h1></body></html>\n"
_STOP_WITHIN_S = 0.5
_MODES = {path: mode for mode, path in TABLES.items()}


class _Advance(Struct, forbid_unknown_fields=True):
    advance_s: float


class Simulation:
    """A `World` served at `url`. `clock` gives the world's time; `latency_s` is what each answer takes longer.

    `requests`: how many came, by canonical name; `asked`: by name and table.
    """

    def __init__(
        self, world: World | None = None, *, clock: Clock = clocks.real, port: int = 0, latency_s: float = 0.0
    ) -> None:
        self.world = world or World()
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.asked: Counter[tuple[str, GameMode]] = Counter()
        self.latency_s = latency_s
        self._clock = clock
        self._skipped = timedelta()
        self._port = port
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=_STOP_WITHIN_S)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL, as `hiscores.base_url` takes it."""
        return f"http://{_HOST}:{self._runner.addresses[0][1]}"

    def now(self) -> datetime:
        """The world's time."""
        return self._clock() + self._skipped

    def advance(self, by: timedelta) -> None:
        """Lets time pass at once."""
        self._skipped += by

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/m={table}/index_lite.json", self._look)
        app.router.add_get("/sorry", _sorry)
        app.router.add_post("/_control/faults", _checked(self._add_fault))
        app.router.add_delete("/_control/faults", self._clear_faults)
        app.router.add_post("/_control/clock", _checked(self._advance))
        app.router.add_get("/_control/requests", self._count_requests)
        return app

    async def _look(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("player", "")
        try:
            username = canonical(name)
        except InvalidUsername:
            return _status(400)
        self.requests[username] += 1
        if self.latency_s:
            await anyio.sleep(self.latency_s)
        table = _MODES.get(request.match_info["table"])
        if table is None:
            return _status(404)
        self.asked[username, table] += 1
        fault = self.faults.take(username, table)
        if fault is not None:
            return await self._spoiled(request, fault, name, table)
        return _data(self.world.body(name, self.now(), table))

    async def _spoiled(self, request: web.Request, fault: Fault, name: str, table: GameMode) -> web.StreamResponse:
        match fault.kind:
            case FaultKind.NOT_FOUND:
                return _status(404)
            case FaultKind.NAME_REFUSED:
                return _status(400)
            case FaultKind.RATE_LIMITED:
                return _status(429, fault.retry_after)
            case FaultKind.UNAVAILABLE:
                return _status(503, fault.retry_after)
            case FaultKind.REDIRECT:
                return web.Response(status=302, headers={"Location": "/sorry"})
            case FaultKind.HTML:
                return await _sorry(request)
            case FaultKind.STALE:
                return _data(self.world.body(name, self.now() - timedelta(seconds=fault.by_s), table))
            case FaultKind.LOGOUT:
                body = self.world.body(name, self.now(), table)
                self.advance(timedelta(seconds=fault.by_s))
                return _data(body)
        page = self.world.page(name, self.now(), table)
        if page is None:
            return _status(404)
        match fault.kind:
            case FaultKind.TRUNCATED:
                return await _cut_short(request, page)
            case FaultKind.DRIP_FEED:
                return await _drip_fed(request, page, fault.pause_s)
            case FaultKind.NEW_BOSS:
                return _data(msgspec.json.encode(with_new_boss(page, fault.metric or NEW_BOSS)))
            case FaultKind.MISSING_SKILL:
                return _data(msgspec.json.encode(without_skill(page, fault.metric or LEFT_OUT_SKILL)))

    async def _add_fault(self, body: bytes) -> web.Response:
        self.faults.add(msgspec.json.decode(body, type=Fault))
        return _data(b"{}")

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return _data(b"{}")

    async def _advance(self, body: bytes) -> web.Response:
        self.advance(timedelta(seconds=msgspec.json.decode(body, type=_Advance).advance_s))
        return _data(msgspec.json.encode({"now": self.now()}))

    async def _count_requests(self, _: web.Request) -> web.Response:
        by_table: Counter[GameMode] = Counter()
        for (_who, table), count in self.asked.items():
            by_table[table] += count
        total = self.requests.total()
        return _data(msgspec.json.encode({"total": total, "by_name": self.requests, "by_table": by_table}))


def _checked(
    control: Callable[[bytes], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler whose bad input is answered with 400 and the reason."""

    async def handler(request: web.Request) -> web.Response:
        try:
            return await control(await request.read())
        except (msgspec.MsgspecError, InvalidUsername) as error:
            return web.Response(status=400, text=f"{error}\n")

    return handler


def _data(body: bytes | None) -> web.Response:
    if body is None:
        return _status(404)
    return web.Response(body=body, content_type="application/json")


def _status(status: int, retry_after: str | None = None) -> web.Response:
    return web.Response(status=status, headers={"Retry-After": retry_after} if retry_after else None)


async def _sorry(_: web.Request) -> web.Response:
    return web.Response(text=_SORRY, content_type="text/html")


async def _announced(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    return response


async def _cut_short(request: web.Request, page: Page) -> web.StreamResponse:
    body = msgspec.json.encode(page)
    response = await _announced(request, body)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _drip_fed(request: web.Request, page: Page, pause_s: float) -> web.StreamResponse:
    body = msgspec.json.encode(page)
    response = await _announced(request, body)
    for place in range(len(body)):
        await response.write(body[place : place + 1])
        await anyio.sleep(pause_s)
    return response


async def serve(simulation: Simulation) -> None:
    """Prints the URL, then serves until SIGTERM or SIGINT."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with simulation:
            sys.stdout.write(f"{simulation.url}\n")
            sys.stdout.flush()
            lifeline.notify(f"simulated hiscores on {simulation.url}", ready=True)
            await anext(aiter(signals))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m osrsdiff.demo.server", description="A simulated hiscores.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one (default)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--epoch", type=_utc, default=DEFAULT_EPOCH, help="when the clan's stories begin, ISO 8601")
    parser.add_argument("--at", type=_utc, default=None, help="the time to start at, ISO 8601; default: now")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds a second; 0: time stands still")
    parser.add_argument("--latency-s", type=float, default=0.0, help="what each answer takes longer")
    return parser.parse_args(arguments)


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of the simulation alone."""
    given = _arguments(arguments)
    world = World(given.seed, epoch=given.epoch)
    clock = clocks.running(given.at or clocks.real(), given.speed)
    uvloop.run(serve(Simulation(world, clock=clock, port=given.port, latency_s=given.latency_s)))


if __name__ == "__main__":
    main()
