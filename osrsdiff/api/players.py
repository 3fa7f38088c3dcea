"""Players over HTTP: list, add, look up, change, remove, fetch now."""

from datetime import datetime
from urllib.parse import quote

from msgspec import UNSET
from msgspec.structs import asdict

from osrsdiff.api import problems, schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import player_document
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import or_none
from osrsdiff.api.problems import Refused
from osrsdiff.errors import InvalidUsername, RedisUnreachable
from osrsdiff.game import usernames
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.forecast import Forecast, forecast
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import Applied

PLAYERS = "/api/v1/players"

IN_EFFECT = "Saved and in effect."
NOT_YET = "Saved. Redis does not answer, so it takes effect by itself once it does."
_QUEUED = "The fetch is queued; a worker takes it as soon as the request budget lets it."


async def list_players(call: Call[schemas.PlayersQuery, Nothing]) -> Reply[schemas.PlayerPage]:
    """Sorted by username. `next` and the header `Link` lead to the following page."""
    query = call.query
    after = None if query.after is UNSET else _cursor(query.after)
    is_active, mode = or_none(query.is_active), or_none(query.mode)
    found = await tracking.list_players(
        call.instance, after=after, limit=query.limit + 1, is_active=is_active, game_mode=mode
    )
    items = [player_document(player) for player in found[: query.limit]]
    following = items[-1].username if len(found) > query.limit else None
    links = leading_on(PLAYERS, query.limit, following, {"is_active": query.is_active, "mode": query.mode})
    return Reply(schemas.PlayerPage(items, following), links)


async def add_player(call: Call[Nothing, schemas.AddPlayer]) -> Reply[schemas.PlayerAdded]:
    """Tracks a player from now on: saved, scheduled, and the first fetch queued.

    While Redis is away the player is saved all the same; schedule and first fetch follow by themselves.
    """
    wanted = call.body
    minutes = or_none(wanted.fetch_interval_minutes)
    applied = await tracking.add_player(call.instance, wanted.username, interval_minutes=minutes)
    task_id = await _first_fetch(call.instance, applied)
    saved = schemas.PlayerAdded(
        **asdict(player_document(applied.player)),
        scheduled=applied.scheduled,
        message=f"{IN_EFFECT} {_QUEUED}" if task_id else NOT_YET,
        fetch=schemas.FetchQueued(task_id) if task_id else None,
    )
    return Reply(saved, {"Location": f"{PLAYERS}/{quote(applied.player.username)}"})


async def get_player(call: Call[Nothing, Nothing]) -> Reply[schemas.Player]:
    """Any spelling of the name will do."""
    seen = await tracking.see_player(call.instance, call.username)

    async def make() -> Reply[schemas.Player]:
        return Reply(player_document(seen.player))

    return await call.kept(seen, make)


async def change_player(call: Call[Nothing, schemas.ChangePlayer]) -> Reply[schemas.PlayerSaved]:
    """Pauses, resumes, fetches more or less often."""
    wanted = call.body
    if wanted.is_active is UNSET and wanted.fetch_interval_minutes is UNSET:
        raise Refused(problems.INVALID_FIELD, "Nothing to change: give is_active, fetch_interval_minutes or both.")
    scheduled = True
    if wanted.fetch_interval_minutes is not UNSET:
        applied = await tracking.set_interval(call.instance, call.username, wanted.fetch_interval_minutes)
        scheduled = applied.scheduled
    if wanted.is_active is not UNSET:
        change = tracking.resume_player if wanted.is_active else tracking.pause_player
        applied = await change(call.instance, call.username)
        scheduled = scheduled and applied.scheduled
    message = IN_EFFECT if scheduled else NOT_YET
    return Reply(schemas.PlayerSaved(**asdict(player_document(applied.player)), scheduled=scheduled, message=message))


async def remove_player(call: Call[Nothing, Nothing]) -> Reply[Nothing]:
    """Forgets the player with its whole history. This can't be undone; to stop fetching, pause it instead."""
    await tracking.remove_player(call.instance, call.username)
    return Reply(Nothing())


async def fetch_player(call: Call[Nothing, Nothing]) -> Reply[schemas.FetchAccepted]:
    """Looks at the hiscores now, besides the schedule; paused players too. `last_look_at` of the player tells when it
    has happened, `last_outcome` how it went. Whoever asks while such a fetch waits joins it."""
    player = await tracking.get_player(call.instance, call.username)
    queued = await tracking.enqueue_fetch(call.instance, player)
    expected = await forecast(call.instance)
    body = schemas.FetchAccepted(
        queued.task_id,
        joined=queued.joined,
        expected_at=None if expected is None or expected.at is None else expected.at.replace(microsecond=0),
        message=_joined(queued.joined) + _expectation(expected),
    )
    return Reply(body)


async def _first_fetch(instance: Instance, applied: Applied) -> str | None:
    if not applied.scheduled:
        return None
    try:
        return (await tracking.enqueue_fetch(instance, applied.player)).task_id
    except RedisUnreachable:
        return None


def _joined(joined: bool) -> str:
    return "Joined the fetch that waits already. " if joined else "Queued. "


def _expectation(expected: Forecast | None) -> str:
    """What to expect, in words."""
    match expected:
        case None:
            return "A worker takes it as soon as the request budget lets it."
        case Forecast(at=None):
            return "No worker is running: it waits for one."
        case Forecast(paused_until=datetime() as until):
            return f"The hiscores are in trouble and left alone until {until:%H:%M:%S} UTC; then it is its turn."
        case Forecast(ahead=0):
            return "It is next."
        case _:
            others = "1 other is" if expected.ahead == 1 else f"{expected.ahead} others are"
            return f"{others} before it; the request budget sets the pace."


def _cursor(after: str) -> str:
    try:
        return usernames.tracked_name(after)
    except InvalidUsername as error:
        raise Refused(problems.INVALID_FIELD, f"after is no `next` of a page: {error}", field="after") from error
