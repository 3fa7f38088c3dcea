"""When a player whom the hiscores don't list counts as not found. Pure.

One answer says little: a table forgets a player for minutes, and comes back. A row of them over days says that the name
was changed or never ranked.
"""

from datetime import datetime, timedelta

NOT_FOUND_AFTER = timedelta(days=3)
NOT_FOUND_LEAST = 3
SLOWED_TO = timedelta(days=1)
"""How often a player who is not found is looked at, where the own interval is not longer."""


def is_not_found(missing_since: datetime | None, failures: int, now: datetime) -> bool:
    """Whether no answer since `missing_since` (None: the last one gave data) gave data, for days and several times.

    `failures`: answers without data in a row.
    """
    if missing_since is None or failures < NOT_FOUND_LEAST:
        return False
    return now - missing_since >= NOT_FOUND_AFTER
