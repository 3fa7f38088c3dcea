"""The API's application and its process: routes bound to an instance, served until a signal says stop."""

import asyncio
import signal

import anyio
from aiohttp import web

from osrsdiff import lifeline, logs
from osrsdiff.api.auth import Gate
from osrsdiff.api.kept import Bodies
from osrsdiff.api.middleware import endpoint, expectation
from osrsdiff.api.parsing import MAX_BODY_BYTES
from osrsdiff.api.routes import ROUTES
from osrsdiff.api.server import serving
from osrsdiff.api.ways import Ways
from osrsdiff.config import Config
from osrsdiff.tracking.instance import Instance

log = logs.get(__name__)


def create_app(instance: Instance) -> web.Application:
    """All routes over an instance, open or not yet. To be served by `server.serving`, which answers what has none."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    gate = Gate(lambda: instance.db, public_read=instance.config.api.public_read)
    bodies, ways = Bodies(), Ways()
    for route in ROUTES:
        handler = endpoint(route, instance, gate, bodies)
        methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        for method in methods:
            ways.add(method, route.path, handler, expectation)
    app.router.register_resource(ways)
    return app


def run_api(config: Config) -> None:
    """Serves the API until SIGTERM or SIGINT. Raises SetupError where it can't start."""
    anyio.run(serve, config, backend_options={"use_uvloop": True})


async def serve(config: Config) -> None:
    """What `run_api` does, inside a running event loop.

    It listens at once, and says that it is not ready while the database is waited for. Until then a signal gives the
    start up; from then on it ends the serving in order.
    """
    stop = anyio.Event()
    with anyio.CancelScope() as starting:
        listening = False

        def on_signal() -> None:
            if listening:
                stop.set()
            else:
                starting.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, on_signal)
        instance = Instance(config)
        async with instance, serving(create_app(instance), config.api.host, config.api.port) as at:
            log.info("api listening", address=at)
            await instance.open(wait=True)
            await instance.attach()
            listening = True
            lifeline.notify(at, ready=True)
            await stop.wait()
    log.info("api stopped")
