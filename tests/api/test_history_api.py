"""The course of a metric, its year, snapshots and old sheets over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from osrsdiff.api import history_schemas as schemas
from osrsdiff.game import zones
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

PLAYER = "/api/v1/players/lynx%20titan"
T0 = datetime(2026, 3, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARCH = "from=2026-03-01&to=2026-04-15"


def at(hours: float) -> str:
    return (T0 + hours * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")


def ranked(value: int, rank: int = 1000, level: int | None = None) -> Reading:
    return Reading(value, rank, level, None)


@pytest.fixture
async def seen(lynx: Player, look: Look) -> Player:
    """Looks at 0, 10, 20, 21 and 60 hours; Zulrah moved at 20, 21 and 60, Attack at 20."""
    for hours, attack, zulrah in ((0, 0, 5), (10, 0, 5), (20, 100, 7), (21, 100, 9), (60, 100, 12)):
        rank = 1000 - int(hours)
        await look(lynx, T0 + hours * HOUR, attack=ranked(attack, rank), zulrah=ranked(zulrah, rank))
    return lynx


async def test_a_line_has_plateaus_and_the_value_at_the_windows_start(api: Ask, seen: Player) -> None:
    answer = await api("GET", f"{PLAYER}/history/zulrah?from={at(5)}&to={at(30)}&resolution=raw")
    found = msgspec.convert(answer.document, schemas.History)
    hours = [(time - T0.timestamp()) / 3600 for time in found.points.times]
    assert list(zip(hours, found.points.values, strict=True)) == [(5, 5), (10, 5), (20, 7), (21, 9)]
    assert found.points.ranks == [1000, 1000, 980, 979]
    assert (found.points.levels, found.next, found.resolution.value, found.message) == (None, None, "raw", None)
    assert answer.document["window"] == {"from": at(5), "to": at(30)}


async def test_a_skill_has_levels_and_auto_says_what_it_took(api: Ask, seen: Player) -> None:
    document = (await api("GET", f"{PLAYER}/history/Attack?{MARCH}")).document
    assert (document["metric"], document["name"], document["kind"]) == ("attack", "Attack", "skill")
    assert document["resolution"] == "raw"
    assert document["points"]["values"] == [0, 0, 100, 100]
    assert document["points"]["levels"] == [1, 1, 2, 2]


async def test_a_bucket_shows_its_last_change_and_the_first_value_ever_stands_alone(api: Ask, seen: Player) -> None:
    expected = {
        "resolution=hour": [5, 5, 7, 9, 12],
        "resolution=day": [5, 5, 9, 12],
        "resolution=day&tz=Pacific/Apia": [5, 5, 9, 12],  # all but the last look on Sunday there
        "resolution=week": [5, 5, 9, 12],
    }
    for asked, values in expected.items():
        found = (await api("GET", f"{PLAYER}/history/zulrah?{MARCH}&{asked}")).document
        assert found["points"]["values"] == values, asked


async def test_days_are_those_of_the_zone(api: Ask, lynx: Player, look: Look) -> None:
    for hours, kills in ((0, 1), (11, 2), (13, 3)):  # 23:00 and 1:00 UTC
        await look(lynx, T0 + hours * HOUR, zulrah=ranked(kills))
    utc = (await api("GET", f"{PLAYER}/history/zulrah?{MARCH}&resolution=day")).document["points"]["values"]
    tokyo = (await api("GET", f"{PLAYER}/history/zulrah?{MARCH}&resolution=day&tz=Asia/Tokyo")).document["points"]
    assert utc == [1, 2, 3]
    assert tokyo["values"] == [1, 3]
    window = (await api("GET", f"{PLAYER}/history/zulrah?from=2026-03-29&tz=Asia/Tokyo")).document["window"]
    assert window["from"] == "2026-03-28T15:00:00Z"


async def test_a_known_metric_that_was_never_seen_is_empty_and_says_so(api: Ask, seen: Player) -> None:
    for part in ("history/yama", "calendar/yama"):
        document = (await api("GET", f"{PLAYER}/{part}")).document
        assert "Yama" in document["message"]
    assert (await api("GET", f"{PLAYER}/history/yama")).document["points"]["times"] == []


async def test_before_the_first_look_it_says_so(api: Ask, lynx: Player) -> None:
    assert (await api("GET", f"{PLAYER}/history/overall")).document["message"] == "Not looked at yet."
    assert (await api("GET", f"{PLAYER}/snapshots")).document["items"] == []
    sheet = (await api("GET", f"{PLAYER}/snapshots/2026-01-01")).document
    assert (sheet["accuracy"], sheet["metrics"], sheet["message"]) == (None, [], "Not looked at yet.")


REFUSED = {
    "history/nonsense": (404, None),
    "history/!": (404, None),
    "calendar/nonsense": (404, None),
    "history/overall?tz=Mars": (422, "tz"),
    "history/overall?resolution=minute": (422, "resolution"),
    "history/overall?period=fortnight": (422, "period"),
    "history/overall?from=2026-02-30": (422, "from"),
    "history/overall?from=2026-02-02&to=2026-02-01": (422, "from"),
    "calendar/overall?year=1800": (422, "year"),
    "snapshots?after=later": (422, "after"),
    "snapshots/sometime": (422, "at"),
    "gains?tz=Mars": (422, "tz"),
    "gains?tz=localtime": (422, "tz"),
    f"gains?tz=UTC{'%20' * 99}": (422, "tz"),
    f"gains?period={'0' * 99}7d": (422, "period"),
    f"gains?from=2026-01-01{'%20' * 99}": (422, "from"),
    f"gains?from=2026-01-01&to=2026-01-02{'%20' * 99}": (422, "to"),
    f"snapshots?after=2026-01-01{'%20' * 99}": (422, "after"),
    f"snapshots/2026-01-01{'%20' * 99}": (422, "at"),
}


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_zones_clock_is_looked_up_for_the_years_that_have_changes(api: Ask, seen: Player) -> None:
    zones._offsets_of_year.cache_clear()  # nothing else shows for how many years it was done
    asked = f"{PLAYER}/history/zulrah?from=1970-01-02&to=2100-01-01&tz=Asia/Tokyo"
    for resolution in ("day", "week"):
        found = (await api("GET", f"{asked}&resolution={resolution}")).document
        assert found["points"]["values"][-1] == 12
    assert zones._offsets_of_year.cache_info().currsize == 1


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_one_word_says_that_nobody_has_looked_yet(api: Ask, lynx: Player) -> None:
    for path in ("stats", "history/overall", "calendar/overall", "snapshots", "rates", "records", "achievements"):
        assert (await api("GET", f"{PLAYER}/{path}")).document["message"] == "Not looked at yet.", path


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_read_is_refused(api: Ask, lynx: Player) -> None:
    for path, expected in REFUSED.items():
        answer = await api("GET", f"{PLAYER}/{path}")
        assert (answer.status, answer.document.get("field")) == expected, path
        assert answer.type == "application/problem+json"
        assert answer.status != 404 or "stats" in answer.document["detail"]
    assert (await api("GET", "/api/v1/players/nobody/history/overall")).status == 404


async def test_a_year_has_what_each_day_gained(api: Ask, seen: Player) -> None:
    answer = await api("GET", f"{PLAYER}/calendar/zulrah?year=2026")
    found = msgspec.convert(answer.document, schemas.Calendar)
    day = (T0.date() - datetime(2026, 1, 1, tzinfo=UTC).date()).days
    assert (len(found.days), found.gained, found.message) == (365, 7, None)
    assert found.days[day - 1 : day + 5] == [None, 0, 4, None, 3, None]
    assert answer.document["uncertain"] == ["2026-03-29", "2026-03-31"]
    assert len((await api("GET", f"{PLAYER}/calendar/zulrah?year=2024")).document["days"]) == 366


async def test_snapshots_come_newest_first_in_pages(api: Ask, seen: Player) -> None:
    answer = await api("GET", f"{PLAYER}/snapshots?limit=3")
    page = msgspec.convert(answer.document, schemas.SnapshotPage)
    assert [(one.taken_at - T0) / HOUR for one in page.items] == [60, 21, 20]
    assert [(change.metric, change.gained) for change in page.items[2].changes] == [("attack", 100), ("zulrah", 2)]
    assert (page.items[2].changes[0].level, page.items[2].previous_look_at) == (2, T0 + 10 * HOUR)
    assert answer.document["next"] == at(20)
    assert answer.headers["Link"] == f'<{PLAYER}/snapshots?limit=3&after={at(20).replace(":", "%3A")}>; rel="next"'
    rest = (await api("GET", f"{PLAYER}/snapshots?limit=3&after={at(20)}")).document
    none = (await api("GET", f"{PLAYER}/snapshots?after={at(-1)}")).document
    assert (none["items"], none["message"], rest["message"]) == ([], "Nobody had looked yet by then.", None)
    assert [one["taken_at"] for one in rest["items"]] == [at(0)]
    assert [change["first_seen"] for change in rest["items"][0]["changes"]] == [True, True]
    assert (rest["items"][0]["previous_look_at"], rest["next"]) == (None, None)


async def test_the_sheet_at_any_time_has_each_value_and_how_sure_it_is(api: Ask, seen: Player) -> None:
    answer = await api("GET", f"{PLAYER}/snapshots/{at(30)}")
    found = msgspec.convert(answer.document, schemas.SheetAt)
    assert [(one.metric, one.value, one.level, one.rank) for one in found.metrics] == [
        ("attack", 100, 2, 980),
        ("zulrah", 9, None, 979),
    ]
    assert answer.document["accuracy"] == {"earliest": at(21), "latest": at(60)}
    assert answer.document["metrics"][0]["seen_at"] == at(20)
    tokyo = (await api("GET", f"{PLAYER}/snapshots/2026-03-29?tz=Asia/Tokyo")).document
    assert tokyo["at"] == "2026-03-28T15:00:00Z"
    before = (await api("GET", f"{PLAYER}/snapshots/{at(-1)}")).document
    assert (before["accuracy"], before["metrics"]) == (None, [])
    assert "2026-03-28 11:00" in before["message"]
