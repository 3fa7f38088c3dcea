"""Every URL of the API, on one page. The server and the OpenAPI document are both made from this table."""

from functools import cache

from msgspec import json

from osrsdiff.api import (
    achievements,
    compare,
    docs,
    events,
    export,
    feeds,
    groups,
    health,
    history,
    imports,
    leaderboards,
    modes,
    openapi,
    players,
    rates,
    records,
    renames,
    reviews,
    schedules,
    sight,
    tasks,
)
from osrsdiff.api.achievement_schemas import Achievements
from osrsdiff.api.atom import MEDIA_TYPE as ATOM
from osrsdiff.api.calls import HTML, Access, Call, Nothing, Reply, Route, route
from osrsdiff.api.compare import COMPARE
from osrsdiff.api.compare_schemas import CompareQuery, Comparison
from osrsdiff.api.event_schemas import AllEventsQuery, EventPage, EventsQuery, FeedQuery
from osrsdiff.api.events import EVENTS
from osrsdiff.api.group_schemas import (
    AddGroup,
    ChangeGroup,
    Group,
    GroupPage,
    GroupsQuery,
    MemberPage,
    Memberships,
    MembersPut,
    MembersQuery,
    MembersTakenOut,
    PutMembers,
    TakeOutMembers,
)
from osrsdiff.api.groups import GROUPS
from osrsdiff.api.history_schemas import (
    AtQuery,
    Calendar,
    CalendarQuery,
    History,
    HistoryQuery,
    SheetAt,
    SnapshotPage,
    SnapshotsQuery,
)
from osrsdiff.api.import_schemas import ImportContent, Imported
from osrsdiff.api.imports import IMPORT
from osrsdiff.api.leaderboard_schemas import GroupGainsQuery, Leaderboard, LeaderboardQuery
from osrsdiff.api.leaderboards import LEADERBOARDS
from osrsdiff.api.mode_schemas import CheckAccepted, Modes
from osrsdiff.api.players import PLAYERS
from osrsdiff.api.problems import (
    CHANGED_MEANWHILE,
    GROUP_EXISTS,
    GROUP_NOT_FOUND,
    INVALID_GROUP,
    INVALID_USERNAME,
    METRIC_NOT_FOUND,
    MODE_CHECK_REFUSED,
    NOT_A_MEMBER,
    NOTHING_TO_REVIEW,
    NOTHING_TO_UNDO,
    PLAYER_ARCHIVED,
    PLAYER_EXISTS,
    PLAYER_NOT_FOUND,
    REDIS_UNREACHABLE,
    RENAME_REFUSED,
    REVIEW_REFUSED,
    TASK_NOT_FOUND,
)
from osrsdiff.api.rates_schemas import Rates, RatesQuery
from osrsdiff.api.record_schemas import PlayerRecords, RecordsQuery, RecordTable, RecordTableQuery
from osrsdiff.api.records import RECORDS
from osrsdiff.api.rename_schemas import Names, PlayerRenamed, RenamePlayer
from osrsdiff.api.review_schemas import DecideReview, PlayerReviews, ReviewDecided, ReviewPage, ReviewsQuery
from osrsdiff.api.reviews import REVIEWS
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
    Health,
    Player,
    PlayerAdded,
    PlayerPage,
    PlayerSaved,
    PlayersQuery,
    Readiness,
)
from osrsdiff.api.sight_schemas import Gains, GainsQuery, Stats
from osrsdiff.api.tasks import TASKS

ANYONE, READ, ADMIN = Access.ANYONE, Access.READ, Access.ADMIN
PLAYER = PLAYERS + "/{username}"
GROUP = GROUPS + "/{group}"
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
          access=ADMIN, query=Nothing, body=ChangePlayer, answer=PlayerSaved, problems=(PLAYER_ARCHIVED,)),
    route("DELETE", PLAYER, players.remove_player, summary="Stop tracking and forget",
          access=ADMIN, query=Nothing, body=Nothing, answer=Nothing, status=204),
    route("POST", f"{PLAYER}/fetch", players.fetch_player, summary="Fetch now",
          access=ADMIN, query=Nothing, body=Nothing, answer=FetchAccepted, status=202,
          problems=(PLAYER_ARCHIVED, REDIS_UNREACHABLE)),
    route("GET", f"{PLAYER}/modes", modes.player_modes, summary="A player's game mode, and those before it",
          access=READ, query=Nothing, body=Nothing, answer=Modes),
    route("POST", f"{PLAYER}/check-mode", modes.check_mode, summary="Check a player's game mode now",
          access=ADMIN, query=Nothing, body=Nothing, answer=CheckAccepted, status=202,
          problems=(PLAYER_ARCHIVED, MODE_CHECK_REFUSED, REDIS_UNREACHABLE)),
    route("GET", f"{PLAYER}/gains", sight.player_gains, summary="What a player gained",
          access=READ, query=GainsQuery, body=Nothing, answer=Gains),
    route("GET", f"{PLAYER}/history/{{metric}}", history.player_history, summary="The course of a metric",
          access=READ, query=HistoryQuery, body=Nothing, answer=History),
    route("GET", f"{PLAYER}/calendar/{{metric}}", history.player_calendar, summary="A metric's year by days",
          access=READ, query=CalendarQuery, body=Nothing, answer=Calendar),
    route("GET", f"{PLAYER}/snapshots", history.player_snapshots, summary="What each look changed",
          access=READ, query=SnapshotsQuery, body=Nothing, answer=SnapshotPage),
    route("GET", f"{PLAYER}/snapshots/{{at}}", history.player_sheet_at, summary="A player's sheet at any time",
          access=READ, query=AtQuery, body=Nothing, answer=SheetAt),
    route("GET", f"{PLAYER}/rates", rates.player_rates, summary="How fast a player goes on",
          access=READ, query=RatesQuery, body=Nothing, answer=Rates),
    route("GET", f"{PLAYER}/stats", sight.player_stats, summary="A player's current sheet",
          access=READ, query=Nothing, body=Nothing, answer=Stats),
    route("GET", f"{PLAYER}/records", records.player_records, summary="The most a player ever gained",
          access=READ, query=RecordsQuery, body=Nothing, answer=PlayerRecords),
    route("GET", f"{PLAYER}/achievements", achievements.player_achievements, summary="What a player has reached",
          access=READ, query=Nothing, body=Nothing, answer=Achievements),
    route("GET", f"{PLAYER}/events", events.player_events, summary="What happened to a player",
          access=READ, query=EventsQuery, body=Nothing, answer=EventPage),
    route("GET", f"{PLAYER}/schedule", schedules.player_schedule, summary="A player's schedule",
          access=READ, query=Nothing, body=Nothing, answer=PlayerSchedule),
    route("POST", f"{PLAYER}/pause", schedules.pause_one, summary="Pause a player",
          access=ADMIN, query=Nothing, body=Nothing, answer=PlayerSaved),
    route("POST", f"{PLAYER}/resume", schedules.resume_one, summary="Resume a player",
          access=ADMIN, query=Nothing, body=Nothing, answer=PlayerSaved, problems=(PLAYER_ARCHIVED,)),
    route("POST", f"{PLAYER}/rename", renames.rename_player, summary="Call a player otherwise",
          access=ADMIN, query=Nothing, body=RenamePlayer, answer=PlayerRenamed, problems=(RENAME_REFUSED,)),
    route("POST", f"{PLAYER}/undo-rename", renames.undo_rename, summary="Take a player's new name back",
          access=ADMIN, query=Nothing, body=Nothing, answer=PlayerRenamed,
          problems=(NOTHING_TO_UNDO, PLAYER_EXISTS, RENAME_REFUSED)),
    route("GET", f"{PLAYER}/names", renames.player_names, summary="The names that a player was given",
          access=READ, query=Nothing, body=Nothing, answer=Names),
    route("GET", f"{GROUPS}/{{group}}/events", events.group_events, summary="What happened to a group",
          access=READ, query=EventsQuery, body=Nothing, answer=EventPage, problems=(GROUP_NOT_FOUND,)),
    route("GET", EVENTS, events.list_events, summary="What happened to everybody",
          access=READ, query=AllEventsQuery, body=Nothing, answer=EventPage, problems=(GROUP_NOT_FOUND,)),
    route("GET", f"{PLAYER}/export", export.export_player, summary="All that is kept of a player",
          access=READ, query=Nothing, body=Nothing, answer=bytes, media_type=export.MEDIA_TYPE,
          problems=(CHANGED_MEANWHILE,)),
    route("GET", f"{PLAYER}/groups", groups.player_groups, summary="The groups that a player is in",
          access=READ, query=Nothing, body=Nothing, answer=Memberships),
    route("GET", GROUPS, groups.list_groups, summary="List groups",
          access=READ, query=GroupsQuery, body=Nothing, answer=GroupPage),
    route("POST", GROUPS, groups.create_group, summary="Make a group",
          access=ADMIN, query=Nothing, body=AddGroup, answer=Group, status=201, problems=(GROUP_EXISTS, INVALID_GROUP)),
    route("GET", GROUP, groups.get_group, summary="Look up a group",
          access=READ, query=Nothing, body=Nothing, answer=Group, problems=(GROUP_NOT_FOUND,)),
    route("PATCH", GROUP, groups.change_group, summary="Rename a group",
          access=ADMIN, query=Nothing, body=ChangeGroup, answer=Group,
          problems=(GROUP_NOT_FOUND, GROUP_EXISTS, INVALID_GROUP)),
    route("DELETE", GROUP, groups.delete_group, summary="Forget a group, not its players",
          access=ADMIN, query=Nothing, body=Nothing, answer=Nothing, status=204, problems=(GROUP_NOT_FOUND,)),
    route("GET", f"{GROUP}/members", groups.list_members, summary="Who is in a group",
          access=READ, query=MembersQuery, body=Nothing, answer=MemberPage, problems=(GROUP_NOT_FOUND,)),
    route("POST", f"{GROUP}/members", groups.put_members, summary="Put players into a group",
          access=ADMIN, query=Nothing, body=PutMembers, answer=MembersPut,
          problems=(GROUP_NOT_FOUND, *NOBODY, INVALID_GROUP)),
    route("DELETE", f"{GROUP}/members", groups.take_out_members, summary="Take players out of a group",
          access=ADMIN, query=Nothing, body=TakeOutMembers, answer=MembersTakenOut,
          problems=(GROUP_NOT_FOUND, *NOBODY, NOT_A_MEMBER)),
    route("DELETE", f"{GROUP}/members/{{username}}", groups.take_out_member, summary="Take a player out of a group",
          access=ADMIN, query=Nothing, body=Nothing, answer=Nothing, status=204,
          problems=(GROUP_NOT_FOUND, NOT_A_MEMBER)),
    route("GET", f"{GROUP}/gains", leaderboards.group_gains, summary="What a group gained",
          access=READ, query=GroupGainsQuery, body=Nothing, answer=Leaderboard,
          problems=(GROUP_NOT_FOUND, METRIC_NOT_FOUND)),
    route("GET", f"{LEADERBOARDS}/{{metric}}", leaderboards.leaderboard, summary="Who is first",
          access=READ, query=LeaderboardQuery, body=Nothing, answer=Leaderboard, problems=(GROUP_NOT_FOUND,)),
    route("GET", COMPARE, compare.compare_players, summary="Compare two to ten players",
          access=READ, query=CompareQuery, body=Nothing, answer=Comparison,
          problems=(*NOBODY, METRIC_NOT_FOUND)),
    route("POST", IMPORT, imports.import_content, summary="Import an export or dated values",
          access=ADMIN, query=Nothing, body=ImportContent, answer=Imported),
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
    route("GET", f"{RECORDS}/{{metric}}", records.record_table, summary="Who ever gained the most",
          access=READ, query=RecordTableQuery, body=Nothing, answer=RecordTable, problems=(GROUP_NOT_FOUND,)),
    route("GET", REVIEWS, reviews.list_reviews, summary="List players to be reviewed",
          access=READ, query=ReviewsQuery, body=Nothing, answer=ReviewPage),
    route("GET", f"{PLAYER}/reviews", reviews.player_reviews, summary="Why a player was to be reviewed",
          access=READ, query=Nothing, body=Nothing, answer=PlayerReviews),
    route("POST", f"{PLAYER}/review", reviews.decide_review, summary="Decide a player's review",
          access=ADMIN, query=Nothing, body=DecideReview, answer=ReviewDecided,
          problems=(NOTHING_TO_REVIEW, REVIEW_REFUSED, RENAME_REFUSED)),
    route("GET", "/feed.atom", feeds.all_feed, summary="The newest events as a feed",
          access=READ, query=FeedQuery, body=Nothing, answer=bytes, media_type=ATOM),
    route("GET", "/players/{username}/feed.atom", feeds.player_feed, summary="A player's newest events as a feed",
          access=READ, query=FeedQuery, body=Nothing, answer=bytes, media_type=ATOM),
    route("GET", "/groups/{group}/feed.atom", feeds.group_feed, summary="A group's newest events as a feed",
          access=READ, query=FeedQuery, body=Nothing, answer=bytes, media_type=ATOM, problems=(GROUP_NOT_FOUND,)),
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
