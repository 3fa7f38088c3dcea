"""What somebody asked the workers for and that has not been done: one look at each player, one check of its game mode,
one run of each job.

Whoever asks for the same meanwhile joins it, so however often it is asked for, the queue holds it once.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.constants import ASKED_AT, CHECK_MODE_TASK, FETCH_TASK, SPARE
from osrsdiff.scheduling.keys import Keyring, LoadPrefix


class Asked:
    """One instance's. Asking raises RedisUnreachable."""

    def __init__(self, load_prefix: LoadPrefix, broker: StreamBroker) -> None:
        self._keyring = Keyring(load_prefix)
        self._broker = broker

    async def fetch(self, player_id: int, at: float) -> tuple[str, bool]:
        """Asks for a look at a player; the task's id, and whether it is one that was asked for before.

        `at`: now, as an epoch second; a look that is stored later than this will do.
        """
        place = (await self._keyring.load()).asked(player_id)
        return await self._broker.send_once(place, FETCH_TASK, player_id, labels={ASKED_AT: repr(at)})

    async def mode_check(self, player_id: int, *, spare: bool = False) -> tuple[str, bool]:
        """Asks for a check of a player's game mode; the task's id, and whether it is one that was asked for before.

        `spare`: by what nobody else takes of the request budget.
        """
        place = (await self._keyring.load()).asked(_mode_of(player_id))
        labels = {SPARE: "yes"} if spare else None
        return await self._broker.send_once(place, CHECK_MODE_TASK, player_id, labels=labels)

    async def job(self, name: str) -> tuple[str, bool]:
        """Asks for a run of a job; the task's id, and whether it is one that waits already."""
        return await self._broker.send_once((await self._keyring.load()).asked(name), name)

    @asynccontextmanager
    async def fetching(self, player_id: int, task_id: str) -> AsyncIterator[None]:
        """While the task looks at the player, who asks joins it; afterwards asks anew."""
        try:
            yield
        finally:
            await self._leave(player_id, task_id)

    @asynccontextmanager
    async def checking(self, player_id: int, task_id: str) -> AsyncIterator[None]:
        """While the task checks the player's game mode, who asks joins it; afterwards asks anew."""
        try:
            yield
        finally:
            await self._leave(_mode_of(player_id), task_id)

    @asynccontextmanager
    async def running(self, job: str, task_id: str) -> AsyncIterator[None]:
        """While the task runs the job, who asks joins it: never do two runs that were asked for go on at a time."""
        try:
            yield
        finally:
            await self._leave(job, task_id)

    async def begins(self, job: str, task_id: str) -> None:
        """The task begins with the job: who asks from now on, asks for another run."""
        await self._leave(job, task_id)

    async def _leave(self, what: str | int, task_id: str) -> None:
        await self._broker.leave_place((await self._keyring.load()).asked(what), task_id)


def _mode_of(player_id: int) -> str:
    return f"mode:{player_id}"
