"""Listening: the socket, the limits of each connection, problems for what is not HTTP, and an orderly end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio
from aiohttp import web

from osrsdiff import listening
from osrsdiff.api import problems
from osrsdiff.api.middleware import refusal

IDLE_S = 30.0
"""After this long without a complete request a connection is closed: idle ones, and those that send headers slowly."""
_LINGER_S = 2.0
"""How long the rest of a body is read and thrown away after its request was answered."""
SEND_S = 30.0
"""How long a client may take to receive an answer."""
FINISH_S = 3.0
"""How long requests in flight may take at the end."""

LIMITS: dict[str, Any] = {
    "access_log": None,
    "auto_decompress": False,
    "keepalive_timeout": IDLE_S,
    "lingering_time": _LINGER_S,
}


class Connection(web.RequestHandler):
    """A client's connection. What is not HTTP, or has no route, gets a problem too, and no traceback in the log."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what could not be parsed, or went wrong outside of every handler."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        error: BaseException = exc or RuntimeError(message)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            why = (message or "").partition("\n")[0][:100].rstrip(".:")
            error = problems.Refused(problems.MALFORMED, f"This is no HTTP request that can be read: {why}.")
        response = refusal(error, request, time.perf_counter())
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends the answer; that of aiohttp to an unknown path or a wrong method as a problem."""
        if isinstance(resp, web.HTTPException):
            resp = refusal(resp, request, time.perf_counter())
        try:
            async with asyncio.timeout(SEND_S):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            return resp, True


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serves `app` until the end of the block; yields its address. Finishes the requests in flight at the end.

    Raises SetupError where `host` and `port` can't be listened on.
    """
    runner = web.AppRunner(app, shutdown_timeout=FINISH_S, access_log=None)
    await runner.setup()
    listener = None
    try:
        listener = await _listen(runner, host, port)
        yield _address(listener)
    finally:
        with anyio.CancelScope(shield=True):
            if listener is not None:
                listener.close()
            await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
    loop, server = asyncio.get_running_loop(), runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")
    try:
        return await loop.create_server(lambda: Connection(server, loop=loop, **LIMITS), host, port, backlog=512)
    except (OSError, UnicodeError) as error:
        raise listening.refused(error, host, port) from error


def _address(listener: asyncio.Server) -> str:
    host, port = listener.sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
