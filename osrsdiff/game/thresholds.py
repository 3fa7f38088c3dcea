"""Which values are achievements: one table of thresholds, and what each is called. Pure.

A threshold belongs to a metric and to what is measured of it. Level 99 stands for its 13,034,431 xp, so there is no
threshold of that much xp besides. A rule that is added here applies to the whole history: it is part of
FINGERPRINT_PARTS, and whoever was reckoned without it is reckoned again.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

from msgspec import Struct

from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of, name_of


class Measure(StrEnum):
    """What of a metric is compared with a threshold."""

    VALUE = "value"
    """Xp, kills or score."""
    LEVEL = "level"
    """A skill's level; of Overall the total level."""
    BASE_LEVEL = "base_level"
    """Of Overall: the lowest level of any skill."""
    COMBAT_LEVEL = "combat_level"
    """Of Overall: the combat level."""


MEASURE_CODES: Mapping[Measure, int] = {
    Measure.VALUE: 1,
    Measure.LEVEL: 2,
    Measure.BASE_LEVEL: 3,
    Measure.COMBAT_LEVEL: 4,
}
"""How measures are stored."""

_M, _B = 1_000_000, 1_000_000_000

_RAIDS = (
    "chambers_of_xeric", "chambers_of_xeric_challenge_mode", "theatre_of_blood", "theatre_of_blood_hard_mode",
    "tombs_of_amascut", "tombs_of_amascut_expert_mode",
)  # fmt: skip
_GAUNTLETS = ("the_gauntlet", "the_corrupted_gauntlet")
_BOUNTIES = (
    "bounty_hunter_hunter", "bounty_hunter_rogue", "bounty_hunter_legacy_hunter", "bounty_hunter_legacy_rogue",
)  # fmt: skip

# Of bosses, 1 is the first kill.
_VALUES_OF_KIND: Mapping[MetricKind, tuple[int, ...]] = {
    MetricKind.SKILL: (50 * _M, 100 * _M, 200 * _M),
    MetricKind.BOSS: (1, 500, 1_000, 5_000, 10_000),
    MetricKind.ACTIVITY: (),
}
_VALUES: Mapping[str, tuple[int, ...]] = {
    OVERALL: (100 * _M, 200 * _M, 500 * _M, 1 * _B, 2 * _B, 4_600 * _M),
    **dict.fromkeys([*_RAIDS, "doom_of_mokhaiotl", "brutus"], (1, 100, 500, 1_000, 5_000)),
    **dict.fromkeys(["bryophyta", "hespori", "obor", "skotizo", "tztok_jad"], (1, 50, 100, 500, 1_000)),
    **dict.fromkeys(_GAUNTLETS, (1, 100, 200, 1_000, 2_000)),
    "lunar_chests": (1, 100, 250, 500, 1_000),
    **dict.fromkeys(["mimic", "tzkal_zuk", "sol_heredit"], (1, 10, 50, 100, 200)),
    **dict.fromkeys(
        [f"clue_scrolls_{tier}" for tier in ("all", "easy", "medium", "hard")], (500, 1_000, 5_000, 10_000)
    ),
    "clue_scrolls_beginner": (200, 500, 1_000, 5_000),
    **dict.fromkeys(["clue_scrolls_elite", "clue_scrolls_master"], (100, 500, 1_000, 5_000)),
    **dict.fromkeys(_BOUNTIES, (1_000, 5_000, 10_000)),
    "lms_rank": (2_000, 5_000, 10_000, 15_000),
    "soul_wars_zeal": (5_000, 10_000, 20_000),
    "collections_logged": (500, 700, 900, 1_000, 1_100, 1_200),
}
_LEVELS = (50, 60, 70, 80, *range(90, 100))
_OF_OVERALL: Mapping[Measure, tuple[int, ...]] = {
    # 2376: all of autumn 2026's 24 skills at 99
    Measure.LEVEL: (*range(500, 2_251, 250), 2_376),
    Measure.BASE_LEVEL: (60, 70, 80, 90, 99),
    Measure.COMBAT_LEVEL: (*range(50, 121, 10), 126),
}

FINGERPRINT_PARTS: tuple[str, ...] = (
    "achievements 1",  # to be raised where the same thresholds come to be judged otherwise
    *(repr(sorted(table.items())) for table in (_VALUES_OF_KIND, _VALUES, _OF_OVERALL)),
    repr(_LEVELS),
)
"""What achievements depend on, as text that is another where any rule is."""


class Rule(Struct, frozen=True):
    """A threshold, and of what."""

    metric: str
    measure: Measure
    threshold: int

    @property
    def name(self) -> str:
        """The achievement in a few words: 99 Attack, 500 Zulrah kills, Base 80."""
        match self.measure:
            case Measure.VALUE:
                return _value_name(self.metric, self.threshold)
            case Measure.LEVEL if self.metric != OVERALL:
                return f"{self.threshold} {name_of(self.metric)}"
            case Measure.LEVEL:
                return f"Total level {self.threshold:,}"
            case Measure.BASE_LEVEL:
                return f"Base {self.threshold}" + (" (maxed)" if self.threshold == _LEVELS[-1] else "")
            case Measure.COMBAT_LEVEL:
                return f"Combat level {self.threshold}"


def thresholds(metric: str, measure: Measure) -> tuple[int, ...]:
    """The thresholds of a metric, the lowest first; those of any boss for a metric that nobody knows."""
    return _thresholds(metric, kind_of(metric), measure)


def rules_for(metric: str) -> list[Rule]:
    """Every rule about a metric, by measure, the lowest threshold first."""
    return [Rule(metric, measure, threshold) for measure in Measure for threshold in thresholds(metric, measure)]


@cache
def _thresholds(metric: str, kind: MetricKind, measure: Measure) -> tuple[int, ...]:
    match measure:
        case Measure.VALUE:
            return _VALUES.get(metric, _VALUES_OF_KIND[kind])
        case _ if metric == OVERALL:
            return _OF_OVERALL[measure]
        case Measure.LEVEL if kind is MetricKind.SKILL:
            return _LEVELS
        case _:
            return ()


def counted_in(metric: str, count: int) -> str:
    """What so many of a metric are, without the number: Attack xp, Zulrah kills, Barrows Chest, Soul Wars Zeal."""
    name = name_of(metric)
    match kind_of(metric):
        case MetricKind.SKILL:
            return f"{name} xp"
        case MetricKind.ACTIVITY:
            return name
        case MetricKind.BOSS if name.endswith(" Chests"):
            return name[:-1] if count == 1 else name
        case MetricKind.BOSS:
            return f"{name} {'completion' if metric in _COMPLETED else 'kill'}{'' if count == 1 else 's'}"


def _value_name(metric: str, threshold: int) -> str:
    things = counted_in(metric, threshold)
    match kind_of(metric):
        case MetricKind.SKILL:
            return f"{_short(threshold)} {things}"
        case MetricKind.BOSS if threshold == 1:
            return f"First {things}"
        case _:
            return f"{threshold:,} {things}"


_COMPLETED = frozenset({*_RAIDS, *_GAUNTLETS})


def _short(xp: int) -> str:
    """50m, 4.6b."""
    return f"{xp / _B:g}b" if xp >= _B else f"{xp / _M:g}m"
