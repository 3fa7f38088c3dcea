"""How the process and the instance are, for supervisors, proxies and monitors."""

from osrsdiff.api import schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.tracking.status import readiness

_FRESH = {"Cache-Control": "no-store"}


async def healthz(_call: Call[Nothing, Nothing]) -> Reply[schemas.Health]:
    """Says that the process answers; touches nothing else."""
    return Reply(schemas.Health(), _FRESH)


async def readyz(call: Call[Nothing, Nothing]) -> Reply[schemas.Readiness]:
    """Says whether database, Redis, worker and scheduler all do their part."""
    found = await readiness(call.instance)
    body = schemas.Readiness("ready" if found.ready else "not ready", found.parts)
    return Reply(body, _FRESH, status=200 if found.ready else 503)
