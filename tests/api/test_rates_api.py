"""How fast a player goes on, over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec

from osrsdiff.api import rates_schemas as schemas
from osrsdiff.game.snapshots import Reading
from osrsdiff.storage.players import Player

Ask = Callable[..., Awaitable[SimpleNamespace]]
Look = Callable[..., Awaitable[None]]

RATES = "/api/v1/players/lynx%20titan/rates"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def ranked(value: int) -> Reading:
    return Reading(value, 1000, None, None)


async def test_a_pace_leads_to_levels_streaks_and_hours(api: Ask, lynx: Player, look: Look) -> None:
    for days, xp in ((8, 0), (7, 1000), (2, 2000)):
        await look(lynx, NOW - days * DAY, overall=ranked(10_000 + xp), attack=ranked(xp), magic=ranked(83))
    await look(lynx, NOW - DAY, overall=ranked(13_000), attack=ranked(3000), magic=ranked(83))
    await look(lynx, NOW - DAY + HOUR, overall=ranked(13_600), attack=ranked(3600), magic=ranked(83))
    answer = await api("GET", RATES)
    found = msgspec.convert(answer.document, schemas.Rates)
    assert found.days is not None
    assert (found.days, found.rates[0].metric) == (round(6 + 1 / 24, 3), "overall")
    attack, magic = found.projections
    assert (attack.metric, attack.level, attack.xp) == ("attack", 18, 3600)
    assert attack.next_level is not None
    assert (attack.next_level.xp, attack.next_level.left) == (3973, 373)
    assert attack.next_level.days == round(373 / (found.rates[1].gained / found.days), 1)
    assert magic.next_level is not None
    assert (magic.per_day, magic.next_level.days, magic.next_level.at) == (0, None, None)
    assert found.streaks.longest.days >= found.streaks.current.days >= 1
    assert (found.hours.counted, found.hours.uncertain) == (1, 3)
    assert found.hours.busiest is not None
    assert found.hours.xp[found.hours.busiest.weekday][found.hours.busiest.hour] == 600
    assert sum(map(sum, found.hours.xp)) == 600


async def test_before_the_first_look_there_is_no_pace(api: Ask, lynx: Player) -> None:
    found = (await api("GET", f"{RATES}?period=month&tz=Europe/Berlin")).document
    assert (found["days"], found["rates"], found["tz"]) == (None, [], "Europe/Berlin")
    assert found["message"] == "Not looked at yet."
    refused = await api("GET", f"{RATES}?period=year")
    assert (refused.status, refused.document["field"]) == (422, "period")
