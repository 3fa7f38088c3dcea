"""What keeps answers from going stale: the clock that moves on, and what is not kept at all."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from osrsdiff.api import following
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player
from osrsdiff.tracking import sight

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

PLAYER = "/api/v1/players/lynx%20titan"
YEARS_END = datetime(2026, 12, 31, 23, 58, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the clock that answers go by."""

    def put(at: datetime) -> None:
        monkeypatch.setattr(following, "now", lambda: at)

    put(YEARS_END)
    return put


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("asked", ["gains", "gains?from=2024-01-01", "history/attack", "rates", "rates?period=month"])
async def test_a_span_that_ends_now_is_answered_anew_each_minute(
    api: Ask, lynx: Player, look: Look, clock: Callable[[datetime], None], asked: str
) -> None:
    for days in (9, 2):
        await look(lynx, datetime.now(UTC) - timedelta(days=days), attack=Reading(1000 - days, 9, None, None))
    first = (await api("GET", f"{PLAYER}/{asked}")).headers["ETag"]
    clock(YEARS_END + timedelta(seconds=59))
    assert (await api("GET", f"{PLAYER}/{asked}", headers={"If-None-Match": first})).status == 304
    clock(YEARS_END + timedelta(seconds=60))
    later = await api("GET", f"{PLAYER}/{asked}", headers={"If-None-Match": first})
    assert (later.status, later.headers["ETag"] == first) == (200, False)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_span_that_is_over_stays_as_it_is(
    api: Ask, lynx: Player, look: Look, clock: Callable[[datetime], None]
) -> None:
    for days in (0, 1):
        await look(lynx, datetime(2026, 1, 10 + days, tzinfo=UTC), attack=Reading(1000 + days, 9, None, None))
    asked = f"{PLAYER}/gains?from=2026-01-01&to=2026-01-20"
    tag = (await api("GET", asked)).headers["ETag"]
    clock(YEARS_END + timedelta(days=3))
    assert (await api("GET", asked)).headers["ETag"] == tag


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_new_year_has_a_calendar_of_its_own(
    api: Ask, lynx: Player, look: Look, clock: Callable[[datetime], None]
) -> None:
    await look(lynx, YEARS_END - timedelta(days=9), attack=Reading(1000, 9, None, None))
    asked = f"{PLAYER}/calendar/attack"
    years = []
    for at in (YEARS_END, YEARS_END + timedelta(minutes=2)):
        clock(at)
        years += [(await api("GET", f"{asked}{zone}")).document["year"] for zone in ("", "?tz=America/New_York")]
    assert years == [2026, 2026, 2027, 2026]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_when_the_next_look_is_due_is_said_anew_each_time(
    api: Ask, lynx: Player, clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for hours in (1, 2):

        async def next_fire(*_: object, at: datetime = YEARS_END + timedelta(hours=hours)) -> datetime:
            return at

        monkeypatch.setattr(sight, "next_fire", next_fire)
        said.append((await api("GET", f"{PLAYER}/gains")).document["next_fetch_at"])
    assert said == ["2027-01-01T00:58:00Z", "2027-01-01T01:58:00Z"]
