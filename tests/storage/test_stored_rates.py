"""Active days and hours of the week, against counting them look by look."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from osrsdiff.game.metrics import may_fall
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.game.zones import Clock
from osrsdiff.storage import metrics, rates
from osrsdiff.storage.engine import Database
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.players import Player

HIDDEN = Reading(None, None, None, Unranked.HIDDEN)
HOUR = timedelta(hours=1)
METRICS = ("overall", "zulrah", "lms_rank")

Looks = list[tuple[datetime, dict[str, Reading]]]


def random_looks(random: Random, start: datetime) -> Looks:
    """Looks some hours apart, over weeks in which a clock is changed; metrics rise, fall, appear and hide."""
    at, values, found = start, dict.fromkeys(METRICS, 100), Looks()
    for _ in range(60):
        at += random.choice((HOUR / 2, HOUR, 3 * HOUR, 30 * HOUR))
        for metric in random.sample(METRICS, random.choice((0, 0, 1, 2))):
            values[metric] += random.choice((1, 5, 50, -3))
        shown = {key: Reading(value, 9, None, None) for key, value in values.items() if random.random() < 0.9}
        found.append((at, {key: shown.get(key, HIDDEN) for key in METRICS}))
    return found


def changes(looks: Looks) -> list[tuple[str, datetime, datetime, int]]:
    """Metric, when it was seen, the look before, by how much it changed; not what was first seen."""
    known, found, before = dict[str, int](), [], looks[0][0]
    for at, sheet in looks:
        for metric, reading in sheet.items():
            if reading.value is not None:
                if metric in known and known[metric] != reading.value:
                    found.append((metric, at, before, reading.value - known[metric]))
                known[metric] = reading.value
        before = at
    return found


def first_seen(looks: Looks) -> set[datetime]:
    """The looks at which a metric had its first value."""
    return {next(at for at, sheet in looks if sheet[metric].value is not None) for metric in METRICS}


async def test_days_and_hours_are_those_of_the_changes(
    db: Database,
    add_player: Callable[[str], Awaitable[Player]],
    store: Callable[..., Awaitable[bool]],
    now: datetime,
) -> None:
    looks = random_looks(Random("Europe/Berlin"), now)
    player, other = await add_player("lynx titan"), await add_player("zezima")
    for at, sheet in looks:
        await store(player, sheet, at)
    await store(other, looks[0][1], now - 90 * HOUR)
    for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu"):
        await check_days_and_hours(db, player, looks, ZoneInfo(zone))


async def check_days_and_hours(db: Database, player: Player, looks: Looks, here: ZoneInfo) -> None:
    moved = changes(looks)
    start, end = seconds(looks[20][0]), seconds(looks[-1][0])
    async with db.reading() as conn:
        whole = Clock(here, await rates.first_look(conn, player.id) or 0, end)
        days = await rates.active_days(conn, player.id, whole.spans())
        overall = await metrics.find(conn, "overall")
        assert overall is not None
        hours = await rates.hours(conn, player.id, overall[0], start, end, Clock(here, start, end).spans())

    doubtful = first_seen(looks) | {at for metric, at, _, gained in moved if gained < 0 and not may_fall(metric)}
    active = {at.astimezone(here).date() for _, at, _, gained in moved if gained > 0 or at not in doubtful}
    assert [date(1970, 1, 1) + timedelta(days=day) for day in days] == sorted(active)

    gains = [each for each in moved if each[0] == "overall" and each[3] > 0 and seconds(each[1]) > start]
    sure = [each for each in gains if each[1] - each[2] <= 2 * HOUR]
    expected = Counter[int]()
    for _, at, before, gained in sure:
        middle = (at - (at - before) / 2).astimezone(here)
        expected[24 * middle.weekday() + middle.hour] += gained
    assert {hour: xp for hour, xp in enumerate(hours.xp) if xp} == expected
    assert (hours.counted, hours.uncertain) == (len(sure), len(gains) - len(sure))
    assert sure
    assert len(sure) < len(gains)


async def test_who_was_never_seen_has_no_days(db: Database, add_player: Callable[[], Awaitable[Player]]) -> None:
    player = await add_player()
    async with db.reading() as conn:
        assert await rates.first_look(conn, player.id) is None
        assert await rates.active_days(conn, player.id, [(0, 10**10, 0)]) == []
