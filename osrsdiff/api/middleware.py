"""What happens around every handler: admission, parsing, encoding, problems, headers, the line in the log.

`endpoint` makes the aiohttp handler of a route, `refusal` the answer to what has none. aiohttp's own middlewares would
do the same at a third of a small request's cost.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from itertools import count
from typing import Any

from aiohttp import hdrs, web
from msgspec import Struct
from multidict import CIMultiDict

from osrsdiff import logs
from osrsdiff.api import problems
from osrsdiff.api.auth import Gate
from osrsdiff.api.calls import Call, Nothing, Reply, Route, encoded, tag_of
from osrsdiff.api.kept import Bodies
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
IF_NONE_MATCH = hdrs.IF_NONE_MATCH
_ids = map(f"{secrets.token_hex(4)}-{{:x}}".format, count(1))


def endpoint(route: Route, instance: Instance, gate: Gate, bodies: Bodies) -> Handler:
    """The aiohttp handler of `route`: answers, whatever happens, and logs the request.

    It awaits no coroutine of its own but the route's handler: each costs a part of what a kept answer takes.
    """
    headers = CIMultiDict({**SECURITY_HEADERS, "Cache-Control": _cache_control(route, gate)})
    if route.answer is not Nothing:
        headers["Content-Type"] = route.media_type
    is_open, is_read = gate.is_open(route.access), route.method == "GET"
    nothing_asked = _default(route.query)

    name, handler, has_body = route.name, route.handler, route.body is not Nothing

    async def guarded(request: web.Request) -> web.Response:
        began = time.perf_counter()
        try:
            if not is_open:
                await gate.admit(request.headers.get("Authorization"), route.access)
            query = nothing_asked
            if query is None or request.query_string:
                query = read_query(request.query, route.query)
            body = await read_body(request, route.body) if has_body else _NOTHING
            has = _tags(request) if is_read and IF_NONE_MATCH in request.headers else ()
            call = Call(instance, request.match_info, query, body, name, has, bodies)
            response = _response(route, call, await handler(call), headers)
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


def _default(query: type[Struct]) -> Struct | None:
    """What a request without parameters asks for; None where some are required, which `read_query` then says."""
    try:
        return query()
    except TypeError:
        return None


def _tags(request: web.Request) -> Collection[str]:
    """The tags in the header If-None-Match, quotes and all, without the marks of weak ones."""
    return {etag.value if etag.value == "*" else f'"{etag.value}"' for etag in request.if_none_match or ()}


def _response(route: Route, call: Call[Any, Any], reply: Reply[Any], headers: CIMultiDict[str]) -> web.Response:
    """The reply as it is sent, with its ETag where it is a read that went well; 304 where the client has it."""
    status = reply.status or route.status
    if reply.headers:
        headers = headers.copy()
        headers.update(reply.headers)
    is_tagged = route.method == "GET" and status == 200
    if is_tagged and reply.tag is not None and call.known(reply.tag):
        return _not_modified(headers, reply.tag)
    body = None if route.answer is Nothing else encoded(reply.body)
    response = web.Response(status=status, body=body, headers=headers)
    if is_tagged and body is not None:
        tag = reply.tag or (tag_of(body) if reply.alike is None else f"W/{tag_of(encoded(reply.alike))}")
        if call.known(tag):
            return _not_modified(headers, tag)
        response.headers["ETag"] = tag
    return response


def _not_modified(headers: CIMultiDict[str], tag: str) -> web.Response:
    response = web.Response(status=304, headers=headers)
    response.headers["ETag"] = tag
    del response.headers["Content-Type"]
    return response


def _finished(request: web.BaseRequest, response: web.Response, began: float, request_id: str) -> web.Response:
    """`response` with its request's id, and one line in the log; of reads that went well only for who looks closely."""
    response.headers["X-Request-Id"] = request_id
    ms = (time.perf_counter() - began) * 1000
    quiet = request.method in _READING and response.status not in _LOUD and response.status < 500 and ms < _SLOW_MS
    if quiet and not log.tells_steps():
        return response
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
