"""Every URL of the API, on one page. The server and the OpenAPI document are both made from this table."""

from functools import cache

from msgspec import json

from osrsdiff.api import docs, health, openapi, players, schedules, sight, tasks
from osrsdiff.api.calls import HTML, Access, Call, Nothing, Reply, Route, route
from osrsdiff.api.players import PLAYERS
from osrsdiff.api.problems import INVALID_USERNAME, PLAYER_EXISTS, PLAYER_NOT_FOUND, REDIS_UNREACHABLE, TASK_NOT_FOUND
from osrsdiff.api.schedule_schemas import (
    PlayerSchedule,
    SchedulePage,
    SchedulesQuery,
    Steer,
    Steered,
    TaskList,
    TaskQueued,
    TasksQuery,
    Verified,
    VerifyQuery,
)
from osrsdiff.api.schedules import SCHEDULES
from osrsdiff.api.schemas import (
    AddPlayer,
    ChangePlayer,
    FetchAccepted,
    Gains,
    GainsQuery,
    Health,
    Player,
    PlayerAdded,
    PlayerPage,
    PlayerSaved,
    PlayersQuery,
    Readiness,
    Stats,
)
from osrsdiff.api.tasks import TASKS

ANYONE, READ, ADMIN = Access.ANYONE, Access.READ, Access.ADMIN
PLAYER = PLAYERS + "/{username}"
NOBODY = (PLAYER_NOT_FOUND, INVALID_USERNAME)


async def front(_call: Call[Nothing, Nothing]) -> Reply[Nothing]:
    """Leads to the documentation."""
    return Reply(Nothing(), {"Location": "/docs"})


async def api_document(call: Call[Nothing, Nothing]) -> Reply[bytes]:
    """This API as an OpenAPI 3.1 document."""
    return Reply(_document(call.instance.config.api.public_read)[0])


async def api_docs(call: Call[Nothing, Nothing]) -> Reply[str]:
    """This API as a page to read."""
    return Reply(_document(call.instance.config.api.public_read)[1], docs.HEADERS)


# fmt: off
ROUTES: tuple[Route, ...] = (
    route("POST", PLAYERS, players.add_player, summary="Track a player",
          access=ADMIN, query=Nothing, body=AddPlayer, answer=PlayerAdded, status=201, problems=(PLAYER_EXISTS,)),
    route("GET", PLAYERS, players.list_players, summary="List tracked players",
          access=READ, query=PlayersQuery, body=Nothing, answer=PlayerPage),
    route("GET", PLAYER, players.get_player, summary="Look up a player",
          access=READ, query=Nothing, body=Nothing, answer=Player),
    route("PATCH", PLAYER, players.change_player, summary="Pause, resume, change the interval",
          access=ADMIN, query=Nothing, body=ChangePlayer, answer=PlayerSaved),
    route("DELETE", PLAYER, players.remove_player, summary="Stop tracking and forget",
          access=ADMIN, query=Nothing, body=Nothing, answer=Nothing, status=204),
    route("POST", f"{PLAYER}/fetch", players.fetch_player, summary="Fetch now",
          access=ADMIN, query=Nothing, body=Nothing, answer=FetchAccepted, status=202, problems=(REDIS_UNREACHABLE,)),
    route("GET", f"{PLAYER}/gains", sight.player_gains, summary="What a player gained",
          access=READ, query=GainsQuery, body=Nothing, answer=Gains),
    route("GET", f"{PLAYER}/stats", sight.player_stats, summary="A player's current sheet",
          access=READ, query=Nothing, body=Nothing, answer=Stats),
    route("GET", f"{PLAYER}/schedule", schedules.player_schedule, summary="A player's schedule",
          access=READ, query=Nothing, body=Nothing, answer=PlayerSchedule),
    route("POST", f"{PLAYER}/pause", schedules.pause_one, summary="Pause a player",
          access=ADMIN, query=Nothing, body=Nothing, answer=PlayerSaved),
    route("POST", f"{PLAYER}/resume", schedules.resume_one, summary="Resume a player",
          access=ADMIN, query=Nothing, body=Nothing, answer=PlayerSaved),
    route("GET", SCHEDULES, schedules.list_schedules, summary="List schedules",
          access=READ, query=SchedulesQuery, body=Nothing, answer=SchedulePage, problems=(REDIS_UNREACHABLE,)),
    route("POST", f"{SCHEDULES}/pause", schedules.pause_schedules, summary="Pause many players",
          access=ADMIN, query=Nothing, body=Steer, answer=Steered, problems=(*NOBODY, REDIS_UNREACHABLE)),
    route("POST", f"{SCHEDULES}/resume", schedules.resume_schedules, summary="Resume many players",
          access=ADMIN, query=Nothing, body=Steer, answer=Steered, problems=(*NOBODY, REDIS_UNREACHABLE)),
    route("POST", f"{SCHEDULES}/verify", schedules.verify_schedules, summary="Compare all schedules and mend them",
          access=ADMIN, query=VerifyQuery, body=Nothing, answer=Verified, problems=(REDIS_UNREACHABLE,)),
    route("GET", TASKS, tasks.list_tasks, summary="List tasks and recent failures",
          access=READ, query=TasksQuery, body=Nothing, answer=TaskList),
    route("POST", f"{TASKS}/{{name}}/run", tasks.run_task, summary="Run a task now",
          access=ADMIN, query=Nothing, body=Nothing, answer=TaskQueued, status=202,
          problems=(TASK_NOT_FOUND, REDIS_UNREACHABLE)),
    route("GET", "/healthz", health.healthz, summary="Is the process alive?",
          access=ANYONE, query=Nothing, body=Nothing, answer=Health),
    route("GET", "/readyz", health.readyz, summary="Does the instance do its work?",
          access=ANYONE, query=Nothing, body=Nothing, answer=Readiness,
          also={503: "Some part does not do its work; the body says which."}),
    route("GET", "/openapi.json", api_document, summary="The OpenAPI document",
          access=ANYONE, query=Nothing, body=Nothing, answer=bytes),
    route("GET", "/docs", api_docs, summary="This documentation",
          access=ANYONE, query=Nothing, body=Nothing, answer=str, media_type=HTML),
    route("GET", "/", front, summary="Leads to the documentation",
          access=ANYONE, query=Nothing, body=Nothing, answer=Nothing, status=302),
)
# fmt: on


@cache
def _document(public_read: bool) -> tuple[bytes, str]:
    document = openapi.document(ROUTES, public_read=public_read)
    return json.encode(document), docs.page(document)
