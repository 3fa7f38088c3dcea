"""Schedules over HTTP: list them, look at one, pause and resume many, verify all."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from msgspec import UNSET, structs

from osrsdiff.api import players, problems
from osrsdiff.api import schedule_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.players import IN_EFFECT, NOT_YET
from osrsdiff.api.problems import Refused
from osrsdiff.api.schemas import PlayerSaved
from osrsdiff.errors import InvalidCursor
from osrsdiff.tracking import jobs
from osrsdiff.tracking import schedules as tracking
from osrsdiff.tracking.players import Applied, pause_player, resume_player
from osrsdiff.tracking.reconcile import Found
from osrsdiff.tracking.schedules import Scheduled, ScheduleShown

SCHEDULES = "/api/v1/schedules"


async def list_schedules(call: Call[schemas.SchedulesQuery, Nothing]) -> Reply[schemas.SchedulePage]:
    """Every player with its schedule, sorted by username; `only=due` and `only=overdue` by the next fetch, the longest
    overdue first. `next` and the header `Link` lead to the following page.

    While Redis is away `next_fetch_at` is null, and who is due can't be told.
    """
    query = call.query
    only = None if query.only is UNSET else query.only
    after = None if query.after is UNSET else query.after
    try:
        page = await tracking.list_schedules(call.instance, only=only, after=after, limit=query.limit)
    except InvalidCursor as error:
        raise Refused(problems.INVALID_FIELD, f"after: {error}", field="after") from error
    body = schemas.SchedulePage([_schedule(one) for one in page.items], page.next)
    return Reply(body, {"Link": f'<{_following(query, page.next)}>; rel="next"'} if page.next else {})


async def player_schedule(call: Call[Nothing, Nothing]) -> Reply[schemas.PlayerSchedule]:
    """The schedule as it should be, as Redis holds it, and whether the two agree."""
    shown = await tracking.schedule_of(call.instance, call.username)
    stored = shown.stored
    body = schemas.PlayerSchedule(
        **structs.asdict(_schedule(shown)),
        stored=None if stored is None else schemas.StoredSchedule(*structs.astuple(stored)),
        agrees=shown.agrees,
        message=_verdict(shown),
    )
    return Reply(body)


async def pause_one(call: Call[Nothing, Nothing]) -> Reply[PlayerSaved]:
    """Stops the scheduled fetches; the history stays. Fetching by hand still works."""
    return _saved(await pause_player(call.instance, call.username))


async def resume_one(call: Call[Nothing, Nothing]) -> Reply[PlayerSaved]:
    """Starts the scheduled fetches again, from the player's next beat on."""
    return _saved(await resume_player(call.instance, call.username))


async def pause_schedules(call: Call[Nothing, schemas.Steer]) -> Reply[schemas.Steered]:
    """Stops the scheduled fetches of many players: those named, a part of them, or everybody.

    Names that are nobody's are reported, the others done.
    """
    return await _steered(call, tracking.pause_players)


async def resume_schedules(call: Call[Nothing, schemas.Steer]) -> Reply[schemas.Steered]:
    """Starts the scheduled fetches of many players again: those named, a part of them, or everybody."""
    return await _steered(call, tracking.resume_players)


async def verify_schedules(call: Call[schemas.VerifyQuery, Nothing]) -> Reply[schemas.Verified]:
    """Compares every player with its schedule and every schedule with its player, and mends what differs.

    The same runs by itself at every start and every ten minutes. It is done by the process that answers, so that it
    needs no worker; with 100,000 players it takes some seconds.
    """
    report = await jobs.run_reconcile(call.instance, dry_run=call.query.dry_run)
    body = schemas.Verified(
        mended=report.mended,
        players=report.players,
        differences=report.differences,
        missing_in_redis=_difference(report.missing_in_redis),
        missing_in_database=_difference(report.missing_in_database),
        different=_difference(report.different),
        inactive=_difference(report.inactive),
        orphaned=_difference(report.orphaned),
    )
    return Reply(body)


async def _steered(
    call: Call[Nothing, schemas.Steer], steer: Callable[..., Awaitable[tracking.Steered]]
) -> Reply[schemas.Steered]:
    wanted = call.body
    names = [] if wanted.usernames is UNSET else wanted.usernames
    only = None if wanted.only is UNSET else wanted.only
    if sum((bool(names), only is not None, wanted.everybody)) != 1:
        raise Refused(problems.INVALID_FIELD, "Say which players: give one of usernames, only and everybody (true).")
    done = await steer(call.instance, names=names, only=only, everybody=wanted.everybody)
    refused = [schemas.RefusedName(one.name, one.reason) for one in done.refused]
    message = IN_EFFECT if done.scheduled else NOT_YET
    return Reply(schemas.Steered(done.matched, done.changed, done.scheduled, refused, message))


def _schedule(one: Scheduled | ScheduleShown) -> schemas.Schedule:
    player = one.player
    return schemas.Schedule(
        player=players.name_of(player),
        is_active=player.is_active,
        schedule_id=player.schedule_id,
        cron=one.cron,
        fetch_interval_minutes=player.fetch_interval_minutes,
        next_fetch_at=one.next_fire,
        is_overdue=one.is_overdue,
        last_attempt_at=player.last_attempt_at,
        last_look_at=player.last_look_at,
        last_outcome=player.last_outcome,
        failures=player.failures,
        missing_since=player.missing_since,
    )


def _verdict(shown: ScheduleShown) -> str:
    match shown.agrees, shown.player.is_active:
        case None, _:
            return "Redis does not answer, so nobody knows what it holds."
        case False, _:
            return f"It is not as it should be: POST {SCHEDULES}/verify mends it, and so does the next reconcile."
        case _, True:
            return "It is as it should be."
        case _:
            return "Paused: there is no schedule, as it should be."


def _saved(applied: Applied) -> Reply[PlayerSaved]:
    message = IN_EFFECT if applied.scheduled else NOT_YET
    body = players.body_of(applied.player)
    return Reply(PlayerSaved(**structs.asdict(body), scheduled=applied.scheduled, message=message))


def _difference(found: Found) -> schemas.Difference:
    return schemas.Difference(found.count, found.ids)


def _following(query: schemas.SchedulesQuery, after: str) -> str:
    parameters: dict[str, str | int] = {"limit": query.limit, "after": after}
    if query.only is not UNSET:
        parameters["only"] = query.only.value
    return f"{SCHEDULES}?{urlencode(parameters)}"
