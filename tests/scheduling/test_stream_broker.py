"""Every message is run once, none is lost, and the stream holds only what is not finished."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as RedisAway
from taskiq import AckableMessage, TaskiqScheduler
from taskiq.message import BrokerMessage
from taskiq_redis import RedisStreamBroker

from osrsdiff import redis_client
from osrsdiff.errors import RedisUnreachable
from osrsdiff.hiscores.budget import PROBE_S
from osrsdiff.scheduling.broker import GROUP, StreamBroker
from osrsdiff.scheduling.constants import ALIVE_S
from osrsdiff.scheduling.keys import Keys
from osrsdiff.scheduling.manager import PlayerScheduleManager
from osrsdiff.scheduling.source import PlayerScheduleSource
from osrsdiff.tracking.fetcher import TIMEOUT_S
from osrsdiff.tracking.instance import LONGEST_WAIT_S

MakeBroker = Callable[..., StreamBroker]
Eventually = Callable[[Callable[[], Awaitable[bool]], str], Awaitable[None]]

QUICK = {"alive_s": 0.3, "block_s": 0.1}


def message(text: str) -> BrokerMessage:
    return BrokerMessage(task_id=text, task_name="t", message=text.encode(), labels={})


@asynccontextmanager
async def listening(broker: StreamBroker) -> AsyncIterator[Callable[[], Awaitable[AckableMessage]]]:
    """The next message of a worker, as often as it is asked."""
    await broker.startup()
    stream = broker.listen()
    try:
        yield lambda: asyncio.wait_for(anext(stream), 10)
    finally:
        await stream.aclose()


async def ack(received: AckableMessage) -> None:
    done = received.ack()
    assert done is not None
    await done


async def consumers(redis: Redis, keys: Keys) -> set[str]:
    return {info["name"].decode() for info in await redis.xinfo_consumers(keys.queue, GROUP)}


def left_in(redis: Redis, keys: Keys, count: int) -> Callable[[], Awaitable[bool]]:
    async def are_left() -> bool:
        return int(await redis.xlen(keys.queue)) == count

    return are_left


async def pending(redis: Redis, keys: Keys) -> int:
    return int((await redis.xpending(keys.queue, GROUP))["pending"])


async def test_a_message_is_received_and_once_acknowledged_is_gone(
    make_broker: MakeBroker, redis: Redis, keys: Keys, eventually: Eventually
) -> None:
    sender, worker = make_broker(), make_broker(worker=True)
    assert isinstance(worker, RedisStreamBroker)
    async with listening(worker) as receive:
        await sender.kick(message("one"))
        received = await receive()
        assert received.data == b"one"
        assert await redis.xlen(keys.queue) == 1
        await ack(received)
        await eventually(left_in(redis, keys, 0), "it is gone")
        assert await pending(redis, keys) == 0


async def test_acknowledgements_of_one_moment_go_out_together_and_nobody_waits_for_them(
    make_broker: MakeBroker, redis: Redis, keys: Keys, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, worker = make_broker(), make_broker(worker=True, concurrency=10)
    trips: list[int] = []
    acknowledge = worker._acknowledge

    async def counted(keys: list[str], args: list[str]) -> object:
        trips.append(len(args))
        return await acknowledge(keys=keys, args=args)

    async with listening(worker) as receive:
        await asyncio.gather(*(sender.kick(message(str(number))) for number in range(10)))
        received = [await receive() for _ in range(10)]
        monkeypatch.setattr(worker, "_acknowledge", counted)
        for one in received:
            await ack(one)
        assert (trips, await redis.xlen(keys.queue)) == ([], 10)
        await eventually(left_in(redis, keys, 0), "all are gone")
    assert len(trips) == 1


async def test_what_was_sent_before_any_worker_started_is_received(make_broker: MakeBroker) -> None:
    await make_broker().kick(message("early"))
    async with listening(make_broker(worker=True)) as receive:
        assert (await receive()).data == b"early"


async def test_a_thousand_messages_go_out_in_few_round_trips_in_order(
    make_broker: MakeBroker, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, worker = make_broker(), make_broker(worker=True, concurrency=50)
    round_trips: list[object] = []
    answer, execute = redis.execute_command, Pipeline.execute

    async def counted(*command: object, **options: object) -> object:
        round_trips.append(command[0])
        return await answer(*command, **options)

    async def counted_pipeline(pipeline: Pipeline, *arguments: object, **options: object) -> object:
        round_trips.append("pipeline")
        return await execute(pipeline, *arguments, **options)

    monkeypatch.setattr(redis, "execute_command", counted)
    monkeypatch.setattr(Pipeline, "execute", counted_pipeline)
    await asyncio.gather(*(sender.kick(message(str(number))) for number in range(1_000)))
    async with listening(worker) as receive:
        received = [await receive() for _ in range(1_000)]
        assert [int(one.data) for one in received] == list(range(1_000))
        await asyncio.gather(*(ack(one) for one in received))
    assert await redis.xlen(keys.queue) == 0
    # one that adds, twenty that read, one that acknowledges, and those around it
    assert len(round_trips) < 40


async def test_each_message_goes_to_one_worker(make_broker: MakeBroker) -> None:
    sender = make_broker()
    first, second = make_broker(worker=True, concurrency=1), make_broker(worker=True, concurrency=1)
    async with listening(first) as one, listening(second) as other:
        await asyncio.gather(*(sender.kick(message(str(number))) for number in range(4)))
        received = [await one(), await other(), await one(), await other()]
    assert {int(one.data) for one in received} == {0, 1, 2, 3}


async def test_a_stopping_worker_gives_back_everything_it_has_not_finished(
    make_broker: MakeBroker, redis: Redis, keys: Keys, eventually: Eventually
) -> None:
    sender, worker = make_broker(), make_broker(worker=True, concurrency=10)
    await asyncio.gather(*(sender.kick(message(str(number))) for number in range(5)))
    async with listening(worker) as receive:
        await ack(await receive())
        await receive()  # taken, never finished
    # three were read and never asked for
    await eventually(left_in(redis, keys, 4), "the one that was acknowledged is gone")
    assert await pending(redis, keys) == 1
    await worker.shutdown()
    assert await redis.xlen(keys.queue) == 4
    assert await redis.xinfo_consumers(keys.queue, GROUP) == []
    assert await redis.zcard(keys.workers) == 0
    async with listening(make_broker(worker=True)) as receive:
        assert sorted([(await receive()).data for _ in range(4)]) == [b"1", b"2", b"3", b"4"]


async def test_a_dead_workers_messages_are_taken_over_on_a_quiet_queue_and_it_is_retired(
    make_broker: MakeBroker, redis: Redis, keys: Keys
) -> None:
    await make_broker().kick(message("in flight"))
    worker = make_broker(worker=True, **QUICK)
    async with listening(worker) as receive:
        await redis.xreadgroup(GROUP, "dead", {keys.queue: ">"})
        received = await receive()
        assert received.data == b"in flight"
        await ack(received)
        assert await consumers(redis, keys) == {worker.consumer_name}


async def test_a_living_workers_messages_stay_its_own(make_broker: MakeBroker, redis: Redis, keys: Keys) -> None:
    sender = make_broker()
    busy, idle = make_broker(worker=True, **QUICK), make_broker(worker=True, **QUICK)
    async with listening(busy) as receive, listening(idle) as receive_other:
        await sender.kick(message("long"))
        received = await receive()
        waiting = asyncio.ensure_future(receive_other())
        await asyncio.sleep(1)  # longer than a dead worker's messages stay
        assert not waiting.done()
        await sender.kick(message("next"))
        assert (await waiting).data == b"next"
        await ack(received)


async def test_what_a_living_worker_never_finishes_is_taken_over_at_last(make_broker: MakeBroker) -> None:
    await make_broker().kick(message("stuck"))
    stuck, other = make_broker(worker=True), make_broker(worker=True, **QUICK, idle_s=0.2)
    async with listening(stuck) as receive, listening(other) as receive_other:
        assert (await receive()).data == (await receive_other()).data == b"stuck"


async def test_a_message_that_kills_its_workers_is_given_up(
    make_broker: MakeBroker, redis: Redis, keys: Keys, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    await make_broker().kick(message("poison"))
    broker = make_broker(worker=True, **QUICK, most_deliveries=3)
    await broker.startup()
    await redis.xreadgroup(GROUP, "first", {keys.queue: ">"})
    [[id_, _]] = await redis.xrange(keys.queue)
    await redis.xclaim(keys.queue, GROUP, "second", 0, [id_])
    await redis.xclaim(keys.queue, GROUP, "third", 0, [id_])
    async with listening(broker) as receive:
        waiting = asyncio.ensure_future(receive())

        async def is_empty() -> bool:
            return await redis.xlen(keys.queue) == 0

        await eventually(is_empty, "the message is given up")
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert "message given up" in caplog.text


async def test_listening_goes_on_after_redis_lost_everything(make_broker: MakeBroker, redis: Redis) -> None:
    sender = make_broker()
    async with listening(make_broker(worker=True)) as receive:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0.05)
        await redis.flushall()
        await sender.kick(message("after"))
        assert (await waiting).data == b"after"


async def test_an_outage_is_survived_in_place_and_acknowledgements_are_made_up_for(
    make_broker: MakeBroker,
    redis: Redis,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
) -> None:
    caplog.set_level("INFO")
    sender = make_broker()

    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    async with listening(make_broker(worker=True, **QUICK)) as receive:
        await sender.kick(message("before"))
        received = await receive()
        with monkeypatch.context() as patch:
            patch.setattr(redis, "execute_command", away)
            patch.setattr("redis.asyncio.client.Pipeline.execute", away)
            waiting = asyncio.ensure_future(receive())
            await ack(received)
            with pytest.raises(RedisAway):
                await sender.kick(message("lost"))
            with pytest.raises(RedisUnreachable):
                await sender.send("t")
            await asyncio.sleep(0.5)
        await sender.kick(message("after"))
        after = await waiting
        assert after.data == b"after"
        await ack(after)

        async def is_empty() -> bool:
            return await redis.xlen(keys.queue) == 0

        await eventually(is_empty, "the first message is acknowledged too")
    assert caplog.text.count("redis away") == 1
    assert caplog.text.count("redis back") == 1


async def test_a_message_whose_delivery_was_lost_on_the_way_is_read_again(
    make_broker: MakeBroker, redis: Redis, keys: Keys, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_broker(worker=True)
    answer = redis.execute_command
    lost: list[object] = []

    async def lose_the_first_delivery(*command: object, **options: object) -> object:
        reply = await answer(*command, **options)
        if command[0] == "XREADGROUP" and reply and not lost:
            lost.append(reply)
            raise RedisAway("connection reset")
        return reply

    monkeypatch.setattr(redis, "execute_command", lose_the_first_delivery)
    await make_broker().kick(message("one"))
    async with listening(worker) as receive:
        received = await receive()
        assert lost
        assert received.data == b"one"
        await ack(received)
    await eventually(left_in(redis, keys, 0), "it is gone")


async def test_a_task_is_sent_by_its_name(make_broker: MakeBroker) -> None:
    broker = make_broker(worker=True)
    async with listening(broker) as receive:
        task_id = await broker.send("some_task", 7)
        received = broker.formatter.loads((await receive()).data)
        assert (received.task_id, received.task_name, received.args) == (task_id, "some_task", [7])


async def test_a_worker_that_is_started_twice_gives_signs_of_life_once_and_stops(make_broker: MakeBroker) -> None:
    def living() -> int:
        return sum("StreamBroker._live" in repr(task) for task in asyncio.all_tasks())

    broker = make_broker(worker=True, **QUICK)
    await broker.startup()
    await broker.startup()
    assert living() == 1
    await broker.shutdown()
    assert living() == 0


async def test_starting_without_redis_is_no_error(
    make_broker: MakeBroker, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise RedisAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(redis, "execute_command", away)
        worker = make_broker(worker=True)
        await worker.startup()
    sender = make_broker()
    await sender.startup()
    await sender.kick(message("one"))
    async with listening(worker) as receive:
        assert (await receive()).data == b"one"


async def test_what_another_worker_has_taken_over_is_neither_acknowledged_nor_given_back(
    make_broker: MakeBroker, redis: Redis, keys: Keys
) -> None:
    sender, asleep = make_broker(), make_broker(worker=True, concurrency=2)
    await asyncio.gather(sender.kick(message("begun")), sender.kick(message("not begun")))
    async with listening(asleep) as receive:
        begun = await receive()
        ids = [id_ for id_, _ in await redis.xrange(keys.queue)]
        await redis.xclaim(keys.queue, GROUP, "other", 0, ids)
        await ack(begun)
    await asleep.shutdown()
    assert [id_ for id_, _ in await redis.xrange(keys.queue)] == ids
    rows = await redis.xpending_range(keys.queue, GROUP, "-", "+", 10)
    assert [(row["message_id"], row["consumer"]) for row in rows] == [(id_, b"other") for id_ in ids]


async def test_a_players_next_beat_comes_though_a_fetch_was_given_up(
    make_broker: MakeBroker,
    source: PlayerScheduleSource,
    manager: PlayerScheduleManager,
    redis: Redis,
    keys: Keys,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
) -> None:
    scheduler = TaskiqScheduler(make_broker(), [source])
    await manager.schedule_players({7: 60}, first_fires={7: time.time()})
    [task] = await source.get_schedules()
    await scheduler.on_ready(source, task)
    broker = make_broker(worker=True, **QUICK, most_deliveries=1)
    async with listening(broker) as receive:
        await redis.xreadgroup(GROUP, "killed by it", {keys.queue: ">"})
        waiting = asyncio.ensure_future(receive())

        async def is_given_up() -> bool:
            return "message given up" in caplog.text

        await eventually(is_given_up, "the message is given up")
        assert any("player_fetch_7" in str(vars(record)) for record in caplog.records)
        assert await manager.next_fire(7) is not None
        await redis.zadd(keys.due, {"player_fetch_7": time.time()})  # as if its beat had come
        await source.get_schedules()
        [task] = await source.get_schedules()
        await scheduler.on_ready(source, task)
        assert broker.formatter.loads((await waiting).data).args == [7]


def test_a_living_workers_messages_are_left_to_it_for_longer_than_any_fetch_takes() -> None:
    idle_s = inspect.signature(StreamBroker).parameters["idle_s"].default
    redis_s = redis_client.create("redis://127.0.0.1:1/0").connection_pool.connection_kwargs["socket_timeout"]
    # a fetch by hand waits for another one's end; each asks Redis for a slot, after it, and to move the next fire
    longest_s = (LONGEST_WAIT_S + PROBE_S) + LONGEST_WAIT_S + TIMEOUT_S + 4 * redis_s
    # as many messages as run at once may wait behind those that run
    assert idle_s >= 2 * 2 * longest_s


def test_a_living_worker_is_never_taken_for_a_dead_one() -> None:
    parameters = inspect.signature(StreamBroker).parameters
    assert parameters["block_s"].default < parameters["alive_s"].default / 2 <= ALIVE_S / 2
