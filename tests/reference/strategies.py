"""Random histories: looks with gaps from a second to a year, and everything that a table of hiscores is known to do.

Values start near levels and thresholds and move by little, so that ties and crossings are common. What a look shows is
drawn as a move of each metric since the look before, which keeps shrunk examples readable.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from model import COMBAT, OLD_SKILLS, History, level_of_xp
from msgspec import Struct
from seen import RATINGS, Sheet

from osrsdiff.game.metrics import Metric, MetricKind, register
from osrsdiff.game.snapshots import Reading, Unranked

BEGIN = 1_760_000_000
NEW_BOSS = Metric("brass_heron", "Brass Heron", MetricKind.BOSS)
"""What no table of the game's knows."""
register(NEW_BOSS)

EXAMPLES = int(os.environ.get("OSRSDIFF_EXAMPLES", "25"))
on_random_histories = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""One database for all examples, each with players of its own."""
on_some_random_histories = settings(on_random_histories, max_examples=EXAMPLES // 2)
"""The same where an example takes longer, or its parts are tried elsewhere too."""

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 31_556_926
_GAPS = [
    1, _MINUTE, _HOUR, _HOUR, 6 * _HOUR, 12 * _HOUR, 12 * _HOUR, _DAY - 1, _DAY, _DAY, _DAY + 1, _DAY * 11 // 10 - 1,
    _DAY * 11 // 10, _DAY * 11 // 10 + 1, 3 * _DAY, 7 * _DAY, 7 * _DAY * 11 // 10, 7 * _DAY * 11 // 10 + 1, 15 * _DAY,
    31 * _DAY, 31 * _DAY * 11 // 10, 200 * _DAY, _YEAR, _YEAR * 11 // 10, 0, -1, -_HOUR,
]  # fmt: skip

_XP_EDGES = [83, 174, 101_333, 111_945, 273_742, 737_627, 13_034_431, 50_000_000, 200_000_000]
_KILL_EDGES = [1, 10, 50, 100, 500, 1_000, 5_000]
_RATING_EDGES = [2_000, 5_000]
_OVERALL_EDGES = [100_000_000, 200_000_000]

_MOVES = ["one", "one", "stay", "some", "edge", "under", "hide", "vanish", "slip", "collapse", "regain"]
_OVERALL_MOVES = [*_MOVES, "release", "release"]
_RATING_MOVES = ["some", "slip", "some", "slip", "regain", "stay", "one", "edge", "hide"]


class _Metric(Struct):
    """Where a metric stands. `extra`: what its level is above that of its xp, which the hiscores may say."""

    key: str
    value: int | None
    rank: int | None
    extra: int = 0
    is_hidden: bool = False
    is_left_out: bool = False
    highest: int = 0

    def move(self, how: str) -> None:
        self.is_hidden, self.is_left_out = how == "hide", how == "vanish"
        value = self.value or 0
        self.highest = max(self.highest, value)
        match how:
            case "one":
                self.value = value + 1
            case "some":
                self.value = value + (40 if self.key in SKILLS else 5)
            case "edge":
                self.value = next((edge for edge in self._edges() if edge > value), value)
            case "under":
                self.value = next((edge - 1 for edge in self._edges() if edge - 1 > value), value)
            case "slip":
                self.value = max(0, value - 5)
            case "collapse":
                self.value = value // 10
            case "regain":
                self.value = self.highest + 1
            case "release":  # of a new skill, whose level everybody has without xp
                self.extra += 1

    def reading(self) -> Reading:
        if self.value is None or self.is_hidden:
            return Reading(None, None, 1 if self.key in SKILLS else None, Unranked.HIDDEN)
        if self.value == 0:
            return Reading(0, None, self._level(0), Unranked.ZERO)
        return Reading(self.value, self.rank, self._level(self.value), None if self.rank else Unranked.BELOW_CUTOFF)

    def _level(self, value: int) -> int | None:
        if self.key == "overall":
            return 490 + self.extra + min(value, 18_850) // 10
        return min(99, level_of_xp(value) + self.extra) if self.key in SKILLS else None

    def _edges(self) -> list[int]:
        if self.key == "overall":
            return _OVERALL_EDGES
        if self.key in SKILLS:
            return _XP_EDGES
        return _RATING_EDGES if self.key in RATINGS else _KILL_EDGES


SKILLS = {"overall", "sailing", *OLD_SKILLS}
_OTHERS = ["zulrah", "obor", "clue_scrolls_all", "lms_rank", "pvp_arena_rank", NEW_BOSS.key]
_STARTS: Mapping[str, list[int | None]] = {
    "overall": [None, 95, 95, 100_000_000 - 30],
    "skill": [None, 0, 80, 13_363, 101_330, 13_034_430, 199_999_999],
    "other": [None, 0, 0, 9, 50, 50, 99, 498, 4_999],
    "rating": [None, 70, 1_995, 2_500],
}


@st.composite
def histories(draw: st.DrawFn, *, most_looks: int = 12, only: str | None = None) -> History:
    """A player's looks, at least one: of a few metrics, now and then of all skills of combat, or of all there are."""
    keys = [only] if only else draw(_keys())
    standing = {key: draw(_started(key)) for key in keys} if draw(st.booleans()) else _all_but_some_60(draw, keys)
    history = History(SKILLS)
    at: float = BEGIN + draw(st.integers(0, _DAY))
    rhythm = draw(st.lists(st.sampled_from(_GAPS), min_size=1, max_size=3)) if draw(st.booleans()) else _GAPS
    for number in range(draw(st.integers(1, most_looks) | st.just(most_looks))):
        if number:
            at = history.looks[-1].at + draw(st.sampled_from(rhythm)) + draw(st.sampled_from([0, 0.5]))
            if only is None and draw(st.integers(0, 5)) == 0:
                new = draw(st.sampled_from(["sailing", *_OTHERS]))
                standing.setdefault(new, draw(_started(new)))
            _later(draw, standing)
        history.see(at, _sheet(standing))
    return history


@st.composite
def _keys(draw: st.DrawFn) -> list[str]:
    few = st.lists(st.sampled_from(["overall", "overall", "attack", "cooking", *_OTHERS]), min_size=1, max_size=3)
    others = st.sampled_from([(), (), (), COMBAT, sorted(OLD_SKILLS)])
    return list(dict.fromkeys([*draw(few), *draw(others)]))


def _all_but_some_60(draw: st.DrawFn, keys: list[str]) -> dict[str, _Metric]:
    """The skills shortly before a base level of 60."""
    behind = draw(st.lists(st.sampled_from(keys), max_size=2))
    return {
        key: _Metric(key, 273_741 if key in behind else 273_742, 5) if key in OLD_SKILLS else draw(_started(key))
        for key in keys
    }


def _later(draw: st.DrawFn, standing: dict[str, _Metric]) -> None:
    is_quiet = draw(st.integers(0, 4)) == 0
    for key in () if is_quiet else draw(st.lists(st.sampled_from(list(standing)), min_size=1, max_size=4, unique=True)):
        moves = _RATING_MOVES if key in RATINGS else _OVERALL_MOVES if key == "overall" else _MOVES
        standing[key].move(draw(st.sampled_from(moves)))
    if draw(st.booleans()):
        for metric in standing.values():
            metric.rank = metric.rank and metric.rank + 1


def _sheet(standing: Mapping[str, _Metric]) -> Sheet:
    return {key: metric.reading() for key, metric in standing.items() if not metric.is_left_out}


@st.composite
def _started(draw: st.DrawFn, key: str) -> _Metric:
    kind = "overall" if key == "overall" else "skill" if key in SKILLS else "rating" if key in RATINGS else "other"
    value = draw(st.sampled_from(_STARTS[kind]))
    rank = draw(st.sampled_from([None, 5]))
    return _Metric(key, value, rank, draw(st.sampled_from([0, 0, 1])) if key in SKILLS else 0)


def moment(at: float) -> datetime:
    """Epoch seconds as the program takes times."""
    return datetime.fromtimestamp(at, UTC)


def times_of(history: History) -> st.SearchStrategy[int]:
    """Times at, beside and between the looks, and the lengths of periods from them."""
    times = [look.at for look in history.looks]
    offsets = [0, 0, -1, 1, _HOUR, -_HOUR, -_DAY, -7 * _DAY, -31 * _DAY, _YEAR]
    return st.builds(int.__add__, st.sampled_from(times), st.sampled_from(offsets))
