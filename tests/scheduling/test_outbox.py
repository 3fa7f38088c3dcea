"""Messages enter their queue in order, and one that is sent for a claim only where that still stands."""

import asyncio
import time
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from taskiq import ScheduledTask
from taskiq.message import BrokerMessage

from osrsdiff.scheduling import tickets
from osrsdiff.scheduling.broker import StreamBroker
from osrsdiff.scheduling.keys import Keyring, Keys, LoadPrefix
from osrsdiff.scheduling.outbox import Outbox
from osrsdiff.scheduling.source import PlayerScheduleSource
from osrsdiff.scheduling.tickets import Ticket


@pytest.fixture
def outbox(redis: Redis, load_prefix: LoadPrefix) -> Outbox:
    return Outbox(redis, Keyring(load_prefix))


async def messages(redis: Redis, queue: str) -> list[bytes]:
    return [fields[b"data"] for _, fields in await redis.xrange(queue)]


async def claimed_until(redis: Redis, keys: Keys, schedule_id: str) -> str:
    """The end of the claim's lease."""
    score = await redis.zscore(keys.due, schedule_id)
    assert score == await redis.zscore(keys.leases, schedule_id)
    return f"{score:.6f}"


async def test_what_is_sent_together_goes_to_its_own_queue_in_order(outbox: Outbox, redis: Redis, keys: Keys) -> None:
    other = f"{keys.prefix}other"
    sent = [outbox.send(other if n % 3 == 0 else keys.queue, b"%d" % n, None) for n in range(9)]
    assert await asyncio.gather(*sent) == [True] * 9
    await outbox.drained()
    assert await messages(redis, keys.queue) == [b"1", b"2", b"4", b"5", b"7", b"8"]
    assert await messages(redis, other) == [b"0", b"3", b"6"]


async def test_a_claim_that_stands_is_over_with_its_message_and_any_other_stays_as_it_is(
    outbox: Outbox,
    source: PlayerScheduleSource,
    schedule: Callable[..., ScheduledTask],
    redis: Redis,
    keys: Keys,
) -> None:
    now = time.time()
    await source.add_schedules([schedule(1), schedule(2)], first_fires={"player_fetch_1": now, "player_fetch_2": now})
    assert len(await source.get_schedules()) == 2
    deadline = await claimed_until(redis, keys, "player_fetch_1")
    stands, over, gone = (
        Ticket("a", "player_fetch_1", deadline, "4000000000.000000"),
        Ticket("b", "player_fetch_2", "1000.000000", "4000000000.000000"),
        Ticket("c", "player_fetch_3", deadline, ""),
    )
    sent = [outbox.send(keys.queue, ticket.task_id.encode(), ticket) for ticket in (stands, over, gone)]
    assert await asyncio.gather(*sent, outbox.send(keys.queue, b"d", None)) == [True, False, False, True]
    assert await messages(redis, keys.queue) == [b"a", b"d"]
    assert await redis.hkeys(keys.claims) == [b"player_fetch_2"]
    assert await redis.zscore(keys.due, "player_fetch_1") == 4e9
    assert await claimed_until(redis, keys, "player_fetch_2") == deadline


async def test_a_ticket_is_for_one_message_in_one_asyncio_task(
    make_broker: Callable[..., StreamBroker], redis: Redis, keys: Keys
) -> None:
    def message(task_id: str) -> BrokerMessage:
        return BrokerMessage(task_id=task_id, task_name="t", message=task_id.encode(), labels={})

    broker = make_broker()
    tickets.leave(Ticket("mine", "player_fetch_1", "1000.000000", ""))
    await broker.kick(message("another"))
    assert tickets.is_left("mine")
    await broker.kick(message("mine"))  # its claim does not stand
    assert not tickets.is_left("mine")
    assert await messages(redis, keys.queue) == [b"another"]

    async def leave() -> None:
        tickets.leave(Ticket("theirs", "player_fetch_1", "1000.000000", ""))

    await asyncio.create_task(leave())
    assert not tickets.is_left("theirs")
