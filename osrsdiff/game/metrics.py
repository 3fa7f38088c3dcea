"""Which things the hiscores count, what each is called here, and of which kind it is.

Owns the names: a metric's key is made from the hiscores' own name and is its identity everywhere else. A name that
nobody has seen is accepted: in the list of skills it is a skill, in the list of activities the game's next boss. Such
metrics are remembered for the life of the process; keeping them longer is storage's part.
"""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class MetricKind(StrEnum):
    """What a metric counts: xp, kills, or some other score."""

    SKILL = "skill"
    BOSS = "boss"
    ACTIVITY = "activity"


class Metric(Struct, frozen=True):
    """One thing that the hiscores count. `key` is its identity, `name` the hiscores' spelling."""

    key: str
    name: str
    kind: MetricKind


OVERALL = "overall"

_SKILLS = (
    "Overall", "Attack", "Defence", "Strength", "Hitpoints", "Ranged", "Prayer", "Magic", "Cooking", "Woodcutting",
    "Fletching", "Fishing", "Firemaking", "Crafting", "Smithing", "Mining", "Herblore", "Agility", "Thieving", "Slayer",
    "Farming", "Runecraft", "Hunter", "Construction", "Sailing",
)  # fmt: skip

_ACTIVITIES = (
    "Grid Points", "League Points", "Deadman Points", "Bounty Hunter - Hunter", "Bounty Hunter - Rogue",
    "Bounty Hunter (Legacy) - Hunter", "Bounty Hunter (Legacy) - Rogue", "Clue Scrolls (all)",
    "Clue Scrolls (beginner)", "Clue Scrolls (easy)", "Clue Scrolls (medium)", "Clue Scrolls (hard)",
    "Clue Scrolls (elite)", "Clue Scrolls (master)", "LMS - Rank", "PvP Arena - Rank", "Soul Wars Zeal",
    "Rifts closed", "Colosseum Glory", "Collections Logged",
)  # fmt: skip

_BOSSES = (
    "Abyssal Sire", "Alchemical Hydra", "Amoxliatl", "Araxxor", "Artio", "Barrows Chests", "Brutus", "Bryophyta",
    "Callisto", "Calvar'ion", "Cerberus", "Chambers of Xeric", "Chambers of Xeric: Challenge Mode", "Chaos Elemental",
    "Chaos Fanatic", "Commander Zilyana", "Corporeal Beast", "Crazy Archaeologist", "Dagannoth Prime", "Dagannoth Rex",
    "Dagannoth Supreme", "Deranged Archaeologist", "Doom of Mokhaiotl", "Duke Sucellus", "General Graardor",
    "Giant Mole", "Grotesque Guardians", "Hespori", "Kalphite Queen", "King Black Dragon", "Kraken", "Kree'Arra",
    "K'ril Tsutsaroth", "Lunar Chests", "Mad Angel", "Maggot King", "Mimic", "Nex", "Nightmare", "Phosani's Nightmare",
    "Obor", "Phantom Muspah", "Sarachnis", "Scorpia", "Scurrius", "Shellbane Gryphon", "Skotizo", "Sol Heredit",
    "Spindel", "Tempoross", "The Gauntlet", "The Corrupted Gauntlet", "The Hueycoatl", "The Leviathan",
    "The Royal Titans", "The Whisperer", "Theatre of Blood", "Theatre of Blood: Hard Mode", "Thermonuclear Smoke Devil",
    "Tombs of Amascut", "Tombs of Amascut: Expert Mode", "TzKal-Zuk", "TzTok-Jad", "Vardorvis", "Venenatis", "Vet'ion",
    "Vorkath", "Wintertodt", "Yama", "Zalcano", "Zulrah",
)  # fmt: skip


def metric_key(name: str) -> str:
    """The key of a hiscores name: lower case, apostrophes dropped, any other run of marks one underscore.

    Raises ValueError where nothing is left.
    """
    plain = name.lower().replace("'", "").replace("’", "")
    key = "_".join("".join(c if c.isalnum() else " " for c in plain).split())
    if not key:
        raise ValueError(f"no metric can be called {name!r}")
    return key


def _metrics(kind: MetricKind, names: Iterable[str]) -> tuple[Metric, ...]:
    return tuple(Metric(metric_key(name), name, kind) for name in names)


KNOWN: tuple[Metric, ...] = (
    *_metrics(MetricKind.SKILL, _SKILLS),
    *_metrics(MetricKind.ACTIVITY, _ACTIVITIES),
    *_metrics(MetricKind.BOSS, _BOSSES),
)
"""The metrics of autumn 2026 in the hiscores' order: 25 skills, 20 activities, 71 bosses."""

SKILLS: frozenset[str] = frozenset(metric_key(name) for name in _SKILLS)
"""The keys of the game's own skills, as far as this program knows them."""
REQUIRED_SKILLS: frozenset[str] = SKILLS - {"sailing"}
"""Overall and the 23 skills that are older than Sailing: an answer without one of them is no answer."""

# LMS and PvP Arena are ratings; every other score only grows.
_RATINGS = frozenset({"lms_rank", "pvp_arena_rank"})

_PLACES = {metric.key: place for place, metric in enumerate(KNOWN)}

_LISTED = {metric.key: metric.name for metric in KNOWN}

_kinds: dict[str, MetricKind] = {}
_names: dict[str, str] = {}
_skills_by_name: dict[str, Metric] = {}
_activities_by_name: dict[str, Metric] = {}


def skill_named(name: str) -> Metric:
    """The skill of this hiscores name, known or new. Raises ValueError for a name without letters or digits."""
    metric = _skills_by_name.get(name)
    if metric is None:
        metric = Metric(metric_key(name), name, MetricKind.SKILL)
        register(metric)
    return metric


def activity_named(name: str) -> Metric:
    """The entry of the list of activities with this name; a new one is a boss.

    Its key gets the suffix `_activity` where a skill has the same. Raises ValueError as `skill_named` does.
    """
    metric = _activities_by_name.get(name)
    if metric is None:
        key = metric_key(name)
        if _kinds.get(key) is MetricKind.SKILL:
            key += "_activity"
        metric = Metric(key, name, _kinds.get(key, MetricKind.BOSS))
        register(metric)
    return metric


def kind_of(key: str) -> MetricKind:
    """The kind of a metric; a boss where the key is unknown here."""
    return _kinds.get(key, MetricKind.BOSS)


def name_of(key: str) -> str:
    """The hiscores' own name of a metric; the key where it is unknown here."""
    return _names.get(key, key)


def place_of(key: str) -> tuple[int, str]:
    """Where a metric stands among others: in the hiscores' order, those that are new behind, by key."""
    return _PLACES.get(key, len(_PLACES)), key


def may_fall(key: str) -> bool:
    """Whether a fall in this metric is part of the game. Any other fall is a rollback, another owner, a stale cache."""
    return key in _RATINGS


def register(metric: Metric) -> None:
    """Makes a metric known to this process, so that its kind and name are right for what an earlier one has seen.

    The names in the game's own list stay as they are, however an answer spells them.
    """
    _kinds[metric.key] = metric.kind
    _names[metric.key] = _LISTED.get(metric.key, metric.name)
    if metric.kind is MetricKind.SKILL:
        _skills_by_name[metric.name] = metric
        _activities_by_name.pop(metric.name, None)  # its key is a skill's from now on
    else:
        _activities_by_name[metric.name] = metric


for _metric in KNOWN:
    register(_metric)
