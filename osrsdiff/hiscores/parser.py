"""Turns the bytes that the hiscores send into a sheet, whole or not at all. No network, no database.

Keys on names: ids and the order of entries mean nothing here, and a name that nobody has seen becomes a metric. Keeps
the kinds of unranked apart. What is not the format is refused, never half-read.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from osrsdiff.errors import Malformed, Unavailable
from osrsdiff.game.metrics import KNOWN, OVERALL, REQUIRED_SKILLS, Metric, MetricKind, activity_named, skill_named
from osrsdiff.game.snapshots import Reading, Unranked


class Observation(Struct, frozen=True):
    """What one answer says. `sheet`: a reading by metric key. `new_metrics`: those of it that are not in KNOWN."""

    sheet: dict[str, Reading]
    new_metrics: tuple[Metric, ...]


_Name = Annotated[str, Meta(min_length=1, max_length=80)]
_Small = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
# what a double still counts exactly: readers of JSON get no other number than was sent
_Large = Annotated[int, Meta(ge=-1, le=2**53)]


class _Skill(Struct, gc=False):
    name: _Name
    rank: _Small
    level: _Small
    xp: _Large


class _Activity(Struct, gc=False):
    name: _Name
    rank: _Small
    score: _Large


class _Page(Struct, gc=False):
    skills: list[_Skill]
    activities: list[_Activity]


_decoder = msgspec.json.Decoder(_Page)
_SKILL_KEYS = {metric.name: metric.key for metric in KNOWN if metric.kind is MetricKind.SKILL}
_ACTIVITY_KEYS = {metric.name: metric.key for metric in KNOWN if metric.kind is not MetricKind.SKILL}

# looking a member up on an enum costs more than the comparison it is for
_HIDDEN, _ZERO, _BELOW_CUTOFF = Unranked.HIDDEN, Unranked.ZERO, Unranked.BELOW_CUTOFF


def parse(body: bytes) -> Observation:
    """The sheet of one complete answer.

    Raises Unavailable for a page meant for people or nothing at all, Malformed for anything else that is not the
    format: CSV, JSON cut short, a required skill missing, a metric twice, values that no metric has.
    """
    if not is_data(body):
        raise Unavailable("the hiscores answered with a page instead of data")
    page = _decoded(body)
    sheet: dict[str, Reading] = {}
    new: list[Metric] = []
    for skill in page.skills:
        key = _SKILL_KEYS.get(skill.name) or _unseen(skill_named, skill.name, new)
        sheet[key] = _skill_reading(skill.rank, skill.level, skill.xp)
    if not sheet.keys() >= REQUIRED_SKILLS:
        raise Malformed(f"skills are missing: {', '.join(sorted(REQUIRED_SKILLS - sheet.keys()))}")
    _unrank_empty_overall(sheet)
    for activity in page.activities:
        key = _ACTIVITY_KEYS.get(activity.name) or _unseen(activity_named, activity.name, new)
        sheet[key] = _activity_reading(activity.rank, activity.score)
    if len(sheet) != len(page.skills) + len(page.activities):
        raise Malformed("a metric stands twice in one answer")
    return Observation(sheet, tuple(new))


def is_data(body: bytes) -> bool:
    """Whether this may be data at all: neither blank nor markup."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"", b"<")


def _decoded(body: bytes) -> _Page:
    try:
        return _decoder.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the hiscores' answer is not in their format: {error}") from error


def _unseen(named: Callable[[str], Metric], name: str, new: list[Metric]) -> str:
    try:
        metric = named(name)
    except ValueError as error:
        raise Malformed(f"the hiscores' answer is not in their format: {error}") from error
    new.append(metric)
    return metric.key


def _skill_reading(rank: int, level: int, xp: int) -> Reading:
    if xp < 0:
        return Reading(None, None, level, _HIDDEN)
    if rank > 0:
        return Reading(xp, rank, level, None)
    return Reading(xp, None, level, _BELOW_CUTOFF if xp else _ZERO)


def _activity_reading(rank: int, score: int) -> Reading:
    if score < 0:
        return Reading(None, None, None, _HIDDEN)
    if rank > 0:
        return Reading(score, rank, None, None)
    return Reading(score, None, None, _BELOW_CUTOFF if score else _ZERO)


def _unrank_empty_overall(sheet: dict[str, Reading]) -> None:
    """An Overall of level 0 or xp 0 says nothing: no account has so little."""
    overall = sheet[OVERALL]
    if not overall.value or not overall.level or overall.level < 0:
        sheet[OVERALL] = Reading(None, None, overall.level, _HIDDEN)
