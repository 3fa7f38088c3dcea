"""Times as the database keeps them: whole seconds since 1970 UTC. Inside the program they are aware datetimes."""

from datetime import UTC, datetime


def seconds(at: datetime) -> int:
    """`at` (aware) as epoch seconds, the fraction cut off."""
    return int(at.timestamp())


def moment(stored: int) -> datetime:
    """A stored time as aware UTC."""
    return datetime.fromtimestamp(stored, UTC)


def moment_or_none(stored: int | None) -> datetime | None:
    """A stored time as aware UTC, None where there is none."""
    return None if stored is None else datetime.fromtimestamp(stored, UTC)
