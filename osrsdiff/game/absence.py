"""When a player whom the hiscores don't list counts as not found. Pure.

One answer says little: a table forgets a player for minutes, and comes back. A row of them over days says that the name
was changed or never ranked.
"""

from datetime import datetime, timedelta

NOT_FOUND_AFTER = timedelta(days=3)
SLOWED_TO = timedelta(days=1)
"""How often a player who is not found is looked at, where the own interval is not longer."""


def is_not_found(missing_since: datetime | None, now: datetime) -> bool:
    """Whether every answer since `missing_since` (None: the last one gave data) has been the same for days."""
    return missing_since is not None and now - missing_since >= NOT_FOUND_AFTER
