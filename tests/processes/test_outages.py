"""Redis away, standing still, emptied, replaced: an instance at work goes on answering, and heals without a burst.

One instance lives through all of it. OSRSDIFF_TEST_AWAY_S makes the long absence longer than 30 s.
"""

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest

PLAYERS = 24
PER_SECOND, BURST, CONCURRENCY = 3, 2, 4
INTERVAL_S = 60
LATE_S = 5.0
"""A fire may be so old before it counts as late."""
AWAY_S = float(os.environ.get("OSRSDIFF_TEST_AWAY_S", "30"))

READS = ("/api/v1/players?limit=5", "/api/v1/players/bench%201", "/api/v1/players/bench%201/stats", "/healthz")


class Watch(threading.Thread):
    """Reads from the API all the time, and notes how many requests the hiscores have had."""

    def __init__(self, run: Any, simulation_url: str) -> None:
        super().__init__(daemon=True)
        self.run_ = run
        self._requests_url = f"{simulation_url}/_control/requests"
        self._ended = threading.Event()
        self.refused: list[tuple[str, object]] = []
        self.counts: list[tuple[float, int]] = []

    def run(self) -> None:
        while not self._ended.wait(0.1):
            for path in READS:
                try:
                    status: object = self.run_.get(path)[0]
                except OSError as error:
                    status = error
                if status != 200:
                    self.refused.append((path, status))
            self.count()

    def count(self) -> int:
        with urllib.request.urlopen(self._requests_url, timeout=10) as answer:
            by_name = json.load(answer)["by_name"]
        total = sum(count for name, count in by_name.items() if name.startswith("bench"))
        self.counts.append((time.monotonic(), total))
        return total

    def too_many(self) -> list[tuple[float, float, int]]:
        """Spans with more requests than the budget has; two seconds are what a busy machine may delay."""
        return [
            (begin, end, after - before)
            for (begin, before), (end, after) in combinations(self.counts, 2)
            if after - before > (end - begin + 2) * PER_SECOND + BURST
        ]

    def end(self) -> None:
        self._ended.set()
        self.join(30)


class Clan:
    """The instance, its Redis, and what is expected of them."""

    def __init__(self, run: Any, redis: Any, watch: Watch) -> None:
        self.run = run
        self.redis = redis
        self.watch = watch
        self.processes = run.processes()
        [key] = redis.ask("KEYS", "osrsdiff:*:marker")
        self.prefix = key.decode().removesuffix("marker")

    def redis_is_said_not_to_answer(self) -> bool:
        status, body = self.run.get("/readyz")
        return (status, body["parts"]["redis"]) == (503, "does not answer")

    def everybody_is_asked_for(self) -> None:
        """The queue is full when this returns, and the budget busy."""
        before = self.watch.count()
        names = (f"bench {number}" for number in range(1, PLAYERS + 1))
        assert self.run.command("player", "fetch", *names, "--no-wait").returncode == 0
        while self.watch.count() == before:
            time.sleep(0.05)

    def is_whole(self) -> bool:
        """Everybody is scheduled, within the interval, nobody is late, and every part is well."""
        now = time.time()
        fires = self.redis.ask("ZRANGE", f"{self.prefix}due", "0", "-1", "WITHSCORES")
        times = [float(fire) for _, fire in fires]
        claimed = {float(fire) for fire in self.redis.ask("HVALS", f"{self.prefix}claims")}
        in_time = all(now - LATE_S < fire <= now + INTERVAL_S + LATE_S for fire in (*times, *claimed))
        return len(times) == PLAYERS and in_time and self.run.get("/readyz")[0] == 200


@pytest.fixture(scope="module")
def clan(
    start_lasting_run: Callable[..., Any],
    make_redis: Callable[[], Any],
    simulation_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Clan]:
    """Two dozen players looked at every minute."""
    redis = make_redis().start()
    run = start_lasting_run(
        OSRSDIFF_REDIS__URL=redis.url,
        OSRSDIFF_HISCORES__REQUESTS_PER_SECOND=str(PER_SECOND),
        OSRSDIFF_HISCORES__BURST=str(BURST),
        OSRSDIFF_WORKER__CONCURRENCY=str(CONCURRENCY),
    ).ready()
    names = tmp_path_factory.mktemp("names") / "names"
    names.write_text("".join(f"bench {number}\n" for number in range(1, PLAYERS + 1)))
    added = run.command("player", "add", "--file", str(names), "--interval", "1", "--no-wait")
    assert added.returncode == 0, added.stderr
    watch = Watch(run, simulation_url)
    watch.start()
    clan = Clan(run, redis, watch)
    yield clan
    watch.end()


@pytest.fixture(autouse=True)
def unharmed(clan: Clan, eventually: Callable[..., None]) -> Iterator[None]:
    """Whatever happens: afterwards all is whole, no process was replaced, no read refused, no budget exceeded.

    And what an outage raises was expected wherever it was raised.
    """
    yield
    eventually(clan.is_whole, "everybody is scheduled and nobody late", 60)
    assert clan.run.processes() == clan.processes
    assert clan.watch.refused == []
    assert clan.watch.too_many() == []
    said = clan.run.program.lines
    if unexpected := [place for place, line in enumerate(said) if "Traceback" in line]:
        pytest.fail("\n".join(said[unexpected[0] : unexpected[0] + 31]))


def test_redis_away_for_a_second_while_everybody_is_fetched(clan: Clan) -> None:
    clan.everybody_is_asked_for()
    clan.redis.stop()
    time.sleep(1)
    clan.redis.start()


def test_redis_emptied_while_everybody_is_fetched(clan: Clan) -> None:
    clan.everybody_is_asked_for()
    clan.redis.ask("FLUSHALL")


def test_redis_that_stands_still(clan: Clan) -> None:
    clan.redis.send_signal(signal.SIGSTOP)
    try:
        assert clan.redis_is_said_not_to_answer()
    finally:
        clan.redis.send_signal(signal.SIGCONT)


def test_redis_away_for_long(clan: Clan) -> None:
    clan.redis.stop()
    back_at = time.monotonic() + AWAY_S
    assert clan.redis_is_said_not_to_answer()
    shown = clan.run.command("status", "--json")
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["parts"]["redis"] == "does not answer"
    time.sleep(max(0.0, back_at - time.monotonic()))
    clan.redis.start()


def test_redis_replaced_by_an_empty_one(clan: Clan, eventually: Callable[..., None]) -> None:
    clan.redis.stop()
    clan.redis.forget()
    clan.redis.start()
    eventually(clan.is_whole, "everybody is scheduled and nobody late", 60)
    before = clan.watch.count()
    eventually(lambda: clan.watch.count() >= before + 2, "fetching goes on", 30)
