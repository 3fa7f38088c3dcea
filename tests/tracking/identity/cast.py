"""Who plays the cases: characters to whom one thing each happens, hours after the simulated world's epoch."""

from datetime import UTC, datetime, timedelta
from typing import Any

from osrsdiff.demo.characters import Character
from osrsdiff.demo.rhythm import ALWAYS, NEVER
from osrsdiff.game.levels import xp_for_level
from osrsdiff.game.modes import GameMode

EPOCH = datetime(2026, 3, 2, tzinfo=UTC)
METRIC, SKILL = "fishing", "Fishing"
XP_AN_HOUR = 5_000
"""What everybody trains, evenly, and how much of it."""

REGULAR, IRONMAN, HARDCORE, ULTIMATE = GameMode


def hours(count: float) -> timedelta:
    """So long after the epoch, or so long a time."""
    return timedelta(hours=count)


def iso(hour: float) -> str:
    """That hour as documents have it."""
    return f"{EPOCH + hours(hour):%Y-%m-%dT%H:%M:%SZ}"


def _plays(name: str, mode: GameMode = REGULAR, **given: Any) -> Character:
    habits: dict[str, Any] = {
        "rhythm": ALWAYS,
        "levels": (60, 75),
        "trains": {SKILL: XP_AN_HOUR * 168, "Mining": 3_000 * 168},
        "kills": {"Zulrah": (600, 2 * 168)},
    }
    return Character(name=name, story="", mode=mode, **{**habits, **given})


_REACHES_70 = {SKILL: xp_for_level(70) - 49 * XP_AN_HOUR}
"""At hour 49."""
_NEWCOMER: dict[str, Any] = {"levels": (2, 12), "kills": {}, "xp": {"Hitpoints": 1_300}}

CAST = (
    _plays("Loud Drum", xp=_REACHES_70),
    _plays("Iron Steady", IRONMAN),
    _plays("Iron Idle", IRONMAN, rhythm=NEVER),
    _plays("Hard Steady", HARDCORE),
    _plays("Lost Iron", IRONMAN, absent=frozenset({REGULAR})),
    _plays("Brittle Vow", HARDCORE, frozen={HARDCORE: hours(50)}),
    _plays("Left Lane", IRONMAN, frozen={IRONMAN: hours(50)}),
    _plays("Both Gone", HARDCORE, frozen={HARDCORE: hours(50), IRONMAN: hours(50)}),
    _plays("Light Sack", ULTIMATE, frozen={ULTIMATE: hours(50)}),
    _plays("Sea Glass", xp=_REACHES_70, rolled_back={hours(50.5): hours(4)}),
    # a name that changes hands: one leaves it, a newcomer takes it
    _plays("Ash Fox", names={hours(40): "Ember Fox"}),
    _plays("Fox Heir", names={hours(60): "Ash Fox"}, appears_after=hours(60), **_NEWCOMER),
    # a rename that nobody missed: the old name is taken hours later
    _plays("Wren Hill", names={hours(30): "Hill Wren"}),
    _plays("Wren Heir", names={hours(48): "Wren Hill"}, appears_after=hours(48), **_NEWCOMER),
    # a name that is lent for a while
    _plays("Lent Name", names={hours(40): "Gone Away", hours(70): "Lent Name"}),
    _plays("Borrower", names={hours(60): "Lent Name", hours(70): "Borrower"}, appears_after=hours(60), **_NEWCOMER),
    # a name that goes over to an account of another kind
    _plays("Iron Reed", IRONMAN, names={hours(40): "Reed Iron"}),
    _plays("Reed Heir", names={hours(60): "Iron Reed"}, appears_after=hours(60), **_NEWCOMER),
    _plays("Plain Oak", names={hours(40): "Oak Plain"}),
    _plays("Iron Oak", IRONMAN, names={hours(45): "Plain Oak"}, levels=(80, 90)),
)
