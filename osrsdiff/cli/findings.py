"""What `schedules verify` and `schedules cleanup` found, in words for whoever runs an instance."""

from collections.abc import Iterable, Mapping

from rich.text import Text

from osrsdiff.cli import tables, wording
from osrsdiff.scheduling.constants import player_id_of
from osrsdiff.storage import plan
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.reconcile import Found, Reconciled
from osrsdiff.tracking.upkeep import CleanedUp

Names = Mapping[int, str]
"""Display names by player id."""

_DIFFERENCES = {
    "missing_in_redis": "active, but not scheduled",
    "missing_in_database": "schedule noted wrongly in the database",
    "different": "scheduled otherwise than the interval says",
    "inactive": "paused, but scheduled",
    "orphaned": "schedule without a player",
}
_NOT_NEEDED = {
    "orphaned": "schedule without a player, or of a paused one",
    "dead_workers": "worker that is gone",
    "dead_schedulers": "scheduler that is gone",
    "stale": "entry without a schedule",
}


async def names_of(instance: Instance, report: Reconciled) -> Names:
    """The names of the players that a report shows, of those that there are."""
    kinds = (getattr(report, kind) for kind in _DIFFERENCES)
    ids = {one for kind in kinds for one in kind.ids if isinstance(one, int)}
    if not ids:
        return {}
    async with instance.db.reading() as connection:
        found = await plan.by_ids(connection, ids)
    return {player_id: player.display_name for player_id, player in found.items()}


def print_differences(report: Reconciled, names: Names) -> None:
    """What a comparison of all players with their schedules came to."""
    players = wording.counted(report.players, "player")
    if not report.differences:
        tables.print_line(f"{players} compared: all schedules agree.")
        return
    done = "mended" if report.mended else "found, not mended"
    differences = wording.counted(report.differences, "difference")
    tables.print_line(Text(f"{players} compared: {differences} {done}.", style="yellow"))
    _print_kinds({words: getattr(report, kind) for kind, words in _DIFFERENCES.items()}, names)


def print_cleaned(cleaned: CleanedUp) -> None:
    """What nobody needed."""
    kinds = {words: getattr(cleaned, kind) for kind, words in _NOT_NEEDED.items()}
    total = sum(kind.count for kind in kinds.values())
    if not total:
        tables.print_line("Nothing to clean up.")
        return
    done = "removed" if cleaned.removed else "would be removed"
    tables.print_line(f"{wording.counted(total, 'thing')} in Redis that nobody needs {done}.")
    _print_kinds(kinds, {})


def _print_kinds(kinds: Mapping[str, Found], names: Names) -> None:
    for words, found in kinds.items():
        if found.count:
            tables.print_line("")
            tables.print_line(Text(f"{words}: {found.count:,}", style="bold"))
            more = found.count - len(found.ids)
            shown = [*_in_words(found.ids, names), *([f"and {more:,} more"] if more else [])]
            tables.print_paragraph(", ".join(shown))


def _in_words(ids: Iterable[int | str], names: Names) -> list[str]:
    return [_name(one, names) for one in ids]


def _name(one: int | str, names: Names) -> str:
    player_id = one if isinstance(one, int) else player_id_of(one)
    return names.get(player_id, str(one)) if player_id is not None else str(one)
