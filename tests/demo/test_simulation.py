"""The simulated hiscores over HTTP: the official answers, every fault on demand, and the control room."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec
import pytest
from aiohttp import ClientPayloadError, ClientSession, ClientTimeout

from osrsdiff.demo import clocks
from osrsdiff.demo.faults import Fault, FaultKind
from osrsdiff.demo.server import LEFT_OUT_SKILL, NEW_BOSS, Simulation
from osrsdiff.demo.world import World
from osrsdiff.errors import Malformed, NameRefused, NotRanked, RateLimited, Unavailable
from osrsdiff.game.metrics import KNOWN
from osrsdiff.game.modes import GameMode
from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.hiscores.parser import parse

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
NOW = EPOCH + timedelta(days=10)


@pytest.fixture
async def simulation() -> AsyncIterator[Simulation]:
    async with Simulation(World(epoch=EPOCH), clock=clocks.fixed(NOW)) as running:
        yield running


@pytest.fixture
async def client(simulation: Simulation) -> AsyncIterator[HiscoresClient]:
    async with HiscoresClient(simulation.url, "", total_timeout_s=5.0) as opened:
        yield opened


@pytest.fixture
async def http(simulation: Simulation) -> AsyncIterator[ClientSession]:
    async with ClientSession(simulation.url, timeout=ClientTimeout(total=10)) as session:
        yield session


def path(name: str, table: str = "hiscore_oldschool") -> str:
    return f"/m={table}/index_lite.json?player={quote(name)}"


async def status_of(http: ClientSession, url: str) -> int:
    async with http.get(url, allow_redirects=False) as response:
        return response.status


# --- as the official hiscores answer


async def test_a_player_is_answered_with_the_worlds_body(simulation: Simulation, http: ClientSession) -> None:
    async with http.get(path("Brass_Heron")) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert await response.read() == simulation.world.body("Brass_Heron", NOW)


async def test_the_client_gets_what_the_world_says(simulation: Simulation, client: HiscoresClient) -> None:
    assert await client.fetch("brass heron") == simulation.world.body("brass heron", NOW)
    row = await client.fetch("iron thimble", GameMode.IRONMAN)
    assert row == simulation.world.body("iron thimble", NOW, GameMode.IRONMAN)


async def test_nobody_is_404_and_a_bad_name_is_400(client: HiscoresClient) -> None:
    with pytest.raises(NotRanked):
        await client.fetch("nobody here")
    with pytest.raises(NotRanked):
        await client.fetch("brass heron", GameMode.IRONMAN)
    with pytest.raises(NameRefused):
        await client.fetch("far too long a name")


async def test_tables_without_anybody_are_404_and_a_missing_name_is_400(http: ClientSession) -> None:
    assert await status_of(http, path("Brass Heron", "hiscore_oldschool_deadman")) == 404
    assert await status_of(http, "/m=hiscore_oldschool/index_lite.json") == 400
    assert await status_of(http, "/m=hiscore_oldschool/index_lite.ws?player=x") == 404


async def test_the_newcomer_appears_when_its_time_has_come(simulation: Simulation, client: HiscoresClient) -> None:
    with pytest.raises(NotRanked):
        await client.fetch("new sprout")
    simulation.advance(timedelta(days=20))
    assert len(parse(await client.fetch("new sprout")).sheet) == len(KNOWN)


# --- faults


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        (FaultKind.NOT_FOUND, 404, NotRanked),
        (FaultKind.NAME_REFUSED, 400, NameRefused),
        (FaultKind.RATE_LIMITED, 429, RateLimited),
        (FaultKind.UNAVAILABLE, 503, Unavailable),
        (FaultKind.REDIRECT, 302, Unavailable),
        (FaultKind.HTML, 200, Unavailable),
    ],
)
async def test_each_refusal_has_its_status_and_its_error(
    simulation: Simulation,
    client: HiscoresClient,
    http: ClientSession,
    kind: FaultKind,
    status: int,
    error: type[Exception],
) -> None:
    simulation.faults.add(Fault(kind, times=2))
    assert await status_of(http, path("Brass Heron")) == status
    with pytest.raises(error):
        await client.fetch("brass heron")
    assert await status_of(http, path("Brass Heron")) == 200


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMITED, FaultKind.UNAVAILABLE])
async def test_retry_after_is_sent_where_asked_for(
    simulation: Simulation, client: HiscoresClient, kind: FaultKind
) -> None:
    simulation.faults.add(Fault(kind, times=1))
    simulation.faults.add(Fault(kind, times=1, retry_after="77"))
    asked = []
    for _ in range(2):
        with pytest.raises((RateLimited, Unavailable)) as refused:
            await client.fetch("brass heron")
        asked.append(refused.value.retry_after_s)
    assert asked == [None, 77.0]


async def test_a_redirect_leads_to_a_page_and_not_to_data(simulation: Simulation, http: ClientSession) -> None:
    simulation.faults.add(Fault(FaultKind.REDIRECT, times=1))
    async with http.get(path("Brass Heron")) as response:
        assert response.content_type == "text/html"
        assert (await response.text()).startswith("<!DOCTYPE html>")


async def test_a_truncated_body_is_half_of_what_was_announced(
    simulation: Simulation, http: ClientSession, client: HiscoresClient
) -> None:
    simulation.faults.add(Fault(FaultKind.TRUNCATED))
    async with http.get(path("Brass Heron")) as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 6000
        with pytest.raises(ClientPayloadError):
            await response.read()
    with pytest.raises(Unavailable) as cut:
        await client.fetch("brass heron")
    assert not cut.value.opens_breaker


async def test_a_drip_fed_body_is_right_and_too_slow(simulation: Simulation, http: ClientSession) -> None:
    simulation.faults.add(Fault(FaultKind.DRIP_FEED, pause_s=0.01))
    async with http.get(path("Brass Heron")) as response:
        assert await response.content.readexactly(8) == b'{"name":'
    async with HiscoresClient(simulation.url, "", total_timeout_s=0.2) as hasty:
        with pytest.raises(Unavailable) as late:
            await hasty.fetch("brass heron")
    assert not late.value.opens_breaker


async def test_a_new_boss_shifts_the_ids_behind_it(simulation: Simulation, client: HiscoresClient) -> None:
    simulation.faults.add(Fault(FaultKind.NEW_BOSS, times=1))
    body = await client.fetch("brass heron")
    rows = msgspec.json.decode(body)["activities"]
    assert [row["id"] for row in rows] == list(range(92))
    (new,) = parse(body).new_metrics
    assert new.name == NEW_BOSS
    assert NEW_BOSS not in {metric.name for metric in KNOWN}
    assert parse(body).sheet[new.key].value == 7


async def test_a_missing_skill_is_malformed(simulation: Simulation, client: HiscoresClient) -> None:
    simulation.faults.add(Fault(FaultKind.MISSING_SKILL, times=1))
    body = await client.fetch("brass heron")
    rows = msgspec.json.decode(body)["skills"]
    assert [row["id"] for row in rows] == list(range(24))
    assert LEFT_OUT_SKILL not in {row["name"] for row in rows}
    with pytest.raises(Malformed):
        parse(body)


async def test_a_stale_body_is_that_of_some_time_ago(simulation: Simulation, client: HiscoresClient) -> None:
    simulation.faults.add(Fault(FaultKind.STALE, times=1, by_s=7200))
    assert await client.fetch("mudlark jo") == simulation.world.body("mudlark jo", NOW - timedelta(hours=2))
    assert await client.fetch("mudlark jo") == simulation.world.body("mudlark jo", NOW)


async def test_a_logout_comes_between_two_requests(simulation: Simulation, client: HiscoresClient) -> None:
    simulation.faults.add(Fault(FaultKind.LOGOUT, times=1, by_s=3600))
    assert await client.fetch("iron thimble") == simulation.world.body("iron thimble", NOW)
    assert simulation.now() == NOW + timedelta(hours=1)


async def test_the_missing_skill_and_the_new_boss_can_be_named(simulation: Simulation, client: HiscoresClient) -> None:
    simulation.faults.add(Fault(FaultKind.MISSING_SKILL, metric="Sailing", times=1))
    simulation.faults.add(Fault(FaultKind.NEW_BOSS, metric="Agility", times=1))
    assert "sailing" not in parse(await client.fetch("brass heron")).sheet
    assert "agility_activity" in parse(await client.fetch("brass heron")).sheet


async def test_a_player_on_no_table_stays_404_under_a_fault_of_content(
    simulation: Simulation, client: HiscoresClient
) -> None:
    simulation.faults.add(Fault(FaultKind.NEW_BOSS))
    with pytest.raises(NotRanked):
        await client.fetch("nobody here")


# --- the control room


async def test_faults_are_set_and_cleared_over_http(http: ClientSession) -> None:
    async with http.post("/_control/faults", data=b'{"kind":"unavailable","player":"Brass Heron"}') as response:
        assert response.status == 200
    assert await status_of(http, path("brass-heron")) == 503
    assert await status_of(http, path("idle turnip")) == 200
    async with http.delete("/_control/faults") as response:
        assert response.status == 200
    assert await status_of(http, path("brass-heron")) == 200


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/_control/faults", b'{"kind":"earthquake"}'),
        ("/_control/faults", b'{"kind":"html","player":"no;such"}'),
        ("/_control/faults", b"not json"),
        ("/_control/clock", b'{"advance":5}'),
    ],
)
async def test_bad_control_is_refused_with_a_reason(http: ClientSession, url: str, body: bytes) -> None:
    async with http.post(url, data=body) as response:
        assert response.status == 400
        assert await response.text()


async def test_the_clock_is_advanced_over_http(simulation: Simulation, http: ClientSession) -> None:
    async with http.post("/_control/clock", data=b'{"advance_s":3600}') as response:
        assert await response.json() == {"now": "2026-09-17T01:00:00Z"}
    assert simulation.now() == NOW + timedelta(hours=1)
    async with http.get(path("bench 1")) as response:
        assert await response.read() == simulation.world.body("bench 1", NOW + timedelta(hours=1))


async def test_requests_are_counted_by_canonical_name(http: ClientSession) -> None:
    for name in ("Brass Heron", "brass_heron", "nobody", "not;valid"):
        await status_of(http, path(name))
    async with http.get("/_control/requests") as response:
        assert await response.json() == {
            "total": 3,
            "by_name": {"brass heron": 2, "nobody": 1},
            "by_table": {"regular": 3},
        }


async def test_requests_are_counted_by_table(simulation: Simulation, http: ClientSession) -> None:
    for table in ("hiscore_oldschool", "hiscore_oldschool_ironman", "hiscore_oldschool_ironman"):
        await status_of(http, path("Iron_Thimble", table))
    assert simulation.asked == {("iron thimble", GameMode.REGULAR): 1, ("iron thimble", GameMode.IRONMAN): 2}


async def test_two_simulations_run_side_by_side(simulation: Simulation) -> None:
    async with Simulation(World(seed=2, epoch=EPOCH)) as other:
        assert other.url != simulation.url


# --- clocks


def test_a_fixed_clock_stands_still() -> None:
    clock = clocks.fixed(NOW)
    assert clock() == clock() == NOW


def test_a_fast_clock_runs_ahead_of_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([100.0, 100.0, 102.5])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    clock = clocks.running(NOW, speed=60)
    assert clock() == NOW
    assert clock() == NOW + timedelta(seconds=150)


def test_the_real_clock_is_aware_utc() -> None:
    assert clocks.real().tzinfo is UTC


# --- alone as a process


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "osrsdiff.demo.server", "--seed", "3", "--epoch", "2026-09-07"]
    command += ["--at", "2026-09-17", "--speed", "0"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield running
    running.kill()
    running.communicate()


async def test_as_a_process_it_prints_its_url_serves_and_stops(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    async with ClientSession(url) as http, http.get(path("Grim Ladle")) as response:
        body = await response.read()
    assert body == World(seed=3, epoch=EPOCH).body("Grim Ladle", NOW)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert process.communicate() == ("", "")
