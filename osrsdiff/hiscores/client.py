"""Asks the official hiscores for one player and says what kind of answer came. One session per process.

Knows statuses, headers and time limits; what a body means is the parser's. Asks when told to: the pace is the budget's.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self
from urllib.parse import quote

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
)
from yarl import URL

from osrsdiff.errors import FetchError, NameRefused, NotRanked, RateLimited, Unavailable
from osrsdiff.game.modes import GameMode
from osrsdiff.hiscores.parser import is_data

TABLES: Mapping[GameMode, str] = {
    GameMode.REGULAR: "hiscore_oldschool",
    GameMode.IRONMAN: "hiscore_oldschool_ironman",
    GameMode.HARDCORE: "hiscore_oldschool_hardcore_ironman",
    GameMode.ULTIMATE: "hiscore_oldschool_ultimate",
}

BODY_LIMIT = 256 * 1024
"""Twenty times the largest answer so far."""

_LONGEST_RETRY_AFTER_S = 24 * 3600.0
_SECONDS = re.compile(r"[0-9]{1,9}")


class HiscoresClient:
    """The hiscores at `base_url`. Use as an async context manager: it owns one HTTP session."""

    def __init__(self, base_url: str, contact: str, *, total_timeout_s: float = 10.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._user_agent = user_agent(contact)
        self._timeout = ClientTimeout(
            total=total_timeout_s,
            sock_connect=total_timeout_s / 2,  # leaves time for an answer
            sock_read=total_timeout_s * 0.8,
        )
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            timeout=self._timeout, headers={"User-Agent": self._user_agent}, cookie_jar=DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, username: str, table: GameMode = GameMode.REGULAR) -> bytes:
        """The body of a 200 answer that may be data; never follows a redirect.

        Raises NotRanked, NameRefused, RateLimited or Unavailable.
        """
        if self._session is None:
            raise RuntimeError("the client is not open: use it in `async with`")
        try:
            async with self._session.get(self._url(username, table), allow_redirects=False) as response:
                if response.status != 200:
                    raise _refusal(response, username)
                return _checked(response, await _read(response))
        except TimeoutError as error:
            raise Unavailable("the hiscores took too long to answer", opens_breaker=False) from error
        except ClientConnectorError as error:
            raise Unavailable(f"the hiscores can't be reached: {error}") from error
        except ClientPayloadError as error:
            raise Unavailable("the hiscores' answer was cut short", opens_breaker=False) from error
        except (ClientError, OSError) as error:
            raise Unavailable(f"the hiscores' answer was lost: {error}", opens_breaker=False) from error

    def _url(self, username: str, table: GameMode) -> URL:
        query = f"player={quote(username, safe='')}"
        return URL(f"{self._base_url}/m={TABLES[table]}/index_lite.json?{query}", encoded=True)


def user_agent(contact: str) -> str:
    """How requests name this program and, where given, whom to write to about it."""
    program = f"osrsdiff/{version('osrsdiff')}"
    reachable = "".join(c for c in contact if c.isprintable()).strip()
    return f"{program} (+{reachable})" if reachable else program


def _refusal(response: ClientResponse, username: str) -> FetchError:
    retry_after_s = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    match response.status:
        case 404:
            return NotRanked(f"{username} is not on this hiscores table")
        case 400:
            return NameRefused(f"the hiscores refuse the name {username}")
        case 403 | 429:
            return RateLimited(f"the hiscores ask to slow down (status {response.status})", retry_after_s=retry_after_s)
        case status:
            return Unavailable(f"the hiscores are not available (status {status})", retry_after_s=retry_after_s)


async def _read(response: ClientResponse) -> bytes:
    parts = bytearray()
    async for part in response.content.iter_any():
        parts += part
        if len(parts) > BODY_LIMIT:
            raise Unavailable(f"the hiscores' answer is longer than {BODY_LIMIT} bytes", opens_breaker=False)
    return bytes(parts)


def _checked(response: ClientResponse, body: bytes) -> bytes:
    markup = response.content_type == "text/html" and not body.lstrip().startswith(b"{")
    if markup or not is_data(body):
        retry_after_s = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        raise Unavailable("the hiscores answered with a page instead of data", retry_after_s=retry_after_s)
    return body


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), at most a day; None where it says nothing."""
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:  # "-0000", which HTTP means as UTC
        at = at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), _LONGEST_RETRY_AFTER_S)
