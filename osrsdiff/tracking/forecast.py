"""When a fetch by hand is likely to happen: behind what waits already, at the pace of the budget. An estimate."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from osrsdiff.errors import RedisUnreachable
from osrsdiff.scheduling.overview import overview
from osrsdiff.tracking.instance import Instance


class Forecast(Struct, frozen=True):
    """`ahead`: how many fetches wait before it. `at`: about when; None where no worker is alive.

    `paused_until`: until when nobody asks the hiscores, since they are in trouble; None while they are not.
    """

    ahead: int
    at: datetime | None
    paused_until: datetime | None = None


async def forecast(instance: Instance) -> Forecast | None:
    """What to expect of the fetch that was asked for last; None where Redis does not say."""
    try:
        seen = await overview(instance.redis, instance.prefix)
        breaker = await instance.budget().breaker()
    except RedisUnreachable:
        return None
    now = datetime.now(UTC)
    ahead = max(0, seen.queue_length - 1)
    paused_until = breaker.open_until if breaker.open_until is not None and breaker.open_until > now else None
    if not seen.workers_alive:
        return Forecast(ahead, None, paused_until)
    queued_s = ahead / instance.config.hiscores.requests_per_second
    return Forecast(ahead, (paused_until or now) + timedelta(seconds=queued_s), paused_until)
