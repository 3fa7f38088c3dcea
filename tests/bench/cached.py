"""The server to compare with: answers each path with the same bytes and headers every time, and does nothing else.

    python tests/bench/cached.py <port> <file with answers as JSON>

It listens as the API does, on aiohttp and uvloop; its handlers have their answers in memory.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web

from osrsdiff.api.server import serving


class Answer(msgspec.Struct):
    """What is sent for a path."""

    path: str
    headers: dict[str, str]
    body: str


async def serve(port: int, answers: list[Answer]) -> None:
    """Serves until it is killed."""
    app = web.Application()
    for answer in answers:
        app.router.add_get(answer.path, handler(answer))
    async with serving(app, "127.0.0.1", port):
        await asyncio.Event().wait()


def handler(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Sends the answer."""
    body, headers = answer.body.encode(), answer.headers

    async def cached(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return cached


def main() -> None:
    """The command line."""
    _, port, answers = sys.argv
    uvloop.run(serve(int(port), msgspec.json.decode(Path(answers).read_bytes(), type=list[Answer])))


if __name__ == "__main__":
    main()
