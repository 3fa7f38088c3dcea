"""Whether two histories can be those of one player: what the one ends with, what the other begins with. Pure.

Bounds are such that no honest player passes them; what lies within them may still be two players.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from osrsdiff.game.metrics import MetricKind, kind_of, may_fall, name_of, place_of

XP_PER_HOUR = 4_000_000
"""Xp that nobody gains in an hour, of one skill or of all together: the game publishes no bound. Reasoned.

The quickest ways give some two million of one skill; what a fight gives to others beside it does not double that.
"""
KILLS_PER_HOUR = 400
"""Kills that nobody makes in an hour of one boss: one each nine seconds, finding it and walking there included."""
NOT_SHOWN_YET = timedelta(hours=6)
"""So long a player may have played before the first of the two looks without its showing: the hiscores learn of it when
the player logs out, which the game sees to after six hours."""

_NAMED = 3


class End(Struct, frozen=True):
    """What is known of a player at a time: values by metric, None where nothing is known of one."""

    at: datetime
    values: Mapping[str, int | None]


def contradictions(earlier: End, later: End) -> list[str]:
    """What can't be if `later`, the first that is known of one name, is what became of `earlier`, the last of another.

    In words that go on behind a colon or a semicolon: what fell, then what rose by too much; empty where all can be.
    Metrics that are unknown on either side say nothing. Scores that pile up and are handed in at once, such as clues,
    have no bound; xp and kills have.
    """
    both = [
        (metric, before, after)
        for metric in sorted(earlier.values.keys() & later.values.keys(), key=place_of)
        if (before := earlier.values[metric]) is not None and (after := later.values[metric]) is not None
    ]
    hours = max(later.at - earlier.at, timedelta(0)) / timedelta(hours=1)
    found = []
    if fell := [one for one in both if one[2] < one[1] and not may_fall(one[0])]:
        found.append(f"{_counted(fell)} fell: {_listed(fell)}")
    if rose := [one for one in both if one[2] - one[1] > _most(one[0], hours)]:
        found.append(f"{_counted(rose)} rose by more than anybody gains in {_span(hours)}: {_listed(rose)}")
    return found


def _most(metric: str, hours: float) -> float:
    """The most that may be gained, played on from the last logout."""
    played = hours + NOT_SHOWN_YET / timedelta(hours=1)
    match kind_of(metric):
        case MetricKind.SKILL:
            return XP_PER_HOUR * played
        case MetricKind.BOSS:
            return KILLS_PER_HOUR * played
        case MetricKind.ACTIVITY:
            return float("inf")


def _counted(found: list[tuple[str, int, int]]) -> str:
    return "1 metric" if len(found) == 1 else f"{len(found)} metrics"


def _listed(found: list[tuple[str, int, int]]) -> str:
    """The first of them, Overall before all, and how many more."""
    named = ", ".join(f"{name_of(metric)} from {before:,} to {after:,}" for metric, before, after in found[:_NAMED])
    more = len(found) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _span(hours: float) -> str:
    """How long, in words: 40 minutes, 1 hour, 12 days."""
    if round(hours * 60) < 60:
        count, unit = round(hours * 60), "minute"
    else:
        count, unit = (round(hours), "hour") if hours < 48 else (round(hours / 24), "day")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
