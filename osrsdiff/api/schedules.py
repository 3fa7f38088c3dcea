"""Schedules over HTTP: list them, look at one, pause and resume many, verify all."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import UNSET, structs

from osrsdiff.api import problems
from osrsdiff.api import schedule_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import (
    player_document,
    player_schedule_document,
    schedule_document,
    steered_document,
    verified_document,
)
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import or_none
from osrsdiff.api.players import IN_EFFECT, NOT_YET
from osrsdiff.api.problems import Refused
from osrsdiff.api.schemas import PlayerSaved
from osrsdiff.errors import InvalidUsername
from osrsdiff.tracking import jobs, steering
from osrsdiff.tracking import schedules as tracking
from osrsdiff.tracking.players import Applied, pause_player, resume_player
from osrsdiff.tracking.schedules import ScheduleShown
from osrsdiff.tracking.selection import RefusedName

SCHEDULES = "/api/v1/schedules"

REFUSED_SHOWN = 20


async def list_schedules(call: Call[schemas.SchedulesQuery, Nothing]) -> Reply[schemas.SchedulePage]:
    """Every player with its schedule, sorted by username; `only=due` and `only=overdue` by the next fetch, the longest
    overdue first. `next` and the header `Link` lead to the following page.

    While Redis is away `next_fetch_at` is null, and who is due can't be told.
    """
    query = call.query
    only = or_none(query.only)
    after = or_none(query.after)
    page = await tracking.list_schedules(call.instance, only=only, after=after, limit=query.limit)
    body = schemas.SchedulePage([schedule_document(one) for one in page.items], page.next)
    return Reply(body, leading_on(SCHEDULES, query.limit, page.next, {"only": query.only}))


async def player_schedule(call: Call[Nothing, Nothing]) -> Reply[schemas.PlayerSchedule]:
    """The schedule as it should be, as Redis holds it, and whether the two agree."""
    shown = await tracking.schedule_of(call.instance, call.username)
    return Reply(player_schedule_document(shown, _verdict(shown)))


async def pause_one(call: Call[Nothing, Nothing]) -> Reply[PlayerSaved]:
    """Stops the scheduled fetches; the history stays. Fetching by hand still works."""
    return _saved(await pause_player(call.instance, call.username))


async def resume_one(call: Call[Nothing, Nothing]) -> Reply[PlayerSaved]:
    """Starts the scheduled fetches again, from the player's next beat on."""
    return _saved(await resume_player(call.instance, call.username))


async def pause_schedules(call: Call[Nothing, schemas.Steer]) -> Reply[schemas.Steered]:
    """Stops the scheduled fetches of many players: those named, a part of them, or everybody.

    Names that are nobody's are reported, the others done. Where every name is refused the answer is what a single one
    gets: 404, or 422 where none of them is a player's name at all.
    """
    return await _steered(call, steering.pause_players)


async def resume_schedules(call: Call[Nothing, schemas.Steer]) -> Reply[schemas.Steered]:
    """Starts the scheduled fetches of many players again: those named, a part of them, or everybody.

    Names that are refused are treated as when pausing.
    """
    return await _steered(call, steering.resume_players)


async def verify_schedules(call: Call[schemas.VerifyQuery, Nothing]) -> Reply[schemas.Verified]:
    """Compares every player with its schedule and every schedule with its player, and mends what differs.

    The same runs by itself at every start and every ten minutes. It is done by the process that answers, so that it
    needs no worker; with 100,000 players it takes some seconds.
    """
    report = await jobs.run_reconcile(call.instance, dry_run=call.query.dry_run)
    return Reply(verified_document(report))


async def _steered(
    call: Call[Nothing, schemas.Steer], steer: Callable[..., Awaitable[steering.Steered]]
) -> Reply[schemas.Steered]:
    wanted = call.body
    names = [] if wanted.usernames is UNSET else wanted.usernames
    only = or_none(wanted.only)
    if sum((bool(names), only is not None, wanted.everybody)) != 1:
        raise Refused(problems.INVALID_FIELD, "Say which players: give one of usernames, only and everybody (true).")
    done = await steer(call.instance, names=names, only=only, everybody=wanted.everybody)
    if done.refused and not done.matched:
        raise _nobody(done.refused)
    message = (IN_EFFECT if done.scheduled else NOT_YET) if done.matched else "Nobody is meant: nothing changed."
    return Reply(steered_document(done, message, reason=problems.told, most=REFUSED_SHOWN))


def _nobody(refused: Sequence[RefusedName]) -> Refused:
    """What a list is to a client in which no name is a tracked player's."""
    are_no_names = all(isinstance(one.error, InvalidUsername) for one in refused)
    reasons = [problems.told(one.error) for one in refused[:REFUSED_SHOWN]]
    if more := len(refused) - len(reasons):
        reasons.append(f"{more:,} more names are refused.")
    kind = problems.INVALID_USERNAME if are_no_names else problems.PLAYER_NOT_FOUND
    return Refused(kind, " ".join(reasons), field="usernames")


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
    body = player_document(applied.player)
    return Reply(PlayerSaved(**structs.asdict(body), scheduled=applied.scheduled, message=message))
