"""Turns a record of OSRS Diff into the sheet that the hiscores had shown. Pure.

Its names are the hiscores' in lower case with underscores, and lead to the same keys. It wrote null for what the
hiscores answer as -1: a null value is unknown, a null rank beside a value is below the cut-off. Whatever it does not
say is unknown, never zero. What can't be true is refused as a whole.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from osrsdiff.errors import Malformed
from osrsdiff.game.levels import level_for_xp, total_level
from osrsdiff.game.metrics import KNOWN, OVERALL, Metric, MetricKind, activity_named, metric_key, skill_named
from osrsdiff.game.snapshots import Reading, Unranked
from osrsdiff.storage.predecessor import OldRecord


class Seen(Struct, frozen=True):
    """What one record shows. `sheet`: in the hiscores' order. `new_metrics`: those of it that are not in KNOWN."""

    sheet: dict[str, Reading]
    new_metrics: tuple[Metric, ...]


_MOST_RANK, _MOST_LEVEL, _MOST_XP = 2**31 - 1, 2**15 - 1, 2**53
_LONGEST_NAME = 80

_Rank = Annotated[int, Meta(ge=-1, le=_MOST_RANK)] | None
_Level = Annotated[int, Meta(ge=-1, le=_MOST_LEVEL)] | None
_Value = Annotated[int, Meta(ge=-1, le=_MOST_XP)] | None


class _Skill(Struct, gc=False):
    rank: _Rank = None
    level: _Level = None
    experience: _Value = None


class _Boss(Struct, gc=False):
    rank: _Rank = None
    kc: _Value = None


class _Layout(Struct, frozen=True):
    """Where the readings of records with these names go. `places`: a reading's key and index, in the sheet's order."""

    places: list[tuple[str, int]]
    new_metrics: tuple[Metric, ...]


T = TypeVar("T")

_Entries = Mapping[str, T | None]

_skills = msgspec.json.Decoder(dict[str, _Skill | None] | None)
_bosses = msgspec.json.Decoder(dict[str, _Boss | None] | None)
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)

_PLACES = {metric.key: place for place, metric in enumerate(KNOWN)}
_SKILLS = {metric.key: metric for metric in KNOWN if metric.kind is MetricKind.SKILL}
_ACTIVITIES = {metric.key: metric for metric in KNOWN if metric.kind is not MetricKind.SKILL}

_MOST_LAYOUTS = 64
_layouts: dict[tuple[tuple[str, ...], tuple[str, ...]], _Layout] = {}

# looking a member up on an enum costs more than the comparison it is for
_HIDDEN, _ZERO, _BELOW_CUTOFF = Unranked.HIDDEN, Unranked.ZERO, Unranked.BELOW_CUTOFF
_UNKNOWN = Reading(None, None, None, _HIDDEN)


def seen_in(record: OldRecord) -> Seen:
    """What the hiscores had shown. Raises Malformed for what is not the format, or can't be true, and says why."""
    skills = _decoded(record.skills, "skills_data", _skills, _Skill)
    bosses = _decoded(record.bosses, "bosses_data", _bosses, _Boss)
    layout = _layout(tuple(skills), tuple(bosses))
    readings = [
        _UNKNOWN,
        *[_UNKNOWN if skill is None else _skill_reading(skill) for skill in skills.values()],
        *[_UNKNOWN if boss is None else _boss_reading(boss) for boss in bosses.values()],
    ]
    readings[0] = _overall(record, skills)
    if len(readings) == 1 and readings[0].value is None:
        raise Malformed("it holds no skill, no boss and no overall")
    return Seen({key: readings[place] for key, place in layout.places}, layout.new_metrics)


def _decoded(
    text: str | None, column: str, decoder: msgspec.json.Decoder[dict[str, T | None] | None], entry: type[T]
) -> _Entries[T]:
    if text is None:
        return {}
    try:
        return decoder.decode(text) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{column}: {_culprit(text, entry) or error}") from error


def _culprit(text: str, entry: type[T]) -> str | None:
    """Which entry is wrong and how; None where it is the whole."""
    try:
        entries = _raw.decode(text) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for name, raw in entries.items():
        try:
            msgspec.json.decode(raw, type=entry | None)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return f"{name[:_LONGEST_NAME]}: {error}"
    return None


def _skill_reading(skill: _Skill) -> Reading:
    xp, rank = skill.experience, skill.rank
    if xp is None or xp < 0:
        return Reading(None, None, _level(skill), _HIDDEN)
    level = skill.level if skill.level is not None and skill.level > 0 else level_for_xp(xp)
    if rank is not None and rank > 0:
        return Reading(xp, rank, level, None)
    return Reading(xp, None, level, _BELOW_CUTOFF if xp else _ZERO)


def _level(skill: _Skill) -> int | None:
    return skill.level if skill.level is not None and skill.level >= 0 else None


def _boss_reading(boss: _Boss) -> Reading:
    score, rank = boss.kc, boss.rank
    if score is None or score < 0:
        return _UNKNOWN
    if rank is not None and rank > 0:
        return Reading(score, rank, None, None)
    return Reading(score, None, None, _BELOW_CUTOFF if score else _ZERO)


def _overall(record: OldRecord, skills: _Entries[_Skill]) -> Reading:
    """From its own columns, which could not hold what passes an int; then from among the skills, where it stands."""
    xp = _whole("overall_experience", record.overall_experience, _MOST_XP)
    rank = _whole("overall_rank", record.overall_rank, _MOST_RANK)
    level = _whole("overall_level", record.overall_level, _MOST_LEVEL)
    if xp is None and (listed := skills.get(OVERALL)) is not None:
        xp, rank, level = _known(listed.experience), _known(listed.rank), _known(listed.level)
    if level is None and xp:
        level = total_level(_levels(skills))
    if not xp or not level:
        return Reading(None, None, level, _HIDDEN)
    return Reading(xp, rank, level, None) if rank else Reading(xp, None, level, _BELOW_CUTOFF)


def _levels(skills: _Entries[_Skill]) -> dict[str, int]:
    readings = {metric_key(name): _skill_reading(skill) for name, skill in skills.items() if skill is not None}
    return {key: reading.level or 1 for key, reading in readings.items() if key != OVERALL}


def _known(given: int | None) -> int | None:
    return None if given is None or given < 0 else given


def _whole(column: str, given: object, most: int) -> int | None:
    """The value of a column of whatever numeric type; None for null and -1."""
    if given is None:
        return None
    try:
        whole = int(given)  # type: ignore[call-overload]
        is_whole = bool(whole == given)
    except (TypeError, ValueError, OverflowError):
        is_whole = False
    if not is_whole or not -1 <= whole <= most:
        raise Malformed(f"{column}: {str(given)[:40]!r} is no number from -1 to {most}")
    return _known(whole)


def _layout(skills: tuple[str, ...], bosses: tuple[str, ...]) -> _Layout:
    """Nearly all records have the same names, so what follows from them is worked out once."""
    layout = _layouts.get((skills, bosses))
    if layout is None:
        if len(_layouts) >= _MOST_LAYOUTS:
            _layouts.clear()
        layout = _layouts[skills, bosses] = _laid_out(skills, bosses)
    return layout


def _laid_out(skills: tuple[str, ...], bosses: tuple[str, ...]) -> _Layout:
    new: list[Metric] = []
    places = {OVERALL: 0}
    named = [(name, _SKILLS, skill_named) for name in skills] + [(name, _ACTIVITIES, activity_named) for name in bosses]
    for place, (name, known, make) in enumerate(named, start=1):
        key = _key(name, known, make, new)
        if key == OVERALL and known is _SKILLS:
            continue
        if key in places:
            raise Malformed(f"{name[:_LONGEST_NAME]!r} stands twice in one record")
        places[key] = place
    order = sorted(places.items(), key=lambda item: (_PLACES.get(item[0], len(_PLACES)), item[0]))
    return _Layout(order, tuple(new))


def _key(name: str, known: Mapping[str, Metric], make: Callable[[str], Metric], new: list[Metric]) -> str:
    try:
        key = metric_key(name)
        if key in known:
            return key
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"a name of {len(name)} characters")
        metric = make(_spelled(name))
    except ValueError as error:
        raise Malformed(f"{name[:_LONGEST_NAME]!r} is no name of a metric: {error}") from error
    new.append(metric)
    return metric.key


def _spelled(name: str) -> str:
    """About as the hiscores write it, whose own spelling the old program did not keep: `maggot_king`, Maggot King."""
    words = name.replace("_", " ").split()
    return " ".join(word if word in ("of", "the") and place else word.capitalize() for place, word in enumerate(words))
