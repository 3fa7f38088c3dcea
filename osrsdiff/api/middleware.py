"""What happens around every handler: admission, parsing, encoding, problems, headers, the line in the log.

`endpoint` makes the aiohttp handler of a route, `refusal` the answer to what has none. aiohttp's own middlewares would
do the same at a third of a small request's cost.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import sha256
from itertools import count

import msgspec
from aiohttp import web
from msgspec import Struct

from osrsdiff import logs
from osrsdiff.api import problems
from osrsdiff.api.auth import Gate
from osrsdiff.api.calls import Call, Nothing, Reply, Route
from osrsdiff.api.parsing import read_body, read_query
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "osrsdiff",
    "X-Content-Type-Options": "nosniff",
}
_SLOW_MS = 1000
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_LOUD = frozenset({401, 403})
_NOTHING = Nothing()
_ids = map(f"{secrets.token_hex(4)}-{{:x}}".format, count(1))
_encoder = msgspec.json.Encoder()


def endpoint(route: Route, instance: Instance, gate: Gate) -> Handler:
    """The aiohttp handler of `route`: answers, whatever happens, and logs the request."""
    headers = {**SECURITY_HEADERS, "Cache-Control": _cache_control(route, gate)}
    if route.answer is not Nothing:
        headers["Content-Type"] = route.media_type

    async def answer(request: web.Request) -> web.Response:
        if not gate.is_open(route.access):
            await gate.admit(request.headers.get("Authorization"), route.access)
        query, body = _query(request, route), await _body(request, route)
        reply = await route.handler(Call(instance, request.match_info, query, body))
        response = web.Response(
            status=reply.status or route.status,
            body=_encoded(reply.body, route),
            headers={**headers, **reply.headers},
        )
        return _unless_known(request, reply, response) if route.method == "GET" else response

    async def guarded(request: web.Request) -> web.Response:
        began = time.perf_counter()
        try:
            response = await answer(request)
        except Exception as error:
            return refusal(error, request, began)
        return _finished(request, response, began, next(_ids))

    return guarded


def refusal(error: BaseException, request: web.BaseRequest, began: float) -> web.Response:
    """The problem that answers `error`, finished as any answer. `began`: when the request came, on `perf_counter`."""
    request_id = next(_ids)
    path = request.rel_url.raw_path
    response = problems.answer(error, path=path, method=request.method, request_id=request_id)
    response.headers.update(SECURITY_HEADERS)
    return _finished(request, response, began, request_id)


async def expectation(request: web.Request) -> web.Response | None:
    """Lets a client that asks before it sends its body go on."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    return None


def _cache_control(route: Route, gate: Gate) -> str:
    if route.method != "GET":
        return "no-store"
    return "no-cache" if gate.is_open(route.access) else "private, no-cache"


def _query(request: web.Request, route: Route) -> Struct:
    return read_query(request.query, route.query) if request.query_string else _default(route.query)


async def _body(request: web.Request, route: Route) -> Struct:
    return _NOTHING if route.body is Nothing else await read_body(request, route.body)


def _encoded(body: object, route: Route) -> bytes | None:
    if route.answer is Nothing:
        return None
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else _encoder.encode(body)


def _unless_known(request: web.Request, reply: Reply[object], response: web.Response) -> web.Response:
    """`response` with its ETag, or 304 where the client has it already."""
    body = response.body
    if response.status != 200 or not isinstance(body, bytes):
        return response
    tag = f'"{_hash(body)}"' if reply.alike is None else f'W/"{_hash(_encoder.encode(reply.alike))}"'
    response.headers["ETag"] = tag
    known = request.if_none_match
    if not known or not any(etag.value in ("*", tag.split('"')[1]) for etag in known):
        return response
    del response.headers["Content-Type"]
    return web.Response(status=304, headers=response.headers)


def _hash(body: bytes) -> str:
    return sha256(body).hexdigest()[:24]


@cache
def _default(struct: type[Struct]) -> Struct:
    return struct()


def _finished(request: web.BaseRequest, response: web.Response, began: float, request_id: str) -> web.Response:
    """`response` with its request's id, and one line in the log; of reads that went well only for who looks closely."""
    response.headers["X-Request-Id"] = request_id
    ms = (time.perf_counter() - began) * 1000
    quiet = request.method in _READING and response.status not in _LOUD and response.status < 500 and ms < _SLOW_MS
    (log.debug if quiet else log.info)(
        "request answered",
        method=request.method,
        path=request.rel_url.raw_path,
        status=response.status,
        ms=round(ms, 1),
        remote=request.remote,
        request_id=request_id,
    )
    return response
