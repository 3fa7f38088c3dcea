"""Names that scheduler, workers and whoever looks at the schedules share. No task function: a name is enough."""

FETCH_TASK = "fetch_player_hiscores"
RECONCILE_TASK = "reconcile_schedules"
PRUNE_TASK = "prune_failures"

SCHEDULE_TYPE = "player_fetch"

ALIVE_S = 15.0
"""A worker or scheduler that gave no sign of life for so long is dead."""

_PREFIX = f"{SCHEDULE_TYPE}_"


def schedule_id_of(player_id: int) -> str:
    """The id of a player's one schedule."""
    return f"{_PREFIX}{player_id}"


def player_id_of(schedule_id: str) -> int | None:
    """The player whose schedule has this id; None where it is nobody's."""
    number = schedule_id.removeprefix(_PREFIX)
    is_canonical = schedule_id.startswith(_PREFIX) and number.isascii() and number.isdigit()
    return int(number) if is_canonical and schedule_id == schedule_id_of(int(number)) else None
