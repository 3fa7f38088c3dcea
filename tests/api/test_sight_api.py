"""Gains and the current sheet over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import quote

import msgspec
import pytest

from osrsdiff.api import sight_schemas as schemas
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

GAINS = "/api/v1/players/lynx%20titan/gains"
STATS = "/api/v1/players/lynx%20titan/stats"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def ranked(value: int, rank: int = 1000, level: int | None = None) -> Reading:
    return Reading(value, rank, level, None)


def at(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_player_never_looked_at_has_no_gains_and_a_next_fetch(api: Ask, lynx: Player) -> None:
    answer = await api("GET", GAINS)
    gains = msgspec.convert(answer.document, schemas.Gains)
    assert (answer.status, gains.gains, gains.start, gains.end) == (200, [], None, None)
    assert gains.first_look_at is None
    assert gains.next_fetch_at is not None


async def test_after_one_look_only_there_is_nothing_to_compare(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - DAY, overall=ranked(1000), zulrah=ranked(5))
    gains = (await api("GET", GAINS)).document
    assert (gains["gains"], gains["totals"]) == ([], {"xp": 0, "levels": 0, "kills": 0})
    assert gains["first_look_at"] == at(NOW - DAY)
    assert gains["next_fetch_at"] is not None


async def test_gains_count_between_the_looks_that_bracket_the_window(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - 8 * DAY, overall=ranked(1000, 9, 30), attack=ranked(1000, 500), zulrah=ranked(5))
    await look(lynx, NOW - 6 * DAY, overall=ranked(1500, 7, 33), attack=ranked(1500, 450), zulrah=ranked(5))
    await look(lynx, NOW - 1 * DAY, overall=ranked(2000, 8, 35), attack=ranked(2000, 400), zulrah=ranked(9))
    answer = await api("GET", GAINS)
    gains = msgspec.convert(answer.document, schemas.Gains)
    assert answer.document["start"] == {"earliest": at(NOW - 8 * DAY), "latest": at(NOW - 6 * DAY)}
    assert answer.document["end"] == {"earliest": at(NOW - DAY), "latest": None}
    assert [(gain.metric, gain.gained, gain.rank_moved) for gain in gains.gains] == [
        ("overall", 1000, 1),
        ("attack", 1000, 100),
        ("zulrah", 4, 0),
    ]
    assert gains.totals == schemas.Totals(xp=1000, levels=5, kills=4)
    assert answer.document["gains"][1] == {
        "metric": "attack",
        "name": "Attack",
        "kind": "skill",
        "start": {"value": 1000, "level": 9, "rank": 500, "at": at(NOW - 8 * DAY)},
        "end": {"value": 2000, "level": 13, "rank": 400, "at": at(NOW - DAY)},
        "gained": 1000,
        "levels_gained": 4,
        "rank_moved": 100,
        "rank_today": 400,
        "rank_moved_today": 100,
        "first_seen": False,
        "fell": False,
        "regained": 0,
    }


async def test_what_did_not_move_is_listed_on_request(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - 8 * DAY, overall=ranked(1000), zulrah=ranked(5))
    await look(lynx, NOW - DAY, overall=ranked(1001), zulrah=ranked(5))
    moved = (await api("GET", GAINS)).document["gains"]
    everything = (await api("GET", f"{GAINS}?all=true")).document["gains"]
    assert [gain["metric"] for gain in moved] == ["overall"]
    assert [gain["metric"] for gain in everything] == ["overall", "zulrah"]


async def test_the_first_look_is_no_gain_and_what_appears_later_is_first_seen(
    api: Ask, lynx: Player, look: Look
) -> None:
    await look(lynx, NOW - 2 * DAY, overall=ranked(1000), zulrah=ranked(5))
    await look(lynx, NOW - DAY, overall=ranked(1200), zulrah=ranked(5), brand_new_boss=ranked(7))
    gains = (await api("GET", GAINS)).document
    assert gains["first_look_at"] == at(NOW - 2 * DAY)
    assert gains["next_fetch_at"] is None
    listed = {gain["metric"]: (gain["gained"], gain["first_seen"]) for gain in gains["gains"]}
    assert listed == {"overall": (200, True), "brand_new_boss": (0, True)}
    assert gains["totals"]["kills"] == 0


async def test_a_metric_that_nobody_knew_has_the_hiscores_name(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - 2 * DAY, overall=ranked(1000), brand_new_boss=ranked(7))
    await look(lynx, NOW - DAY, overall=ranked(1000), brand_new_boss=ranked(8))
    (gain,) = (await api("GET", GAINS)).document["gains"]
    assert (gain["name"], gain["kind"]) == ("Brand-New Boss", "boss")


async def test_a_fall_is_shown_and_left_out_of_the_totals(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - 8 * DAY, overall=ranked(1000, level=30), attack=ranked(1000), zulrah=ranked(50))
    await look(lynx, NOW - DAY, overall=ranked(900, level=29), attack=ranked(900), zulrah=ranked(40))
    gains = (await api("GET", GAINS)).document
    assert [(gain["gained"], gain["fell"]) for gain in gains["gains"]] == [(-100, True), (-100, True), (-10, True)]
    assert gains["totals"] == {"xp": 0, "levels": 0, "kills": 0}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"),
        ("%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d %H:%M:%S"),
    ],
)
async def test_a_window_is_given_by_two_times(api: Ask, lynx: Player, look: Look, start: str, end: str) -> None:
    await look(lynx, NOW - 9 * DAY, overall=ranked(1000))
    await look(lynx, NOW - 7 * DAY, overall=ranked(1100))
    await look(lynx, NOW - 5 * DAY, overall=ranked(1300))
    window = f"from={quote((NOW - 8 * DAY).strftime(start))}&to={(NOW - 6 * DAY).strftime(end)}"
    gains = (await api("GET", f"{GAINS}?{window}")).document
    assert gains["window"] == {"from": at(NOW - 8 * DAY), "to": at(NOW - 6 * DAY)}
    assert [gain["gained"] for gain in gains["gains"]] == [100]
    assert gains["end"] == {"earliest": at(NOW - 7 * DAY), "latest": at(NOW - 5 * DAY)}


async def test_an_unescaped_plus_is_still_an_offset(api: Ask, lynx: Player) -> None:
    answer = await api("GET", f"{GAINS}?from=2026-01-01T02:00:00+02:00&to=2026-02-01")
    assert answer.document["window"] == {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}


async def test_ranks_move_between_the_values_and_to_todays(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - 8 * DAY, attack=ranked(1000, 500))
    await look(lynx, NOW - 5 * DAY, attack=ranked(1500, 450))
    await look(lynx, NOW - 1 * DAY, attack=ranked(1500, 470))
    [gain] = (await api("GET", GAINS)).document["gains"]
    assert (gain["rank_moved"], gain["rank_today"], gain["rank_moved_today"]) == (50, 470, 30)


async def test_a_change_over_the_windows_start_counts_and_its_bracket_says_so(
    api: Ask, lynx: Player, look: Look
) -> None:
    await look(lynx, NOW - 30 * DAY, attack=ranked(1000))
    await look(lynx, NOW - 20 * DAY, attack=ranked(1000))
    await look(lynx, NOW - 3 * DAY, attack=ranked(4000))
    gains = (await api("GET", GAINS)).document
    assert [gain["gained"] for gain in gains["gains"]] == [3000]
    assert gains["start"] == {"earliest": at(NOW - 20 * DAY), "latest": at(NOW - 3 * DAY)}


async def test_a_look_that_is_ahead_of_the_clock_counts(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - DAY, attack=ranked(1000))
    await look(lynx, datetime.now(UTC) + timedelta(seconds=90), attack=ranked(1500))
    gains = (await api("GET", GAINS)).document
    assert [gain["gained"] for gain in gains["gains"]] == [500]
    assert gains["window"]["to"] == gains["end"]["earliest"] > at(datetime.now(UTC))


@pytest.mark.parametrize(
    ("tz", "start"), [("Europe/Berlin", "2026-03-28T23:00:00Z"), ("Etc/GMT+2", "2026-03-29T02:00:00Z")]
)
async def test_a_date_is_its_midnight_in_the_zone(api: Ask, lynx: Player, tz: str, start: str) -> None:
    answer = await api("GET", f"{GAINS}?from=2026-03-29&to=2026-03-30&tz={tz}")
    hours = 23 if tz == "Europe/Berlin" else 24
    assert answer.document["window"]["from"] == start
    assert answer.document["window"]["to"] == at(datetime.fromisoformat(start) + timedelta(hours=hours))


async def test_a_rolling_window_is_not_sent_again_within_its_minute(api: Ask, lynx: Player, look: Look) -> None:
    await look(lynx, NOW - 8 * DAY, overall=ranked(1000))
    path = f"{GAINS}?from=2026-01-01&to=2026-01-01T00:00:59"
    same_minute = f"{GAINS}?from=2026-01-01T00:00:01&to=2026-01-01T00:00:58"
    other_minute = f"{GAINS}?from=2026-01-01&to=2026-01-01T00:01:01"
    tag = (await api("GET", path)).headers["ETag"]
    assert tag.startswith("W/")
    again = await api("GET", same_minute, headers={"If-None-Match": tag})
    assert (again.status, again.text) == (304, "")
    assert (await api("GET", other_minute, headers={"If-None-Match": tag})).status == 200


async def test_the_sheet_has_each_metric_with_why_it_is_unranked(api: Ask, lynx: Player, look: Look) -> None:
    await look(
        lynx,
        NOW - 2 * DAY,
        overall=ranked(1000, 9, 30),
        attack=ranked(1000, 500, 9),
        zulrah=Reading(3, None, None, Unranked.BELOW_CUTOFF),
        vorkath=Reading(None, None, None, Unranked.HIDDEN),
    )
    await look(
        lynx,
        NOW - DAY,
        overall=ranked(1000, 8, 30),
        attack=ranked(1000, 490, 9),
        zulrah=Reading(4, None, None, Unranked.BELOW_CUTOFF),
        vorkath=Reading(None, None, None, Unranked.HIDDEN),
    )
    answer = await api("GET", STATS)
    stats = msgspec.convert(answer.document, schemas.Stats)
    seen = {reading.metric: (reading.value, reading.level, reading.rank, reading.unranked) for reading in stats.metrics}
    assert seen["overall"] == (1000, 30, 8, None)
    assert seen["attack"] == (1000, 9, 490, None)
    assert seen["zulrah"] == (4, None, None, Unranked.BELOW_CUTOFF)
    assert (answer.document["last_look_at"], stats.message) == (at(NOW - DAY), None)
    seen_at = {reading["metric"]: reading["seen_at"] for reading in answer.document["metrics"]}
    assert (seen_at["attack"], seen_at["zulrah"]) == (at(NOW - 2 * DAY), at(NOW - DAY))


async def test_a_player_never_looked_at_has_an_empty_sheet_that_says_why(api: Ask, lynx: Player) -> None:
    stats = (await api("GET", STATS)).document
    assert (stats["metrics"], stats["last_look_at"]) == ([], None)
    assert "not" in stats["message"].lower()
