"""Names that scheduler, workers and whoever looks at the schedules share. No task function: a name is enough."""

FETCH_TASK = "fetch_player_hiscores"
CHECK_MODE_TASK = "check_game_mode"
RECONCILE_TASK = "reconcile_schedules"
PRUNE_TASK = "prune_failures"
RECKON_TASK = "reckon_history"
CHECK_MODES_TASK = "check_game_mode_downgrades"

FIXED_JOBS = {
    RECONCILE_TASK: "*/10 * * * *",
    PRUNE_TASK: "20 3 * * *",
    RECKON_TASK: "5-59/10 * * * *",
    CHECK_MODES_TASK: "0 2 * * *",
}
"""Cron (UTC) of each job that does not depend on a player; its schedule id is its name."""

NEVER_LATE = frozenset({RECONCILE_TASK})
"""Of those, what is skipped where its minute was missed: the scheduler asks for a reconcile itself when it starts and
after outages. Every other job runs late, once."""

SCHEDULE_TYPE = "player_fetch"

RETRY = "retry"
"""Label of a fetch that is tried again: how often its beat was tried before."""

ASKED_AT = "asked_at"
"""Label of a fetch that was asked for by hand: when, as an epoch second."""

SPARE = "spare"
"""Label of a check that takes only what nobody else takes of the request budget."""

SOONEST_S = 10.0
"""A fire is never moved nearer than this."""

ALIVE_S = 15.0
"""A worker or scheduler that gave no sign of life for so long is dead."""

SCHEDULE_PREFIX = f"{SCHEDULE_TYPE}_"
"""What the id of a player's one schedule begins with; the rest is the player's id."""
_MOST_DIGITS = 10
"""No database gives a player a longer id."""


def schedule_id_of(player_id: int) -> str:
    """The id of a player's one schedule."""
    return f"{SCHEDULE_PREFIX}{player_id}"


def player_id_of(schedule_id: str) -> int | None:
    """The player whose schedule has this id; None where it is nobody's."""
    number = schedule_id.removeprefix(SCHEDULE_PREFIX)
    is_number = 0 < len(number) <= _MOST_DIGITS and number.isascii() and number.isdigit()
    return int(number) if is_number and schedule_id == schedule_id_of(int(number)) else None
