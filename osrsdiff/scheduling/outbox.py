"""Messages on their way into the queue: many in one round trip, each with the claim that it is sent for."""

from dataclasses import dataclass

from redis.asyncio import Redis

from osrsdiff.coalesce import Coalescer
from osrsdiff.scheduling import scripts
from osrsdiff.scheduling.keys import Keyring
from osrsdiff.scheduling.store import script_keys
from osrsdiff.scheduling.tickets import Ticket


@dataclass(frozen=True, slots=True)
class _Sending:
    queue: str
    data: bytes
    ticket: Ticket | None

    def arguments(self) -> tuple[bytes, str, str, str]:
        """As the script takes them."""
        if self.ticket is None:
            return self.data, "", "", ""
        return self.data, self.ticket.schedule_id, self.ticket.deadline, self.ticket.next_fire


class Outbox:
    """One process' messages. `redis` is shared and its maker's to close."""

    def __init__(self, redis: Redis, keyring: Keyring) -> None:
        self._keyring = keyring
        self._enqueue = redis.register_script(scripts.ENQUEUE)
        self._sendings = Coalescer(self._send_all)

    async def send(self, queue: str, data: bytes, ticket: Ticket | None) -> bool:
        """Whether the message is in the queue; not where the claim that it was sent for did not stand any more.

        Raises what redis raises; then it may be there all the same.
        """
        return await self._sendings.do(_Sending(queue, data, ticket))

    async def drained(self) -> None:
        """Returns when everything sent so far is there."""
        await self._sendings.drained()

    async def _send_all(self, sendings: list[_Sending]) -> list[bool]:
        keys = await self._keyring.load()
        are_sent = [False] * len(sendings)
        for queue in dict.fromkeys(sending.queue for sending in sendings):
            places = [place for place, sending in enumerate(sendings) if sending.queue == queue]
            arguments = [argument for place in places for argument in sendings[place].arguments()]
            answers = await self._enqueue(keys=[*script_keys(keys), queue], args=arguments)
            for place, answer in zip(places, answers, strict=True):
                are_sent[place] = bool(answer)
        return are_sent
