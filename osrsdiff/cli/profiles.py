"""How players read: a page of them, and one in full. Prints the page; knows no instance."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from osrsdiff.cli import tables, timetable, wording
from osrsdiff.cli.documents import Headline
from osrsdiff.game.absence import is_not_found
from osrsdiff.game.builds import Build
from osrsdiff.game.levels import COMBAT_SKILLS, combat_level, total_level
from osrsdiff.game.metrics import OVERALL, REQUIRED_SKILLS, MetricKind
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.players import Player

_NO_NEXT_LOOK = {True: "none scheduled while `osrsdiff run` is down", False: "none while paused"}
_BUILDS = {
    Build.LEVEL_3: "level 3",
    Build.DEFENCE_1: "1 defence",
    Build.HITPOINTS_10: "10 hitpoints",
    Build.FREE_TO_PLAY: "free-to-play",
}


def print_players(found: Sequence[Player], now: datetime) -> None:
    """A table of players; nothing where there are none."""

    def ago(at: datetime | None) -> str:
        return "never" if at is None else wording.ago(at, now)

    rows = [
        (
            one.display_name,
            "active" if one.is_active else Text("paused", style="yellow"),
            wording.every(one.fetch_interval_minutes),
            ago(one.last_look_at),
            ago(one.last_changed_at),
            _outcome(one, now),
        )
        for one in found
    ]
    if rows:
        tables.print_table(("Player", "State", "Every", "Last look", "Last change", "Last outcome"), rows)


def facts(
    found: Player, next_look: datetime | None, headline: Headline, builds: Sequence[Build], now: datetime
) -> dict[str, tables.Cell]:
    """What is known of a player, by what it is."""
    every = wording.every(found.fetch_interval_minutes)
    told: dict[str, tables.Cell] = {
        "Game mode": _mode(found, now),
        "State": f"active, looked at every {every}" if found.is_active else f"paused (else every {every})",
        "Next look": wording.moment(next_look, now, _NO_NEXT_LOOK[found.is_active]),
        "Last look": wording.moment(found.last_look_at, now),
        "Last change": wording.moment(found.last_changed_at, now),
        "Last outcome": wording.outcome(found.last_outcome),
        "Tracked since": wording.moment(found.created_at, now),
    }
    return {**told, **_troubles(found, now), **_levels(headline, builds)}


def headline_of(sheet: Sequence[SheetRow]) -> Headline:
    """A sheet in four numbers; what values from elsewhere leave open is None."""
    skills = {row.metric.key: row.reading for row in sheet if row.metric.kind is MetricKind.SKILL}
    overall = skills.pop(OVERALL, None)
    levels = {key: reading.level for key, reading in skills.items() if reading.level is not None}
    own = overall.level if overall else None
    return Headline(
        total_level=total_level(levels, own) if levels.keys() >= REQUIRED_SKILLS - {OVERALL} else own,
        combat_level=combat_level(levels) if levels.keys() >= COMBAT_SKILLS else None,
        overall_xp=overall.value if overall else None,
        overall_rank=overall.rank if overall else None,
    )


def _outcome(one: Player, now: datetime) -> tables.Cell:
    """How the last fetch ended, or that somebody has to look at the player."""
    if one.flagged_at is not None:
        return Text(f"flagged {wording.day(one.flagged_at, now)}", style="red")
    return timetable.outcome(one, now)


def _mode(found: Player, now: datetime) -> str:
    since = "" if found.mode_since is None else f" since {wording.local(found.mode_since, now)}"
    checked = "never checked" if found.mode_checked_at is None else f"checked {wording.ago(found.mode_checked_at, now)}"
    return f"{wording.mode(found.game_mode)}{since}, {checked}"


def _troubles(found: Player, now: datetime) -> dict[str, tables.Cell]:
    told: dict[str, tables.Cell] = {}
    if found.flagged_at is not None:
        since = wording.moment(found.flagged_at, now)
        told["Flagged"] = Text(f"since {since}: osrsdiff review show {found.display_name!r}", style="red")
    if found.missing_since is not None:
        is_slowed = found.is_active and is_not_found(found.missing_since, found.failures, now)
        slowed = ", so looked at less often" if is_slowed else ""
        told["Not found"] = Text(f"since {wording.moment(found.missing_since, now)}{slowed}", style="yellow")
    if found.failures:
        told["Failures"] = f"{found.failures} in a row, the last try {wording.moment(found.last_attempt_at, now)}"
    return told


def _levels(headline: Headline, builds: Sequence[Build]) -> dict[str, tables.Cell]:
    told: dict[str, tables.Cell] = {}
    if headline != Headline():
        told["Total level"] = wording.number(headline.total_level)
        told["Combat level"] = wording.number(headline.combat_level)
        told["Overall"] = f"{wording.number(headline.overall_xp)} xp, rank {wording.number(headline.overall_rank)}"
    if builds:
        told["Build"] = ", ".join(_BUILDS[one] for one in builds)
    return told
