"""Starts tracking many players at once: the rows first, in batches, then the schedules that follow them.

Nobody is looked at at once: first looks come by the schedules, which spread them. Where Redis is away the rows are
there all the same, and the next reconcile schedules them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from osrsdiff import logs
from osrsdiff.errors import RedisUnreachable
from osrsdiff.game import usernames
from osrsdiff.storage import newcomers, plan
from osrsdiff.tracking.following import follow
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.selection import batches

log = logs.get(__name__)


async def track(instance: Instance, names: Mapping[str, str]) -> tuple[list[str], bool]:
    """Tracks those of the players who are not tracked yet, at the usual interval; `names`: spellings by username.

    Who they are, by username, and whether they are scheduled; False while Redis is away.
    """
    tracked, follows = list[str](), True
    for batch in batches(names):
        ids = await _added(instance, {username: usernames.display(names[username]) for username in batch})
        tracked += ids
        follows = follows and await _followed(instance, ids)
    if tracked:
        log.info("players added", count=len(tracked), scheduled=follows)
    return tracked, follows


async def _added(instance: Instance, names: Mapping[str, str]) -> dict[str, int]:
    """The ids of those who are new, by username."""
    async with instance.db.reading() as connection:
        there = await plan.ids_by_username(connection, names)
    new = {username: shown for username, shown in names.items() if username not in there}
    if not new:
        return {}
    minutes = instance.config.players.default_interval_minutes
    return await newcomers.add(instance.db, new, interval_minutes=minutes, now=datetime.now(UTC))


async def _followed(instance: Instance, ids: Mapping[str, int]) -> bool:
    """Once Redis is away nobody asks it for the batches after: each would wait for it anew."""
    try:
        await follow(instance, list(ids.values()))
    except RedisUnreachable as error:
        log.warning("schedules not changed, reconcile will", reason=error)
        return False
    return True
