"""Scheduling measured: how late schedules fire, bulk work on them, tasks through the broker.

    python tests/bench/scheduling.py [lag] [bulk] [broker] [--quick] [--seconds 120] [--players N …] [--concurrency 100]

    lag     a real `taskiq scheduler` process with 1,000, 100,000 and 1,000,000 hourly players, beside the library's
            own source and broker (refreshed once a minute, its default) with 1,000, 10,000 and 100,000
    bulk    create, verify, pause, resume and remove 100,000 schedules
    broker  tasks through real `taskiq worker` processes, one and two, beside the library's stream broker

Each run has a Redis of its own: the server that an instance starts for itself, on a socket, its appends synced each
second. No request budget holds anything back.
"""

import argparse

import broker
import bulk
import lag

PARTS = ("lag", "bulk", "broker")


def lags(given: argparse.Namespace) -> None:
    """How late schedules fire."""
    mine = given.players or ([1_000, 10_000] if given.quick else [1_000, 100_000, 1_000_000])
    theirs = given.stock_players or ([1_000] if given.quick else [1_000, 10_000, 100_000])
    seconds = min(given.seconds, 20.0) if given.quick else given.seconds
    runs = [lag.ours(players, seconds) for players in mine]
    runs += [lag.stock(players, seconds) for players in theirs]
    lag.show(runs, seconds)


def bulks(given: argparse.Namespace) -> None:
    """Bulk work."""
    players = 5_000 if given.quick else 100_000
    bulk.show(players, bulk.ours(players), bulk.stock(players))


def brokers(given: argparse.Namespace) -> None:
    """Tasks through the broker; results are measured with no-op tasks in one process alone."""
    runs = []
    for load in broker.loads(is_quick=given.quick, concurrency=given.concurrency):
        with_results = load.task == broker.NOTHING and load.processes == 1
        wanted = [broker.STOCK, broker.OURS, *([broker.OURS_WITH_RESULTS] if with_results else [])]
        runs += [broker.measure(name, load) for name in wanted]
    broker.show(runs)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="lag, bulk, broker; all of them where none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes and short runs, to see that all of it works")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long each lag is measured")
    parser.add_argument("--players", type=int, nargs="+", help="lag: the product's sizes")
    parser.add_argument("--stock-players", type=int, nargs="+", help="lag: the library's sizes")
    parser.add_argument("--concurrency", type=int, default=100, help="broker: tasks under way in each worker process")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    measure = {"lag": lags, "bulk": bulks, "broker": brokers}
    for part in given.parts or PARTS:
        measure[part](given)


if __name__ == "__main__":
    main()
