import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from osrsdiff.errors import FetchError, NameRefused, NotRanked, RateLimited, Unavailable
from osrsdiff.game.modes import GameMode
from osrsdiff.hiscores.client import BODY_LIMIT, HiscoresClient, retry_after, user_agent

DATA = b'{"skills":[],"activities":[]}'
PAGE = "<!DOCTYPE html><html><body>Back soon</body></html>"
CONTACT = "someone@example.org"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Hiscores:
    """A server on loopback that answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = plain(200, DATA)
        self.asked: list[web.Request] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)


def plain(status: int, body: bytes = b"", content_type: str = "application/json", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=content_type, headers=named)

    return answer


@pytest.fixture
async def server() -> AsyncIterator[Hiscores]:
    hiscores = Hiscores()
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", hiscores.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hiscores.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield hiscores
    await runner.cleanup()


@pytest.fixture
async def client(server: Hiscores) -> AsyncIterator[HiscoresClient]:
    async with HiscoresClient(server.url + "/", CONTACT) as client:
        yield client


async def refused(client: HiscoresClient, kind: type[FetchError]) -> FetchError:
    with pytest.raises(kind) as caught:
        await client.fetch("quill moss")
    assert type(caught.value) is kind
    return caught.value


async def unavailable(client: HiscoresClient) -> Unavailable:
    error = await refused(client, Unavailable)
    assert isinstance(error, Unavailable)
    return error


async def test_a_good_answers_body_is_handed_over(client: HiscoresClient) -> None:
    assert await client.fetch("quill moss") == DATA


@pytest.mark.parametrize(
    ("mode", "table"),
    [
        (GameMode.REGULAR, "hiscore_oldschool"),
        (GameMode.IRONMAN, "hiscore_oldschool_ironman"),
        (GameMode.HARDCORE, "hiscore_oldschool_hardcore_ironman"),
        (GameMode.ULTIMATE, "hiscore_oldschool_ultimate"),
    ],
)
async def test_each_mode_has_its_table(client: HiscoresClient, server: Hiscores, mode: GameMode, table: str) -> None:
    await client.fetch("fen", mode)
    assert server.asked[0].raw_path == f"/m={table}/index_lite.json?player=fen"


@pytest.mark.parametrize(("name", "query"), [("quill moss", "quill%20moss"), ("a&b=c+d/é", "a%26b%3Dc%2Bd%2F%C3%A9")])
async def test_names_are_percent_encoded(client: HiscoresClient, server: Hiscores, name: str, query: str) -> None:
    await client.fetch(name)
    assert server.asked[0].raw_path.endswith(f"?player={query}")
    assert server.asked[0].query["player"] == name


async def test_requests_name_the_program_and_whom_to_write_to(client: HiscoresClient, server: Hiscores) -> None:
    await client.fetch("quill moss")
    agent = server.asked[0].headers["User-Agent"]
    assert agent.startswith("osrsdiff/")
    assert agent.endswith(f" (+{CONTACT})")


@pytest.mark.parametrize("contact", ["", "  ", "\r\n"])
def test_without_a_contact_only_the_program_is_named(contact: str) -> None:
    assert "(" not in user_agent(contact)


def test_a_contact_can_forge_no_header() -> None:
    assert "\n" not in user_agent("me\r\nX-Other: 1")


async def test_404_is_not_ranked(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(404, PAGE.encode(), "text/html")
    assert "quill moss" in str(await refused(client, NotRanked))


async def test_400_refuses_the_name(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(400)
    await refused(client, NameRefused)


@pytest.mark.parametrize("status", [403, 429])
async def test_being_told_to_slow_down_is_rate_limited(client: HiscoresClient, server: Hiscores, status: int) -> None:
    server.answer = plain(status)
    assert (await refused(client, RateLimited)).retry_after_s is None


@pytest.mark.parametrize("status", [500, 502, 503, 504, 204, 401, 410, 418])
async def test_any_other_status_is_unavailable_for_everybody(
    client: HiscoresClient, server: Hiscores, status: int
) -> None:
    server.answer = plain(status)
    assert (await unavailable(client)).opens_breaker


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(client: HiscoresClient, server: Hiscores, status: int) -> None:
    server.answer = plain(status, Location="/elsewhere")
    assert (await unavailable(client)).opens_breaker
    assert len(server.asked) == 1


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
async def test_a_page_with_200_is_unavailable(client: HiscoresClient, server: Hiscores, content_type: str) -> None:
    server.answer = plain(200, PAGE.encode(), content_type, Retry_After="60")
    error = await unavailable(client)
    assert error.opens_breaker
    assert error.retry_after_s == 60


async def test_words_called_html_are_unavailable(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(200, b"temporarily blocked", "text/html")
    assert (await unavailable(client)).opens_breaker


async def test_data_called_html_is_still_data(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(200, DATA, "text/html")
    assert await client.fetch("quill moss") == DATA


async def test_nothing_with_200_is_unavailable(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(200)
    await unavailable(client)


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (403, RateLimited), (503, Unavailable)])
async def test_retry_after_is_passed_on(
    client: HiscoresClient, server: Hiscores, status: int, kind: type[FetchError]
) -> None:
    server.answer = plain(status, Retry_After="90")
    assert (await refused(client, kind)).retry_after_s == 90


async def test_retry_after_may_be_a_date(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    seconds = (await refused(client, RateLimited)).retry_after_s
    assert seconds is not None
    assert 3500 < seconds <= 3600


NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 120 ", 120),
        ("999999999", 86_400),
        ("Sat, 31 Jan 2026 12:10:00 GMT", 600),
        ("Sat, 31 Jan 2026 12:10:00 -0000", 600),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("Sat, 31 Jan 2126 11:00:00 GMT", 86_400),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("inf", None),
        ("Sat, 31 Jan 99999 12:00:00 GMT", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_means_seconds_of_at_most_a_day(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


async def test_a_body_over_the_limit_is_not_read_on(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(200, b"{" + b" " * BODY_LIMIT)
    assert not (await unavailable(client)).opens_breaker


async def test_a_small_body_that_unpacks_over_the_limit_is_refused(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(200, gzip.compress(b"{" + b" " * (50 * BODY_LIMIT)), Content_Encoding="gzip")
    assert not (await unavailable(client)).opens_breaker


async def test_a_packed_body_is_unpacked(client: HiscoresClient, server: Hiscores) -> None:
    server.answer = plain(200, gzip.compress(DATA), Content_Encoding="gzip")
    assert await client.fetch("quill moss") == DATA


async def test_after_any_refusal_the_next_answer_arrives(client: HiscoresClient, server: Hiscores) -> None:
    for status in (404, 429, 503, 302):
        server.answer = plain(status, PAGE.encode(), "text/html")
        with pytest.raises(FetchError):
            await client.fetch("quill moss")
    server.answer = plain(200, DATA)
    assert await client.fetch("quill moss") == DATA


Wire = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def wire(*parts: bytes, pause_s: float = 0.0, stays_open: bool = False) -> AsyncIterator[str]:
    """A server that sends each client these bytes, whatever it was asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if stays_open:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def unavailable_over(wired: AbstractAsyncContextManager[str]) -> Unavailable:
    async with wired as url, HiscoresClient(url, CONTACT, total_timeout_s=0.4) as client:
        return await unavailable(client)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"Content-Length: 500\r\n\r\n" + DATA],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n1d\r\n" + DATA + b"\r\n"],
        [HEAD + b"Content-Encoding: gzip\r\nContent-Length: 29\r\n\r\n" + DATA],
        [],
        [HEAD],
        [b"this is no HTTP\r\n\r\n"],
    ],
)
async def test_an_answer_cut_short_is_one_players_bad_luck(parts: list[bytes]) -> None:
    assert not (await unavailable_over(wire(*parts))).opens_breaker


async def test_an_answer_that_never_comes_times_out() -> None:
    error = await unavailable_over(wire(stays_open=True))
    assert not error.opens_breaker
    assert "too long" in str(error)


async def test_an_answer_drop_by_drop_times_out_all_the_same() -> None:
    drops = [b" "] * 1000
    error = await unavailable_over(wire(HEAD + b"Content-Length: 1000\r\n\r\n", *drops, pause_s=0.05))
    assert not error.opens_breaker
    assert "too long" in str(error)


async def test_no_server_at_all_pauses_everybody() -> None:
    async with HiscoresClient(f"http://127.0.0.1:{unused_port()}", CONTACT) as client:
        assert (await unavailable(client)).opens_breaker


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await HiscoresClient("http://127.0.0.1", CONTACT).fetch("quill moss")
